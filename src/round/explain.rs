//! Families for people: which there are, and what their values are made of.

use super::report::child_labels;
use super::state::{Entry, State};
use crate::encode::FamilyView;
use crate::merge::{Explanation, Rule, SeriesExplained, Window};
use crate::model::{MetricType, Role};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Names offered in place of one that isn't there.
const NEAR_MAX: usize = 5;
/// From this likeness on (Jaro-Winkler) a name is near another.
const NEAR_ENOUGH: f64 = 0.8;
/// Longer names are compared with no other: likeness costs the product of both lengths.
const NEAR_BYTES_MAX: usize = 128;
/// So many names are looked at for near ones.
const NEAR_LOOKED_AT: usize = 10_000;
/// So many series of a family are looked at for the labels that make it large.
const LABELS_LOOKED_AT: usize = 10_000;
/// Labels told of a family.
const LABELS_TOLD: usize = 3;
/// What sample lines have behind the name of their family.
const SUFFIXES: [&str; 4] = ["_bucket", "_count", "_sum", "_created"];

/// A family as one source has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceExplanation {
    /// Name of the source.
    pub source: String,
    /// Kind of the source.
    pub kind: &'static str,
    /// Name of the family.
    pub family: String,
    /// What its values are made of.
    #[serde(flatten)]
    pub explanation: Explanation,
}

/// There is no such family.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no family of that name is served by any source{}", said(near))]
pub struct Unexplained {
    /// Names that are like it, the nearest first.
    pub near: Vec<String>,
}

fn said(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(", ")) }
}

/// Some of the families.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Families {
    /// How many there are.
    pub total: usize,
    /// How many series they have together.
    pub series: usize,
    /// How many match.
    pub matching: usize,
    /// Those that match with most series, the largest first.
    pub shown: Vec<FamilyLine>,
}

/// A family at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyLine {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: MetricType,
    /// Its HELP.
    pub help: String,
    /// Sources that have it.
    pub sources: Vec<String>,
    /// Its series, over all sources.
    pub series: usize,
    /// The labels with most values, and how many those are (of the first series, where there are very many).
    pub labels: Vec<(String, usize)>,
}

impl State {
    pub(super) fn explain(&self, asked: &str, window: Window) -> Result<Vec<SourceExplanation>, Unexplained> {
        let families: Vec<(&Entry, Vec<FamilyView<'_>>)> = self.sources.iter().map(|s| (s, s.source.families())).collect();
        for name in readings(asked) {
            let found = families.iter().filter_map(|(entry, families)| {
                let explanation = entry.source.explain(&name, window);
                let as_served = || families.iter().find(|family| family.name == name).map(|f| as_served(entry, f, window));
                Some(SourceExplanation {
                    source: entry.config.name.clone(),
                    kind: entry.config.kind.name,
                    family: name.clone(),
                    explanation: explanation.or_else(as_served)?,
                })
            });
            let found: Vec<SourceExplanation> = found.collect();
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Err(Unexplained { near: near(asked, families.iter().flat_map(|(_, families)| families).map(|family| family.name)) })
    }

    pub(super) fn families_like(&self, search: &str, most: usize) -> Families {
        let search = search.trim().to_lowercase();
        let sources: Vec<(&str, Vec<FamilyView<'_>>)> =
            self.sources.iter().map(|entry| (entry.config.name.as_str(), entry.source.families())).collect();
        let mut by_name: BTreeMap<&str, Vec<(&str, &FamilyView<'_>)>> = BTreeMap::new();
        for (source, family) in sources.iter().flat_map(|(source, families)| families.iter().map(move |family| (*source, family))) {
            by_name.entry(family.name).or_default().push((source, family));
        }
        let series = |views: &[(&str, &FamilyView<'_>)]| views.iter().map(|(_, family)| series_of(family)).sum::<usize>();
        let (total, all) = (by_name.len(), by_name.values().map(|views| series(views)).sum());
        let is_like = |views: &[(&str, &FamilyView<'_>)]| {
            let like = |text: &str| text.to_lowercase().contains(&search);
            search.is_empty() || views.iter().any(|(_, family)| like(family.name) || like(family.help))
        };
        let mut found: Vec<_> = by_name.into_values().filter(|views| is_like(views)).collect();
        found.sort_by_key(|views| std::cmp::Reverse(series(views)));
        let matching = found.len();
        let shown = found.iter().take(most).filter_map(|views| line(views, series(views))).collect();
        Families { total, series: all, matching, shown }
    }
}

/// The family names that somebody may mean: as typed, and as read off a sample line.
fn readings(asked: &str) -> Vec<String> {
    let name = asked.split('{').next().unwrap_or_default().trim();
    let bare = SUFFIXES.iter().filter_map(|suffix| name.strip_suffix(suffix));
    [name.to_string(), format!("{name}_total")].into_iter().chain(bare.map(str::to_string)).collect()
}

/// A family of a source that has no pool: as it is served.
fn as_served(entry: &Entry, family: &FamilyView<'_>, window: Window) -> Explanation {
    let shown = family.samples.iter().filter(|sample| sample.role != Role::Created).skip(window.from).take(window.most);
    let series = |sample: &crate::encode::SampleView<'_>| SeriesExplained {
        series: sample.head.to_string(),
        served: Some(sample.value),
        sum: None,
        floor: false,
        parts: Vec::new(),
    };
    Explanation {
        kind: family.kind.as_openmetrics(),
        help: family.help.to_string(),
        rule: Rule { mode: "as_served", why: format!("kind {} has no pool of workers", entry.config.kind.name) },
        series: shown.map(series).collect(),
        series_total: family.samples.iter().filter(|sample| sample.role != Role::Created).count(),
        resets: Vec::new(),
    }
}

/// Names like the one asked for, the nearest first.
fn near<'a>(asked: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    if asked.len() > NEAR_BYTES_MAX {
        return Vec::new();
    }
    let likeness = |name: &str| if name.contains(asked) && !asked.is_empty() { 1.0 } else { strsim::jaro_winkler(asked, name) };
    let short = names.filter(|name| name.len() <= NEAR_BYTES_MAX).take(NEAR_LOOKED_AT);
    let mut near: Vec<(f64, &str)> = short.map(|name| (likeness(name), name)).filter(|(like, _)| *like >= NEAR_ENOUGH).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.dedup();
    near.into_iter().take(NEAR_MAX).map(|(_, name)| name.to_string()).collect()
}

fn line(views: &[(&str, &FamilyView<'_>)], series: usize) -> Option<FamilyLine> {
    let (_, first) = views.first()?;
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sample in views.iter().flat_map(|(_, family)| &family.samples).take(LABELS_LOOKED_AT) {
        for (label, value) in child_labels(sample).0 {
            values.entry(label.into_owned()).or_default().insert(value.into_owned());
        }
    }
    let mut labels: Vec<(String, usize)> = values.into_iter().map(|(label, values)| (label, values.len())).collect();
    labels.sort_by_key(|(_, values)| std::cmp::Reverse(*values));
    labels.retain(|(_, values)| *values > 1);
    labels.truncate(LABELS_TOLD);
    Some(FamilyLine {
        name: first.name.to_string(),
        kind: first.kind,
        help: first.help.to_string(),
        sources: views.iter().map(|(source, _)| source.to_string()).collect(),
        series,
        labels,
    })
}

fn series_of(family: &FamilyView<'_>) -> usize {
    family.samples.iter().filter(|sample| sample.role != Role::Created).count() + family.natives.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_as_it_is_read_anywhere() {
        assert_eq!(readings("http_seconds_bucket{le=\"1\"}"), ["http_seconds_bucket", "http_seconds_bucket_total", "http_seconds"]);
        assert_eq!(readings(" a "), ["a", "a_total"]);
    }

    #[test]
    fn near_names_come_in_order_and_long_ones_cost_nothing() {
        let names = ["django_http_requests_total", "django_http_responses_total", "up"];
        assert_eq!(near("django_http_request_total", names.into_iter()), names[..2]);
        assert_eq!(near("responses", names.into_iter()), [names[1]]);
        let long = "x".repeat(NEAR_BYTES_MAX + 1);
        assert_eq!(near(&long, [long.as_str()].into_iter()), [""; 0]);
        assert_eq!(near("x", [long.as_str()].into_iter()), [""; 0]);
    }
}
