//! Django under a real gunicorn, sized and started in the ways that lose workers.

use crate::case::Case;
use crate::support::installed;
use crate::support::port::Port;
use crate::support::process::{Process, signal_pid};
use crate::support::{http, repository};
use rustix::process::Signal;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Requests that make every worker's counter its own, most likely.
const REQUESTS: usize = 40;

/// gunicorn with an application, on a port of its own.
pub fn serve<V: AsRef<OsStr>>(dir: &Path, application: &str, flags: &[&str], env: &[(&str, V)]) -> (Process, SocketAddr) {
    let port = Port::reserve();
    let mut command = Command::new(installed("gunicorn"));
    command.arg("-c").arg(repository().join("tests/stack/gunicorn.conf.py")).args(flags);
    command.args(["--bind", &port.address().to_string(), application]);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("WEB_CONCURRENCY").env_remove("PROMETHEUS_MULTIPROC_DIR");
    command.envs(env.iter().map(|(name, value)| (*name, value.as_ref())));
    let mut process = Process::spawn("gunicorn", command, dir);
    process.wait_listening(port.address());
    (process, port.address())
}

/// The shop with metrics ports: so many workers as WEB_CONCURRENCY, and so many ports, from `first` on.
fn shop(dir: &Path, first: &Port, workers: usize, ports: usize, flags: &[&str]) -> (Process, SocketAddr) {
    let env = environment(first, workers, ports);
    let (mut process, at) = serve(dir, "demo.wsgi", flags, &env);
    process.wait_until("serves", || http::get(at, "/pid", &[]).map(drop).map_err(|error| error.to_string()));
    (process, at)
}

fn environment(first: &Port, workers: usize, ports: usize) -> Vec<(&'static str, PathBuf)> {
    vec![
        ("PYTHONPATH", repository().join("tests/stack/app")),
        ("DJANGO_SETTINGS_MODULE", "demo.settings".into()),
        ("METRICS_START_PORT", first.number().to_string().into()),
        ("WEB_CONCURRENCY", workers.to_string().into()),
        ("METRICS_PORTS", ports.to_string().into()),
    ]
}

fn range(ports: &[Port]) -> String {
    format!("{}-{}", ports[0].address(), ports[ports.len() - 1].number())
}

/// A check of those ports, without the notes that a shop's own gauges give.
fn case(targets: &str, expect: usize) -> Case {
    Case::new("workers", targets).with("expect", &expect.to_string()).with("gauges", "[{match: \"*\", mode: all}]")
}

fn wait_exports(gunicorn: &mut Process, count: usize) {
    let exports = |log: String| log.matches("Exporting Prometheus /metrics/ on port").count();
    let log = gunicorn.log();
    drop(log);
    crate::support::wait_for("exports", || {
        let is = exports(gunicorn.log());
        crate::support::expect(is >= count, || format!("there are {is}"))
    });
}

#[test]
fn ranges_that_are_too_narrow() {
    let dir = tempfile::tempdir().unwrap();
    let ports = Port::reserve_range(8);
    // As many ports as workers: nothing is wrong yet.
    let (mut gunicorn, _) = shop(dir.path(), &ports[0], 4, 4, &[]);
    wait_exports(&mut gunicorn, 4);
    let narrow = case(&range(&ports[..4]), 4);
    let finding = narrow.finds("narrow_range");
    let wide = format!("range({}, {})", ports[0].number(), ports[0].number() + 8);
    assert!(finding.paste("settings").contains(&wide), "{}", finding.paste("settings"));
    // A worker too many for the range: it works, and nobody sees it.
    gunicorn.signal(Signal::TTIN);
    gunicorn.wait_until("a worker without a port", || {
        crate::support::expect(gunicorn_says_no(dir.path()), || "it found one".into())
    });
    let mut lacking = case(&range(&ports[..4]), 5);
    lacking.finds("too_few").paste_into(&mut lacking);
    drop(gunicorn);
    // Both sides as they are told: ten ports don't fit here, so the application gets the eight.
    let mut wider = narrow;
    finding.paste_into(&mut wider);
    let (mut gunicorn, _) = shop(dir.path(), &ports[0], 4, 8, &[]);
    wait_exports(&mut gunicorn, 4);
    wider.clears("narrow_range");
    assert!(wider.findings().is_empty(), "all is well: {:?}", wider.findings());
}

fn gunicorn_says_no(dir: &Path) -> bool {
    std::fs::read_to_string(dir.join("gunicorn.log")).unwrap_or_default().contains("Cannot export Prometheus /metrics/")
}

#[test]
fn workers_on_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let ports = Port::reserve_range(8);
    let (mut gunicorn, at) = shop(dir.path(), &ports[0], 4, 8, &["--workers", "3"]);
    wait_exports(&mut gunicorn, 3);
    case(&range(&ports), 4).finds_and_clears("workers_overridden");

    // The site's own /metrics: another worker answers each time.
    (0..REQUESTS).for_each(|_| drop(http::get(at, "/pid", &[]).unwrap()));
    let mut shared = case(&format!("http://{at}/metrics"), 3);
    let finding = shared.finds("shared_endpoint");
    finding.paste_into(&mut shared);
    let suggested = finding.paste("source");
    assert!(suggested.starts_with("targets: [\"127.0.0.1:") && finding.paste("settings").contains("PORT_RANGE = range("));
    case(&range(&ports), 3).clears("shared_endpoint");

    // A management command takes a port of the range.
    let mut command = Command::new(installed("python"));
    command.envs(environment(&ports[0], 4, 8)).args(["-c", "import django, signal; django.setup(); signal.pause()"]);
    let mut manage = Process::spawn("manage", command, dir.path());
    manage.wait_until("takes a port", || {
        crate::support::expect(manage_exports(dir.path()), || "not yet".into())
    });
    case(&range(&ports), 4).finds("not_a_web_worker");
    manage.kill();
    case(&range(&ports), 3).clears("not_a_web_worker");
    // A worker stands still.
    let pid = http::get(at, "/pid", &[]).unwrap().text().trim().parse().unwrap();
    signal_pid(pid, Signal::STOP);
    let stuck = case(&range(&ports), 3).with("scrape_timeout", "300ms").findings();
    let codes: Vec<_> = stuck.iter().map(|finding| finding["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["no_answer", "too_few"]);
    signal_pid(pid, Signal::CONT);
}

fn manage_exports(dir: &Path) -> bool {
    std::fs::read_to_string(dir.join("manage.log")).unwrap_or_default().contains("Exporting Prometheus")
}

#[test]
fn preloaded() {
    let dir = tempfile::tempdir().unwrap();
    let ports = Port::reserve_range(4);
    let (gunicorn, _) = shop(dir.path(), &ports[0], 2, 4, &["--preload"]);
    let finding = case(&range(&ports), 1).finds("no_request_metrics");
    assert_eq!(finding.paste("gunicorn"), "preload_app = False");
    drop(gunicorn);
    let (mut gunicorn, _) = shop(dir.path(), &ports[0], 2, 4, &[]);
    wait_exports(&mut gunicorn, 3);
    case(&range(&ports), 2).clears("no_request_metrics");
}
