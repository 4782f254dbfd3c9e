//! Scripts that cannot run here are at least read by a real grammar; those that can are run by the tests of their stack.

use crate::model::deploy;
use crate::support::{installed, repository};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Every file of that kind below a directory.
fn below(dir: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            below(&path, ending, found);
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
}

fn all(dirs: &[&str], endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for dir in dirs {
        for ending in endings {
            below(&deploy(dir), ending, &mut found);
        }
    }
    assert!(!found.is_empty(), "no {endings:?} in {dirs:?}");
    found
}

fn parse(files: &[PathBuf]) -> Output {
    let script = repository().join("tests/stack/parse_scripts.py");
    Command::new(installed("python")).arg(script).args(files).output().unwrap()
}

#[test]
fn powershell_and_k6_scripts_parse() {
    let output = parse(&all(&["wsl2", "docker-compose"], &["ps1", "js"]));
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

#[test]
fn broken_scripts_do_not_parse() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("a.ps1", "if ($x -eq 1 { Write-Output $x }\n"), ("b.js", "export default function () { return ) }\n")] {
        let file = dir.path().join(name);
        std::fs::write(&file, text).unwrap();
        let output = parse(&[file]);
        assert_eq!(output.status.code(), Some(1), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains(":1: "), "{name}: no line is told");
    }
}

#[test]
fn shell_scripts_parse() {
    for file in all(&["wsl2", "docker-compose"], &["sh"]) {
        let output = Command::new("bash").arg("-n").arg(&file).output().unwrap();
        assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    }
}
