//! The state file: what must outlive the process, so that totals go on over a restart of the proxy.
//!
//! Each source says about itself what it wants back, as messages ([`Parts`]), and takes it back ([`Saved`]); neither knows of files.
//! Here is the rest: the form of the file (`form`), and how it is written, locked and read (`store`).
//!
//! Messages are protobuf, by the library that is in the program anyway: fields can be added without making older files unreadable,
//! and a table is written in pieces, so that no copy of the whole is ever held.

mod form;
mod parts;
mod store;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;

pub use form::{Apart, Document, Unreadable};
pub(crate) use form::{FileHead, Writer};
pub use parts::{Part, Parts, Saved};
pub use store::{Locked, Store};

/// Whether this build has state files at all. Where it has none, none is ever configured. Unit tests
/// have them always.
pub(crate) const IS_IN: bool = cfg!(any(feature = "state", test));
