//! What targets do wrong, each for itself and all at once, among workers that are well: those who scrape see the rest, right and in
//! time, are told what is wrong, and all is well again once it is over. docs/promises.md is the table of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]

mod answers;
mod clocks;
mod connections;
mod disk;
mod mixed;
mod sizes;
#[path = "../support/mod.rs"]
mod support;
mod values;

use support::exposition::Exposition;
use support::fake_worker::{Answer, FakeWorker};

/// A worker with one counter and one gauge.
fn worker(requests: u32) -> FakeWorker {
    FakeWorker::answering(exposition(requests))
}

/// What such a worker says.
fn exposition(requests: u32) -> Answer {
    Answer::text(&format!("# TYPE c_total counter\nc_total {requests}\n# TYPE g gauge\ng {requests}\n"))
}

/// What a target does wrong.
struct Fault {
    name: &'static str,
    answer: Answer,
    /// Under which its scrapes are counted.
    outcome: &'static str,
    /// How its slot stands then.
    state: &'static str,
}

/// How often a worker's scrapes had this outcome.
fn outcomes(answer: &Exposition, worker: &FakeWorker, outcome: &str) -> f64 {
    answer.sum(&format!("onescrape_worker_scrapes_total{{worker=\"{}\",outcome=\"{outcome}\"}}", worker.id()))
}

/// How many slots stand so.
fn slots(answer: &Exposition, state: &str) -> f64 {
    answer.sum(&format!("onescrape_slots{{state=\"{state}\"}}"))
}
