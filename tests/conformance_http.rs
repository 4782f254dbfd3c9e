//! Every merge case through the program itself, over HTTP: fake workers on real sockets, a proxy for each case.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]

mod support;

use std::path::Path;
use std::process::Command;
use support::case::Case;
use support::compare::{Invariants, differences};
use support::exposition::parse;
use support::proxy::Proxy;

/// Cases that take what the program doesn't have yet. One that begins to be possible must leave this list: it is compared as a whole.
const NOT_RUN: [&str; 0] = [];
/// What those cases say they need.
const NOT_THERE: [&str; 2] = ["retire", "state"];

#[test]
fn merge_cases() {
    let cases = Case::read_all(&support::repository().join("tests/conformance/merge"));
    let is_run = |case: &&Case| !case.spec.needs.iter().any(|need| NOT_THERE.contains(&need.as_str()));
    let not_run: Vec<_> = cases.iter().filter(|case| !is_run(case)).map(|case| case.name.as_str()).collect();
    assert_eq!(not_run, NOT_RUN);

    let answers = tempfile::tempdir().unwrap();
    let mut failures = Vec::new();
    for case in cases.iter().filter(is_run) {
        let found = run(case, answers.path());
        eprintln!("{} {}: {}", if found.is_empty() { "ok    " } else { "FAILED" }, case.name, case.spec.title);
        failures.extend(found);
    }
    failures.extend(refused_by_prometheus_client(answers.path()));
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// Runs one case; keeps its answers for the check at the end; gives everything that is wrong.
fn run(case: &Case, answers: &Path) -> Vec<String> {
    let mut workers = case.workers();
    let mut expected = case.begin(0, &mut workers);
    let proxy = Proxy::with_config(&case.config(&workers));
    let headers = case.headers();
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let compared = case.compared(&workers);
    let mut invariants = Invariants::default();
    let mut found = Vec::new();
    for step in 0..case.steps() {
        if step > 0 {
            case.say_last_words(step, &workers, &proxy);
            expected = case.begin(step, &mut workers);
            proxy.wait_new_round();
        }
        let response = proxy.get_with("/metrics", &headers);
        let mut wrong = Vec::new();
        let content_type = response.header("content-type").unwrap_or("none");
        if response.status != 200 || !content_type.starts_with(case.spec.accept.content_type()) {
            wrong.push(format!("status {}, Content-Type {content_type}", response.status));
        } else {
            let file = answers.join(format!("{}-{}.{}", case.name, step + 1, case.spec.accept.ending()));
            std::fs::write(file, &response.body).expect("cannot keep an answer");
            match parse(response.text()) {
                Ok(answer) => {
                    let wanted = parse(&expected).unwrap_or_else(|error| panic!("{}, expected: {error}", case.name));
                    wrong.extend(differences(&answer, &wanted, &compared));
                    wrong.extend(invariants.breaches(&answer));
                }
                Err(why) => wrong.push(why),
            }
        }
        found.extend(wrong.iter().map(|what| format!("{} step {}: {what}", case.name, step + 1)));
    }
    found
}

/// Has prometheus_client's own parsers read all answers, in one process.
fn refused_by_prometheus_client(answers: &Path) -> Option<String> {
    let script = support::repository().join("tests/stack/parse_expositions.py");
    let output = Command::new(support::installed("python")).arg(script).arg(answers).output().expect("cannot start python");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    eprintln!("prometheus_client: {said}");
    (!output.status.success()).then(|| format!("prometheus_client: {said}"))
}
