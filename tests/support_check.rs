//! The test support checked by itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]

mod support;

use std::time::Instant;
use support::exposition::parse;
use support::fake_worker::{Answer, FakeWorker};
use support::stack::{Gunicorn, Nginx, Stats, Uwsgi, migrate};
use support::{http, load, port::Port, prometheus::Prometheus};

#[test]
fn a_fake_worker_goes_and_comes_back() {
    let mut worker = FakeWorker::answering(Answer::text("a 1\n"));
    for _ in 0..3 {
        assert_eq!(http::get(worker.address(), "/", &[]).unwrap().text(), "a 1\n");
        worker.down();
        assert_eq!(http::get(worker.address(), "/", &[]).unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
        worker.up();
    }
    assert_eq!(worker.scrapes(), 3);
    worker.set(Answer::cut("a 1\n"));
    assert_eq!(http::get(worker.address(), "/", &[]).unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
}

#[test]
fn real() {
    let t = Instant::now();
    let dir = tempfile::tempdir().unwrap();
    migrate(dir.path());
    let gunicorn = Gunicorn::start(dir.path());
    eprintln!("gunicorn {:?} {:?} {}", t.elapsed(), gunicorn.workers(), gunicorn.range());
    let nginx = Nginx::start(gunicorn.address(), dir.path());
    let u1 = Uwsgi::start("uwsgi-tcp", Stats::Tcp(Port::reserve()), dir.path());
    let u2 = Uwsgi::start("uwsgi-http", Stats::Http(Port::reserve()), dir.path());
    let u3 = Uwsgi::start("uwsgi-unix", Stats::Unix(dir.path().join("stats.sock")), dir.path());
    eprintln!("uwsgi {:?}", t.elapsed());
    for u in [&u1, &u2, &u3] {
        load::send(u.address(), "/", 10);
        eprintln!("{} {}", u.target(), Uwsgi::sum_over_workers(&u.stats(), "requests"));
    }
    load::send(nginx.address(), "/", 400);
    load::send(nginx.address(), "/order/book", 100);
    eprintln!("load {:?} {:?}", t.elapsed(), nginx.status());
    let sums: Vec<_> = gunicorn
        .read_workers()
        .iter()
        .map(|e| e.sum("django_http_requests_total_by_view_transport_method_total{view=\"index\"}"))
        .collect();
    eprintln!("{sums:?}");
    assert_eq!(sums.iter().sum::<f64>(), 400.0);
    let prometheus = Prometheus::start(&[("w", gunicorn.metrics_addresses()[0])], dir.path());
    support::wait_for("up", || match prometheus.value("up") { Ok(1.0) => Ok(()), other => Err(format!("{other:?}")) });
    eprintln!("prometheus {:?}", t.elapsed());
    let _ = parse("");
}
