//! The parsers against the vectors in `tests/conformance`: every good body gives the samples listed beside it, every bad one is rejected.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use onescrape::model::{Role, parse_number, sample_name};
use onescrape::parse::{Exposition, ParseError, openmetrics, text};
use std::collections::BTreeMap;
use std::path::Path;

/// A sample as a vector lists it: sample name, labels, value; `le` and `quantile` as numbers.
#[derive(Debug, PartialEq, PartialOrd)]
struct Plain {
    name: String,
    labels: BTreeMap<String, String>,
    bound: Option<f64>,
    value: Value,
}

/// A number that equals itself even if it is none.
#[derive(Debug, PartialEq, PartialOrd)]
enum Value {
    NotANumber,
    Bits(u64),
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        if value.is_nan() { Self::NotANumber } else { Self::Bits(value.to_bits()) }
    }
}

/// The samples in the order of their names; those of one name in the order of the body.
fn found(exposition: &Exposition<'_>) -> Vec<Plain> {
    let mut plain = Vec::new();
    for family in &exposition.families {
        for sample in &family.samples {
            plain.push(Plain {
                name: sample_name(&family.name, family.kind, sample.role).into_owned(),
                labels: sample.labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
                bound: match sample.role {
                    Role::Bucket(bound) | Role::Quantile(bound) => Some(bound),
                    _ => None,
                },
                value: sample.value.into(),
            });
        }
    }
    plain.sort_by(|a, b| a.name.cmp(&b.name));
    plain
}

fn expected(json: &Path) -> Vec<Plain> {
    #[derive(serde::Deserialize)]
    struct Vector {
        samples: Vec<(String, BTreeMap<String, String>, String)>,
    }
    let vector: Vector = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    let plain = |(name, mut labels, value): (String, BTreeMap<String, String>, String)| {
        let bound = labels.remove("le").or_else(|| labels.remove("quantile"));
        Plain { name, labels, bound: bound.map(|text| parse_number(&text).unwrap()), value: parse_number(&value).unwrap().into() }
    };
    let mut plain: Vec<Plain> = vector.samples.into_iter().map(plain).collect();
    plain.sort_by(|a, b| a.name.cmp(&b.name));
    plain
}

fn read<'a>(file: &str, body: &'a [u8]) -> Result<Exposition<'a>, ParseError> {
    if file.starts_with("openmetrics/") { openmetrics(body) } else { text(body) }
}

#[test]
fn every_vector() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let manifest = std::fs::read_to_string(root.join("manifest.tsv")).unwrap();
    let mut failures = Vec::new();
    let mut seen = 0;
    for line in manifest.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [file, level, ..] = columns[..] else { panic!("manifest line {line:?}") };
        let body = std::fs::read(root.join(file)).unwrap();
        let result = read(file, &body);
        seen += 1;
        match (level, file.contains("/good/"), result) {
            ("strict", ..) | ("must", false, Err(_)) => {}
            ("must", true, Ok(exposition)) => {
                let (found, expected) = (found(&exposition), expected(&root.join(file).with_extension("json")));
                if found != expected {
                    failures.push(format!("{file}: found {found:#?}, expected {expected:#?}"));
                }
            }
            (_, _, result) => failures.push(format!("{file}: {result:?}")),
        }
    }
    assert!(seen >= 68, "only {seen} vectors ran");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn bodies_that_may_be_cut_short_say_so() {
    for (file, truncated) in
        [("text/bad/no-final-line-feed.txt", true), ("openmetrics/bad/no-eof.txt", true), ("text/bad/html.txt", false)]
    {
        let body = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance").join(file)).unwrap();
        assert_eq!(read(file, &body).unwrap_err().truncated, truncated, "{file}");
    }
}
