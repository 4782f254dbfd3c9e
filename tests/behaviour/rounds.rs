//! Rounds: what a worker sees of them, who shares one, how they end.

use crate::support::fake_worker::{Answer, FakeWorker};
use crate::support::http::{Response, get};
use crate::support::process::Process;
use crate::support::proxy::{Proxy, workers_flag};
use crate::support::{expect, wait_for};
use crate::{exposition, worker};
use rustix::process::Signal;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::thread::scope;

/// GETs at once.
const CLIENTS: usize = 12;
/// Rounds that so many may take when they come at once, those included that come while one is under way.
const ROUNDS_MAX: usize = 3;

#[test]
fn clients_that_come_at_once_share_a_round() {
    let worker = worker(3);
    let proxy = Proxy::of(&[&worker]);
    let before = worker.scrapes();
    worker.hold();
    scope(|scope| {
        scope.spawn(|| held_get(&worker, before, proxy.address()));
        wait_for("a scrape", || expect(worker.scrapes() > before, || "none yet".into()));
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| proxy.get("/metrics"))).collect();
        wait_for("all clients to be connected", || {
            let connected = open_connections(proxy.address().port());
            expect(connected > CLIENTS, || format!("{connected} are"))
        });
        worker.release();
        for client in clients {
            assert!(client.join().unwrap().text().contains("c_total 3\n"));
        }
    });
    let rounds = worker.scrapes() - before;
    assert!(rounds <= ROUNDS_MAX, "{CLIENTS} clients took {rounds} rounds");
    assert_eq!(worker.open_max(), 1, "never two scrapes of one worker at once");
}

/// GETs until a request is one that waits for the worker, which holds it: the first ones may still share an earlier round.
fn held_get(worker: &FakeWorker, before: usize, proxy: SocketAddr) -> Response {
    loop {
        let response = get(proxy, "/metrics", &[]).unwrap();
        if worker.scrapes() > before {
            return response;
        }
    }
}

/// Established connections to a local port, as the kernel lists them.
fn open_connections(port: u16) -> usize {
    const ESTABLISHED: &str = "01";
    let local = format!(":{port:04X}");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let columns = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    columns.filter(|c| c.get(1).is_some_and(|address| address.ends_with(&local)) && c.get(3) == Some(&ESTABLISHED)).count()
}

#[test]
fn every_get_is_a_round_of_its_own_time() {
    let worker = worker(3);
    let proxy = Proxy::of(&[&worker]);
    for requests in 4..10 {
        worker.set(exposition(requests));
        // A round that began before the change may be shared for a moment; the next ones may not be stale.
        proxy.wait_scrape("the new value", |answer| {
            expect(answer.value("c_total") == Some(requests.into()), || format!("{:?}", answer.value("c_total")))
        });
    }
}

#[test]
fn what_a_worker_sees() {
    let worker = worker(3);
    let proxy = Proxy::of(&[&worker]);
    proxy.scrape();
    for head in worker.requests() {
        let head = head.to_ascii_lowercase();
        assert!(head.starts_with("get /metrics http/1.1\r\n"), "{head}");
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default();
        assert_eq!(header("host"), worker.id());
        assert_eq!(header("connection"), "close", "an idle connection blocks a worker's metrics server");
        assert_eq!(header("accept-encoding"), "identity", "compression would cost the worker");
        assert!(header("user-agent").starts_with("onescrape/"), "{head}");
        assert!(header("accept").starts_with("application/openmetrics-text"), "only OpenMetrics has an end: {head}");
        assert!(header("x-prometheus-scrape-timeout-seconds").parse::<f64>().is_ok(), "{head}");
    }
}

#[test]
fn a_request_under_way_is_answered_before_the_end() {
    let worker = worker(3);
    let mut flags = workers_flag(&[&worker]);
    flags.push("--scrape.timeout=600s".into());
    let mut proxy = Proxy::start(&flags);
    let (before, address) = (worker.scrapes(), proxy.address());
    worker.hold();
    let answer = scope(|scope| {
        let client = scope.spawn(|| held_get(&worker, before, address));
        wait_for("the scrape to reach the worker", || expect(worker.scrapes() > before, || "not yet".into()));
        proxy.process().signal(Signal::TERM);
        wait_for("new connections to be refused", || match TcpStream::connect(address) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
            other => Err(format!("{other:?}")),
        });
        assert!(!client.is_finished());
        worker.release();
        client.join().unwrap()
    });
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("c_total 3"), "{}", answer.text());
    assert!(Process::wait(proxy.process()).success());
}

#[test]
fn both_signals_end_it_well() {
    for signal in [Signal::TERM, Signal::INT] {
        let worker = worker(3);
        let mut proxy = Proxy::of(&[&worker]);
        proxy.process().signal(signal);
        let status = proxy.process().wait();
        assert!(status.success(), "{signal:?}: {status}");
    }
}

/// A client that goes away in the middle costs nobody else anything.
#[test]
fn a_client_that_leaves() {
    use std::io::Write;
    let worker = worker(3);
    let proxy = Proxy::of(&[&worker]);
    let before = worker.scrapes();
    worker.hold();
    let mut clients = Vec::new();
    wait_for("a scrape to reach the worker", || {
        // One more each time: the first ones may share an earlier round.
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        clients.push(stream);
        expect(worker.scrapes() > before, || "not yet".into())
    });
    drop(clients);
    worker.release();
    worker.set(Answer::text("# TYPE c_total counter\nc_total 9\n"));
    proxy.wait_scrape("the new value", |answer| expect(answer.value("c_total") == Some(9.0), || "old".into()));
}
