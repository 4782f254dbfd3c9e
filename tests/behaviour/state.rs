//! The state file: totals go on over a restart of the proxy, however it ended; what can't be used or written is said, and costs no answer.

use super::support::exposition::Exposition;
use super::support::fake_worker::{Answer, FakeWorker};
use super::support::proxy::{Proxy, run};
use super::support::{expect, wait_for};
use super::worker;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// A place for a state file.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn flags(&self, workers: &[&FakeWorker]) -> Vec<String> {
        let workers = workers.iter().map(|worker| format!("--workers={}", worker.id()));
        workers.chain([format!("--state.file={}", self.file().display())]).collect()
    }

    fn start(&self, workers: &[&FakeWorker]) -> Proxy {
        Proxy::start(&self.flags(workers))
    }

    /// Names of the files there, sorted.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// A worker's counter, and when its process began.
fn counted(count: u32, started: f64) -> Answer {
    let start = format!("# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {started}\n");
    Answer::text(&format!("{start}# TYPE c_total counter\nc_total {count}\n"))
}

fn total(answer: &Exposition) -> f64 {
    answer.sum("c_total")
}

fn saves(answer: &Exposition, outcome: &str) -> f64 {
    answer.sum(&format!("onescrape_state_saves_total{{outcome=\"{outcome}\"}}"))
}

/// A worker that was recycled once, so that the total is more than the living worker shows: 100 folded and 5.
fn recycled(place: &Place, old: f64) -> (FakeWorker, Proxy) {
    let worker = FakeWorker::answering(counted(100, old));
    let proxy = place.start(&[&worker]);
    assert_eq!(total(&proxy.scrape()), 100.0);
    worker.set(counted(5, old + 100.0));
    assert_eq!(total(&proxy.scrape()), 105.0);
    (worker, proxy)
}

#[test]
fn totals_go_on_over_a_restart() {
    let (place, old) = (Place::new(), now() - 1000.0);
    let (worker, mut proxy) = recycled(&place, old);
    assert!(proxy.stop().success());
    // Counted while no proxy ran.
    worker.set(counted(8, old + 100.0));
    let mut proxy = place.start(&[&worker]);
    assert_eq!(total(&proxy.scrape()), 108.0);
    assert!(proxy.log().contains("totals go on"), "{}", proxy.log());
    assert!(proxy.stop().success());
    // Recycled while no proxy ran.
    worker.set(counted(3, old + 500.0));
    assert_eq!(total(&place.start(&[&worker]).scrape()), 111.0);
}

#[test]
fn a_kill_right_after_an_answer_loses_nothing() {
    let (place, old) = (Place::new(), now() - 1000.0);
    let (mut worker, mut proxy) = recycled(&place, old);
    proxy.kill();
    worker.down();
    // The worker is gone: what it had counted is carried.
    let mut proxy = place.start(&[&worker]);
    assert_eq!(total(&proxy.scrape()), 105.0);
    proxy.kill();
    worker.set(counted(9, old + 100.0));
    worker.up();
    assert_eq!(total(&place.start(&[&worker]).scrape()), 109.0);
}

#[test]
fn what_is_new_to_the_file_is_taken_for_what_it_is() {
    let (place, old) = (Place::new(), now() - 1000.0);
    let (worker, mut proxy) = recycled(&place, old);
    proxy.kill();
    // A worker that is older than the first exposition, at an address never seen: its past was never in the total.
    let other = FakeWorker::answering(counted(70, old));
    let proxy = place.start(&[&worker, &other]);
    assert_eq!(total(&proxy.scrape()), 105.0);
    other.set(counted(72, old));
    assert_eq!(total(&proxy.scrape()), 107.0);
}

#[test]
fn a_worker_that_is_configured_no_longer_stays_in_the_total() {
    let (place, old) = (Place::new(), now() - 1000.0);
    let (worker, mut proxy) = recycled(&place, old);
    proxy.kill();
    let other = FakeWorker::answering(counted(1, now() + 1.0));
    assert_eq!(total(&place.start(&[&other]).scrape()), 106.0);
    drop(worker);
}

#[test]
fn files_that_cannot_be_used_are_set_aside() {
    let newer = [b"onescrape state".as_slice(), &u32::MAX.to_le_bytes(), b"whatever"].concat();
    let place = Place::new();
    let old = now() - 1000.0;
    let (worker, mut proxy) = recycled(&place, old);
    proxy.kill();
    let good = std::fs::read(place.file()).unwrap();
    let mut damaged = good.clone();
    damaged[good.len() / 2] ^= 1;
    let cases: [(&[u8], &str); 5] = [
        (b"", "empty"),
        (b"{\"some\": \"json\"}", "no state file of onescrape"),
        (&good[..good.len() - 5], "damaged"),
        (&damaged, "damaged"),
        (&newer, "version 4294967295"),
    ];
    for (bytes, why) in cases {
        let place = Place::new();
        std::fs::write(place.file(), bytes).unwrap();
        let proxy = place.start(&[&worker]);
        let answer = proxy.scrape();
        assert_eq!((total(&answer), saves(&answer, "unreadable")), (5.0, 1.0), "{why}");
        let log = proxy.log();
        assert!(log.contains(why) && log.contains("moved_to"), "{why}: {log}");
        let aside = place.names().into_iter().find(|name| name.starts_with("state.corrupt-")).expect(why);
        assert_eq!(std::fs::read(place.dir.path().join(aside)).unwrap(), bytes);
    }
}

#[test]
fn where_the_file_is_damaged_the_synced_copy_is_used() {
    let (place, old) = (Place::new(), now() - 1000.0);
    let (worker, mut proxy) = recycled(&place, old);
    assert!(proxy.stop().success());
    assert_eq!(place.names(), ["state", "state.lock", "state.synced"]);
    // As a crash of the machine may leave a save that replaced the synced one.
    std::fs::remove_file(place.file()).unwrap();
    std::fs::write(place.file(), "").unwrap();
    let answer = place.start(&[&worker]).scrape();
    assert_eq!((total(&answer), saves(&answer, "unreadable")), (105.0, 1.0));
}

#[test]
fn a_file_belongs_to_one_process() {
    let (place, worker) = (Place::new(), worker(1));
    let mut proxy = place.start(&[&worker]);
    let mut arguments = place.flags(&[&worker]);
    arguments.push("--web.listen-address=127.0.0.1:0".into());
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let second = run(&arguments);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(second.status.code() == Some(1) && said.contains("in use by another onescrape"), "{said}");
    // The one that runs is not disturbed.
    let before = saves(&proxy.scrape(), "ok");
    assert!(saves(&proxy.scrape(), "ok") > before);
    proxy.kill();
    place.start(&[&worker]).scrape();
}

#[test]
fn what_cannot_be_written_costs_no_answer() {
    let (place, worker) = (Place::new(), worker(7));
    let flags = |file: &Path| [format!("--workers={}", worker.id()), format!("--state.file={}", file.display())];
    let folder = place.dir.path().join("not-there");
    let proxy = Proxy::start(&flags(&folder.join("state")));
    let answer = wait_for("a failed save", || {
        let answer = proxy.scrape();
        expect(saves(&answer, "failed") > 2.0, || "fewer".into()).map(|()| answer)
    });
    assert_eq!((total(&answer), saves(&answer, "ok")), (7.0, 0.0));
    assert!(answer.select("onescrape_state_last_save_timestamp_seconds").is_empty());
    let log = proxy.log();
    assert!(log.matches("cannot save the state").count() == 1 && log.contains("make its folder"), "{log}");
    // Mended while it runs.
    std::fs::create_dir(&folder).unwrap();
    wait_for("a save", || expect(saves(&proxy.scrape(), "ok") > 0.0, || "none".into()));
    assert!(proxy.log().contains("the state is saved again"));
    assert!(folder.join("state").exists());
}

#[test]
fn a_cold_start_at_zero_counts_from_here_on() {
    let worker = FakeWorker::answering(counted(100, now() - 1000.0));
    let sources = format!("sources: [{{name: w, kind: workers, targets: [\"{}\"]}}]\nstate: {{cold_start: zero}}\n", worker.id());
    let proxy = Proxy::with_config(&sources);
    assert_eq!(total(&proxy.scrape()), 0.0);
    worker.set(counted(103, now() - 1000.0));
    assert_eq!(total(&proxy.scrape()), 3.0);
}

#[test]
fn the_synced_copy_is_made_again_and_again() {
    let (place, worker) = (Place::new(), worker(1));
    let file = place.file();
    let config = format!(
        "sources: [{{name: w, kind: workers, targets: [\"{}\"]}}]\nstate: {{file: {}, save_interval: 1s}}\n",
        worker.id(),
        file.display()
    );
    let proxy = Proxy::with_config(&config);
    let synced = place.dir.path().join("state.synced");
    let first = wait_for("a synced copy", || std::fs::read(&synced).map_err(|error| error.to_string()));
    worker.set(super::exposition(2));
    proxy.scrape();
    wait_for("another", || expect(std::fs::read(&synced).unwrap() != first, || "the same".into()));
}
