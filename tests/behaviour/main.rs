//! What the program does as its users see it: command line, endpoints, failing targets, rounds, log. Fake workers on real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]

mod client_faults;
mod command_line;
#[cfg(feature = "compression")]
mod compression;
mod deadlines;
mod discovery;
mod endpoints;
mod formats;
mod hygiene;
mod last_words;
mod limits;
mod page;
mod polls;
mod relabelling;
mod reload;
mod rounds;
mod state;
#[path = "../support/mod.rs"]
mod support;

use support::fake_worker::{Answer, FakeWorker};

/// A worker with one counter and one gauge.
fn worker(requests: u32) -> FakeWorker {
    FakeWorker::answering(exposition(requests))
}

/// What such a worker says.
fn exposition(requests: u32) -> Answer {
    Answer::text(&format!("# TYPE c_total counter\nc_total {requests}\n# TYPE g gauge\ng {requests}\n"))
}
