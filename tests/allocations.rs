//! What a pool holds and what a round allocates, counted by the allocator: sizes, not times, so the same on every machine.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what is wrong by panicking")]

#[path = "../benches/support/held.rs"]
#[allow(dead_code, reason = "benches use the rest of it")]
mod held;
#[path = "../benches/support/mod.rs"]
mod support;

use held::Held;

/// Bytes that one more worker may cost for each of its series: its last value and its baseline.
const PER_WORKER_MAX: f64 = 16.0;
/// Bytes that a series may cost, however many workers have it: its head of about 110, when it began to count,
/// and its places in the tables.
const SHARED_MAX: f64 = 256.0;

#[test]
fn a_pool_holds_values_and_each_name_once() {
    let Held { per_worker, shared } = Held::measure();
    assert!(per_worker <= PER_WORKER_MAX, "{per_worker} bytes per series and worker");
    assert!(shared <= SHARED_MAX, "{shared} bytes per series");
}

/// What a round may allocate beyond what it allocates for a tenth of the series: lists that grow by doubling, a few for each family.
const GROWTH_MAX: u64 = 512;

#[test]
fn a_repeated_round_allocates_nothing_per_sample() {
    for workers in [1, 8] {
        let (few, many) = (held::round(workers, 500).allocations, held::round(workers, 5_000).allocations);
        assert!(many <= few + GROWTH_MAX, "{workers} workers: {few} allocations with 500 series, {many} with 5000");
    }
}
