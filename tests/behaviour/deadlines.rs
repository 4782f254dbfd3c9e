//! Workers that hang cost the rounds nothing, keep their totals, and come back by themselves.

use crate::support::exposition::{Exposition, parse};
use crate::support::fake_worker::{Answer, FakeWorker, TEXT};
use crate::support::port::Port;
use crate::support::proxy::{Proxy, workers_flag};
use crate::support::{expect, wait_for};
use crate::{exposition, worker};
use std::net::TcpStream;
use std::time::Duration;

/// So often in a row a worker must miss a round before rounds no longer wait for it.
const MISSES: f64 = 2.0;
/// What a scraper in a hurry says, seconds.
const HURRY: &str = "0.5";

/// One that waits for a worker far beyond a test's patience.
fn patient(workers: &[&FakeWorker], more: &[String]) -> Proxy {
    let mut flags = workers_flag(workers);
    flags.extend_from_slice(more);
    flags.push("--scrape.timeout=600s".into());
    Proxy::start(&flags)
}

fn hurried(proxy: &Proxy) -> Result<Exposition, String> {
    parse(proxy.get_with("/metrics", &[("X-Prometheus-Scrape-Timeout-Seconds", HURRY)]).text())
}

/// Scrapes in a hurry until each of these has been missed so often that rounds go on without it.
fn miss(proxy: &Proxy, ids: &[String]) {
    let misses = |answer: &Exposition, id| {
        answer.value(&format!("onescrape_worker_scrapes_total{{worker=\"{id}\",outcome=\"timeout\"}}")).unwrap_or(0.0)
    };
    let before = hurried(proxy).unwrap();
    wait_for("workers to be missed", || {
        let answer = hurried(proxy)?;
        let ready = ids.iter().all(|id| misses(&answer, id) >= misses(&before, id) + MISSES);
        expect(ready, || "not often enough yet".into())
    });
}

/// Waits until so many of the pool's slots stand so, looking without making a round.
fn wait_up(proxy: &Proxy, up: usize) {
    wait_for(&format!("{up} workers to be up"), || {
        let targets = proxy.get("/api/v1/targets");
        let seen = targets.text().matches("\"health\":\"up\"").count();
        expect(seen == up, || format!("{seen} are: {}", targets.text()))
    });
}

/// Makes a worker hang.
type Hang = fn(&FakeWorker);

/// A worker that hangs before it answers, or in the midst of its body.
fn hangs() -> [(&'static str, Hang); 2] {
    [
        ("before the head", |worker| {
            worker.set(exposition(9));
            worker.hold();
        }),
        ("in the body", |worker| {
            let Answer::Bytes(all) = exposition(9) else { unreachable!("it is made of bytes") };
            let (first, rest) = all.split_at(all.len() / 2 + TEXT.len() / 2);
            worker.set(Answer::Halves(first.to_vec(), rest.to_vec()));
        }),
    ]
}

#[test]
fn a_worker_that_hangs_is_not_waited_for_and_comes_back() {
    for (name, hang) in hangs() {
        let (good, odd) = (worker(3), worker(4));
        let proxy = patient(&[&good, &odd], &[]);
        hang(&odd);
        miss(&proxy, &[odd.id()]);
        wait_for("the read behind the rounds", || {
            // Patient: it is answered, although what it is of hangs.
            let answer = proxy.scrape();
            assert_eq!(answer.value("c_total"), Some(7.0), "{name}: its total is carried");
            assert_eq!(answer.value("onescrape_slots{state=\"stuck\"}"), Some(1.0), "{name}");
            expect(odd.open() == 1, || "not open".into())
        });
        wait_for("one read to go on behind a whole round", || {
            let before = odd.scrapes();
            assert_eq!(proxy.scrape().value("c_total"), Some(7.0), "{name}");
            let now = (odd.scrapes(), odd.open());
            expect(now == (before, 1), || format!("{now:?} after {before}"))
        });
        assert_eq!(odd.open_max(), 1, "{name}: never two scrapes of one worker at once");

        odd.release();
        odd.set(exposition(10));
        wait_up(&proxy, 2);
        assert_eq!(proxy.scrape().value("c_total"), Some(13.0), "{name}: waited for again");
        assert_eq!(odd.open_max(), 1, "{name}: never two scrapes of one worker at once");
    }
}

#[test]
fn the_late_body_of_a_worker_that_dies_counts() {
    let (good, mut odd) = (worker(3), worker(4));
    let proxy = patient(&[&good, &odd], &[]);
    odd.set(exposition(9));
    odd.hold();
    miss(&proxy, &[odd.id()]);
    proxy.scrape();
    wait_for("the read behind the rounds", || expect(odd.open() == 1, || "not open".into()));
    // Nothing listens any more; the connection that is open is still answered.
    odd.down();
    odd.release();
    wait_up(&proxy, 2);
    assert_eq!(proxy.scrape().value("c_total"), Some(12.0));
}

#[test]
fn half_of_the_workers_hang_or_all_of_them() {
    const WORKERS: usize = 16;
    let workers: Vec<_> = (0..WORKERS).map(|_| worker(1)).collect();
    let proxy = patient(&workers.iter().collect::<Vec<_>>(), &[]);
    for hanging in [WORKERS / 2, WORKERS] {
        workers[..hanging].iter().for_each(FakeWorker::hold);
        miss(&proxy, &workers[..hanging].iter().map(FakeWorker::id).collect::<Vec<_>>());
        let answer = proxy.scrape();
        assert_eq!(answer.value("c_total"), Some(WORKERS as f64));
        assert_eq!(answer.value("onescrape_slots{state=\"stuck\"}"), Some(hanging as f64));
        assert_eq!(answer.value("onescrape_slots{state=\"up\"}"), Some((WORKERS - hanging) as f64));
    }
    workers.iter().for_each(FakeWorker::release);
    wait_up(&proxy, WORKERS);
    assert_eq!(proxy.scrape().value("c_total"), Some(WORKERS as f64));
}

#[test]
fn a_port_that_takes_no_connection_is_not_waited_for() {
    let (good, port) = (worker(3), Port::reserve());
    let id = port.address().to_string();
    let proxy = patient(&[&good], &[format!("--workers={id}")]);
    let _listener = port.listen_with_backlog(0);
    // What the kernel accepts by itself fills up; from then on it drops what comes, and a connection hangs before it is one.
    let mut filling = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&port.address(), Duration::from_millis(200)) {
        filling.push(stream);
    }
    miss(&proxy, &[id]);
    let answer = proxy.scrape();
    assert_eq!(answer.value("c_total"), Some(3.0));
    assert_eq!(answer.value("onescrape_slots{state=\"stuck\"}"), Some(1.0));
}
