//! Django under a real gunicorn, sized and started in the ways that lose workers.

use crate::case::Case;
use crate::support::port::Port;
use crate::support::process::{Process, signal_pid};
use crate::support::{expect, http, installed, repository, wait_for};
use rustix::process::Signal;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Requests that make every worker's counter its own, most likely.
const REQUESTS: usize = 40;
/// What django_prometheus logs when a worker has a port, and when it finds none.
const EXPORTING: &str = "Exporting Prometheus /metrics/ on port";
const NO_PORT: &str = "Cannot export Prometheus /metrics/";
/// The second line of what is pasted into Django's settings.
const ADDRESS: &str = "PROMETHEUS_METRICS_EXPORT_ADDRESS = \"127.0.0.1\"";

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

/// Waits until there were so many exports, by the log.
fn wait_exports(gunicorn: &Process, count: usize) {
    wait_for("exports", || {
        let is = gunicorn.log().matches(EXPORTING).count();
        expect(is >= count, || format!("there were {is}"))
    });
}

/// Whether the log of a process has these words.
fn says(dir: &Path, name: &str, words: &str) -> bool {
    std::fs::read_to_string(dir.join(format!("{name}.log"))).unwrap_or_default().contains(words)
}

/// A management command: Django set up, and no server.
fn command_of_django(dir: &Path, first: &Port) -> Process {
    let mut command = Command::new(installed("python"));
    command.envs(environment(first, 1, 8)).args(["-c", "import django, signal; django.setup(); signal.pause()"]);
    let mut process = Process::spawn("manage", command, dir);
    process.wait_until("takes a port", || expect(says(dir, "manage", EXPORTING), || "not yet".into()));
    process
}

#[test]
fn ranges_that_are_too_narrow() {
    let dir = tempfile::tempdir().unwrap();
    let ports = Port::reserve_range(8);
    // Fewer ports than workers: one works, and nobody sees it.
    let (mut gunicorn, _) = shop(dir.path(), &ports[0], 3, 2, &[]);
    gunicorn.wait_until("a worker without a port", || expect(says(dir.path(), "gunicorn", NO_PORT), || "it found one".into()));
    wait_exports(&gunicorn, 2);
    let lacking = case(&range(&ports), 3);
    let finding = lacking.finds("too_few");
    assert_eq!(finding.paste("settings"), format!("{}\n{ADDRESS}", setting(&ports)));
    drop(gunicorn);
    // Both sides as they are told.
    let (gunicorn, _) = shop(dir.path(), &ports[0], 3, 8, &[]);
    wait_exports(&gunicorn, 5);
    lacking.clears("too_few");

    let mut narrow = case(&range(&ports[..4]), 3);
    let finding = narrow.finds("narrow_range");
    assert_eq!(finding.paste("settings"), format!("{}\n{ADDRESS}", setting(&ports[..6])));
    finding.paste_into(&mut narrow);
    narrow.clears("narrow_range");
    assert!(narrow.findings().is_empty(), "all is well: {:?}", narrow.findings());
}

/// The setting of Django for these ports.
fn setting(ports: &[Port]) -> String {
    let first = ports[0].number();
    format!("PROMETHEUS_METRICS_EXPORT_PORT_RANGE = range({first}, {})", usize::from(first) + ports.len())
}

#[test]
fn workers_on_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let ports = Port::reserve_range(8);
    let (gunicorn, at) = shop(dir.path(), &ports[0], 4, 8, &["--workers", "3"]);
    wait_exports(&gunicorn, 3);
    case(&range(&ports), 4).finds_and_clears("workers_overridden");

    // The site's own /metrics: another worker answers each time.
    (0..REQUESTS).for_each(|_| drop(http::get(at, "/pid", &[]).unwrap()));
    let mut shared = case(&format!("http://{at}/metrics"), 1);
    let finding = shared.finds_among("shared_endpoint", " was ");
    assert!(finding.paste("settings").contains("PROMETHEUS_METRICS_EXPORT_PORT_RANGE = range(5001, 5009)"));
    finding.paste_into(&mut shared);
    shared.clears("shared_endpoint");

    // A management command takes a port of the range.
    let mut manage = command_of_django(dir.path(), &ports[0]);
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

#[test]
fn servers_that_fork_too_late() {
    let dir = tempfile::tempdir().unwrap();
    let ports = Port::reserve_range(8);
    let (gunicorn, _) = shop(dir.path(), &ports[0], 2, 8, &["--preload"]);
    let finding = case(&range(&ports), 1).finds("no_requests");
    assert_eq!(finding.paste("gunicorn"), "preload_app = False");
    drop(gunicorn);
    let (gunicorn, _) = shop(dir.path(), &ports[0], 2, 8, &[]);
    wait_exports(&gunicorn, 3);
    case(&range(&ports), 2).clears("no_requests");
    drop(gunicorn);
    let _manage = command_of_django(dir.path(), &ports[0]);
    case(&range(&ports), 1).finds("no_request_metrics");
}
