//! `poll_interval`: what a worker counted between two scrapes is not lost with it.

use crate::support::fake_worker::FakeWorker;
use crate::support::proxy::Proxy;
use crate::support::{expect, wait_for};
use crate::{exposition, worker};

fn polling(workers: &[&FakeWorker], interval: &str) -> Proxy {
    let targets: Vec<String> = workers.iter().map(|worker| format!("\"{}\"", worker.id())).collect();
    Proxy::with_config(&format!(
        "sources:\n  - {{name: django, kind: workers, targets: [{}], poll_interval: {interval}}}\n",
        targets.join(", ")
    ))
}

/// Waits until a poll has read, to its end and into the totals, what the worker says now.
fn wait_polled(worker: &FakeWorker) {
    let before = worker.scrapes();
    // The second one begins after the first has been taken in.
    wait_for("two polls", || expect(worker.scrapes() >= before + 2, || format!("{} reads", worker.scrapes())));
}

#[test]
fn growth_that_only_a_poll_saw_outlives_the_worker() {
    let (stays, mut dies) = (worker(3), worker(4));
    let proxy = polling(&[&stays, &dies], "100ms");
    assert_eq!(proxy.scrape().value("c_total"), Some(7.0));
    dies.set(exposition(20));
    wait_polled(&dies);
    dies.down();
    assert_eq!(proxy.scrape().value("c_total"), Some(23.0), "3 + 20");
    // Its successor counts from nothing.
    dies.set(exposition(1));
    dies.up();
    assert_eq!(proxy.scrape().value("c_total"), Some(24.0));
    assert_eq!((stays.open_max(), dies.open_max()), (1, 1), "never two scrapes of one worker at once");
}

#[test]
fn requests_and_polls_together_read_a_worker_once_at_a_time() {
    let (one, two) = (worker(3), worker(4));
    let proxy = polling(&[&one, &two], "100ms");
    for requests in 5..15 {
        two.set(exposition(requests));
        assert_eq!(proxy.scrape().value("c_total"), Some(f64::from(3 + requests)));
    }
    assert_eq!((one.open_max(), two.open_max()), (1, 1));
}

#[test]
fn without_polls_it_is_lost() {
    let (stays, mut dies) = (worker(3), worker(4));
    let proxy = polling(&[&stays, &dies], "0s");
    let before = proxy.scrape().value("c_total");
    dies.set(exposition(20));
    dies.down();
    assert_eq!((before, proxy.scrape().value("c_total")), (Some(7.0), Some(7.0)));
}
