//! Commands, flags, environment, exit codes.

use crate::support::exposition::parse;
use crate::support::fake_worker::{Answer, FakeWorker};
use crate::support::port::Port;
use crate::support::proxy::{Proxy, command, run, workers_flag};
use crate::worker;
use std::process::Output;

/// Something isn't well.
const NOT_WELL: Option<i32> = Some(1);
/// The command line or the configuration is wrong.
const MISUSED: Option<i32> = Some(2);

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a command over these workers.
fn run_over(before: &[&str], workers: &[&FakeWorker]) -> Output {
    let flags = workers_flag(workers);
    let arguments: Vec<_> = before.iter().copied().chain(flags.iter().map(String::as_str)).collect();
    run(&arguments)
}

#[test]
fn scrape_prints_and_ends() {
    let (a, b) = (worker(3), worker(4));
    let output = run_over(&["scrape"], &[&a, &b]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(parse(&stdout(&output)).unwrap().value("c_total"), Some(7.0));
    assert_eq!((a.scrapes(), b.scrapes()), (1, 1));

    let mut down = worker(3);
    down.down();
    assert_eq!(run_over(&["scrape"], &[&down]).status.code(), NOT_WELL, "nothing was good");
    assert!(run_over(&["scrape"], &[&a, &down]).status.success(), "something was");
}

#[test]
fn check_says_what_is_wrong_and_what_to_do() {
    let (good, django) = (worker(3), FakeWorker::answering(Answer::status(400)));
    let output = run_over(&["check"], &[&good]);
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));

    let output = run_over(&["check"], &[&good, &django]);
    assert_eq!(output.status.code(), NOT_WELL);
    let said = stdout(&output);
    assert!(said.contains(&django.id()) && said.contains("400") && said.contains("Host"), "{said}");

    let output = run_over(&["check", "--json"], &[&good, &django]);
    assert_eq!(output.status.code(), NOT_WELL);
    serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stdout(&output)));

    let output = run_over(&["check", "--quiet"], &[&good]);
    assert_eq!((output.status.success(), stdout(&output).as_str()), (true, ""));
}

#[test]
fn mistakes_in_the_file_are_shown_with_their_lines() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("onescrape.yml");
    std::fs::write(
        &file,
        "scrape_timeout: soon\nsources:\n  - name: a\n    kind: wrokers\n    targets: [\"127.0.0.1:1\"]\nbogus: 1\n",
    )
    .unwrap();
    let flag = format!("--config.file={}", file.display());
    for arguments in [&["serve", &flag][..], &["check", &flag], &["scrape", &flag], &["config", "check", &flag]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), MISUSED, "{arguments:?}");
        let said = format!("{}{}", stdout(&output), stderr(&output));
        for (line, word) in [(1, "scrape_timeout"), (4, "kind"), (6, "bogus")] {
            let place = format!("onescrape.yml:{line}");
            assert!(
                said.lines().any(|l| l.contains(&place) && l.contains(word)),
                "{arguments:?}: no {place} with {word} in\n{said}"
            );
        }
        assert!(said.contains("workers"), "did you mean: {said}");
    }
    let output = run(&["serve", "--config.file=/nonexistent/onescrape.yml"]);
    assert_eq!(output.status.code(), MISUSED);
    assert!(stderr(&output).contains("/nonexistent/onescrape.yml"), "{}", stderr(&output));
}

#[test]
fn wrong_flags() {
    for arguments in [&["--bogus"][..], &["serve", "--workers=nonsense"], &["serve", "--workers=127.0.0.1:9-3"], &["bogus"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), MISUSED, "{arguments:?}: {}", stderr(&output));
        assert!(!stderr(&output).is_empty(), "{arguments:?}");
        assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
    }
}

#[test]
fn nothing_to_scrape() {
    let output = run(&[]);
    assert_eq!(output.status.code(), MISUSED);
    for way in ["--workers", "--config.file", "METRICS_START_PORT"] {
        assert!(stderr(&output).contains(way), "{way} isn't shown: {}", stderr(&output));
    }
}

/// As an image does it, which doesn't know the flags of its container.
#[test]
fn healthcheck_needs_no_sources() {
    let worker = worker(3);
    let mut proxy = Proxy::of(&[&worker]);
    let address = format!("--web.listen-address={}", proxy.address());
    let output = run(&["healthcheck", &address]);
    assert!(output.status.success(), "{}", stderr(&output));
    proxy.stop();
    let output = run(&["healthcheck", &address]);
    assert_eq!(output.status.code(), NOT_WELL);
    assert!(stderr(&output).contains("/-/healthy: connection refused"), "{}", stderr(&output));
}

#[test]
fn a_port_in_use() {
    let (worker, port) = (worker(3), Port::reserve());
    let _listener = port.listen();
    let listen = format!("--web.listen-address={}", port.address());
    let output = run_over(&["serve", &listen], &[&worker]);
    assert_eq!(output.status.code(), NOT_WELL);
    assert!(stderr(&output).contains(&port.address().to_string()), "{}", stderr(&output));
}

#[test]
fn flags_as_environment() {
    let (a, b) = (worker(3), worker(4));
    let proxy = Proxy::with_environment(&[("ONESCRAPE_WORKERS", &format!("{},{}", a.id(), b.id()))]);
    assert_eq!(proxy.scrape().value("c_total"), Some(7.0));
}

/// The way many size a Django port range, without any flag of ours.
#[test]
fn the_range_of_a_django_deployment() {
    let ports = Port::reserve_range(3);
    let start = ports[0].number().to_string();
    let proxy = Proxy::with_environment(&[("METRICS_START_PORT", &start), ("WEB_CONCURRENCY", "2"), ("METRICS_PORTS", "3")]);
    let json: serde_json::Value = serde_json::from_slice(&proxy.get("/api/v1/targets").body).unwrap();
    assert_eq!(json["data"]["activeTargets"].as_array().unwrap().len(), ports.len());
    let proxy = Proxy::with_environment(&[("METRICS_START_PORT", &start), ("WEB_CONCURRENCY", "2")]);
    let json: serde_json::Value = serde_json::from_slice(&proxy.get("/api/v1/targets").body).unwrap();
    assert_eq!(json["data"]["activeTargets"].as_array().unwrap().len(), 2);
}

#[test]
fn help_and_version() {
    for arguments in [&["--help"][..], &["--version"], &["serve", "--help"], &["check", "--help"]] {
        let output = run(arguments);
        assert!(output.status.success(), "{arguments:?}");
        assert!(stdout(&output).contains("onescrape"), "{arguments:?}: {}", stdout(&output));
    }
    assert!(stdout(&command().arg("--version").output().unwrap()).contains(env!("CARGO_PKG_VERSION")));
}
