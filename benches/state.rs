//! How many bytes a pool holds, counted by the allocator. Leaves its findings for the bench `table`, whose timings must not run under
//! a counting allocator.
#![allow(clippy::print_stderr, reason = "findings are what it is for")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that can't run says so by panicking")]

#[path = "support/held.rs"]
mod held;
mod support;

use held::Held;

/// Where the bench `table` looks.
const FOUND: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/state.tsv");

fn main() {
    let Held { per_worker, shared } = Held::measure();
    let round = held::round(64, 5_000);
    let samples = (64 * 5_000) as f64;
    let found = format!(
        "state per series and worker, bytes\t{per_worker:.1}\n\
         state per series, shared by all workers, bytes\t{shared:.1}\n\
         allocations of a repeated round and its exposition, 64 × 5000, per sample\t{:.3}\n\
         bytes allocated for a while in it, per sample\t{:.1}\n",
        round.allocations as f64 / samples,
        round.peak_bytes as f64 / samples,
    );
    std::fs::write(FOUND, &found).expect("cannot write what was found");
    eprint!("{found}");
}
