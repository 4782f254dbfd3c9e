//! The order of functions in the program file (`src/link/used.ld`) is of this program, not of one of long ago.

use std::process::Command;

/// Of the program's own functions that are named there, this share may be missing: the program of the tests is optimised otherwise.
const MISSING_MAX: f64 = 0.2;
/// Fewer were never named.
const LISTED_MIN: f64 = 100.0;

#[test]
fn the_functions_that_lie_together_exist() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/link/used.py");
    let output = Command::new("python3").args([script, "--missing", env!("CARGO_BIN_EXE_onescrape")]).output().expect("python3");
    let said = String::from_utf8(output.stdout).expect("text");
    let counts = said.lines().next().and_then(|line| line.split_once(" of ")).expect("how many of how many");
    let (missing, listed): (f64, f64) = (counts.0.parse().unwrap(), counts.1.parse().unwrap());
    assert!(listed >= LISTED_MIN, "only {listed} names: run `make layout`");
    assert!(missing <= MISSING_MAX * listed, "run `make layout`: gone are {said}");
}
