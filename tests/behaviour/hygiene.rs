//! A good neighbour in its pod: it ends when told to, needs no rights, little memory and no disk, and leaks nothing.

use crate::support::fake_worker::{Answer, FakeWorker};
use crate::support::http::get;
use crate::support::process::Process;
use crate::support::proxy::{Proxy, command, workers_flag};
use crate::support::{expect, wait_for};
use crate::{exposition, worker};
use rustix::process::{Signal, geteuid};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::thread::JoinHandle;

/// A user that owns nothing.
const NOBODY: u32 = 65_534;
/// What the program is to run in, with a small pool.
const SMALL_BYTES: usize = 16 << 20;

fn proc(process: &Process, file: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{}/{file}", process.pid().as_raw_nonzero()))
}

fn entries(process: &Process, directory: &str) -> usize {
    fs::read_dir(proc(process, directory)).unwrap().count()
}

/// A proxy with a request under way that only its worker can end, which it won't.
fn with_a_request_under_way(drain_timeout: &str) -> (Proxy, FakeWorker, JoinHandle<()>) {
    let odd = worker(3);
    let proxy = Proxy::with_config(&format!(
        "scrape_timeout: 10m\nsources:\n  - {{name: w, kind: workers, targets: [\"{}\"]}}\nlimits: {{drain_timeout: {drain_timeout}}}\n",
        odd.id()
    ));
    let scrapes = odd.scrapes();
    odd.set(Answer::Hang);
    let address = proxy.address();
    // The first ones may share the round before. The last one is cut off.
    let asking = std::thread::spawn(move || while get(address, "/metrics", &[]).is_ok() {});
    wait_for("a scrape under way", || expect(odd.scrapes() > scrapes, || "none".into()));
    (proxy, odd, asking)
}

#[test]
fn what_is_under_way_has_so_long_to_end_and_no_longer() {
    let (mut proxy, _odd, asking) = with_a_request_under_way("100ms");
    assert!(proxy.stop().success());
    asking.join().unwrap();
    assert!(proxy.log().contains("requests still under way were cut off"), "{}", proxy.log());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for second in [Signal::TERM, Signal::INT] {
        let (mut proxy, _odd, asking) = with_a_request_under_way("1h");
        proxy.process().signal(Signal::TERM);
        wait_for("it to drain", || expect(proxy.log().contains("requests under way may finish"), || proxy.log()));
        assert!(proxy.process().ended().is_none(), "it drains");
        proxy.process().signal(second);
        assert!(proxy.process().wait().success());
        asking.join().unwrap();
        assert!(proxy.log().contains("ended at once"), "{}", proxy.log());
    }
}

/// The program as nobody, in a directory where that one may not write, without any variable that tells where it could.
fn as_nobody(dir: &tempfile::TempDir) -> Command {
    let program = dir.path().join("onescrape");
    fs::copy(command().get_program(), &program).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let mut command = Command::new(program);
    command.env_clear().current_dir(dir.path());
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

#[test]
fn it_needs_no_root_and_writes_no_file() {
    let (dir, worker) = (tempfile::tempdir().unwrap(), worker(3));
    let mut proxy = Proxy::with_command(as_nobody(&dir), &workers_flag(&[&worker]));
    assert_eq!(proxy.scrape().value("c_total"), Some(3.0));
    assert_eq!(proxy.get("/").status, 200);
    let log = proxy.dir().join("onescrape.log");
    for fd in fs::read_dir(proc(proxy.process(), "fd")).unwrap() {
        let Ok(open) = fs::read_link(fd.unwrap().path()) else { continue };
        assert!(!open.is_file() || open == log, "{} is open", open.display());
    }
    assert!(proxy.stop().success());
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["onescrape"]);
}

/// What the kernel can't take away from it: pages of the program itself, of which a build for tests has many, it can read again.
#[test]
fn it_runs_in_little_memory() {
    let body: String =
        (0..500).map(|n| format!("c_total{{view=\"a view with quite a long name {n}\",method=\"GET\"}} {n}\n")).collect();
    let body = format!("# TYPE c_total counter\n{body}");
    let workers: Vec<_> = (0..8).map(|_| FakeWorker::answering(Answer::text(&body))).collect();
    let mut proxy = Proxy::of(&workers.iter().collect::<Vec<_>>());
    (0..50).for_each(|_| assert_eq!(proxy.get("/metrics").status, 200));
    let status = fs::read_to_string(proc(proxy.process(), "status")).unwrap();
    let held = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    let held: usize = held.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(held * 1024 < SMALL_BYTES, "{held} kB");
}

#[test]
fn it_leaks_neither_files_nor_threads_nor_connections() {
    const SCRAPES: f64 = 500.0;
    let bad = [Answer::status(500), Answer::cut("a 1\n"), Answer::text("<html>"), Answer::Bytes(Vec::new()), Answer::Hang];
    let mut workers: Vec<_> = bad.into_iter().map(FakeWorker::answering).collect();
    workers.push(worker(3));
    workers.push(FakeWorker::start());
    workers.last_mut().unwrap().down();
    let mut flags = workers_flag(&workers.iter().collect::<Vec<_>>());
    flags.extend(["--scrape.timeout=20ms".into(), "--log.level=error".into()]);
    let mut proxy = Proxy::start(&flags);
    let scrapes = |proxy: &Proxy| proxy.scrape().sum("onescrape_worker_scrapes_total{outcome=\"refused\"}");
    // What is opened once is open then.
    while scrapes(&proxy) < SCRAPES / 10.0 {}
    let counts = |proxy: &mut Proxy| ["fd", "task"].map(|directory| entries(proxy.process(), directory));
    let before = counts(&mut proxy);
    while scrapes(&proxy) < SCRAPES {}
    wait_for("as few as before", || {
        let now = counts(&mut proxy);
        expect(now[0] <= before[0] && now[1] <= before[1], || format!("files and threads: {now:?}, before {before:?}"))
    });
}

#[test]
fn every_line_of_the_log_is_json_where_that_is_asked_for() {
    let (good, mut odd) = (worker(3), worker(4));
    let mut flags = workers_flag(&[&good, &odd]);
    flags.extend(["--log.format=json".into(), "--log.level=debug".into()]);
    let mut proxy = Proxy::start(&flags);
    for answer in [Answer::status(500), Answer::text("bad \"line\" \\ \u{1b}[31m\u{2028}\n"), exposition(5), Answer::cut("a 1\n")] {
        odd.set(answer);
        proxy.scrape();
    }
    odd.down();
    proxy.scrape();
    assert!(get(proxy.address(), "/\u{1}", &[]).is_ok_and(|refused| refused.status == 400));
    assert!(proxy.stop().success());
    let log = proxy.log();
    let mut messages = Vec::new();
    for line in log.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for key in ["ts", "level", "msg"] {
            assert!(event[key].is_string(), "no {key}: {line}");
        }
        messages.push(event["msg"].as_str().unwrap().to_string());
    }
    assert!(["serving", "down", "ended"].iter().all(|wanted| messages.iter().any(|msg| msg == wanted)), "{log}");
}
