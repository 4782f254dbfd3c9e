//! The tests' own tools checked by themselves: a comparison that can't fail would prove nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]

mod support;

use std::io::ErrorKind;
use support::case::Case;
use support::compare::{Compared, Invariants, differences};
use support::exposition::parse;
use support::fake_worker::{Answer, FakeWorker};
use support::http;

/// Every case's expected answers are well formed, keep the rules for every answer, and equal themselves.
#[test]
fn the_cases_expect_what_is_possible() {
    let cases = Case::read_all(&support::repository().join("tests/conformance/merge"));
    assert!(cases.len() >= 40, "only {} cases", cases.len());
    for case in &cases {
        let mut workers = case.workers();
        let mut invariants = Invariants::default();
        for step in 0..case.steps() {
            let text = case.begin(step, &mut workers);
            assert!(!text.contains('@'), "{}: something wasn't filled in: {text}", case.name);
            let expected = parse(&text).unwrap_or_else(|error| panic!("{}: {error}", case.name));
            assert_eq!(differences(&expected, &expected, &case.compared(&workers)), [] as [&str; 0], "{}", case.name);
            assert_eq!(invariants.breaches(&expected), [] as [&str; 0], "{}", case.name);
        }
        case.config(&workers);
    }
}

#[test]
fn differences_are_found() {
    let expected = "# HELP c_total Help.\n# TYPE c_total counter\nc_total{a=\"x\"} 3 # {t=\"1\"} 1\n# TYPE g gauge\ng NaN\n";
    let all = Compared { help: true, exemplars: true, no_timestamps: true, ignored: vec!["i_*".into()], absent: vec!["h".into()] };
    let found = |from: &str, to: &str| {
        let answer = parse(&expected.replace(from, to)).unwrap();
        differences(&answer, &parse(expected).unwrap(), &all).len()
    };
    assert_eq!(found("", ""), 0);
    assert_eq!(found("g NaN", "g NaN\ni_1 4\nonescrape_x 1\nc_created 1"), 0);
    assert_eq!(found("{a=\"x\"} 3", "{a=\"x\"} 3.0000000000000001"), 0);
    assert_eq!(found("# TYPE c_total", "# TYPE c"), 1, "the help's family is another then");
    for (from, to) in [
        ("{a=\"x\"} 3", "{a=\"x\"} 4"),
        ("{a=\"x\"} 3", "{a=\"x\"} 3 1700000000000"),
        ("g NaN", "g 1"),
        ("g NaN", "g NaN\nj 1"),
        ("g NaN", "g NaN\nh{b=\"c\"} 1"),
        ("Help.", "Held."),
        ("g gauge", "g counter"),
        ("{t=\"1\"} 1", "{t=\"1\"} 2"),
    ] {
        assert_ne!(found(from, to), 0, "{from} -> {to}");
    }
    assert_eq!(found("c_total{a=\"x\"}", "c_total{a=\"x\",b=\"\"}"), 0, "an empty label is none");
}

#[test]
fn breaches_are_found() {
    let histogram = |buckets: &str| format!("# TYPE h histogram\n{buckets}h_sum 1\nh_count 5\n");
    let breaches = |texts: &[&str]| {
        let mut invariants = Invariants::default();
        texts.iter().map(|text| invariants.breaches(&parse(text).unwrap()).len()).collect::<Vec<_>>()
    };
    assert_eq!(breaches(&[&histogram("h_bucket{le=\"1\"} 3\nh_bucket{le=\"+Inf\"} 5\n")]), [0]);
    assert_eq!(breaches(&[&histogram("h_bucket{le=\"1\"} 6\nh_bucket{le=\"+Inf\"} 5\n")]), [1], "not cumulative");
    assert_eq!(breaches(&[&histogram("h_bucket{le=\"1\"} 3\n")]), [1], "no +Inf");
    assert_eq!(breaches(&[&histogram("h_bucket{le=\"+Inf\"} 4\n")]), [1], "+Inf isn't the count");
    assert_eq!(breaches(&["# TYPE c_total counter\nc_total 2\n", "# TYPE c_total counter\nc_total 1\n"]), [0, 1]);
    assert_eq!(breaches(&["# TYPE c counter\nc_total 2\n", "# TYPE c counter\nc_total 1\n"]), [0, 1]);
    assert_eq!(breaches(&["# TYPE g gauge\ng 2\n", "# TYPE g gauge\ng 1\n"]), [0, 0]);
    assert_eq!(breaches(&["# TYPE g gauge\n"]), [1], "a family without samples");
}

#[test]
fn a_malformed_exposition_is_refused() {
    for bad in ["a 1", "a\n", "a b\n", "a{b=c} 1\n", "a{b=\"c} 1\n", "a{b=\"c\",b=\"d\"} 1\n", "a 1\na 2\n", "a 1 2 3\n"] {
        assert!(parse(bad).is_err(), "{bad:?}");
    }
    assert!(parse("# TYPE a gauge\n# TYPE a gauge\na 1\n").is_err());
    assert!(parse("a_bucket{le=\"1\"} 1\na_bucket{le=\"1.0\"} 1\n").is_err(), "one bound in two spellings");
    let good = parse("a{b=\"x\\\"\\\\\\n,}\"} 1e3 5 # {t=\"u\"} 2 3\n").unwrap();
    assert_eq!(good.value("a{b=\"x\\\"\\\\\\n,}\"}"), Some(1000.0));
}

#[test]
fn a_fake_worker_goes_and_comes_back() {
    let mut worker = FakeWorker::answering(Answer::text("a 1\n"));
    for _ in 0..3 {
        assert_eq!(http::get(worker.address(), "/", &[]).unwrap().text(), "a 1\n");
        worker.down();
        assert_eq!(http::get(worker.address(), "/", &[]).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        worker.up();
    }
    assert_eq!(worker.scrapes(), 3);
    worker.set(Answer::cut("a 1\n"));
    assert_eq!(http::get(worker.address(), "/", &[]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
}
