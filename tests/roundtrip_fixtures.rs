//! Answers of real software are read, written in every format and read back: nothing that the format can carry is lost.
#![cfg(feature = "protobuf")]
#![allow(clippy::unwrap_used)]

mod projection;

use onescrape::encode::{Escaping, Format};
use onescrape::model::{Family, MetricType, Role, sample_head};
use onescrape::parse::{Exposition, openmetrics, protobuf, text};
use projection::{carried, comparable, encoded, read};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const FORMATS: [Format; 5] = [
    Format::Text004,
    Format::Text100(Escaping::AllowUtf8),
    Format::OpenMetrics001,
    Format::OpenMetrics100(Escaping::Values),
    Format::Protobuf(Escaping::Underscores),
];

fn fixtures(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            fixtures(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "prom" || extension == "om") {
            found.push(path);
        }
    }
}

fn parse<'a>(path: &Path, body: &'a [u8]) -> Exposition<'a> {
    let result = if path.extension().is_some_and(|extension| extension == "om") { openmetrics(body) } else { text(body) };
    result.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

#[test]
fn every_fixture_survives_every_format() {
    let mut paths = Vec::new();
    fixtures(&root(), &mut paths);
    assert!(paths.len() >= 35, "only {} fixtures found", paths.len());
    for path in paths {
        let body = std::fs::read(&path).unwrap();
        let exposition = parse(&path, &body);
        assert_eq!((exposition.repeated_metadata, exposition.irregular_samples), (0, 0), "{}", path.display());
        for format in FORMATS {
            let out = encoded(&exposition.families, format);
            let back = read(&out, format).unwrap_or_else(|error| panic!("{} as {format:?}: {error}", path.display()));
            let (found, want) = (comparable(&back.families), comparable(&carried(&exposition.families, format)));
            let differ = found.iter().zip(&want).find(|(found, want)| found != want);
            assert_eq!((differ, found.len()), (None, want.len()), "{} as {format:?}", path.display());
        }
    }
}

#[test]
fn every_sample_line_is_a_sample() {
    let mut paths = Vec::new();
    fixtures(&root(), &mut paths);
    for path in paths {
        let body = std::fs::read(&path).unwrap();
        let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"#")).count();
        let samples: usize = parse(&path, &body).families.iter().map(|family| family.samples.len()).sum();
        assert_eq!(samples, lines, "{}", path.display());
    }
}

/// Go's client library answers text and protobuf out of the same registry. Values may have changed in between.
#[test]
fn text_and_protobuf_of_one_program_have_the_same_series() {
    let folder = root().join("exporters");
    for name in ["node", "prometheus", "alertmanager", "exporter-exporter", "nginx-exporter"] {
        let (prom, pb) = (folder.join(format!("{name}.prom")), folder.join(format!("{name}.pb")));
        let (prom_body, pb_body) = (std::fs::read(&prom).unwrap(), std::fs::read(&pb).unwrap());
        let (from_text, from_protobuf) = (parse(&prom, &prom_body), protobuf(&pb_body).unwrap());
        assert_eq!(from_protobuf.repeated_metadata, 0, "{name}");
        // Times of creation and native histograms are what text lacks.
        let as_text = carried(&from_protobuf.families, Format::Text004);
        let (found, want) = (series(&as_text), series(&from_text.families));
        // Whichever was read second shows the first, where the program counts its own requests.
        let differ: Vec<_> = want.symmetric_difference(&found).filter(|head| !head.contains("handler=\"/metrics\"")).collect();
        assert_eq!(differ, Vec::<&String>::new(), "{name}");
        assert!(found.len() > 5, "{name}");
    }
}

/// The metadata of every family and the head of every series, without values.
fn series(families: &[Family<'_>]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for family in families {
        all.insert(format!("{:?} {:?} {:?}", family.name, family.kind, family.help));
        all.extend(family.samples.iter().map(|s| sample_head(&family.name, family.kind, s.role, &s.labels)));
    }
    all
}

/// Python's client writes `foo_created` as a gauge in text and as a sample of `foo` in OpenMetrics: both mean the same.
#[test]
fn text_and_openmetrics_of_one_worker_have_the_same_families() {
    let folder = root().join("django-workers/2-after");
    let (prom, om) = (folder.join("worker1.prom"), folder.join("worker1.om"));
    let (prom_body, om_body) = (std::fs::read(&prom).unwrap(), std::fs::read(&om).unwrap());
    let shape = |exposition: Exposition<'_>| -> Vec<String> {
        let mut shape = Vec::new();
        for family in &exposition.families {
            let kind = match family.kind {
                MetricType::Info | MetricType::StateSet => MetricType::Gauge,
                other => other,
            };
            let created = family.samples.iter().filter(|sample| sample.role == Role::Created).count();
            shape.push(format!("{} {kind:?} {} of which created {created}", family.name, family.samples.len()));
        }
        shape.sort();
        shape
    };
    let (prom_shape, om_shape) = (shape(parse(&prom, &prom_body)), shape(parse(&om, &om_body)));
    assert_eq!(prom_shape, om_shape);
    assert!(prom_shape.iter().any(|line| !line.ends_with("created 0")));
    assert!(!prom_shape.iter().any(|line| line.contains("_created ")));
}
