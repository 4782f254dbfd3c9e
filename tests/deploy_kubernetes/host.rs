//! The unit for hosts, and the Debian package's list of files.

use crate::documents::{deploy, run};
use crate::support::proxy::command;
use crate::support::repository;
use std::fs;
use std::process::Command;
use tempfile::TempDir;
use toml::Table;

/// Ten times the exposure that `systemd-analyze security` may find at most: 2.0 is "OK", as is what no longer needs root.
const EXPOSURE_MAX: &str = "20";

/// The units, with the program where it is here: systemd looks for it where packages put it.
fn units() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let unit = fs::read_to_string(deploy("systemd/onescrape.service")).unwrap();
    let here = unit.replace("ExecStart=onescrape ", concat!("ExecStart=", env!("CARGO_BIN_EXE_onescrape"), " "));
    assert_ne!(here, unit);
    fs::write(dir.path().join("onescrape.service"), here).unwrap();
    fs::copy(deploy("systemd/onescrape.socket"), dir.path().join("onescrape.socket")).unwrap();
    dir
}

fn analyze(arguments: &[&str], dir: &TempDir) -> Result<String, String> {
    run(Command::new("systemd-analyze").args(arguments).current_dir(dir.path()), "")
}

#[test]
fn systemd_understands_the_units() {
    let dir = units();
    let verify = ["verify", "--man=no", "--recursive-errors=one", "./onescrape.service", "./onescrape.socket"];
    analyze(&verify, &dir).unwrap();
    let unit = dir.path().join("onescrape.service");
    fs::write(&unit, fs::read_to_string(&unit).unwrap().replace("serve", "serve\nExecStart=/nowhere")).unwrap();
    analyze(&verify, &dir).expect_err("a mistake is found");
}

#[test]
fn the_unit_is_locked_up() {
    let dir = units();
    analyze(&["security", "--offline=yes", "--threshold", EXPOSURE_MAX, "./onescrape.service"], &dir).unwrap();
}

/// Every line of the variables' file, uncommented, is one the program takes.
#[test]
fn its_variables_are_the_program_s() {
    let file = fs::read_to_string(deploy("systemd/onescrape.default")).unwrap();
    let lines = file.lines().filter_map(|line| line.strip_prefix('#')?.split_once('='));
    let variables: Vec<_> = lines.filter(|(name, _)| name.starts_with("ONESCRAPE_")).collect();
    assert_eq!(variables.len(), 6, "{variables:?}");
    // The configuration file stands in place of the sources.
    let (files, plain): (Vec<_>, Vec<_>) = variables.into_iter().partition(|(name, _)| *name == "ONESCRAPE_CONFIG_FILE");
    let shown = run(command().args(["config", "show"]).envs(plain.iter().copied()), "").unwrap();
    for (name, value) in plain {
        // A range is shown port by port, an address without its scheme or with it.
        let address = value.split_once("//").map_or(value, |(_, address)| address);
        assert!(shown.contains(address.split_once('-').map_or(address, |(first, _)| first)), "{name} came to nothing: {shown}");
    }
    assert_eq!(files.len(), 1);
    let told = run(command().args(["config", "check"]).envs(files), "").unwrap_err();
    assert!(told.contains("/etc/onescrape.yml"), "{told}");
}

/// `cargo deb` takes files that are there, and what an administrator edits survives an upgrade.
#[test]
fn the_package_has_what_it_lists() {
    let manifest: Table = fs::read_to_string(repository().join("Cargo.toml")).unwrap().parse().unwrap();
    let deb = &manifest["package"]["metadata"]["deb"];
    let text = |value: &toml::Value| value.as_str().unwrap().to_string();
    let assets = deb["assets"].as_array().unwrap();
    for asset in assets {
        let source = text(&asset[0]);
        assert!(source.starts_with("target/release/") || repository().join(&source).is_file(), "{source}");
    }
    let installed: Vec<_> = assets.iter().map(|asset| format!("/{}", text(&asset[1]))).collect();
    let kept = deb["conf-files"].as_array().unwrap();
    for file in installed.iter().filter(|file| file.starts_with("/etc/")) {
        assert!(kept.iter().any(|kept| text(kept) == *file), "{file} is overwritten by an upgrade");
    }
}
