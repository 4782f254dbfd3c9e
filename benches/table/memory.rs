//! Memory of the program itself, as the kernel counts it.

use super::fake_workers::Workers;
use super::proxy::{PROGRAM, Proxy, flags};
use super::report::{Limit, Report, Row};
use std::path::Path;

const RESTING: Limit = Limit::AtMost { must: 4.0, aim: 3.0 };
const STEADY: Limit = Limit::AtMost { must: 16.0, aim: 10.0 };
/// Scrapes before the memory is looked at.
const SCRAPES: usize = 5;
/// Scrapers at once, and how often each asks.
const BURST: (usize, usize) = (32, 10);
/// Workers recycled between two scrapes, and how often.
const RECYCLED: (usize, usize) = (10, 50);

/// Names the program linked statically, as the container image has it: `make bench` builds it.
const STATIC: &str = "ONESCRAPE_STATIC";

pub fn section(report: &mut Report) {
    of_program(report, Path::new(PROGRAM), "");
    match std::env::var_os(STATIC) {
        Some(program) => of_program(report, Path::new(&program), "static, "),
        None => eprintln!("  {STATIC} names no program: its memory is left out"),
    }
}

fn of_program(report: &mut Report, program: &Path, kind: &str) {
    let (_small, resting) = scraped(program, 4, 500, 1);
    add(report, &format!("{kind}resting, 4 × 500"), resting.memory(), Some(RESTING));
    drop(resting);

    let (_wide, bursting) = scraped(program, 4, 5_000, 1);
    let (scrapers, times) = BURST;
    std::thread::scope(|scope| {
        for _ in 0..scrapers {
            scope.spawn(|| (0..times).for_each(|_| drop(bursting.get("/metrics").expect("the program does not answer"))));
        }
    });
    add(report, &format!("{kind}after {scrapers} scrapers at once, {times} times, 4 × 5000"), bursting.memory(), None);
    drop(bursting);

    let (_many, steady) = scraped(program, 64, 5_000, SCRAPES);
    add(report, &format!("{kind}steady, 64 × 5000"), steady.memory(), Some(STEADY));
    drop(steady);

    let (mut workers, recycling) = scraped(program, 16, 500, SCRAPES);
    add(report, &format!("{kind}before 500 recycled workers, 16 × 500"), recycling.memory(), None);
    let (at_once, times) = RECYCLED;
    for _ in 0..times {
        workers.recycle(at_once);
        recycling.scrape();
    }
    add(report, &format!("{kind}after 500 recycled workers, 16 × 500"), recycling.memory(), None);
}

fn scraped(program: &Path, workers: usize, series: usize, times: usize) -> (Workers, Proxy) {
    let mut workers = Workers::start(workers, series);
    let proxy = Proxy::of(program, &flags(&workers.ports), workers.ports.len());
    for _ in 0..times {
        workers.advance();
        proxy.scrape();
    }
    (workers, proxy)
}

fn add(report: &mut Report, what: &str, (resident, own): (f64, f64), limit: Option<Limit>) {
    let row = Row::plain(format!("resident memory, {what}, MiB"), resident);
    report.add(limit.into_iter().fold(row, Row::limit));
    report.add(Row::plain(format!("of that its own (anonymous), {what}, MiB"), own));
}
