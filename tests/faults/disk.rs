//! The state file on a disk that is full or may not be written: answers go on, it is told once, and what was saved stays readable.

use crate::support::exposition::Exposition;
use crate::support::fake_worker::{Answer, FakeWorker};
use crate::support::proxy::{Proxy, command};
use crate::support::{expect, wait_for};
use rustix::process::{Resource, Rlimit, geteuid, prlimit};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Series of the worker: their state is many times as large as the log.
const SERIES: usize = 2_000;
/// Room on the disk, as the kernel allows a file: the log fits, the state doesn't.
const ROOM_BYTES: u64 = 16 << 10;
/// A user that owns nothing.
const NOBODY: u32 = 65_534;

fn counted(each: u32) -> Answer {
    let lines: String = (0..SERIES).map(|n| format!("c_total{{n=\"a label that takes some room {n}\"}} {each}\n")).collect();
    Answer::text(&format!("# TYPE c_total counter\n{lines}"))
}

fn total(each: u32) -> f64 {
    f64::from(each) * SERIES as f64
}

fn saves(answer: &Exposition, outcome: &str) -> f64 {
    answer.sum(&format!("onescrape_state_saves_total{{outcome=\"{outcome}\"}}"))
}

/// The program, which is told of a file that may not grow as of any error: by default the signal for it would end it.
fn without_file_size_signal() -> Command {
    let plain = command();
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(plain.get_program()).env_clear();
    shell
}

fn limit_files(proxy: &mut Proxy, bytes: Option<u64>) {
    let pid = proxy.process().pid();
    prlimit(Some(pid), Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
}

#[test]
fn a_full_disk_costs_no_answer_and_no_file() {
    let (place, worker) = (tempfile::tempdir().unwrap(), FakeWorker::answering(counted(1)));
    let file = place.path().join("state");
    let flags = [format!("--workers={}", worker.id()), format!("--state.file={}", file.display())];
    let mut proxy = Proxy::with_command(without_file_size_signal(), &flags);
    assert_eq!(proxy.scrape().sum("c_total"), total(1));
    let whole = fs::metadata(&file).unwrap().len();
    assert!(whole > 2 * ROOM_BYTES, "{whole} bytes");

    limit_files(&mut proxy, Some(ROOM_BYTES));
    // What was saved before may still be written by a round that is under way.
    wait_for("failed saves", || expect(saves(&proxy.scrape(), "failed") >= 2.0, || "none".into()));
    let saved = fs::read(&file).unwrap();
    worker.set(counted(2));
    let answer = proxy.scrape();
    assert_eq!(answer.sum("c_total"), total(2), "answers go on");
    assert!(fs::read(&file).unwrap() == saved, "what was saved is as it was");
    assert!(!place.path().join("state.tmp").exists(), "half a file is not left behind");
    let log = proxy.log();
    assert_eq!(log.matches("cannot save the state").count(), 1, "told once: {log}");
    proxy.kill();

    // The file is that of the last good save: not the newest, but one that can be read.
    let mut proxy = Proxy::with_command(without_file_size_signal(), &flags);
    assert!(proxy.log().contains("totals go on"), "{}", proxy.log());
    let answer = proxy.scrape();
    assert_eq!((answer.sum("c_total"), saves(&answer, "unreadable")), (total(2), 0.0));
    // Room again, while it runs.
    limit_files(&mut proxy, Some(ROOM_BYTES));
    worker.set(counted(3));
    wait_for("a failed save", || expect(saves(&proxy.scrape(), "failed") >= 1.0, || "none".into()));
    limit_files(&mut proxy, None);
    let before = saves(&proxy.scrape(), "ok");
    wait_for("a save", || expect(saves(&proxy.scrape(), "ok") > before, || "none".into()));
    assert!(proxy.log().contains("the state is saved again"), "{}", proxy.log());
    proxy.kill();
    worker.set(counted(1));
    let answer = Proxy::start(&flags).scrape();
    assert_eq!(answer.sum("c_total"), total(4), "after a kill: 3 and a restart's 1");
}

/// A copy of the program run as somebody who may not write in this directory.
#[test]
fn a_directory_that_is_read_only_costs_no_answer_and_is_told() {
    let (place, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let worker = FakeWorker::answering(counted(1));
    let program = elsewhere.path().join("onescrape");
    fs::copy(command().get_program(), &program).unwrap();
    for dir in [&place, &elsewhere] {
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o555)).unwrap();
    }
    let mut nobody = Command::new(program);
    nobody.env_clear();
    if geteuid().is_root() {
        nobody.uid(NOBODY).gid(NOBODY);
    }
    let flags = [format!("--workers={}", worker.id()), format!("--state.file={}/state", place.path().display())];
    let proxy = Proxy::with_command(nobody, &flags);
    let answer = proxy.scrape();
    assert_eq!((answer.sum("c_total"), saves(&answer, "ok")), (total(1), 0.0));
    assert!(saves(&answer, "failed") >= 1.0);
    let log = proxy.log();
    assert_eq!(log.matches("cannot save the state").count(), 1, "told once: {log}");
    assert!(log.contains("let this user write to its folder"), "{log}");
    // Mended while it runs.
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777)).unwrap();
    wait_for("a save", || expect(saves(&proxy.scrape(), "ok") > 0.0, || "none".into()));
    assert!(proxy.log().contains("the state is saved again"));
}
