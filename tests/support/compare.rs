//! What every answer must keep, and how one is compared with what a case expects.

use super::exposition::{Exposition, Sample};
use std::collections::{BTreeMap, BTreeSet};

/// Largest relative difference between two values that count as equal: sums may be made in another order.
const RELATIVE_ERROR_MAX: f64 = 1e-15;
/// The program's own families.
const OWN_PREFIX: &str = "onescrape_";

/// What is compared besides samples and types.
#[derive(Debug, Clone, Default)]
pub struct Compared {
    pub help: bool,
    pub exemplars: bool,
    pub no_timestamps: bool,
    /// Sample names (globs with `*`) that may be there unasked.
    pub ignored: Vec<String>,
    /// Selectors of samples that must not be there.
    pub absent: Vec<String>,
}

/// Every difference between an answer and what was expected of it.
pub fn differences(answer: &Exposition, expected: &Exposition, compared: &Compared) -> Vec<String> {
    let mut found = Vec::new();
    let there: BTreeMap<_, _> = answer.samples.iter().map(|sample| (sample.series(), sample)).collect();
    let asked: BTreeSet<_> = expected.samples.iter().map(Sample::series).collect();
    for wanted in &expected.samples {
        let series = wanted.series();
        match there.get(&series) {
            None => found.push(format!("missing: {series} {}", wanted.value)),
            Some(is) if !same(is.value, wanted.value) => found.push(format!("{series} is {}, not {}", is.value, wanted.value)),
            Some(is) if compared.exemplars && is.exemplar != wanted.exemplar => {
                found.push(format!("{series} has exemplar {:?}, not {:?}", is.exemplar, wanted.exemplar));
            }
            Some(_) => (),
        }
    }
    let tolerated = |name: &str| {
        name.starts_with(OWN_PREFIX) || name.ends_with("_created") || compared.ignored.iter().any(|pattern| glob(pattern, name))
    };
    for (series, sample) in &there {
        if !asked.contains(series) && !tolerated(&sample.name) {
            found.push(format!("unasked: {series} {}", sample.value));
        }
    }
    let types = normal_types(answer);
    for (family, kind) in normal_types(expected) {
        if types.get(&family) != Some(&kind) {
            found.push(format!("type of {family} is {:?}, not {kind}", types.get(&family)));
        }
    }
    if compared.help {
        let family = |(name, help): (&String, &String), e: &Exposition| (normal_family(name, e), help.clone());
        let helps: BTreeMap<_, _> = answer.helps.iter().map(|h| family(h, answer)).collect();
        for (family, help) in expected.helps.iter().map(|h| family(h, expected)) {
            if helps.get(&family) != Some(&help) {
                found.push(format!("help of {family} is {:?}, not {help:?}", helps.get(&family)));
            }
        }
    }
    for selector in &compared.absent {
        found.extend(answer.select(selector).iter().map(|sample| format!("must not be there: {}", sample.series())));
    }
    if compared.no_timestamps {
        let timed = answer.samples.iter().filter(|sample| sample.timestamp.is_some());
        found.extend(timed.map(|sample| format!("has a timestamp: {}", sample.series())));
    }
    found
}

/// Checks that hold for every answer, whatever the workers say, over the answers of one proxy in their order.
#[derive(Debug, Default)]
pub struct Invariants {
    /// Of the last answer: everything that must not fall.
    cumulative: BTreeMap<String, f64>,
}

impl Invariants {
    /// What is wrong with this answer by itself or after the ones before. (Series and metadata that stand there twice are found
    /// already when it is parsed.)
    pub fn breaches(&mut self, answer: &Exposition) -> Vec<String> {
        let mut found = histograms(answer);
        for family in answer.types.keys() {
            if !answer.samples.iter().any(|sample| belongs(&sample.name, family)) {
                found.push(format!("family {family} has no sample"));
            }
        }
        for sample in answer.samples.iter().filter(|sample| is_cumulative(sample, answer)) {
            let before = self.cumulative.insert(sample.series(), sample.value);
            if before.is_some_and(|before| sample.value < before) {
                found.push(format!("{} fell from {before:?} to {}", sample.series(), sample.value));
            }
        }
        found
    }
}

/// Suffixes that samples of a family may have.
const SUFFIXES: [&str; 9] = ["", "_total", "_bucket", "_count", "_sum", "_created", "_info", "_gcount", "_gsum"];

fn belongs(sample: &str, family: &str) -> bool {
    sample.strip_prefix(family).is_some_and(|suffix| SUFFIXES.contains(&suffix))
}

fn type_of<'a>(answer: &'a Exposition, family: &str) -> Option<&'a str> {
    answer.types.get(family).map(String::as_str)
}

fn is_cumulative(sample: &Sample, answer: &Exposition) -> bool {
    let of = |suffix: &str, kinds: &[&str]| {
        sample.name.strip_suffix(suffix).and_then(|family| type_of(answer, family)).is_some_and(|kind| kinds.contains(&kind))
    };
    of("", &["counter"]) || of("_total", &["counter"]) || of("_bucket", &["histogram"]) || of("_count", &["histogram", "summary"])
}

/// Bounds and values of one child's buckets.
type Buckets = Vec<(f64, f64)>;

fn histograms(answer: &Exposition) -> Vec<String> {
    let mut children: BTreeMap<String, (Buckets, Option<f64>)> = BTreeMap::new();
    for sample in &answer.samples {
        let mut child = sample.clone();
        let of = |suffix| sample.name.strip_suffix(suffix).filter(|family| type_of(answer, family) == Some("histogram"));
        if let Some(family) = of("_bucket") {
            child.name = family.into();
            let bound = child.labels.remove("le").and_then(|le| le.parse().ok()).unwrap_or(f64::NAN);
            children.entry(child.series()).or_default().0.push((bound, sample.value));
        } else if let Some(family) = of("_count") {
            child.name = family.into();
            children.entry(child.series()).or_default().1 = Some(sample.value);
        }
    }
    let mut found = Vec::new();
    for (child, (buckets, count)) in children {
        if !buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1) {
            found.push(format!("buckets of {child} don't rise: {buckets:?}"));
        }
        match buckets.last() {
            Some((bound, value)) if *bound == f64::INFINITY && Some(*value) == count => (),
            other => found.push(format!("last bucket of {child} is {other:?}, its count {count:?}")),
        }
    }
    found
}

fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= RELATIVE_ERROR_MAX * a.abs().max(b.abs())
}

/// `foo` and `foo_total` of a counter are one family.
fn normal_family(name: &str, answer: &Exposition) -> String {
    let is_counter = type_of(answer, name) == Some("counter");
    name.strip_suffix("_total").filter(|_| is_counter).unwrap_or(name).to_string()
}

fn normal_types(answer: &Exposition) -> BTreeMap<String, String> {
    let kind = |kind: &str| if kind == "untyped" { "unknown".to_string() } else { kind.to_string() };
    answer.types.iter().map(|(name, k)| (normal_family(name, answer), kind(k))).collect()
}

/// Whether a name matches a pattern in which `*` stands for any run of characters.
pub fn glob(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => {
            let Some(rest) = name.strip_prefix(before) else { return false };
            (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| glob(after, &rest[at..]))
        }
    }
}
