//! The book under docs/, and the README: its pages hang together, the references in it are what the program says of itself, and what
//! it shows to be typed or written is taken by the programs that it is for.
#![cfg(all(feature = "demo", feature = "manual", feature = "tools"))] // the book is that of the default features
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod blocks;
mod commands;
mod configuration;
mod flags;
mod page;
mod schema;
mod structure;

use std::fs;
use std::process::{Command, Output};
use support::repository;

/// Set to write what is generated anew, to be read before it is committed.
const REWRITE: &str = "REWRITE_EXPECTED";

/// The program, with nothing of the tests' own environment that it would read.
fn onescrape(arguments: &[impl AsRef<std::ffi::OsStr>]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onescrape"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ONESCRAPE_")) {
        command.env_remove(name);
    }
    command.args(arguments).output().expect("the program starts")
}

/// A page that is generated is as it would be generated now.
fn assert_generated(path: &str, text: &str) {
    let file = repository().join(path);
    if std::env::var_os(REWRITE).is_some() {
        fs::write(&file, text).unwrap();
    }
    let there = fs::read_to_string(&file).unwrap_or_default();
    let differs = there.lines().zip(text.lines()).find(|(there, now)| there != now);
    assert!(there == text, "{path} is not what it would be now; {REWRITE}=1 writes it. First difference: {differs:?}");
}
