//! `onescrape check`: every finding is brought about, told as `tests/golden/check` has it, and gone once what it says to paste is
//! pasted. By real servers where these can do it quickly, else by fake ones.
#![cfg(all(feature = "discovery", feature = "multiproc", feature = "tools"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]

mod case;
mod directories;
mod gunicorn;
mod listed;
mod mask;
mod nginx;
mod site;
mod sockets;
#[path = "../support/mod.rs"]
mod support;
mod terminal;
#[cfg(feature = "tls")]
mod tls;
mod workers;
