//! A multiprocess directory: our scrape of it beside `prometheus_client`'s own collector on the same files.

use super::proxy::Proxy;
use super::report::{Limit, Report, Row};
use super::timer::fastest;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Files in the directory.
const FILES: [usize; 3] = [8, 200, 5_000];
/// The number whose ratio must be reached.
const JUDGED: usize = 5_000;
/// Processes that live, if there are files for so many.
const LIVING: usize = 8;
/// Files of a process.
const FILES_EACH: usize = 4;
/// Beyond any process id that Linux gives.
const FIRST_DEAD: usize = 5_000_000;
/// Turns of the client's collector.
const TURNS: &str = "3";
/// Time for our scrapes of one directory.
const BUDGET: Duration = Duration::from_secs(2);
const RATIO: Limit = Limit::AtLeast { must: 50.0, aim: 200.0 };

pub fn section(report: &mut Report) {
    let Some(python) = python() else {
        return eprintln!("  no Python to compare with: run tests/stack/install.sh first");
    };
    for files in FILES {
        let directory = tempfile::tempdir().expect("no temporary directory");
        let living = Living::start(&python, directory.path(), LIVING.min(files / FILES_EACH));
        add_dead(directory.path(), living.first, files);
        let proxy = Proxy::with_flags(&[format!("--multiproc={}", directory.path().display())], 0);
        let [ours] = fastest(BUDGET, |_| [proxy.scrape().0]);
        let theirs = collect(&python, directory.path());
        let row = Row::faster(format!("multiprocess directory, {files} files, vs prometheus_client's collector"), ours, theirs);
        report.add(if files == JUDGED { row.limit(RATIO) } else { row });
    }
}

fn python() -> Option<PathBuf> {
    let stack =
        std::env::var_os("ONESCRAPE_STACK").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".stack"), PathBuf::from);
    Some(stack.join("venv/bin/python")).filter(|python| python.exists())
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stack").join(name)
}

/// Processes that hold their files; ended when dropped.
struct Living {
    process: Child,
    /// The id of one.
    first: u32,
}

impl Living {
    fn start(python: &Path, directory: &Path, processes: usize) -> Self {
        let mut command = Command::new(python);
        command.arg(script("multiproc_processes.py")).arg(directory).arg(processes.to_string());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("cannot start Python");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("no output")).read_line(&mut line).expect("Python has gone");
        let first = line.split_whitespace().nth(1).expect("no process").parse().expect("no process id");
        Self { process, first }
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        // It ends its processes when its input does.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Copies the files of a process under other ids until there are so many.
fn add_dead(directory: &Path, process: u32, files: usize) {
    let ending = format!("_{process}.db");
    let listed: Vec<String> =
        fs::read_dir(directory).expect("no directory").flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let own: Vec<(&str, Vec<u8>)> = listed
        .iter()
        .filter_map(|name| name.strip_suffix(&ending))
        .map(|prefix| (prefix, fs::read(directory.join(format!("{prefix}{ending}"))).expect("a file has gone")))
        .collect();
    assert_eq!(own.len(), FILES_EACH, "files of a process");
    for number in 0..files - listed.len() {
        let (prefix, bytes) = &own[number % own.len()];
        let name = format!("{prefix}_{}.db", FIRST_DEAD + number / own.len());
        fs::write(directory.join(name), bytes).expect("cannot write a file");
    }
}

/// The shortest time of the client's own collector.
fn collect(python: &Path, directory: &Path) -> Duration {
    let output =
        Command::new(python).arg(script("multiproc_collect.py")).arg(directory).arg(TURNS).output().expect("cannot start Python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Duration::from_secs_f64(String::from_utf8_lossy(&output.stdout).trim().parse().expect("not a number"))
}
