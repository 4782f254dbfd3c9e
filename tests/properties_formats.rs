//! Laws of the parsers and encoders over random input: what is written reads back, and nothing makes them panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod projection;

use onescrape::encode::{Escaping, Format, Rendered, encode};
use onescrape::model::{Exemplar, Family, MetricType, Role, Sample, is_legacy_metric_name, sample_head};
use onescrape::parse::{openmetrics, text};
use projection::{carried, comparable, encoded, owned, read};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::collections::{BTreeMap, HashSet};

const UTF8_FORMATS: [Format; 2] = [Format::Text100(Escaping::AllowUtf8), Format::OpenMetrics100(Escaping::AllowUtf8)];
const ALL_FORMATS: [Format; 10] = [
    Format::Text004,
    Format::Text100(Escaping::AllowUtf8),
    Format::Text100(Escaping::Underscores),
    Format::Text100(Escaping::Dots),
    Format::Text100(Escaping::Values),
    Format::OpenMetrics001,
    Format::OpenMetrics100(Escaping::AllowUtf8),
    Format::OpenMetrics100(Escaping::Underscores),
    Format::OpenMetrics100(Escaping::Dots),
    Format::OpenMetrics100(Escaping::Values),
];

/// Text in which everything happens that needs care in one place or another.
fn words() -> impl Strategy<Value = String> {
    let special = select(vec!["\\", "\"", "\n", "\\n", "{", "}", ",", "=", " # {", " ", "\t", "\r", "é", "日本", "\0", "# EOF"]);
    vec(prop_oneof![special.prop_map(str::to_string), "[a-z0-9/._-]{1,6}", any::<char>().prop_map(String::from)], 0..6)
        .prop_map(|parts| parts.concat())
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        (0..2_000_000_u32).prop_map(f64::from),
        any::<f64>(),
        select(vec![0.0, -0.0, 0.5, 1e6, 123_456.75, 1e21, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
    ]
}

fn exemplar(utf8: bool) -> impl Strategy<Value = Exemplar<'static>> {
    let label = select(if utf8 { vec!["trace_id", "span.id", "é"] } else { vec!["trace_id", "span_id"] });
    (btree_map(label, words(), 0..3), number(), proptest::option::of(-1e12..1e12_f64)).prop_map(|(labels, value, timestamp)| {
        Exemplar { labels: labels.into_iter().map(|(name, value)| (name.into(), value.into())).collect(), value, timestamp }
    })
}

fn bounds() -> impl Strategy<Value = Vec<f64>> {
    vec(prop_oneof![(-10..10_i32).prop_map(f64::from), -1e9..1e9_f64, 0.0..1e-3_f64], 0..4).prop_map(|mut bounds| {
        bounds.push(f64::INFINITY);
        // A bound is its number: -0 is 0.
        bounds.iter_mut().filter(|bound| **bound == 0.0).for_each(|bound| *bound = 0.0);
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        bounds
    })
}

/// The roles of one child.
fn roles(kind: MetricType) -> BoxedStrategy<Vec<Role>> {
    let dated = |roles: Vec<Role>, created: bool| roles.into_iter().chain(created.then_some(Role::Created)).collect::<Vec<_>>();
    let buckets =
        bounds().prop_map(|bounds| bounds.into_iter().map(Role::Bucket).chain([Role::Count, Role::Sum]).collect::<Vec<_>>());
    match kind {
        MetricType::Histogram => (buckets, any::<bool>()).prop_map(move |(roles, created)| dated(roles, created)).boxed(),
        MetricType::GaugeHistogram => buckets.boxed(),
        MetricType::Summary => (vec(0..=100_u8, 0..3), any::<bool>())
            .prop_map(move |(mut quantiles, created)| {
                quantiles.sort_unstable();
                quantiles.dedup();
                let quantiles = quantiles.into_iter().map(|percent| Role::Quantile(f64::from(percent) / 100.0));
                dated(quantiles.chain([Role::Count, Role::Sum]).collect(), created)
            })
            .boxed(),
        MetricType::Counter => any::<bool>().prop_map(move |created| dated(vec![Role::Value], created)).boxed(),
        _ => Just(vec![Role::Value]).boxed(),
    }
}

/// A child: its labels and samples. The label `child` tells it from others.
fn child(
    kind: MetricType,
    utf8: bool,
) -> impl Strategy<Value = (BTreeMap<String, String>, Vec<(Role, f64, Option<Exemplar<'static>>)>)> {
    let mut names = vec!["a", "b_c", "view", "zone"];
    if utf8 {
        names.extend(["a.b", "é", "q\"uote\\d\n", "a:b"]);
    }
    let labels = btree_map(select(names).prop_map(str::to_string), words().prop_filter("not empty", |w| !w.is_empty()), 0..4);
    let samples = roles(kind).prop_flat_map(move |roles| {
        let count = roles.len();
        vec((number(), proptest::option::weighted(0.2, exemplar(utf8))), count)
            .prop_map(move |values| roles.iter().zip(values).map(|(role, (value, exemplar))| (*role, value, exemplar)).collect())
    });
    (labels, samples)
}

/// A family in canonical form, save for its place among others: `families` makes the name unique.
fn family(utf8: bool) -> impl Strategy<Value = Family<'static>> {
    let kinds = [
        MetricType::Unknown,
        MetricType::Counter,
        MetricType::Gauge,
        MetricType::Histogram,
        MetricType::GaugeHistogram,
        MetricType::Summary,
        MetricType::Info,
        MetricType::StateSet,
    ];
    let stem = if utf8 { select(vec!["n", "a.b", "日本", "q\"\\\n", "9"]) } else { select(vec!["n", "a_b", "x:y", "_"]) };
    (select(kinds.to_vec()), stem, any::<bool>(), any::<bool>(), words()).prop_flat_map(
        move |(kind, stem, suffixed, measured, help)| {
            vec(child(kind, utf8), 1..4).prop_map(move |children| {
                let suffix = match kind {
                    MetricType::Counter if suffixed => "_total",
                    MetricType::Info => "_info",
                    _ => "",
                };
                let unit = if measured { "_seconds" } else { "" };
                let mut family = Family::new(format!("{stem}@{unit}{suffix}"), kind, help.clone());
                family.unit = unit.trim_start_matches('_').into();
                for (at, (mut labels, samples)) in children.into_iter().enumerate() {
                    labels.insert("child".to_string(), at.to_string());
                    let labels: Vec<_> = labels.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
                    family.samples.extend(samples.into_iter().map(|(role, value, exemplar)| Sample {
                        role,
                        labels: labels.clone(),
                        value,
                        timestamp: None,
                        exemplar,
                    }));
                }
                family
            })
        },
    )
}

fn families(utf8: bool) -> impl Strategy<Value = Vec<Family<'static>>> {
    vec(family(utf8), 0..5).prop_map(|mut families| {
        for (at, family) in families.iter_mut().enumerate() {
            family.name = family.name.replace('@', &at.to_string()).into();
        }
        families
    })
}

/// Fragments of bodies: more of what they are put together to is nearly valid than of random bytes.
fn soup() -> impl Strategy<Value = String> {
    let fragment = select(vec![
        "a",
        "b_total",
        "h_bucket",
        "h",
        "h_count",
        "h_gcount",
        "c_created",
        "c",
        "c_total",
        "i_info",
        "{",
        "}",
        "{\"",
        "\"",
        "\\",
        "=",
        ",",
        "le=\"1\"",
        "le=\"+Inf\"",
        "quantile=\"0.5\"",
        "x=\"y\"",
        "\"a.b\"",
        "\"a.b\"=\"c\"",
        " ",
        "  ",
        "\t",
        "\n",
        "\n",
        "\r\n",
        " 1\n",
        " 2.5\n",
        " NaN",
        "1e5",
        " 1700000000000",
        " # {",
        "# TYPE ",
        "# HELP ",
        "# UNIT ",
        "# EOF",
        "# EOF\n",
        "#",
        "counter\n",
        "gauge\n",
        "histogram\n",
        "gaugehistogram\n",
        "summary\n",
        "info\n",
        "stateset\n",
        "unknown\n",
        "untyped\n",
        "é",
        "__name__",
        "# TYPE h histogram\n",
        "# TYPE c counter\n",
        "# TYPE i info\n",
        "h_bucket{le=\"1\"} 2\n",
        "c_created 5\n",
        "c_total 3\n",
    ]);
    vec(fragment, 0..24).prop_map(|fragments| fragments.concat())
}

/// Whatever is read can be written in every format, to something that reads again.
fn check_any_body(body: &[u8]) {
    for exposition in [text(body), openmetrics(body)].into_iter().flatten() {
        let rendered = Rendered::new(exposition.families.iter().map(owned).collect());
        for format in ALL_FORMATS {
            let mut out = Vec::new();
            encode(&rendered.views(), format, &mut out);
            read(&out, format).unwrap_or_else(|error| panic!("{format:?} of {:?}: {error}", String::from_utf8_lossy(body)));
        }
    }
}

/// A change to a body.
fn mutate(body: &mut Vec<u8>, at: &Index, byte: u8, how: u8) {
    if body.is_empty() {
        return;
    }
    let at = at.index(body.len());
    match how % 4 {
        0 => body[at] = byte,
        1 => body.insert(at, byte),
        2 => drop(body.remove(at)),
        _ => body.truncate(at),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back(families in families(true)) {
        for format in UTF8_FORMATS {
            let body = encoded(&families, format);
            let back = read(&body, format).unwrap();
            prop_assert_eq!(comparable(&back.families), comparable(&carried(&families, format)));
            prop_assert_eq!((back.repeated_metadata, back.irregular_samples), (0, 0));
        }
    }

    #[test]
    fn legacy_names_are_the_same_in_every_format(families in families(false)) {
        for format in ALL_FORMATS {
            let body = encoded(&families, format);
            let back = read(&body, format).unwrap();
            prop_assert_eq!(comparable(&back.families), comparable(&carried(&families, format)));
        }
    }

    #[test]
    fn escaping_makes_no_series_twice(families in families(true)) {
        let rendered = Rendered::new(families.clone());
        for format in ALL_FORMATS {
            let mut out = Vec::new();
            let report = encode(&rendered.views(), format, &mut out);
            let back = read(&out, format).unwrap();
            let mut heads = HashSet::new();
            for family in &back.families {
                for sample in &family.samples {
                    let head = sample_head(&family.name, family.kind, sample.role, &sample.labels);
                    prop_assert!(heads.insert(head.clone()), "{} twice", head);
                }
            }
            let read_samples: usize = back.families.iter().map(|family| family.samples.len()).sum();
            if report.escape_collisions == 0 {
                let carried: usize = carried(&families, format).iter().map(|family| family.samples.len()).sum();
                prop_assert_eq!(read_samples, carried);
            }
            if format.escaping() != Escaping::AllowUtf8 {
                for family in &back.families {
                    prop_assert!(is_legacy_metric_name(&family.name), "{}", family.name);
                }
            }
        }
    }

    #[test]
    fn no_bytes_make_the_parsers_panic(body in vec(any::<u8>(), 0..200)) {
        check_any_body(&body);
    }

    #[test]
    fn nearly_valid_bodies_are_taken_or_refused(mut body in soup(), ended in any::<bool>()) {
        if ended {
            body.push_str("\n# EOF\n");
        }
        check_any_body(body.as_bytes());
    }

    #[test]
    fn damaged_bodies_are_taken_or_refused(
        families in families(true),
        openmetrics in any::<bool>(),
        changes in vec((any::<Index>(), prop_oneof![any::<u8>(), select(b" \t\n\"\\{}=,#_1".to_vec())], any::<u8>()), 1..6),
    ) {
        let mut body = encoded(&families, UTF8_FORMATS[usize::from(openmetrics)]);
        for (at, byte, how) in changes {
            mutate(&mut body, &at, byte, how);
        }
        check_any_body(&body);
    }

    #[test]
    fn a_cut_body_is_never_taken_for_a_whole_one(families in families(true), at in any::<Index>()) {
        for format in UTF8_FORMATS {
            let body = encoded(&families, format);
            let cut = if body.is_empty() { 0 } else { at.index(body.len()) };
            let cut = &body[..cut];
            match read(cut, format) {
                // Text that ends with a line is whole as far as anyone can tell; the transport must see the loss.
                Ok(_) if format.is_openmetrics() => prop_assert!(cut.ends_with(b"\n# EOF") || cut == b"# EOF"),
                Ok(_) => prop_assert!(cut.is_empty() || cut.ends_with(b"\n")),
                Err(error) => prop_assert!(error.truncated, "{}", error),
            }
        }
    }

    /// prometheus-parse is right about plain values with plain labels.
    #[test]
    fn an_independent_parser_reads_the_same(
        samples in btree_map(("[a-z_]{1,8}", "[a-zA-Z0-9/. é_-]{1,8}"), (number(), select(vec!["gauge", "counter", "untyped"])), 0..12),
    ) {
        let mut body = String::new();
        let mut types = BTreeMap::new();
        for ((name, _), (_, kind)) in &samples {
            types.entry(format!("m_{name}_x")).or_insert(*kind);
        }
        for (name, kind) in &types {
            body.push_str(&format!("# HELP {name} Help of it.\n# TYPE {name} {kind}\n"));
            for ((own, label), (value, _)) in &samples {
                if format!("m_{own}_x") == *name {
                    body.push_str(&format!("{name}{{view=\"{label}\",z=\"1\"}} {value}\n"));
                }
            }
        }
        let theirs = prometheus_parse::Scrape::parse(body.lines().map(|line| Ok(line.to_string()))).unwrap();
        let mut oracle: Vec<String> = theirs.samples.iter().map(|sample| {
            let value = match sample.value {
                prometheus_parse::Value::Counter(value) | prometheus_parse::Value::Gauge(value) | prometheus_parse::Value::Untyped(value) => value,
                ref other => panic!("{other:?}"),
            };
            format!("{} {:?} {:?} {value:?}", sample.metric, sample.labels.get("view"), sample.labels.get("z"))
        }).collect();
        oracle.sort();
        let ours = text(body.as_bytes()).unwrap();
        let mut found: Vec<String> = ours.families.iter().flat_map(|family| family.samples.iter().map(move |sample| {
            let label = |name: &str| sample.labels.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_ref());
            format!("{} {:?} {:?} {:?}", family.name, label("view"), label("z"), sample.value)
        })).collect();
        found.sort();
        prop_assert_eq!(found, oracle);
    }
}
