use crate::model::{Exemplar, Family, MetricType, NativeHistogram, Role};
use crate::parse::{ParseError, Place, protobuf};
use crate::protobuf::messages::{self, Bucket, BucketSpan, Counter, Histogram, LabelPair, Metric, Number, Quantile, Summary};
use prost::Message;
use prost::bytes::Bytes;

const COUNTER: i32 = messages::MetricType::Counter as i32;
const GAUGE: i32 = messages::MetricType::Gauge as i32;
const SUMMARY: i32 = messages::MetricType::Summary as i32;
const HISTOGRAM: i32 = messages::MetricType::Histogram as i32;

fn family_of(name: &str, kind: i32, metrics: Vec<Metric>) -> Vec<u8> {
    let metric = metrics.iter().map(|metric| Bytes::from(metric.encode_to_vec())).collect();
    let name = Some(name.to_string());
    messages::MetricFamily { name, r#type: Some(kind), metric, ..Default::default() }.encode_length_delimited_to_vec()
}

fn gauge(value: f64) -> Metric {
    Metric { gauge: Some(Number { value: Some(value) }), ..Default::default() }
}

fn histogram_of(histogram: Histogram) -> Metric {
    Metric { histogram: Some(histogram), ..Default::default() }
}

fn labels(pairs: &[(&str, &str)]) -> Vec<LabelPair> {
    pairs.iter().map(|(name, value)| LabelPair { name: Some(name.to_string()), value: Some(value.to_string()) }).collect()
}

fn span(offset: i32, length: u32) -> BucketSpan {
    BucketSpan { offset: Some(offset), length: Some(length) }
}

fn read_one(body: &[u8]) -> Family<'_> {
    let mut families = protobuf(body).unwrap().families;
    assert_eq!(families.len(), 1);
    families.remove(0)
}

fn refused(body: &[u8]) -> ParseError {
    protobuf(body).unwrap_err()
}

/// Role and value of each sample.
fn values(family: &Family<'_>) -> Vec<(Role, f64)> {
    family.samples.iter().map(|sample| (sample.role, sample.value)).collect()
}

#[test]
fn nothing_is_an_exposition() {
    assert_eq!(protobuf(b"").unwrap().families, []);
}

#[test]
fn the_bytes_of_a_counter() {
    // Written by hand, so that a mistake in the messages shows: foo_total{a="b"} 3 created at 1.5, with an exemplar.
    let mut counter = b"\x09\0\0\0\0\0\0\x08\x40".to_vec();
    counter.extend(b"\x12\x1b\x0a\x06\x0a\x01t\x12\x01x\x11\0\0\0\0\0\0\xe0\x3f\x1a\x08\x08\x02\x10\x80\xca\xb5\xee\x01");
    counter.extend(b"\x1a\x08\x08\x01\x10\x80\xca\xb5\xee\x01");
    let mut metric = b"\x0a\x06\x0a\x01a\x12\x01b".to_vec();
    metric.extend([0x1a, counter.len() as u8]);
    metric.extend(counter);
    let mut family = b"\x0a\x09foo_total\x12\x04Help\x18\x00\x22".to_vec();
    family.push(metric.len() as u8);
    family.extend(metric);
    let mut body = vec![family.len() as u8];
    body.extend(family);

    let family = read_one(&body);
    assert_eq!((family.name.as_ref(), family.help.as_ref(), family.kind), ("foo_total", "Help", MetricType::Counter));
    assert_eq!(values(&family), [(Role::Value, 3.0), (Role::Created, 1.5)]);
    assert_eq!(family.samples[1].labels, [("a".into(), "b".into())]);
    let exemplar = Exemplar { labels: vec![("t".into(), "x".into())], value: 0.5, timestamp: Some(2.5) };
    assert_eq!(family.samples[0].exemplar, Some(exemplar));
}

#[test]
fn a_type_that_is_absent_is_a_counter_and_unknown_fields_are_skipped() {
    let counter = Metric { counter: Some(Counter { value: Some(2.0), ..Default::default() }), ..Default::default() };
    let message =
        messages::MetricFamily { name: Some("a".into()), metric: vec![counter.encode_to_vec().into()], ..Default::default() };
    let mut bytes = message.encode_to_vec();
    bytes.extend(b"\xfa\x01\x03abc\xf8\x01\x07");
    let mut body = vec![bytes.len() as u8];
    body.extend(bytes);
    assert_eq!(read_one(&body).kind, MetricType::Counter);
}

#[test]
fn buckets_count_and_sum() {
    let bucket = |bound, count, float| Bucket {
        cumulative_count: Some(count),
        upper_bound: Some(bound),
        cumulative_count_float: float,
        exemplar: None,
    };
    let message = Histogram {
        sample_count: Some(5),
        sample_sum: Some(9.0),
        bucket: vec![bucket(1.0, 2, Some(0.0)), bucket(2.0, 3, Some(3.5))],
        ..Default::default()
    };
    let metric = Metric { timestamp_ms: Some(1500), label: labels(&[("b", "2"), ("a", "1"), ("c", "")]), ..histogram_of(message) };
    let body = family_of("h", HISTOGRAM, vec![metric]);
    let family = read_one(&body);
    let infinite = Role::Bucket(f64::INFINITY);
    let want = [(Role::Bucket(1.0), 2.0), (Role::Bucket(2.0), 3.5), (infinite, 5.0), (Role::Count, 5.0), (Role::Sum, 9.0)];
    assert_eq!(values(&family), want);
    for sample in &family.samples {
        assert_eq!(sample.labels, [("a".into(), "1".into()), ("b".into(), "2".into())]);
        assert_eq!(sample.timestamp, Some(1.5));
    }
    assert_eq!(family.natives, []);
}

#[test]
fn quantiles() {
    let quantile = vec![Quantile { quantile: Some(0.5), value: Some(f64::NAN) }];
    let summary = Summary { sample_count: Some(1), sample_sum: Some(2.0), quantile, created_timestamp: None };
    let body = family_of("s", SUMMARY, vec![Metric { summary: Some(summary), ..Default::default() }]);
    let roles: Vec<_> = read_one(&body).samples.iter().map(|sample| sample.role).collect();
    assert_eq!(roles, [Role::Quantile(0.5), Role::Count, Role::Sum]);
}

/// A native histogram with a zero bucket and both sides.
fn native() -> Histogram {
    Histogram {
        sample_count: Some(12),
        sample_sum: Some(3.5),
        schema: Some(3),
        zero_threshold: Some(1e-9),
        zero_count: Some(2),
        negative_span: vec![span(-1, 1)],
        negative_delta: vec![1],
        // Buckets 2, 3 (empty), 4, 9.
        positive_span: vec![span(2, 3), span(4, 1)],
        positive_delta: vec![4, -4, 3, -1],
        ..Default::default()
    }
}

#[test]
fn spans_and_deltas_are_buckets() {
    let dated = |seconds| messages::Exemplar { timestamp: seconds, value: Some(1.0), ..Default::default() };
    let exemplars = vec![dated(None), dated(messages::Timestamp::of(7.0))];
    let created_timestamp = messages::Timestamp::of(5.0);
    let body = family_of("h", HISTOGRAM, vec![histogram_of(Histogram { exemplars, created_timestamp, ..native() })]);
    let family = read_one(&body);
    let want = NativeHistogram {
        schema: 3,
        zero_threshold: 1e-9,
        zero_count: 2.0,
        count: 12.0,
        sum: 3.5,
        positive: vec![(2, 4.0), (4, 3.0), (9, 2.0)],
        negative: vec![(-1, 1.0)],
        is_float: false,
    };
    assert_eq!(*family.natives[0].histogram, want);
    assert_eq!(family.natives[0].exemplars.len(), 1, "one without a time is no use");
    assert_eq!(values(&family), [(Role::Created, 5.0)], "no classic part");
}

#[test]
fn packed_numbers_are_read_too() {
    let plain = native();
    // Fields 13 and 10 as one run of bytes each, zigzag: 4 -4 3 -1 and 1.
    let mut packed = Histogram { positive_delta: vec![], negative_delta: vec![], ..plain.clone() }.encode_to_vec();
    packed.extend(b"\x6a\x04\x08\x07\x06\x01\x52\x01\x02");
    assert_eq!(Histogram::decode(&*packed).unwrap(), plain);
}

#[test]
fn floats_win_if_above_zero() {
    let message = Histogram {
        sample_count_float: Some(7.5),
        zero_count_float: Some(2.0),
        positive_delta: vec![],
        positive_count: vec![4.0, 0.0, 0.5, 0.5],
        negative_delta: vec![],
        negative_count: vec![0.5],
        ..native()
    };
    let body = family_of("h", HISTOGRAM, vec![histogram_of(message)]);
    let family = read_one(&body);
    let histogram = &family.natives[0].histogram;
    assert!(histogram.is_float);
    assert_eq!((histogram.count, histogram.zero_count), (7.5, 2.0));
    assert_eq!(histogram.positive, [(2, 4.0), (4, 0.5), (9, 0.5)]);
}

#[test]
fn a_span_of_nothing_makes_a_histogram_native() {
    let empty = Histogram { sample_count: Some(0), sample_sum: Some(0.0), positive_span: vec![span(0, 0)], ..Default::default() };
    let body = family_of("h", HISTOGRAM, vec![histogram_of(empty.clone())]);
    assert_eq!((read_one(&body).natives.len(), read_one(&body).samples.len()), (1, 0));
    let body = family_of("h", HISTOGRAM, vec![histogram_of(Histogram { positive_span: vec![], ..empty })]);
    assert_eq!((read_one(&body).natives.len(), read_one(&body).samples.len()), (0, 3));
}

#[test]
fn natives_that_contradict_themselves_are_refused() {
    let refusals: [(Histogram, &str); 14] = [
        (Histogram { schema: Some(9), ..native() }, "schema 9"),
        (Histogram { schema: Some(-5), ..native() }, "schema -5"),
        (Histogram { schema: Some(-53), ..native() }, "schema -53"),
        (Histogram { positive_span: vec![span(2, 3)], ..native() }, "cover 3 buckets, 4 are given"),
        (Histogram { positive_span: vec![span(0, u32::MAX), span(1, u32::MAX)], ..native() }, "cover"),
        (Histogram { negative_span: vec![], ..native() }, "cover 0 buckets, 1 are given"),
        (Histogram { positive_span: vec![span(2, 3), span(-1, 1)], ..native() }, "before the end"),
        (Histogram { positive_span: vec![span(i32::MAX, 3), span(4, 1)], ..native() }, "no number lies"),
        (Histogram { positive_delta: vec![4, -5, 4, -1], ..native() }, "count that is none"),
        (Histogram { positive_delta: vec![i64::MAX, i64::MAX, 3, -1], ..native() }, "out of range"),
        (Histogram { zero_threshold: Some(f64::NAN), ..native() }, "zero threshold"),
        (Histogram { zero_threshold: Some(-1.0), ..native() }, "zero threshold"),
        (Histogram { sample_count: Some(13), ..native() }, "13 observations has 12"),
        (Histogram { sample_count: Some(11), sample_sum: Some(f64::NAN), ..native() }, "11 observations has 12"),
    ];
    for (message, why) in refusals {
        let error = refused(&family_of("h", HISTOGRAM, vec![histogram_of(message)]));
        assert!(error.to_string().contains(why) && error.place == Place::Family(1), "{why}: {error}");
    }
    let nan = Histogram { sample_count: Some(13), sample_sum: Some(f64::NAN), ..native() };
    protobuf(&family_of("h", HISTOGRAM, vec![histogram_of(nan)])).expect("an observation that was NaN is in no bucket");
    let float = Histogram {
        sample_count_float: Some(1.0),
        positive_count: vec![1.0, f64::NAN, 0.0, 0.0],
        negative_count: vec![0.0],
        ..native()
    };
    assert!(refused(&family_of("h", HISTOGRAM, vec![histogram_of(float)])).to_string().contains("count that is none"));
}

#[test]
fn families_of_one_name_and_type_are_joined_and_those_without_a_metric_skipped() {
    let bodies = [
        family_of("a", GAUGE, vec![Metric { label: labels(&[("x", "1")]), ..gauge(1.0) }]),
        family_of("none", GAUGE, vec![]),
        family_of("b", GAUGE, vec![gauge(2.0)]),
        family_of("a", GAUGE, vec![Metric { label: labels(&[("x", "2")]), ..gauge(3.0) }]),
    ];
    let body = bodies.concat();
    let exposition = protobuf(&body).unwrap();
    let shape: Vec<_> = exposition.families.iter().map(|family| (family.name.as_ref(), family.samples.len())).collect();
    assert_eq!((shape, exposition.repeated_metadata), (vec![("a", 2), ("b", 1)], 1));
}

#[test]
fn a_body_that_ends_early_is_cut_short() {
    let body = [family_of("a", GAUGE, vec![gauge(1.0)]), family_of("b", GAUGE, vec![gauge(1.0)])].concat();
    let whole = body.len() / 2;
    for end in (1..body.len()).filter(|end| *end != whole) {
        let error = refused(&body[..end]);
        assert!(error.truncated, "{end}: {error}");
        assert_eq!(error.place, Place::Family(1 + usize::from(end > whole)));
    }
    assert!(refused(b"\xff\xff").truncated, "a length without its end");
    assert!(!refused(&[0xff; 11]).truncated, "a length that is none");
    assert!(refused(b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f").truncated, "as long as no body is");
}

#[test]
fn messages_that_are_none_say_why() {
    let label = |pairs: &[(&str, &str)]| Metric { label: labels(pairs), ..gauge(1.0) };
    for (body, why) in [
        (family_of("", GAUGE, vec![gauge(1.0)]), "without a name"),
        (family_of("a", 6, vec![gauge(1.0)]), "not a type"),
        (family_of("a", COUNTER, vec![gauge(1.0)]), "a counter without a value"),
        (family_of("a", GAUGE, vec![Metric::default()]), "a gauge without a value"),
        (family_of("a", GAUGE, vec![label(&[("x", "1"), ("x", "")])]), "stands twice"),
        (family_of("a", GAUGE, vec![label(&[("", "1")])]), "without a name"),
        (family_of("a", GAUGE, vec![label(&[("__name__", "1")])]), "__name__"),
        (
            family_of("a", HISTOGRAM, vec![Metric { label: labels(&[("le", "1")]), ..histogram_of(native()) }]),
            "`le` is a label of this type's own",
        ),
        (
            family_of("a", HISTOGRAM, vec![histogram_of(Histogram { bucket: vec![Bucket::default()], ..native() })]),
            "bound is no number",
        ),
        (b"\x03\x0a\x01\xff".to_vec(), "UTF-8"),
        (b"\x02\x0a\x05".to_vec(), "underflow"),
        (b"\x02\x22\x00".to_vec(), "without a name"),
    ] {
        let error = refused(&body);
        assert!(error.to_string().contains(why) && !error.truncated, "{why}: {error}");
    }
}

/// Long labels on very many buckets would be copied to each of them.
#[test]
fn memory_grows_with_the_body_not_with_its_square() {
    let bucket = |bound: u32| Bucket { cumulative_count: Some(1), upper_bound: Some(bound.into()), ..Default::default() };
    let histogram = Histogram { bucket: (0..10_000).map(bucket).collect(), sample_count: Some(1), ..Default::default() };
    let long = "x".repeat(100_000);
    let metric = |value: &str| Metric { label: labels(&[("a", value)]), ..histogram_of(histogram.clone()) };
    assert!(protobuf(&family_of("h", HISTOGRAM, vec![metric("x")])).is_ok());
    let error = refused(&family_of("h", HISTOGRAM, vec![metric(&long)]));
    assert!(error.to_string().contains("labels too long"), "{error}");
}
