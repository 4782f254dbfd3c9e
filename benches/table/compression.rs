//! The merged exposition, packed at every level worth a thought, beside writing it.

use super::report::{Report, Row};
use super::support::django::{Spec, Worker};
use super::support::ours::{Pool, Round};
use super::timer::{fastest, time};
use std::io::Write;
use std::time::Duration;

/// Time for all levels.
const BUDGET: Duration = Duration::from_secs(6);
/// Workers and series of each.
const SIZE: (usize, usize) = (16, 2_000);
const GZIP_LEVELS: [u32; 5] = [1, 2, 3, 6, 9];
const ZSTD_LEVELS: [i32; 3] = [-1, 1, 3];
/// What is timed: writing, then every level.
const CONTENDERS: usize = 1 + GZIP_LEVELS.len() + ZSTD_LEVELS.len();

pub fn section(report: &mut Report) {
    let workers = Worker::pool(SIZE.0, Spec { series: SIZE.1, ..Spec::default() });
    let mut ours = Pool::new(workers.len());
    ours.apply(&Round::new(workers.iter().map(Worker::body)));
    let mut body = Vec::new();
    ours.expose(&mut body);
    let mut sizes = [body.len(); CONTENDERS];
    let [writing, times @ ..]: [Duration; CONTENDERS] = fastest(BUDGET, |_| {
        let mut took = [Duration::ZERO; CONTENDERS];
        took[0] = time(|| ours.expose(&mut body));
        for (at, level) in GZIP_LEVELS.into_iter().enumerate() {
            took[1 + at] = time(|| sizes[1 + at] = gzip(&body, level).len());
        }
        for (at, level) in ZSTD_LEVELS.into_iter().enumerate() {
            let at = 1 + GZIP_LEVELS.len() + at;
            took[at] = time(|| sizes[at] = zstd::bulk::compress(&body, level).expect("zstd failed").len());
        }
        took
    });
    let gzip = GZIP_LEVELS.map(|level| format!("gzip {level}"));
    let zstd = ZSTD_LEVELS.map(|level| format!("zstd {level}"));
    for ((name, took), size) in gzip.into_iter().chain(zstd).zip(times).zip(&sizes[1..]) {
        let kilobytes = body.len() / 1000;
        let smaller = body.len() as f64 / *size as f64;
        report.add(Row::dearer(
            format!("{} × {}, {kilobytes} kB packed by {name}, {smaller:.1} times smaller, vs writing it", SIZE.0, SIZE.1),
            took,
            writing,
        ));
    }
}

fn gzip(body: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("gzip failed")
}
