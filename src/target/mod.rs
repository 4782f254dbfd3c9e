//! Where samples come from: addresses, as typed and as understood.

mod address;
mod local;

pub(crate) use address::port_range;
pub use address::{Address, AddressError, Target, http_targets};
pub use local::{directory_targets, http_or_unix_targets, stats_targets};
