//! What is under deploy/, by the tools it is for: promtool, amtool, and Prometheus and Alertmanager over the real stack.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]

mod alertmanager;
mod dashboards;
mod live;
mod rules;
#[path = "../support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::process::Command;

/// A file or folder under deploy/.
fn deploy(path: &str) -> PathBuf {
    support::repository().join("deploy").join(path)
}

/// The files of a folder under deploy/ that end so, in order.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(deploy(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    files.sort();
    assert!(!files.is_empty(), "nothing in {folder}");
    files
}

/// Runs a tool to its end, which must be a good one; gives what it wrote.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{said}\n{complained}", output.status);
    said.into_owned()
}
