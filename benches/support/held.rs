//! What a pool holds and what a round allocates, counted by the allocator.

use crate::support::django::{Spec, Worker};
use crate::support::ours::{Pool, Round};
use allocation_counter::measure;

/// Rounds before anything is counted: the first makes what the others use.
const WARM_UP: usize = 3;
/// Pools compared: workers and series of each.
const FEW: (usize, usize) = (2, 2_000);
const MANY: (usize, usize) = (16, 2_000);
const SMALL: (usize, usize) = (1, 1_000);
const LARGE: (usize, usize) = (1, 8_000);

/// Bytes that stay allocated.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// What one more worker costs, per sample line of its body.
    pub per_worker: f64,
    /// What one more series costs, whatever the number of workers.
    pub shared: f64,
}

/// What one repeated round with its exposition allocates.
#[derive(Debug, Clone, Copy)]
pub struct Allocated {
    pub allocations: u64,
    /// Most bytes held at once beyond what was held before.
    pub peak_bytes: u64,
}

impl Held {
    /// Compares pools of different sizes, so that what doesn't grow doesn't count.
    pub fn measure() -> Self {
        let per_worker = (held(MANY) - held(FEW)) / ((MANY.0 - FEW.0) * MANY.1) as f64;
        let per_series = (held(LARGE) - held(SMALL)) / (LARGE.1 - SMALL.1) as f64;
        Self { per_worker, shared: per_series - per_worker }
    }
}

fn held((workers, series): (usize, usize)) -> f64 {
    let mut workers = Worker::pool(workers, Spec { series, ..Spec::default() });
    let rounds: Vec<Round> = (0..WARM_UP).map(|_| next(&mut workers)).collect();
    let mut pool = None;
    let mut out = Vec::new();
    let counted = measure(|| {
        let pool = pool.insert(Pool::new(workers.len()));
        for round in &rounds {
            pool.apply(round);
            pool.expose(&mut out);
        }
        out = Vec::new();
    });
    counted.bytes_current as f64
}

/// Counts a round of a pool that has seen all of its series before.
pub fn round(workers: usize, series: usize) -> Allocated {
    let mut workers = Worker::pool(workers, Spec { series, ..Spec::default() });
    let mut pool = Pool::new(workers.len());
    let mut out = Vec::new();
    for _ in 0..WARM_UP {
        pool.apply(&next(&mut workers));
        pool.expose(&mut out);
    }
    // Numbers may have become longer: room for them is not what is counted.
    out.reserve(out.len() * 2);
    let round = next(&mut workers);
    let counted = measure(|| {
        pool.apply(&round);
        pool.expose(&mut out);
    });
    Allocated { allocations: counted.count_total, peak_bytes: counted.bytes_max }
}

fn next(workers: &mut [Worker]) -> Round {
    workers.iter_mut().for_each(Worker::advance);
    Round::new(workers.iter().map(Worker::body))
}
