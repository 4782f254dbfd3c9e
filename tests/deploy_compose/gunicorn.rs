//! The gunicorn stack: its counters as its own Prometheus has them, over a reload.

use crate::address::Addresses;
use crate::native::Native;
use crate::support::process::Process;
use crate::support::{expect, load, prometheus, wait_for};
use crate::{status_for_public, wait_ok, wait_value};
use rustix::process::Signal;
use std::net::SocketAddr;

/// Requests before the reload, and after it.
const REQUESTS: usize = 60;
/// As the compose file has it.
const WORKERS: f64 = 4.0;

#[test]
fn gunicorn_stack() {
    let dir = tempfile::tempdir().unwrap();
    let ports = [8000..=8000, 8001..=8001, 8081..=8081, 11011..=11011, 5001..=5008];
    let addresses = Addresses::hold(&[(&["nginx", "shop"], &ports), (&["prometheus"], &[9090..=9090])]);
    let stack = Native::new("docker-compose/gunicorn/compose.yaml", addresses, dir.path());
    let _nginx = stack.start("nginx");
    stack.run("migrate");
    let app = stack.start("app");
    let (shop, metrics) = (stack.addresses.of("shop", 8000), stack.addresses.of("prometheus", 9090));
    wait_ok("the application behind nginx", shop, "/");
    let _onescrape = stack.start("onescrape");
    let _prometheus = stack.start("prometheus");
    wait_ok("Prometheus", metrics, "/-/ready");
    let workers = "onescrape_slots{job=\"shop\", source=\"workers\", state=\"up\"}";
    wait_value(metrics, workers, WORKERS);

    // What waiting for the application sent is in it, too: from here on it is exact.
    let requests = "sum(django_http_requests_total_by_view_transport_method_total{job=\"shop\", view=\"index\"})";
    let before = prometheus::value_of(metrics, requests).unwrap();
    load::send(shop, "/", REQUESTS);
    wait_value(metrics, requests, before + REQUESTS as f64);
    reload(&app, metrics);
    load::send(shop, "/", REQUESTS);
    wait_value(metrics, requests, before + 2.0 * REQUESTS as f64);

    wait_value(metrics, "nginx_up{job=\"shop\"}", 1.0);
    assert_eq!(status_for_public("GET", shop, "/metrics/"), 403);
    wait_ok("the application's own view, for this machine", shop, "/metrics/");
    crate::files::queries_have_answers(metrics);
}

/// A new generation takes over. What the old one had counted was read before, and nothing is sent meanwhile.
fn reload(app: &Process, metrics: SocketAddr) {
    app.signal(Signal::HUP);
    wait_for("a new generation", || {
        let exports = app.log().matches("Exporting Prometheus /metrics/ on port").count() as f64;
        expect(exports >= 2.0 * WORKERS, || format!("{exports} workers so far"))
    });
    assert!(!app.log().contains("Cannot export"), "a worker found no port");
    wait_value(metrics, "onescrape_slots{job=\"shop\", source=\"workers\", state=\"up\"}", WORKERS);
}
