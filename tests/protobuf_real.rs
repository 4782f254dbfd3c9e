//! A real Prometheus with native histograms switched on, the program, and an exporter that has them: what the exporter observed is what
//! Prometheus answers questions about.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]

mod support;

use onescrape::encode::{Escaping, Format, Rendered, encode};
use onescrape::model::{Exemplar, Family, MetricType, NativeHistogram, NativeSample, Role, Sample};
use std::borrow::Cow;
use support::fake_worker::{Answer, FakeWorker};
use support::prometheus::Prometheus;
use support::proxy::Proxy;
use support::{expect, wait_for};

const PROTOBUF: &str = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
/// What makes this Prometheus ask for protobuf.
const WITH_NATIVES: &str = "--enable-feature=native-histograms";

/// An exporter's answer after `rounds` rounds of eight observations: four in (0.5, 1], three in (1, 2], one in (4, 8].
fn exposition(rounds: u32) -> Answer {
    let times = |n: f64| n * f64::from(rounds);
    let histogram = |zero_count: f64| NativeHistogram {
        schema: 0,
        zero_threshold: 1e-128,
        zero_count,
        count: times(8.0) + zero_count,
        sum: times(14.5),
        positive: vec![(0, times(4.0)), (1, times(3.0)), (3, times(1.0))],
        ..Default::default()
    };
    let labels = |path: &'static str| vec![("path".into(), path.into())];
    let mut latency = Family::new("latency_seconds", MetricType::Histogram, "How long it took.");
    for (path, zero_count) in [("/native", 0.0), ("/both", times(1.0))] {
        latency.natives.push(NativeSample {
            labels: labels(path),
            timestamp: None,
            histogram: Cow::Owned(histogram(zero_count)),
            exemplars: vec![Exemplar { labels: vec![("trace_id".into(), "1".into())], value: 0.75, timestamp: Some(1.7e9) }],
        });
    }
    let sample = |labels, role, value| Sample { role, labels, value, timestamp: None, exemplar: None };
    let buckets = [(Role::Bucket(1.0), times(5.0)), (Role::Bucket(f64::INFINITY), times(9.0)), (Role::Count, times(9.0))];
    latency.samples.extend(buckets.map(|(role, value)| sample(labels("/both"), role, value)));
    latency.samples.push(sample(labels("/both"), Role::Created, 1.6e9));
    let mut jobs = Family::new("jobs_total", MetricType::Counter, "Jobs done.");
    jobs.samples = vec![sample(Vec::new(), Role::Value, times(8.0)), sample(Vec::new(), Role::Created, 1.6e9)];
    let mut classic = Family::new("size_bytes", MetricType::Histogram, "");
    let buckets = [(Role::Bucket(10.0), times(2.0)), (Role::Bucket(f64::INFINITY), times(3.0)), (Role::Count, times(3.0))];
    classic.samples.extend(buckets.map(|(role, value)| sample(Vec::new(), role, value)));
    let mut body = Vec::new();
    encode(&Rendered::new(vec![latency, jobs, classic]).views(), Format::Protobuf(Escaping::AllowUtf8), &mut body);
    Answer::ok_bytes(PROTOBUF, &body)
}

#[test]
fn prometheus_answers_questions_about_native_histograms() {
    let exporter = FakeWorker::answering(exposition(1));
    let proxy = Proxy::start(&[format!("--exporter=app=http://{}/metrics", exporter.id())]);
    let asked = exporter.requests().remove(0).to_ascii_lowercase();
    assert!(asked.contains("accept: application/vnd.google.protobuf;"), "{asked}");
    // Whoever can't read natives gets what is classic, and nothing else.
    let text = proxy.scrape();
    assert_eq!(text.value("latency_seconds_count{path=\"/both\"}"), Some(9.0));
    assert_eq!(text.value("latency_seconds_count{path=\"/native\"}"), None);

    let dir = tempfile::tempdir().unwrap();
    let prometheus = Prometheus::start_with(&[("onescrape", proxy.address())], dir.path(), &[WITH_NATIVES]);
    for rounds in [1, 5] {
        exporter.set(exposition(rounds));
        let times = |n: f64| n * f64::from(rounds);
        wait_for("what the exporter says now", || {
            for (expression, want) in [
                ("histogram_count(latency_seconds{path=\"/native\"})", times(8.0)),
                ("histogram_count(latency_seconds{path=\"/both\"})", times(9.0)),
                ("histogram_sum(latency_seconds{path=\"/native\"})", times(14.5)),
                // Half of the observations end where the bucket does.
                ("histogram_quantile(0.5, latency_seconds{path=\"/native\"})", 1.0),
                ("histogram_quantile(1, latency_seconds{path=\"/native\"})", 8.0),
                ("histogram_fraction(0.5, 2, latency_seconds{path=\"/native\"})", 7.0 / 8.0),
                ("jobs_total", times(8.0)),
                ("size_bytes_bucket{le=\"10.0\"}", times(2.0)),
                ("size_bytes_bucket{le=\"+Inf\"}", times(3.0)),
                ("size_bytes_count", times(3.0)),
                ("up", 1.0),
            ] {
                let is = prometheus.value(expression)?;
                expect(is == want, || format!("{expression} is {is}, not {want}"))?;
            }
            Ok(())
        });
    }
    assert_eq!(prometheus.value("min_over_time(up[1h])"), Ok(1.0), "every answer could be read");
    let asked = prometheus.value("sum(onescrape_http_requests_total{format=\"protobuf\",code=\"200\"}) > 0");
    assert!(asked.is_ok(), "{asked:?}: Prometheus was answered in protobuf");
}
