//! Targets that cannot be reached, and answers that are no metrics.

use crate::case::Case;
use crate::support::fake_worker::{Answer, FakeWorker, TEXT};
use crate::support::port::Port;
use std::time::{Duration, SystemTime};

/// A worker as Django has them.
const WORKER: &str = "# TYPE c counter\nc_total 1\n# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1000.25\n";

fn worker() -> Answer {
    Answer::text(WORKER)
}

/// A page with a status and headers.
fn page(status: &str, headers: &str, body: &str) -> Answer {
    Answer::Bytes(format!("HTTP/1.0 {status}\r\n{headers}Content-Type: text/html\r\n\r\n{body}").into_bytes())
}

#[test]
fn nothing_listens() {
    let ports = Port::reserve_range(4);
    let range = format!("{}-{}", ports[0].address(), ports[3].number());
    let finding = Case::new("workers", &range).with("expect", "2").finds("nothing_listens");
    let wanted = format!("PROMETHEUS_METRICS_EXPORT_PORT_RANGE = range({}, {})", ports[0].number(), ports[3].number() + 1);
    assert!(finding.paste("settings").contains(&wanted));
}

#[test]
fn loopback_in_a_container() {
    let port = Port::reserve();
    let case = Case::new("workers", &port.address().to_string()).outside().env("container", "docker");
    assert_eq!(case.finds("own_loopback").paste("compose"), "network_mode: service:app");
    // The containers of a pod share theirs.
    case.env("KUBERNETES_SERVICE_HOST", "10.0.0.1").clears("own_loopback");
}

#[test]
fn names_and_sockets() {
    let finding = Case::new("workers", "http://host.docker.internal:5001/metrics").finds("unknown_name");
    assert_eq!(finding.paste("compose"), "extra_hosts: [\"host.docker.internal:host-gateway\"]");
    Case::new("uwsgi", "unix:///nowhere/stats.sock").finds("no_connection");
    let hanging = FakeWorker::answering(Answer::Hang);
    Case::new("workers", &hanging.id()).with("scrape_timeout", "200ms").finds("no_answer");
}

#[test]
fn statuses() {
    let target = FakeWorker::answering(page("401 Unauthorized", "", ""));
    Case::new("exporter", &target.id()).finds("unauthorized");
    target.set(page("500 Internal Server Error", "", "<h1>Server Error (500)</h1>"));
    Case::new("workers", &target.id()).finds("bad_status");
    // Prometheus' own server and its like say where they have moved to.
    target.set(page("302 Found", "Location: /elsewhere\r\n", ""));
    let finding = Case::new("exporter", &target.id()).finds("redirect");
    assert_eq!(finding.paste("source"), "follow_redirects: true");
}

#[test]
fn answers_that_are_none() {
    let target = FakeWorker::answering(Answer::text("c_total one\n"));
    Case::new("workers", &target.id()).finds("unreadable");
    target.set(Answer::cut(WORKER));
    Case::new("workers", &target.id()).finds("cut_short");
    target.set(page("200 OK", &format!("X-Long: {}\r\n", "x".repeat(100_000)), ""));
    Case::new("workers", &target.id()).finds("over_limit");
    target.set(Answer::text(&format!("{WORKER}{}", "# a line\n".repeat(500))));
    Case::new("workers", &target.id()).with_top("limits", "{body_bytes_max: 4096}").finds_and_clears("too_large");
}

#[test]
fn a_clock_an_hour_behind() {
    let date = httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(3600));
    let head = format!("HTTP/1.0 200 OK\r\nDate: {date}\r\nContent-Type: {TEXT}\r\n\r\n");
    let target = FakeWorker::answering(Answer::Bytes([head.as_bytes(), WORKER.as_bytes()].concat()));
    let case = Case::new("exporter", &target.id());
    case.finds("clock_differs");
    target.set(worker());
    case.clears("clock_differs");
}

#[test]
fn lookups() {
    let missing = "[{files: [\"/nowhere/*.yml\"]}]";
    let case = Case::new("workers", "127.0.0.1:1").with("targets", "[]").with("file_sd_configs", missing);
    case.finds("no_targets");
    let bad = Case::new("workers", "127.0.0.1:1").with("targets", "[]");
    let file = bad.dir().join("targets.yml");
    std::fs::write(&file, "- targets: nonsense\n").unwrap();
    bad.with("file_sd_configs", &format!("[{{files: [\"{}\"]}}]", file.display())).finds("discovery");
}

#[test]
fn no_state_file() {
    let target = FakeWorker::answering(worker());
    let case = Case::new("workers", &target.id()).with("expect", "1").without_top("state");
    case.finds_and_clears("no_state_file");
}
