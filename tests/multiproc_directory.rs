//! A directory of `prometheus_client`'s multiprocess mode: the program against the client's own collector, on what gunicorn's workers
//! write while they are recycled and killed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use support::exposition::{Exposition, parse};
use support::http;
use support::port::Port;
use support::process::{Process, signal_pid, wait_gone};
use support::proxy::{Proxy, run};
use support::{expect, installed, load, repository, wait_for};

/// Workers of gunicorn.
const WORKERS: &str = "3";
/// Requests after which a worker is recycled: some are, in every load.
const MAX_REQUESTS: &str = "40";
/// Requests of a load, to each path.
const REQUESTS: usize = 60;
/// Files of ended processes that are added.
const DEAD_FILES: usize = 5_000;
/// Beyond any process id that Linux gives.
const FIRST_DEAD: usize = 5_000_000;
/// Sums are added up in another order than the client's.
const ROUNDING: f64 = 1e-9;
const PATHS: [&str; 4] = ["/a", "/b/c", "/a-longer-path", "/d"];

/// gunicorn with a directory.
struct Stack {
    dir: tempfile::TempDir,
    port: Port,
    gunicorn: Process,
}

impl Stack {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (files, port) = (dir.path().join("files"), Port::reserve());
        fs::create_dir(&files).unwrap();
        let mut command = Command::new(installed("gunicorn"));
        command.env("PYTHONPATH", repository().join("tests/stack")).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("PROMETHEUS_MULTIPROC_DIR", &files).env_remove("PROMETHEUS_DISABLE_CREATED_SERIES");
        command.arg("-c").arg(repository().join("tests/stack/gunicorn.conf.py"));
        command.args(["--workers", WORKERS, "--max-requests", MAX_REQUESTS]);
        command.args(["--bind", &port.address().to_string(), "multiproc_app"]);
        let mut gunicorn = Process::spawn("gunicorn", command, dir.path());
        gunicorn.wait_listening(port.address());
        Self { dir, port, gunicorn }
    }

    fn files(&self) -> std::path::PathBuf {
        self.dir.path().join("files")
    }

    fn load(&self) {
        for path in PATHS {
            load::send(self.port.address(), path, REQUESTS);
        }
    }

    /// The process that answers.
    fn a_worker(&self) -> i32 {
        let answer = http::get(self.port.address(), "/a", &[]).expect("no answer");
        answer.text().parse().expect("no process id")
    }
}

/// What the client's own collector makes of the directory.
fn python(files: &Path) -> Exposition {
    let script = repository().join("tests/stack/multiproc_collect.py");
    let output = Command::new(installed("python")).arg(script).arg(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    parse(&String::from_utf8(output.stdout).unwrap()).unwrap()
}

fn is_own(name: &str) -> bool {
    name.starts_with("onescrape_")
}

/// Every series of the application with its value.
fn series(exposition: &Exposition) -> BTreeMap<String, f64> {
    let theirs = exposition.samples.iter().filter(|sample| !is_own(&sample.name));
    theirs.map(|sample| (sample.series(), sample.value)).collect()
}

fn near(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= ROUNDING * a.abs().max(b.abs())
}

/// The same families with the same texts, the same series with the same values.
fn assert_same(ours: &Exposition, theirs: &Exposition) {
    let theirs_only = |texts: &BTreeMap<String, String>| -> BTreeMap<String, String> {
        texts.iter().filter(|(name, _)| !is_own(name)).map(|(name, text)| (name.clone(), text.clone())).collect()
    };
    let shown: Vec<_> = series(theirs).into_keys().collect();
    let (ours_series, theirs_series) = (series(ours), series(theirs));
    assert_eq!(ours_series.keys().collect::<Vec<_>>(), shown.iter().collect::<Vec<_>>());
    for (name, value) in &ours_series {
        assert!(near(*value, theirs_series[name]), "{name} is {value}, the client says {}", theirs_series[name]);
    }
    // The client names families that have no series, too.
    let has_series = |name: &String| theirs.samples.iter().any(|sample| sample.name.starts_with(name.as_str()));
    let mut types = theirs.types.clone();
    types.retain(|name, _| has_series(name));
    assert_eq!(theirs_only(&ours.types), types);
    let mut helps = theirs.helps.clone();
    helps.retain(|name, _| has_series(name));
    assert_eq!(theirs_only(&ours.helps), helps);
}

/// Totals alone: what must never fall.
fn totals(exposition: &Exposition) -> BTreeMap<String, f64> {
    let mut totals = series(exposition);
    totals.retain(|name, _| ["requests_total", "busy_seconds", "latency", "size"].iter().any(|part| name.contains(part)));
    totals
}

fn assert_same_totals(ours: &Exposition, theirs: &Exposition) {
    let (ours, theirs) = (totals(ours), totals(theirs));
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    for (name, value) in &ours {
        assert!(near(*value, theirs[name]), "{name} is {value}, not {}", theirs[name]);
    }
}

/// The same totals, and none of them smaller by the last digit: Prometheus would take that for a restart.
fn assert_unmoved(before: &Exposition, after: &Exposition) {
    assert_same_totals(before, after);
    let after = totals(after);
    for (name, value) in totals(before) {
        assert!(after[&name] >= value, "{name} fell from {value} to {}", after[&name]);
    }
}

fn count(answer: &Exposition, state: &str) -> f64 {
    answer.sum(&format!("onescrape_multiproc_files{{state=\"{state}\"}}"))
}

/// Copies the files of an ended process under the ids of many that never were.
fn add_dead(files: &Path, pid: i32) {
    let of = |name: &str| name.strip_suffix(&format!("_{pid}.db")).map(str::to_string);
    let all = fs::read_dir(files).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let prefixes: Vec<String> = all.filter_map(|name| of(&name)).collect();
    let contents: Vec<Vec<u8>> = prefixes
        .iter()
        .map(|prefix| {
            let bytes = fs::read(files.join(format!("{prefix}_{pid}.db"))).unwrap();
            let used = i32::from_ne_bytes(bytes[..4].try_into().unwrap());
            bytes[..used as usize].to_vec()
        })
        .collect();
    for number in 0..DEAD_FILES {
        let (process, which) = (FIRST_DEAD + number / prefixes.len(), number % prefixes.len());
        fs::write(files.join(format!("{}_{process}.db", prefixes[which])), &contents[which]).unwrap();
    }
}

#[test]
fn the_clients_own_numbers() {
    let mut stack = Stack::start();
    let files = stack.files();
    // As the client: who is not marked dead lives. And as it is.
    let plain = Proxy::with_config(&format!("sources: [{{name: m, kind: multiproc, targets: [{:?}], liveness: files}}]", files));
    let proxy = Proxy::start(&[format!("--multiproc={}", files.display())]);

    eprintln!("step: while workers are recycled");
    stack.load();
    assert_same(&plain.scrape(), &python(&files));
    let recycled = proxy.wait_scrape("a recycled worker's files", |answer| {
        expect(count(answer, "dead") > 0.0 && count(answer, "live") > 0.0, || format!("{} dead", count(answer, "dead")))
    });
    assert_same_totals(&recycled, &python(&files));

    eprintln!("step: when one is killed");
    let killed = stack.a_worker();
    signal_pid(killed, rustix::process::Signal::KILL);
    wait_gone(killed);
    stack.load();
    assert_same(&plain.scrape(), &python(&files));
    let answer = proxy.scrape();
    assert_same_totals(&answer, &python(&files));
    assert!(answer.select(&format!("shop_liveall{{pid=\"{killed}\"}}")).is_empty(), "a gauge of a process that was killed");
    assert!(!answer.select(&format!("shop_all{{pid=\"{killed}\"}}")).is_empty(), "this mode keeps the dead");
    wait_for("gauges of those that live", || {
        stack.a_worker();
        let answer = proxy.scrape();
        let alive = answer.select("shop_liveall{kind=\"pid\"}");
        let (alive, sum) = (!alive.is_empty(), alive.iter().map(|sample| sample.value).sum::<f64>());
        let shown = answer.value("shop_livesum{kind=\"pid\"}");
        expect(alive && shown == Some(sum), || format!("{shown:?}, not {sum}"))
    });

    eprintln!("step: beside {DEAD_FILES} files of ended processes");
    add_dead(&files, killed);
    assert_same(&plain.scrape(), &python(&files));
    let all = proxy.scrape();
    assert_same_totals(&all, &python(&files));
    assert!(count(&all, "dead") >= DEAD_FILES as f64);
    let read = |proxy: &Proxy| proxy.scrape().sum("onescrape_target_body_bytes");
    let (living, everything) = (read(&proxy), read(&plain));
    assert!(living < everything / 10.0, "{living} of {everything} bytes read: the dead were read again");

    eprintln!("step: a broken file");
    let broken = files.join(format!("counter_{}.db", FIRST_DEAD + DEAD_FILES));
    fs::write(&broken, 4096_i32.to_ne_bytes()).unwrap();
    let bad = proxy.wait_scrape("the broken file", |answer| expect(count(answer, "bad") == 1.0, || "not seen".into()));
    assert_unmoved(&all, &bad);
    let name = broken.file_name().unwrap().to_str().unwrap();
    assert!(proxy.get("/api/v1/targets").text().contains(name) && proxy.get("/").text().contains(name));
    proxy.scrape();
    assert_eq!(proxy.log().matches(&format!("{name}: it is cut short")).count(), 1, "told once");
    let checked = run(&["check", "--multiproc", files.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.code() == Some(1) && text.contains(name), "{text}");
    fs::remove_file(&broken).unwrap();

    eprintln!("step: compaction");
    let directory = files.to_str().unwrap();
    let refused = run(&["multiproc", "compact", directory]);
    assert!(refused.status.code() == Some(1) && String::from_utf8_lossy(&refused.stderr).contains("stop the application first"));
    stack.gunicorn.stop();
    let before = python(&files);
    let shown = proxy.wait_scrape("the end of all", |answer| expect(count(answer, "live") == 0.0, || "some live".into()));
    let compacted = run(&["multiproc", "compact", directory]);
    assert!(compacted.status.success(), "{}", String::from_utf8_lossy(&compacted.stderr));
    assert!(files.join("counter_compacted.db").exists());
    assert_eq!(
        fs::read_dir(&files).unwrap().filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().starts_with("counter")).count(),
        1
    );
    let after = python(&files);
    assert_eq!(series(&before).keys().collect::<Vec<_>>(), series(&after).keys().collect::<Vec<_>>());
    for (name, value) in series(&before) {
        assert!(near(value, series(&after)[&name]), "{name} was {value}, is {}", series(&after)[&name]);
    }
    for _ in 0..3 {
        assert_unmoved(&shown, &proxy.scrape());
    }

    eprintln!("step: a wiped directory");
    for entry in fs::read_dir(&files).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    wait_for("the files to be gone", || {
        let answer = proxy.scrape();
        assert_unmoved(&shown, &answer);
        expect(count(&answer, "dead") == 0.0 && answer.select("shop_all").is_empty(), || "still there".into())
    });
}
