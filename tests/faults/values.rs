//! Bodies that are whole, and say what can't be: the samples in question are left out and counted, the rest is taken.

use crate::support::exposition::Exposition;
use crate::support::fake_worker::{Answer, FakeWorker, OPENMETRICS};
use crate::support::proxy::Proxy;
use crate::{exposition, slots, worker};

/// What a worker says: of `c` whatever it likes, and a good counter after it.
fn says(c: &str, d: u32) -> Answer {
    Answer::text(&format!("{c}# TYPE d_total counter\nd_total {d}\n"))
}

fn counted(c: u32) -> String {
    format!("# TYPE c_total counter\nc_total {c}\n")
}

fn histogram(buckets: [&str; 2]) -> String {
    let [low, all] = buckets;
    format!("# TYPE h histogram\nh_bucket{{le=\"1\"}} {low}\nh_bucket{{le=\"+Inf\"}} {all}\nh_count {all}\nh_sum 5\n")
}

fn totals(answer: &Exposition) -> [Option<f64>; 2] {
    ["c_total", "d_total"].map(|name| answer.value(name))
}

fn dropped(answer: &Exposition, reason: &str) -> f64 {
    answer.sum(&format!("onescrape_samples_dropped_total{{reason=\"{reason}\"}}"))
}

#[test]
fn no_value_of_a_counter_costs_its_sample_only() {
    for (bad, reason) in [
        ("# TYPE c_total counter\nc_total NaN\n", "not_finite"),
        ("# TYPE c_total counter\nc_total +Inf\n", "not_finite"),
        ("# TYPE c_total counter\nc_total -5\n", "negative"),
        ("# TYPE c_total gauge\nc_total 9000\n", "type_conflict"),
        ("# TYPE c_total counter\nc_total 4\nc_total 9000\n", "duplicate"),
    ] {
        let [good, odd] = [3, 4].map(|n| FakeWorker::answering(says(&counted(n), 10 * n)));
        let proxy = Proxy::of(&[&good, &odd]);
        assert_eq!(totals(&proxy.scrape()), [Some(7.0), Some(70.0)], "{bad}");
        odd.set(says(bad, 41));
        let answer = proxy.scrape();
        assert_eq!(totals(&answer), [Some(7.0), Some(71.0)], "{bad}: carried, and the rest is taken");
        assert_eq!(slots(&answer, "up"), 2.0, "{bad}");
        assert!(dropped(&answer, reason) >= 1.0, "{bad}: {reason}");
        odd.set(says(&counted(6), 42));
        assert_eq!(totals(&proxy.scrape()), [Some(9.0), Some(72.0)], "{bad}: it goes on where it was");
    }
}

/// Another type with every scrape of one worker: what was first stays, as long as another holds it, and no total falls.
#[test]
fn types_that_change_with_every_scrape() {
    let [good, odd] = [3, 4].map(|n| FakeWorker::answering(says(&counted(n), 10 * n)));
    let proxy = Proxy::of(&[&good, &odd]);
    let mut before = proxy.scrape();
    for (round, (kind, c)) in [
        ("gauge", "c_total 9"),
        ("counter", "c_total 5"),
        ("untyped", "c_total 6"),
        ("summary", "c_total{quantile=\"0.5\"} 9"),
        ("counter", "c_total 7"),
        ("histogram", "c_total_bucket{le=\"+Inf\"} 9"),
        ("counter", "c_total 8"),
    ]
    .into_iter()
    .enumerate()
    {
        let d = 41 + round as u32;
        odd.set(says(&format!("# TYPE c_total {kind}\n{c}\n"), d));
        let answer = proxy.scrape();
        assert_eq!(answer.types["c_total"], "counter", "{kind}");
        assert_eq!(answer.value("d_total"), Some(f64::from(30 + d)), "{kind}: the rest is taken");
        assert!(answer.value("c_total") >= before.value("c_total"), "{kind}: a total fell");
        before = answer;
    }
    assert_eq!(before.value("c_total"), Some(11.0));
    assert!(dropped(&before, "type_conflict") >= 1.0);
}

#[test]
fn histograms_that_cannot_be() {
    for bad in [["5", "3"], ["NaN", "3"], ["-1", "9"]] {
        let [good, odd] = [3, 4].map(|n| FakeWorker::answering(says(&histogram(["1", "2"]), n)));
        let proxy = Proxy::of(&[&good, &odd]);
        assert_eq!(proxy.scrape().value("h_count"), Some(4.0));
        odd.set(says(&histogram(bad), 5));
        let answer = proxy.scrape();
        let buckets = [1.0, f64::INFINITY].map(|le| answer.value(&format!("h_bucket{{le=\"{le}\"}}")));
        assert_eq!((buckets, answer.value("h_count")), ([Some(2.0), Some(4.0)], Some(4.0)), "{bad:?}: carried whole");
        assert_eq!(answer.value("d_total"), Some(8.0), "{bad:?}");
        let told = answer.sum("onescrape_histogram_repairs_total") + dropped(&answer, "not_finite") + dropped(&answer, "negative");
        assert!(told >= 1.0, "{bad:?}");
        odd.set(says(&histogram(["2", "5"]), 6));
        assert_eq!(proxy.scrape().value("h_count"), Some(7.0), "{bad:?}");
    }
}

#[test]
fn a_wrong_content_type_is_no_fault_where_the_body_is_good() {
    let body = "# TYPE c_total counter\nc_total 4\n";
    for content_type in ["text/html", "application/json", "application/octet-stream", "", "\u{1f600}", "text/plain; version=99"] {
        let (good, odd) = (worker(3), FakeWorker::answering(Answer::ok(content_type, body)));
        let proxy = Proxy::of(&[&good, &odd]);
        assert_eq!(proxy.scrape().value("c_total"), Some(7.0), "{content_type:?}: {}", proxy.log());
    }
    let (good, odd) = (worker(3), FakeWorker::answering(Answer::Bytes(format!("HTTP/1.0 200 OK\r\n\r\n{body}").into_bytes())));
    assert_eq!(Proxy::of(&[&good, &odd]).scrape().value("c_total"), Some(7.0), "none at all");
    // One that promises an end which the body hasn't.
    let proxy = Proxy::of(&[&good, &odd]);
    assert_eq!(proxy.scrape().value("c_total"), Some(7.0));
    odd.set(Answer::ok(OPENMETRICS, &body.replace('4', "5")));
    let answer = proxy.scrape();
    assert_eq!((answer.value("c_total"), slots(&answer, "down")), (Some(7.0), 1.0));
    odd.set(exposition(6));
    assert_eq!(proxy.scrape().value("c_total"), Some(9.0));
}
