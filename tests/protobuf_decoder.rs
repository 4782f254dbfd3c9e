//! What is written as protobuf, read by Google's own library (`stack/decode_protobuf.py`): the same series, exemplars, times of creation
//! and words as in text and OpenMetrics read by Python's client, and the native histograms that went in.
#![cfg(feature = "protobuf")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]

mod projection;
mod support;

use onescrape::encode::{Escaping, Format, Rendered, Style, encode};
use onescrape::model::{Exemplar, Family, NativeHistogram, NativeSample};
use onescrape::parse::{openmetrics, text};
use projection::owned;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::path::Path;
use std::process::Command;

/// Every type there is.
const EVERY_TYPE: &str = r#"# TYPE c_seconds counter
# UNIT c_seconds seconds
# HELP c_seconds A \"quoted\" \\ help\nof two lines.
c_seconds_total{x="y \"\\"} 3 # {trace_id="1"} 0.5 12345.25
c_seconds_created{x="y \"\\"} 1600000000.125
c_seconds_total{x="z"} 4.5 # {} 0.5
# TYPE g gauge
g -1.5
# TYPE h histogram
# HELP h Observed.
h_bucket{x="1",le="0.5"} 1 # {a="b",c="d"} 0.25
h_bucket{x="1",le="+Inf"} 2 # {} 9
h_count{x="1"} 2
h_sum{x="1"} 4.5
h_created{x="1"} 1
h_bucket{x="2",le="0.25"} 0
h_bucket{x="2",le="1e+06"} 1
h_bucket{x="2",le="+Inf"} 2
h_count{x="2"} 2
h_sum{x="2"} 1e+09
# TYPE gh gaugehistogram
gh_bucket{le="1.0"} 4
gh_bucket{le="+Inf"} 6
gh_gcount 6
gh_gsum 3.5
# TYPE s summary
s{quantile="0.5"} NaN
s_count 0
s_sum 0
s_created 2
# TYPE i info
i_info{v="1"} 1
# TYPE st stateset
st{st="off"} 0
st{st="on"} 1
# TYPE u unknown
u +Inf
u{x="日本"} 1e-300
# EOF
"#;

/// Captured answers of Go programs.
const CAPTURED: [&str; 2] = ["node", "prometheus"];

/// Native histograms of every shape: of a child that has classic buckets, too, and of children that are only native.
fn natives() -> Vec<(&'static str, NativeHistogram)> {
    let both_sides = NativeHistogram {
        schema: 3,
        zero_threshold: 0.001,
        zero_count: 2.0,
        count: 15.0,
        sum: -3.5,
        positive: vec![(-9, 1.0), (-8, 2.0), (-5, 3.0), (-1, 1.0)],
        negative: vec![(7, 3.0), (300, 3.0)],
        is_float: false,
    };
    let positive = vec![(-9, 1.5), (-8, 2.0), (-5, 3.0), (-1, 1.0)];
    let float = NativeHistogram { is_float: true, count: 15.5, positive, ..both_sides.clone() };
    let of_classic = NativeHistogram { schema: 0, count: 2.0, sum: 4.5, positive: vec![(-1, 1.0), (3, 1.0)], ..Default::default() };
    let coarse = NativeHistogram { schema: -4, ..both_sides.clone() };
    vec![("1", of_classic), ("both sides", both_sides), ("float", float), ("coarse", coarse), ("empty", NativeHistogram::default())]
}

fn with_natives() -> Vec<Family<'static>> {
    let mut families: Vec<_> = openmetrics(EVERY_TYPE.as_bytes()).unwrap().families.iter().map(owned).collect();
    let family = families.iter_mut().find(|family| family.name == "h").unwrap();
    family.natives.extend(natives().into_iter().map(|(x, histogram)| NativeSample {
        labels: vec![("x".into(), x.into())],
        timestamp: None,
        histogram: Cow::Owned(histogram),
        exemplars: vec![Exemplar { labels: Vec::new(), value: 0.5, timestamp: Some(1.5) }],
    }));
    families
}

fn write(dir: &Path, name: &str, families: Vec<Family<'static>>) {
    let rendered = Rendered::new(families);
    let escaping = Escaping::AllowUtf8;
    for (ending, format) in [
        ("text", Format::Text100(escaping)),
        ("openmetrics", Format::OpenMetrics100(escaping)),
        ("protobuf", Format::Protobuf(escaping)),
    ] {
        let mut body = Vec::new();
        encode(&rendered.views(), Style { format, openmetrics_created: true }, &mut body);
        std::fs::write(dir.join(format!("{name}.{ending}")), body).unwrap();
    }
}

#[test]
fn an_independent_decoder_reads_what_was_meant() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "every-type", with_natives());
    for name in CAPTURED {
        let file = support::repository().join(format!("tests/fixtures/exporters/{name}.prom"));
        let body = std::fs::read(file).unwrap();
        write(dir.path(), name, text(&body).unwrap().families.iter().map(owned).collect());
    }
    let script = support::repository().join("tests/stack/decode_protobuf.py");
    let output = Command::new(support::installed("python")).arg(script).arg(dir.path()).output().expect("cannot start python");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));

    let read: Value = serde_json::from_str(&said).unwrap();
    let buckets =
        |buckets: &[(i32, f64)]| buckets.iter().map(|(i, n)| (i.to_string(), json!(n))).collect::<serde_json::Map<_, _>>();
    let want: Vec<Value> = natives()
        .into_iter()
        .map(|(x, h)| {
            json!({
                "labels": {"x": x}, "schema": h.schema, "zero_threshold": h.zero_threshold, "zero_count": h.zero_count,
                "count": h.count, "sum": h.sum, "positive": buckets(&h.positive), "negative": buckets(&h.negative),
                "is_float": h.is_float, "exemplars": [1.5],
            })
        })
        .collect();
    let found = read["every-type"]["h"].as_array().unwrap();
    assert_eq!(found.len(), want.len());
    for (found, want) in found.iter().zip(&want) {
        assert_eq!(numbers_as_floats(found), numbers_as_floats(want));
    }
    assert_eq!(read.as_object().unwrap().len(), 1 + CAPTURED.len());
}

/// Python prints 2.0 where Rust has an integer, and the other way round.
fn numbers_as_floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(numbers_as_floats).collect(),
        Value::Object(entries) => entries.iter().map(|(key, value)| (key.clone(), numbers_as_floats(value))).collect(),
        other => other.clone(),
    }
}
