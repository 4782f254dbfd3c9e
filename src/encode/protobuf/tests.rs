use crate::encode::tests::owned;
use crate::encode::{Escaping, Format, Rendered, encode};
use crate::model::{Exemplar, Family, MetricType, NativeBuckets, NativeHistogram, NativeSample, Role, Sample};
use crate::parse::{openmetrics, protobuf};
use crate::protobuf::messages::{BucketSpan, Metric, MetricFamily};
use prost::Message;
use std::borrow::Cow;

fn written(families: Vec<Family<'_>>, escaping: Escaping) -> (Vec<u8>, usize) {
    let rendered = Rendered::new(owned(families));
    let mut out = Vec::new();
    let report = encode(&rendered.views(), Format::Protobuf(escaping), &mut out);
    (out, report.escape_collisions)
}

/// The messages of a body whose names need no escaping.
fn messages(families: Vec<Family<'_>>) -> Vec<(MetricFamily, Vec<Metric>)> {
    let (body, collisions) = written(families, Escaping::Underscores);
    assert_eq!(collisions, 0);
    let mut rest = &body[..];
    let mut messages = Vec::new();
    while !rest.is_empty() {
        let family = MetricFamily::decode_length_delimited(&mut rest).unwrap();
        let metrics = family.metric.iter().map(|metric| Metric::decode(metric.clone()).unwrap()).collect();
        messages.push((family, metrics));
    }
    messages
}

fn from_openmetrics(body: &str) -> Vec<(MetricFamily, Vec<Metric>)> {
    messages(openmetrics(body.as_bytes()).unwrap().families)
}

/// A histogram family with these native children, each told by its label `x`.
fn natives(children: Vec<(&'static str, NativeHistogram)>) -> Family<'static> {
    let mut family = Family::new("h", MetricType::Histogram, "");
    family.natives.extend(children.into_iter().map(|(x, histogram)| NativeSample {
        labels: vec![("x".into(), x.into())],
        timestamp: None,
        histogram: Cow::Owned(histogram),
        exemplars: Vec::new(),
    }));
    family
}

fn histogram(positive: NativeBuckets) -> NativeHistogram {
    let count = positive.iter().map(|(_, count)| count).sum();
    NativeHistogram { schema: 3, count, sum: 1.0, positive, ..Default::default() }
}

#[test]
fn every_type_has_its_number() {
    let body = "# TYPE c counter\nc_total 1\n# TYPE g gauge\ng 1\n# TYPE s summary\ns_count 1\n# TYPE u unknown\nu 1\n\
                # TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\n# TYPE gh gaugehistogram\ngh_bucket{le=\"+Inf\"} 1\n\
                # TYPE i info\ni_info{v=\"1\"} 1\n# TYPE st stateset\nst{st=\"on\"} 1\n# EOF\n";
    let families = from_openmetrics(body);
    let types: Vec<_> = families.iter().map(|(family, _)| (family.name(), family.r#type)).collect();
    let want = [("c_total", 0), ("g", 1), ("s", 2), ("u", 3), ("h", 4), ("gh", 5), ("i_info", 1), ("st", 1)];
    assert_eq!(types, want.map(|(name, number)| (name, Some(number))), "COUNTER is 0 and written all the same");
}

#[test]
fn a_counter_has_its_time_of_creation_and_its_exemplar_no_timestamp() {
    let body = "# TYPE c_seconds counter\n# UNIT c_seconds seconds\n# HELP c_seconds Help.\n\
                c_seconds_total{x=\"y\"} 3 5 # {t=\"1\"} 0.5 1.5\nc_seconds_created{x=\"y\"} 2.25\n# EOF\n";
    let (family, metrics) = from_openmetrics(body).remove(0);
    assert_eq!((family.name(), family.help(), family.unit()), ("c_seconds_total", "Help.", "seconds"));
    assert_eq!(metrics[0].timestamp_ms, None);
    let counter = metrics[0].counter.clone().unwrap();
    assert_eq!(counter.created_timestamp.unwrap().unix_seconds(), Some(2.25));
    let exemplar = counter.exemplar.unwrap();
    assert_eq!((exemplar.value(), exemplar.timestamp.unwrap().unix_seconds()), (0.5, Some(1.5)));
    assert_eq!((metrics[0].label[0].name(), metrics[0].label[0].value()), ("x", "y"));
}

#[test]
fn a_classic_histogram_is_one_metric_a_child() {
    let body = "# TYPE h histogram\nh_bucket{x=\"1\",le=\"0.5\"} 1 # {} 0.25\nh_bucket{x=\"1\",le=\"+Inf\"} 2\nh_count{x=\"1\"} 2\n\
                h_sum{x=\"1\"} 4.5\nh_bucket{x=\"2\",le=\"+Inf\"} 2.5 # {} 9\nh_count{x=\"2\"} 2.5\n# EOF\n";
    let (_, metrics) = from_openmetrics(body).remove(0);
    let histograms: Vec<_> = metrics.iter().map(|metric| metric.histogram.clone().unwrap()).collect();
    assert_eq!(metrics[0].label.len(), 1, "le is none of the child's");
    assert_eq!((histograms[0].sample_count, histograms[0].sample_sum), (Some(2), Some(4.5)));
    assert_eq!(histograms[0].bucket.len(), 1, "the last bucket is the count");
    assert_eq!((histograms[1].sample_count, histograms[1].sample_count_float), (None, Some(2.5)));
    assert_eq!(histograms[1].bucket[0].upper_bound, Some(f64::INFINITY), "it has an exemplar");
    assert_eq!(histograms[1].bucket[0].cumulative_count_float, Some(2.5));
}

#[test]
fn what_the_format_can_not_say_is_left_out() {
    let body = "# TYPE h histogram\nh_bucket{x=\"1\",le=\"+Inf\"} NaN\nh_count{x=\"1\"} NaN\nh_count{x=\"2\"} -1\nh_count{x=\"3\"} 1\n\
                # TYPE s summary\ns_count 0.5\n# TYPE c counter\nc_created 1\n# EOF\n";
    let families = from_openmetrics(body);
    assert_eq!((families.len(), families[0].1.len()), (1, 1));
    assert_eq!(families[0].1[0].label[0].value(), "3");
}

#[test]
fn gaps_of_up_to_two_buckets_are_written_as_empty_ones() {
    let buckets = vec![(-3, 1.0), (-2, 4.0), (1, 2.0), (5, 1.0), (6, 0.0), (7, 3.0)];
    let (_, metrics) = messages(vec![natives(vec![("1", histogram(buckets))])]).remove(0);
    let message = metrics[0].histogram.clone().unwrap();
    let span = |offset, length| BucketSpan { offset: Some(offset), length: Some(length) };
    assert_eq!(message.positive_span, [span(-3, 5), span(3, 3)]);
    assert_eq!(message.positive_delta, [1, 3, -4, 0, 2, -1, -1, 3]);
    assert_eq!((message.sample_count, message.sample_count_float, message.positive_count), (Some(11), None, vec![]));
    assert_eq!((message.zero_threshold, message.negative_span), (Some(0.0), vec![]));
}

#[test]
fn classic_and_native_parts_of_a_child_are_one_metric() {
    let mut family = natives(vec![("1", histogram(vec![(0, 3.0)])), ("2", histogram(vec![(0, 1.0)]))]);
    for (x, role, value) in [
        ("0", Role::Count, 1.0),
        ("1", Role::Bucket(1.0), 2.0),
        ("1", Role::Bucket(f64::INFINITY), 3.0),
        ("1", Role::Count, 3.0),
        ("1", Role::Created, 5.0),
        ("2", Role::Created, 6.0),
    ] {
        let labels = vec![("x".into(), x.into())];
        family.samples.push(Sample { role, labels, value, timestamp: None, exemplar: None });
    }
    let exemplar = |timestamp| Exemplar { labels: vec![("t".into(), "1".into())], value: 1.0, timestamp };
    family.natives[0].exemplars = vec![exemplar(None), exemplar(Some(7.0))];
    let (_, metrics) = messages(vec![family]).remove(0);
    let of = |at: usize| (metrics[at].label[0].value(), metrics[at].histogram.clone().unwrap());
    assert_eq!(metrics.len(), 3);
    let (name, classic) = of(0);
    assert_eq!((name, classic.positive_span.len(), classic.sample_count), ("0", 0, Some(1)));
    let (name, both) = of(1);
    assert_eq!((name, both.positive_span.len(), both.bucket.len(), both.exemplars.len()), ("1", 1, 2, 1));
    assert_eq!(both.created_timestamp.unwrap().seconds, Some(5));
    let (name, native) = of(2);
    assert_eq!((name, native.positive_span.len(), native.bucket.len()), ("2", 1, 0));
    assert_eq!(native.created_timestamp.unwrap().seconds, Some(6));
}

#[test]
fn natives_read_back_as_they_were() {
    let full = NativeHistogram {
        schema: -4,
        zero_threshold: 0.001,
        zero_count: 2.0,
        count: 8.0,
        sum: -3.5,
        positive: vec![(-1000, 1.0), (0, 2.0)],
        negative: vec![(7, 3.0)],
        is_float: false,
    };
    let cases = [
        ("empty", NativeHistogram::default()),
        ("empty float is an integer one", NativeHistogram { is_float: true, ..Default::default() }),
        ("float", NativeHistogram { is_float: true, count: 8.5, zero_count: 2.5, ..full.clone() }),
        ("only NaN", NativeHistogram { count: 2.0, sum: f64::INFINITY, zero_count: 2.0, ..Default::default() }),
        ("full", full),
    ];
    let (body, _) = written(vec![natives(cases.to_vec())], Escaping::AllowUtf8);
    let families = protobuf(&body).unwrap().families;
    for ((name, want), native) in cases.iter().zip(&families[0].natives) {
        let want = NativeHistogram { is_float: want.is_float && want.count > 0.0, ..want.clone() };
        assert_eq!(*native.histogram, want, "{name}");
    }
}

#[test]
fn counts_that_f64_holds_no_longer_exactly_are_floats() {
    let count = 2_f64.powi(60);
    let family = natives(vec![("1", histogram(vec![(0, count)]))]);
    let (_, metrics) = messages(vec![family]).remove(0);
    assert_eq!(metrics[0].histogram.clone().unwrap().positive_count, [count]);
}

#[test]
fn names_are_escaped_as_in_the_text_formats() {
    let body = "# TYPE \"a.b\" gauge\n{\"a.b\",\"c.d\"=\"x.y\"} 1\n{\"a.b\",c_d=\"x.y\"} 2\n# TYPE a_b gauge\na_b 2\n# EOF\n";
    let families = || openmetrics(body.as_bytes()).unwrap().families;
    let heads = |escaping| {
        let (body, collisions) = written(families(), escaping);
        let read = protobuf(&body).unwrap().families;
        let heads: Vec<String> = read
            .iter()
            .flat_map(|family| family.samples.iter().map(move |s| (family, s)))
            .map(|(family, s)| crate::model::child_head(&family.name, &s.labels))
            .collect();
        (heads, collisions)
    };
    let utf8 = ["{\"a.b\",\"c.d\"=\"x.y\"}", "{\"a.b\",c_d=\"x.y\"}", "a_b"].map(String::from).to_vec();
    assert_eq!(heads(Escaping::AllowUtf8), (utf8, 0));
    assert_eq!(heads(Escaping::Underscores), (vec!["a_b{c_d=\"x.y\"}".to_string()], 2));
    assert_eq!(heads(Escaping::Values).1, 0);
}

#[test]
fn natives_have_no_text() {
    let rendered = Rendered::new(vec![natives(vec![("1", histogram(vec![(0, 1.0)]))])]);
    for (format, want) in [(Format::Text004, ""), (Format::OpenMetrics001, "# EOF\n")] {
        let mut out = Vec::new();
        encode(&rendered.views(), format, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}
