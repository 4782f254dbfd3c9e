//! Where samples come from: addresses, as typed and as understood.

mod address;
mod local;

pub use address::{Address, AddressError, Target, http_targets};
pub use local::{http_or_unix_targets, stats_targets};
