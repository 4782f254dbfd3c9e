//! Where samples come from: addresses, as typed and as understood.

mod address;

pub use address::{Address, AddressError, Target, http_targets};
