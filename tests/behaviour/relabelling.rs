//! Static labels and `metric_relabel_configs`, as a user configures them.

use crate::support::expect;
use crate::support::fake_worker::{Answer, FakeWorker};
use crate::support::proxy::Proxy;

fn body(start: u32, requests: u32, pid: u32) -> Answer {
    Answer::text(&format!(
        "# HELP http_total Requests.\n# TYPE http_total counter\nhttp_total{{pid=\"{pid}\",view=\"a\"}} {requests}\n\
         # TYPE gc_total counter\ngc_total 9\n\
         # TYPE h histogram\nh_bucket{{le=\"1\"}} 1\nh_bucket{{le=\"5\"}} 2\nh_bucket{{le=\"+Inf\"}} 3\nh_count 3\nh_sum 7\n\
         # TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {start}\n"
    ))
}

const RULES: &str = r#"
    labels: {app: shop}
    metric_relabel_configs:
      - {source_labels: [__name__], regex: "gc_.*|process_.*", action: drop}
      - {source_labels: [__name__, le], regex: "h_bucket;5.0", action: drop}
      - {regex: pid, action: labeldrop}
      - {source_labels: [view], regex: "(.*)", target_label: page, replacement: "/${1}"}
      - {regex: view, action: labeldrop}
      - {source_labels: [__name__], regex: "h(_.*)", target_label: __name__, replacement: "latency$1"}
"#;

#[test]
fn workers_are_merged_by_what_the_rules_leave_and_recycled_by_what_they_drop() {
    let (one, two) = (FakeWorker::answering(body(1_700_000_000, 10, 1)), FakeWorker::answering(body(1_700_000_000, 100, 2)));
    let targets = [one.id(), two.id()].join("\", \"");
    let proxy = Proxy::with_config(&format!("sources:\n  - name: django\n    kind: workers\n    targets: [\"{targets}\"]{RULES}"));
    let answer = proxy.scrape();
    assert_eq!(answer.value(r#"http_total{app="shop",page="/a"}"#), Some(110.0));
    assert_eq!(answer.value(r#"latency_count{app="shop"}"#), Some(6.0));
    assert_eq!(answer.select("latency_bucket").len(), 2);
    for gone in ["gc_total", "process_start_time_seconds", "h_count"] {
        assert!(answer.select(gone).is_empty(), "{gone}");
    }
    assert_eq!(answer.value(r#"onescrape_samples_dropped_total{reason="relabel_collision",source="django"}"#), Some(0.0));
    // The new process has overtaken the old one's count: only its start time, which no series shows, says that it is another.
    one.set(body(1_700_000_500, 15, 3));
    proxy.wait_scrape("the new process", |answer| {
        let got = answer.value(r#"http_total{app="shop",page="/a"}"#);
        expect(got == Some(125.0), || format!("{got:?}"))
    });
}

#[test]
fn children_that_fall_together_are_counted_and_never_added_up() {
    let worker = FakeWorker::answering(Answer::text("# TYPE c_total counter\nc_total{v=\"1\"} 5\nc_total{v=\"2\"} 7\n"));
    let rules = "metric_relabel_configs: [{regex: v, action: labeldrop}]";
    let proxy = Proxy::with_config(&format!(
        "sources:\n  - name: django\n    kind: workers\n    targets: [\"{}\"]\n    {rules}\n",
        worker.id()
    ));
    let answer = proxy.scrape();
    assert_eq!(answer.value("c_total"), Some(5.0));
    let dropped = |answer: &crate::support::exposition::Exposition| {
        answer.value(r#"onescrape_samples_dropped_total{reason="relabel_collision",source="django"}"#).unwrap_or_default()
    };
    let before = dropped(&answer);
    assert!(before >= 1.0);
    assert!(dropped(&proxy.scrape()) > before);
}

#[test]
fn other_kinds_take_the_same_rules() {
    let exporter = FakeWorker::answering(Answer::text("# TYPE pg_up gauge\npg_up{db=\"A\"} 1\npg_secret{db=\"A\"} 1\n"));
    let proxy = Proxy::with_config(&format!(
        "sources:\n  - name: pg\n    kind: exporter\n    targets: [\"http://{}/metrics\"]\n    labels: {{team: db}}\n    \
         metric_relabel_configs:\n    - {{source_labels: [__name__], regex: pg_secret, action: drop}}\n    \
         - {{source_labels: [db], target_label: db, action: lowercase}}\n",
        exporter.id()
    ));
    let answer = proxy.scrape();
    assert_eq!(answer.value(r#"pg_up{db="a",team="db"}"#), Some(1.0));
    assert!(answer.select("pg_secret").is_empty());
}
