//! What the tests of this folder share: targets without sockets, and goldens.

use super::{Kind, Source};
use crate::config::SourceConfig;
use crate::encode::FamilyView;
use crate::merge::Now;
use crate::scrape::{Body, Missed, Scraped};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Setting this environment variable writes the goldens anew.
const BLESS: &str = "BLESS";

/// A source of this kind with these targets and nothing else set.
pub(super) fn config(kind: &'static Kind, targets: &[&str]) -> SourceConfig {
    let targets = targets.iter().flat_map(|text| (kind.targets)(text, kind.default_path).unwrap()).collect();
    SourceConfig::new(kind.name, kind, targets)
}

/// What a scrape brings that answers with these bytes.
pub(super) fn answer(bytes: impl Into<Vec<u8>>) -> Option<Scraped> {
    answer_as(None, bytes)
}

/// The same with a Content-Type.
pub(super) fn answer_as(content_type: Option<&str>, bytes: impl Into<Vec<u8>>) -> Option<Scraped> {
    let body = Body { content_type: content_type.map(str::to_string), bytes: bytes.into().into(), streamed: None, date: None };
    Some(Scraped { result: Ok(body), duration: Duration::ZERO })
}

/// What a scrape brings where nothing listens.
pub(super) fn refused() -> Option<Scraped> {
    Some(Scraped { result: Err(Missed::Refused), duration: Duration::ZERO })
}

/// Applies a round in which no time has passed.
pub(super) fn apply(source: &mut dyn Source, round: &[Option<Scraped>]) -> Vec<Option<Result<usize, Missed>>> {
    source.apply(round, Now::default())
}

/// A file below `tests/`.
pub(super) fn path(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(below)
}

/// The bytes of a file below `tests/`.
pub(super) fn file(below: &str) -> Vec<u8> {
    std::fs::read(path(below)).unwrap_or_else(|error| panic!("tests/{below}: {error}"))
}

/// Every series with its value, by head.
pub(super) fn series(source: &dyn Source) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    for family in source.families() {
        for sample in family.samples {
            let before = all.insert(sample.head.to_string(), sample.value);
            assert_eq!(before, None, "{} stands twice", sample.head);
        }
    }
    all
}

/// HELP and TYPE of every family, then its series sorted.
pub(super) fn render(families: &[FamilyView<'_>]) -> String {
    let mut out = String::new();
    for family in families {
        writeln!(out, "# HELP {} {}\n# TYPE {0} {}", family.name, family.help, family.kind.as_openmetrics()).unwrap();
        let mut lines: Vec<_> = family.samples.iter().map(|s| format!("{} {}\n", s.head, s.value)).collect();
        lines.sort();
        out.extend(lines);
    }
    out
}

/// Compares what a source shows with `tests/golden/<name>`.
pub(super) fn assert_golden(name: &str, source: &dyn Source) {
    let shown = render(&source.families());
    let path = path("golden").join(name);
    if std::env::var_os(BLESS).is_some() {
        std::fs::write(&path, &shown).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == shown, "{} differs (BLESS=1 writes it anew):\n{shown}", path.display());
}
