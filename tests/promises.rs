//! `docs/promises.md` names tests that there are, and every test of the fault suite.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what is wrong by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PAGE: &str = "docs/promises.md";
/// Where every test must be named there.
const FAULTS: &str = "tests/faults";

/// File and name of a test.
type Test = (String, String);

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    fs::read_to_string(repository().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Links of the form ``[`name`](../file)``.
fn named(page: &str) -> BTreeSet<Test> {
    let links = page.split("[`").skip(1).filter_map(|rest| rest.split_once("`](../"));
    links.filter_map(|(name, rest)| Some((rest.split_once(')')?.0.to_string(), name.to_string()))).collect()
}

/// The names of functions that stand under `#[test]`.
fn tests(source: &str) -> BTreeSet<String> {
    let marked = source.split("#[test]").skip(1).chain(source.split("proptest! {").skip(1));
    marked.flat_map(|rest| rest.split("fn ").skip(1)).filter_map(|rest| Some(rest.split_once('(')?.0.trim().to_string())).collect()
}

#[test]
fn every_test_that_is_named_is_there() {
    let named = named(&read(PAGE));
    assert!(named.len() > 30, "{named:?}");
    for (file, name) in named {
        assert!(tests(&read(&file)).contains(&name), "{PAGE} names {name}, which isn't in {file}");
    }
}

#[test]
fn every_row_names_a_test() {
    for row in read(PAGE).lines().filter(|line| line.starts_with("| ") && !line.starts_with("| fault")) {
        let last = row.trim_end_matches('|').rsplit('|').next().unwrap();
        assert!(!named(last).is_empty(), "no test for {row}");
    }
}

#[test]
fn no_test_of_the_fault_suite_is_missing() {
    let named = named(&read(PAGE));
    for entry in fs::read_dir(repository().join(FAULTS)).unwrap() {
        let file = format!("{FAULTS}/{}", entry.unwrap().file_name().into_string().unwrap());
        let source = read(&file);
        // The first function after each mark.
        for name in source.split("#[test]\nfn ").skip(1).filter_map(|rest| rest.split('(').next()) {
            assert!(named.contains(&(file.clone(), name.to_string())), "{PAGE} doesn't name {name} of {file}");
        }
    }
}
