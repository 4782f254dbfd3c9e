//! Whole scrapes over loopback, by the program itself, beside readers that do the least or the obvious.

use super::child::{DISCARD, PARSE};
use super::fake_workers::Workers;
use super::proxy::Proxy;
use super::readers::Reader;
use super::report::{Limit, Report, Row};
use super::timer::fastest;
use std::time::Duration;

/// Time for one pool.
const BUDGET: Duration = Duration::from_secs(8);
/// Workers and series of each.
const SIZES: [(usize, usize); 3] = [(4, 500), (16, 2_000), (64, 5_000)];
/// The ones whose CPU and wall time must be reached.
const JUDGED_CPU: (usize, usize) = (64, 5_000);
const JUDGED_WALL: (usize, usize) = (16, 2_000);
const CPU: Limit = Limit::AtMost { must: 3.0, aim: 2.2 };
const WALL: Limit = Limit::AtMost { must: 1.5, aim: 1.2 };

pub fn section(report: &mut Report) {
    for size in SIZES {
        let mut workers = Workers::start(size.0, size.1);
        let proxy = Proxy::start(&workers.ports);
        let (mut discard, mut obvious) = (Reader::start(DISCARD, &workers.ports), Reader::start(PARSE, &workers.ports));
        let [wall, cpu, discard_wall, discard_cpu, obvious_wall, obvious_cpu] = fastest(BUDGET, |_| {
            workers.advance();
            let (least, ours, much) = (discard.scrape(), proxy.scrape(), obvious.scrape());
            [ours.0, ours.1, least.0, least.1, much.0, much.1]
        });
        let name = |what: &str| format!("{} × {} over loopback, {what}", size.0, size.1);
        let limit = |row: Row, judged, limit| if size == judged { row.limit(limit) } else { row };
        let row = Row::dearer(name("CPU, vs reading and discarding"), cpu, discard_cpu);
        report.add(limit(row, JUDGED_CPU, CPU));
        let row = Row::dearer(name("wall, vs reading and discarding"), wall, discard_wall);
        report.add(limit(row, JUDGED_WALL, WALL));
        report.add(Row::faster(name("CPU, vs prometheus-parse and a map"), cpu, obvious_cpu));
        report.add(Row::faster(name("wall, vs prometheus-parse and a map"), wall, obvious_wall));
    }
}
