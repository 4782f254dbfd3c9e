//! Rounds of a whole pool, bodies in memory: read, merged and written out, beside counting the lines of all bodies.

use super::report::{Limit, Report, Row};
use super::support::django::{Spec, Worker};
use super::support::ours::{Pool, Round, write};
use super::timer::{fastest, time};
use bytes::Bytes;
use std::time::Duration;

/// Time for one pool in one variant.
const BUDGET: Duration = Duration::from_secs(2);
/// Workers and series of each.
const SIZES: [(usize, usize); 4] = [(4, 500), (16, 2_000), (64, 5_000), (256, 5_000)];
/// The one whose ratio must be reached.
const JUDGED: (usize, usize) = (64, 5_000);
/// Rounds before anything is timed: the first is another quantity.
const WARM_UP: usize = 2;
const ROUND: Limit = Limit::AtMost { must: 3.5, aim: 2.0 };
/// Nanoseconds per series.
const ENCODE: Limit = Limit::AtMost { must: 60.0, aim: 30.0 };

/// What the workers do between two rounds.
struct Variant {
    name: &'static str,
    absent: f64,
    own_order: bool,
    recycled: bool,
}

const STEADY: Variant = Variant { name: "the same series in the same order", absent: 0.0, own_order: false, recycled: false };
const VARIANTS: [Variant; 5] = [
    STEADY,
    Variant { name: "each worker in an order of its own", own_order: true, ..STEADY },
    Variant { name: "1 % of series come and go", absent: 0.01, ..STEADY },
    Variant { name: "10 % of series come and go", absent: 0.1, ..STEADY },
    Variant { name: "one worker recycled each round", recycled: true, ..STEADY },
];

pub fn section(report: &mut Report) {
    for size in SIZES {
        for variant in &VARIANTS {
            rounds(report, size, variant);
        }
    }
    encode(report);
}

fn pool(size: (usize, usize), variant: &Variant) -> Vec<Worker> {
    let Variant { absent, own_order, .. } = *variant;
    Worker::pool(size.0, Spec { series: size.1, absent, own_order, ..Spec::default() })
}

fn bodies(workers: &[Worker]) -> Vec<Bytes> {
    workers.iter().map(Worker::body).collect()
}

fn rounds(report: &mut Report, size: (usize, usize), variant: &Variant) {
    let mut workers = pool(size, variant);
    let mut ours = Pool::new(workers.len());
    let mut out = Vec::new();
    let mut advance = |number: usize| {
        workers.iter_mut().for_each(Worker::advance);
        if variant.recycled {
            let at = number % workers.len();
            workers[at].recycle();
        }
        bodies(&workers)
    };
    for _ in 0..WARM_UP {
        ours.apply(&Round::new(advance(0)));
        ours.expose(&mut out);
    }
    let [took, newlines] = fastest(BUDGET, |number| {
        let bodies = advance(number);
        let round = Round::new(bodies.clone());
        let scan = || time(|| bodies.iter().map(|body| memchr::memchr_iter(b'\n', body).count()).sum::<usize>());
        let mut work = || {
            time(|| {
                ours.apply(&round);
                ours.expose(&mut out);
            })
        };
        // Whoever comes second finds more of the bytes in the caches: they take turns at that too.
        if number.is_multiple_of(2) {
            [work(), scan()]
        } else {
            let scanned = scan();
            [work(), scanned]
        }
    });
    let row = Row::dearer(format!("{} × {}, {}, vs counting lines", size.0, size.1, variant.name), took, newlines);
    let judged = size == JUDGED && variant.name == STEADY.name;
    report.add(if judged { row.limit(ROUND) } else { row });
}

fn encode(report: &mut Report) {
    let workers = pool(JUDGED, &STEADY);
    let mut ours = Pool::new(workers.len());
    ours.apply(&Round::new(bodies(&workers)));
    let (mut out, mut copy) = (Vec::new(), Vec::new());
    let families = ours.families();
    let series: usize = families.iter().map(|f| f.samples.len()).sum();
    write(&families, &mut out);
    let [writing, gathering, copying] = fastest(BUDGET, |_| {
        let gathering = time(|| ours.families());
        out.clear();
        let writing = time(|| write(&families, &mut out));
        copy.clear();
        [writing, gathering, time(|| copy.extend_from_slice(&out))]
    });
    let per_series = |d: Duration| d.as_nanos() as f64 / series as f64;
    report.add(Row::plain(format!("encoding {series} series, ns per series"), per_series(writing)).limit(ENCODE));
    report.add(Row::plain("gathering them from the pool, ns per series".into(), per_series(gathering)));
    report.add(Row::dearer("encoding, vs copying what it wrote".into(), writing, copying));
}
