//! Random families in canonical form, and random bodies.
#![allow(dead_code)] // each test binary uses its part

use onescrape::model::{Exemplar, Family, MetricType, NativeBuckets, NativeHistogram, NativeSample, Role, Sample};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Text in which everything happens that needs care in one place or another.
pub fn words() -> impl Strategy<Value = String> {
    let special = select(vec!["\\", "\"", "\n", "\\n", "{", "}", ",", "=", " # {", " ", "\t", "\r", "é", "日本", "\0", "# EOF"]);
    vec(prop_oneof![special.prop_map(str::to_string), "[a-z0-9/._-]{1,6}", any::<char>().prop_map(String::from)], 0..6)
        .prop_map(|parts| parts.concat())
}

pub fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        (0..2_000_000_u32).prop_map(f64::from),
        any::<f64>(),
        select(vec![0.0, -0.0, 0.5, 1e6, 123_456.75, 1e21, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
    ]
}

pub fn exemplar(utf8: bool) -> impl Strategy<Value = Exemplar<'static>> {
    let label = select(if utf8 { vec!["trace_id", "span.id", "é"] } else { vec!["trace_id", "span_id"] });
    (btree_map(label, words(), 0..3), number(), proptest::option::of(-1e12..1e12_f64)).prop_map(|(labels, value, timestamp)| {
        Exemplar { labels: labels.into_iter().map(|(name, value)| (name.into(), value.into())).collect(), value, timestamp }
    })
}

pub fn bounds() -> impl Strategy<Value = Vec<f64>> {
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
pub fn roles(kind: MetricType) -> BoxedStrategy<Vec<Role>> {
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

/// Populated buckets of a native histogram, near each other and far.
fn native_buckets(is_float: bool) -> impl Strategy<Value = NativeBuckets> {
    let count = (1..1_000_000_u32).prop_map(move |count| f64::from(count) / if is_float { 7.0 } else { 1.0 });
    btree_map(prop_oneof![-6..6_i32, -300_000..300_000_i32], count, 0..8).prop_map(|buckets| buckets.into_iter().collect())
}

/// A native histogram whose buckets make up its count, as every one in an exposition.
pub fn native() -> impl Strategy<Value = NativeHistogram> {
    any::<bool>().prop_flat_map(|is_float| {
        let thresholds = select(vec![0.0, 1e-128, 0.001]);
        let parts = (-4..=8_i32, thresholds, 0..1000_u32, number(), native_buckets(is_float), native_buckets(is_float));
        parts.prop_map(move |(schema, zero_threshold, zero, sum, positive, negative)| {
            let zero_count = f64::from(zero);
            let count = zero_count + positive.iter().chain(&negative).map(|(_, count)| count).sum::<f64>();
            // Nothing observed is an integer histogram: a float that is 0 says nothing.
            let is_float = is_float && count > 0.0;
            NativeHistogram { schema, zero_threshold, zero_count, count, sum, positive, negative, is_float }
        })
    })
}

/// The samples of a child.
type Samples = Vec<(Role, f64, Option<Exemplar<'static>>)>;

/// A child: its labels and samples. The label `child` tells it from others.
pub fn child(kind: MetricType, utf8: bool) -> impl Strategy<Value = (BTreeMap<String, String>, Samples)> {
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
pub fn family(utf8: bool) -> impl Strategy<Value = Family<'static>> {
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
            let natives = match kind {
                MetricType::Histogram | MetricType::GaugeHistogram => proptest::option::of(native()).boxed(),
                _ => Just(None).boxed(),
            };
            let children = vec((child(kind, utf8), natives, any::<bool>(), vec(exemplar(utf8), 0..3)), 1..4);
            children.prop_map(move |children| {
                let suffix = match kind {
                    MetricType::Counter if suffixed => "_total",
                    MetricType::Info => "_info",
                    _ => "",
                };
                let unit = if measured { "_seconds" } else { "" };
                let mut family = Family::new(format!("{stem}@{unit}{suffix}"), kind, help.clone());
                family.unit = unit.trim_start_matches('_').into();
                for (at, ((mut labels, mut samples), native, only_native, exemplars)) in children.into_iter().enumerate() {
                    labels.insert("child".to_string(), at.to_string());
                    let labels: Vec<_> = labels.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
                    if let Some(histogram) = native {
                        samples.retain(|(role, ..)| !only_native || *role == Role::Created);
                        let histogram = Cow::Owned(histogram);
                        family.natives.push(NativeSample { labels: labels.clone(), timestamp: None, histogram, exemplars });
                    }
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

pub fn families(utf8: bool) -> impl Strategy<Value = Vec<Family<'static>>> {
    vec(family(utf8), 0..5).prop_map(|mut families| {
        for (at, family) in families.iter_mut().enumerate() {
            family.name = family.name.replace('@', &at.to_string()).into();
        }
        families
    })
}

/// Fragments of bodies: more of what they are put together to is nearly valid than of random bytes.
pub fn soup() -> impl Strategy<Value = String> {
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
