//! Formats asked of targets, read from them, and answered in.

use crate::support::fake_worker::{Answer, FakeWorker, OPENMETRICS};
use crate::support::proxy::Proxy;

const PROTOBUF: &str = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// A counter `c_total` of 3: one family behind its length, one metric.
const COUNTER: &[u8] = b"\x18\x0a\x07c_total\x18\x00\x22\x0b\x1a\x09\x09\0\0\0\0\0\0\x08\x40";

/// What the target was asked for first.
fn accept(target: &FakeWorker) -> String {
    let head = target.requests().remove(0).to_ascii_lowercase();
    head.lines().find_map(|line| line.strip_prefix("accept: ")).unwrap_or_default().to_string()
}

#[test]
fn workers_that_answer_in_protobuf_are_merged_like_others() {
    let workers = [FakeWorker::answering(Answer::ok_bytes(PROTOBUF, COUNTER)), crate::worker(4)];
    let proxy = Proxy::of(&[&workers[0], &workers[1]]);
    assert_eq!(proxy.scrape().value("c_total"), Some(7.0));
    workers[0].set(Answer::ok_bytes(PROTOBUF, &COUNTER[..COUNTER.len() - 1]));
    let answer = proxy.scrape();
    assert_eq!(answer.value("c_total"), Some(7.0), "a worker whose answer is cut short is missed, not taken at part of it");
    let truncated =
        format!("onescrape_worker_scrapes_total{{source=\"workers\",worker=\"{}\",outcome=\"truncated\"}}", workers[0].id());
    assert!(answer.value(&truncated) >= Some(1.0), "{truncated}");
}

#[test]
fn a_source_is_asked_for_the_formats_of_its_kind_or_its_own() {
    let targets = [FakeWorker::start(), FakeWorker::start(), FakeWorker::start()];
    let _proxy = Proxy::with_config(&format!(
        "sources:\n  \
         - {{name: w, kind: workers, targets: [\"{}\"]}}\n  \
         - {{name: x, kind: exporter, targets: [\"http://{}/\"]}}\n  \
         - {{name: y, kind: exporter, targets: [\"http://{}/\"], scrape_protocols: [PrometheusText1.0.0, PrometheusText0.0.4]}}\n",
        targets[0].id(),
        targets[1].id(),
        targets[2].id()
    ));
    assert!(accept(&targets[0]).starts_with("application/openmetrics-text;version=1.0.0"), "{}", accept(&targets[0]));
    assert!(accept(&targets[1]).starts_with("application/vnd.google.protobuf;"), "{}", accept(&targets[1]));
    let own = "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.4";
    assert_eq!(accept(&targets[2]), own);
}

#[test]
fn times_of_creation_are_series_only_where_the_configuration_says_so() {
    let body = "# TYPE a counter\na_total{x=\"1\"} 1\na_created{x=\"1\"} 5\na_total{x=\"2\"} 2\na_created{x=\"2\"} 6\n# EOF\n";
    let exporter = FakeWorker::answering(Answer::ok(OPENMETRICS, body));
    for (created, want) in [("true", body), ("false", "# TYPE a counter\na_total{x=\"1\"} 1\na_total{x=\"2\"} 2\n# EOF\n")] {
        let proxy = Proxy::with_config(&format!(
            "sources: [{{name: x, kind: exporter, targets: [\"http://{}/\"]}}]\nweb: {{openmetrics_created: {created}}}\n",
            exporter.id()
        ));
        let answer = proxy.get_with("/metrics?name[]=a", &[("Accept", "application/openmetrics-text;version=1.0.0")]);
        assert_eq!(answer.text(), want);
        assert!(!proxy.get("/metrics").text().contains("_created"), "the text formats have none");
    }
}
