//! Whole scrapes over loopback, by the program itself, beside readers that do the least or the obvious.

use super::child::{DISCARD, LIBRARY, PARSE};
use super::fake_workers::Workers;
use super::proxy::{Proxy, flags};
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
/// The pool of which one worker hangs.
const HUNG: (usize, usize) = (16, 2_000);
/// Rounds that wait for a worker before it is known to hang, each as long as a scrape may take.
const ROUNDS_TO_LEARN: usize = 2;
const LEARN_FLAG: &str = "--scrape.timeout=1s";
const WALL_HUNG: Limit = Limit::AtMost { must: 1.5, aim: 1.1 };
const WALL: Limit = Limit::AtMost { must: 1.5, aim: 1.2 };

pub fn section(report: &mut Report) {
    for size in SIZES {
        let mut workers = Workers::start(size.0, size.1);
        let proxy = Proxy::start(&workers.ports);
        let mut readers = [DISCARD, LIBRARY, PARSE].map(|way| Reader::start(way, &workers.ports));
        let [wall, cpu, discard_wall, discard_cpu, library_wall, library_cpu, obvious_wall, obvious_cpu] = fastest(BUDGET, |_| {
            workers.advance();
            let ours = proxy.scrape();
            let [least, library, much] = readers.each_mut().map(Reader::scrape);
            [ours.0, ours.1, least.0, least.1, library.0, library.1, much.0, much.1]
        });
        let name = |what: &str| format!("{} × {} over loopback, {what}", size.0, size.1);
        let limit = |row: Row, judged, limit| if size == judged { row.limit(limit) } else { row };
        let row = Row::dearer(name("CPU, vs reading and discarding"), cpu, discard_cpu);
        report.add(limit(row, JUDGED_CPU, CPU));
        let row = Row::dearer(name("wall, vs reading and discarding"), wall, discard_wall);
        report.add(limit(row, JUDGED_WALL, WALL));
        report.add(Row::dearer(name("CPU, vs reading through the HTTP library and discarding"), cpu, library_cpu));
        report.add(Row::dearer(name("wall, vs reading through the HTTP library and discarding"), wall, library_wall));
        report.add(Row::faster(name("CPU, vs prometheus-parse and a map"), cpu, obvious_cpu));
        report.add(Row::faster(name("wall, vs prometheus-parse and a map"), wall, obvious_wall));
    }
    hung(report);
}

/// One worker accepts and doesn't answer, beside a pool in which all do.
fn hung(report: &mut Report) {
    let (mut workers, mut odd) = (Workers::start(HUNG.0, HUNG.1), Workers::start(HUNG.0, HUNG.1));
    let healthy = Proxy::start(&workers.ports);
    let mut flags = flags(&odd.ports);
    flags.push(LEARN_FLAG.into());
    let proxy = Proxy::with_flags(&flags, HUNG.0);
    odd.hang_one();
    for _ in 0..ROUNDS_TO_LEARN {
        proxy.scrape_with(HUNG.0 - 1);
    }
    let [wall, healthy_wall] = fastest(BUDGET, |_| {
        workers.advance();
        odd.advance();
        let (ours, beside) = (proxy.scrape_with(HUNG.0 - 1), healthy.scrape());
        [ours.0, beside.0]
    });
    let name = format!("{} × {} over loopback, wall, 1 of {0} hung, vs all healthy", HUNG.0, HUNG.1);
    report.add(Row::dearer(name, wall, healthy_wall).limit(WALL_HUNG));
}
