//! One body, in memory: read and taken in, beside others that look at the same bytes.

use super::prometheus_parse_way::parse;
use super::report::{Limit, Report, Row};
use super::support::django::{Spec, Worker};
use super::support::ours::{Pool, Round};
use super::support::random::Random;
use super::support::shuffle::shuffled;
use super::timer::{fastest, time};
use bytes::Bytes;
use std::path::Path;
use std::time::Duration;

/// Time for one body.
const BUDGET: Duration = Duration::from_secs(3);
/// Sizes of made-up bodies.
const SIZES: [usize; 3] = [500, 5_000, 50_000];
/// The one whose ratios must be reached.
const JUDGED: usize = 5_000;
/// Captured from real programs.
const CAPTURED: [(&str, &str); 2] =
    [("captured Django worker", "django-workers/2-after/worker1.prom"), ("node_exporter", "exporters/node.prom")];
/// Scrapes made one after the other by whoever's turn it is: the first finds its state where the others left it.
const SCRAPES: usize = 3;
const REPEATED: Limit = Limit::AtLeast { must: 100.0, aim: 180.0 };
const UNPREDICTED: Limit = Limit::AtLeast { must: 40.0, aim: 60.0 };

pub fn section(report: &mut Report) {
    for series in SIZES {
        let mut worker = Worker::new(Spec { series, ..Spec::default() });
        let next = || {
            worker.advance();
            worker.body()
        };
        body(report, &format!("made-up Django worker, {series} series"), series == JUDGED, next);
    }
    for (name, file) in CAPTURED {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(file);
        let bytes: Bytes = std::fs::read(path).expect("no such fixture").into();
        body(report, name, false, || bytes.clone());
    }
}

/// The shortest time of several, each with its bytes in the caches.
fn each<T, U>(bodies: &[Bytes], all: &[T], mut work: impl FnMut(&T) -> U) -> Duration {
    let timed = |(body, one): (&Bytes, &T)| {
        std::hint::black_box(lines(body));
        time(|| work(one))
    };
    bodies.iter().zip(all).map(timed).min().unwrap_or_default()
}

fn lines(body: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', body).count()
}

/// `next` gives what the endpoint would answer to the next scrape.
fn body(report: &mut Report, name: &str, judged: bool, mut next: impl FnMut() -> Bytes) {
    let first = next();
    let (mut pool, mut unpredicted) = (Pool::new(1), Pool::new(1));
    let mut random = Random::new(1);
    let mut copy = Vec::with_capacity(first.len() * 2);
    pool.apply(&Round::new([first.clone()]));
    let samples = unpredicted.apply(&Round::new([first.clone()]));
    let [oracle, newlines, copied, cold, repeated, odd] = fastest(BUDGET, |_| {
        let bodies: [Bytes; SCRAPES] = std::array::from_fn(|_| next());
        let rounds = bodies.each_ref().map(|body| Round::new([body.clone()]));
        let shuffles = bodies.each_ref().map(|body| Round::new([shuffled(body, &mut random)]));
        let texts = bodies.each_ref().map(|body| std::str::from_utf8(body).expect("not UTF-8"));
        [
            each(&bodies, &texts, |text| parse(text)),
            each(&bodies, &bodies, |body| lines(body)),
            each(&bodies, &bodies, |body| {
                copy.clear();
                copy.extend_from_slice(body);
            }),
            each(&bodies, &rounds, |round| Pool::new(1).apply(round)),
            each(&bodies, &rounds, |round| pool.apply(round)),
            each(&bodies, &shuffles, |round| unpredicted.apply(round)),
        ]
    });
    let long =
        first.split(|b| *b == b'\n').filter(|line| !line.starts_with(b"#") && !line.is_empty() && !line.ends_with(b".0")).count();
    eprintln!(
        "  {name}: {samples} samples on {} lines, {:.0} B and {:.1} ns ours per sample, {:.0} % of values not N.0",
        lines(&first),
        first.len() as f64 / samples as f64,
        repeated.as_nanos() as f64 / samples as f64,
        100.0 * long as f64 / samples as f64
    );
    let limit = |row: Row, limit| if judged { row.limit(limit) } else { row };
    report.add(limit(Row::faster(format!("{name}: again, vs prometheus-parse"), repeated, oracle), REPEATED));
    report.add(limit(Row::faster(format!("{name}: in another order each time, vs prometheus-parse"), odd, oracle), UNPREDICTED));
    report.add(Row::faster(format!("{name}: the first time, vs prometheus-parse"), cold, oracle));
    report.add(Row::dearer(format!("{name}: again, vs counting its lines"), repeated, newlines));
    report.add(Row::dearer(format!("{name}: again, vs copying it"), repeated, copied));
}
