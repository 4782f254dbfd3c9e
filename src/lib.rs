//! onescrape: one honest `/metrics` from every worker, uWSGI and nginx of a Django pod.
//!
//! The modules are the way of a sample:
//! - [`target`]: where samples come from
//! - [`scrape`]: reading every target at once (IO)
//! - [`parse`]: bytes → families, borrowed from the body
//! - [`merge`]: families of many workers → one set (a pure state machine)
//! - [`encode`]: families → an exposition
//! - [`round`]: one snapshot of all of this for everyone who asked (IO)
//! - [`serve`]: the answer to the scraper (IO)
//!
//! Beside the way: [`model`] (what a family is), `protobuf` (the messages of that format), [`multiproc`] (the files of the multiprocess
//! mode), [`relabel`] (what becomes of series by rules), [`source`] (the kinds of sources), [`compression`] (of bodies, both ways),
//! [`state`] (the file that outlives the process), [`reload`] (another configuration for the running program), [`discovery`] (targets that
//! are looked up), `files` (that may be replaced while in use), `tls`, [`config`], [`cli`].

pub mod cli;
pub mod compression;
pub mod config;
pub mod discovery;
pub mod encode;
mod files;
pub mod merge;
pub mod model;
pub mod multiproc;
pub mod parse;
mod protobuf;
pub mod relabel;
pub mod reload;
pub mod round;
pub mod scrape;
pub mod serve;
pub mod source;
pub mod state;
pub mod target;
#[cfg(test)]
mod testing;
#[cfg(feature = "tls")]
mod tls;
