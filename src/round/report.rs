use super::state::{Entry, State};
use super::status::Status;
use crate::encode::SampleView;
use crate::merge::{Life, Reset};
use crate::model::{Labels, Role, WideFamily, split_head};
use crate::scrape::hint;
use crate::source::Endpoints;
use crate::target::Target;

/// Resets of a source that are reported.
const RESETS_REPORTED: usize = 20;

/// How a source stands.
#[derive(Debug, Clone)]
pub struct SourceReport {
    /// Its name.
    pub name: String,
    /// Its kind's name.
    pub kind: &'static str,
    /// Workers of a pool or targets of their own.
    pub endpoints: Endpoints,
    /// How many endpoints should be up.
    pub expect: Option<u32>,
    /// How many are.
    pub up: usize,
    /// What is wrong with the lookup of its targets, one line each.
    pub notes: Vec<String>,
    /// Its targets, in order.
    pub targets: Vec<TargetReport>,
    /// Series of totals that no living worker shows: they are carried on.
    pub carried_series: usize,
    /// Its latest resets, the newest first.
    pub resets: Vec<Reset>,
}

/// How a target stands.
#[derive(Debug, Clone)]
pub struct TargetReport {
    /// As configured.
    pub target: Target,
    /// What is known of it.
    pub status: Status,
    /// Where the latest scrape was missed: the likely cause and what to do.
    pub hint: Option<String>,
    /// How often its counters had begun anew: scrapes in which that was seen.
    pub resets: u64,
    /// The processes seen behind it, the oldest first (workers only).
    pub lives: Vec<Life>,
}

impl State {
    /// Families of workers that one label makes large, with their sources; the largest first.
    pub(super) fn wide_families(&self) -> Vec<(String, WideFamily)> {
        let mut wide = Vec::new();
        for entry in self.sources.iter().filter(|s| s.is_workers()) {
            for family in entry.source.families() {
                let series: Vec<_> = family.samples.iter().filter(|s| s.role != Role::Created).map(child_labels).collect();
                wide.extend(WideFamily::of(family.name, &series).map(|found| (entry.config.name.clone(), found)));
            }
        }
        wide.sort_by(|a, b| b.1.cmp(&a.1));
        wide
    }

    pub(super) fn report(&self) -> Vec<SourceReport> {
        self.sources
            .iter()
            .map(|entry| SourceReport {
                name: entry.config.name.clone(),
                kind: entry.config.kind.name,
                endpoints: entry.config.kind.endpoints,
                expect: entry.config.expect,
                up: entry.status.up(),
                notes: self.discovery.get(&entry.config.name).cloned().unwrap_or_default(),
                targets: target_reports(entry),
                carried_series: entry.source.tally().retained_series,
                resets: entry.source.resets(RESETS_REPORTED),
            })
            .collect()
    }
}

fn target_reports(entry: &Entry) -> Vec<TargetReport> {
    let tally = entry.tally();
    let resets = |index| tally.resets.iter().filter(|((i, _), _)| *i == index).map(|(_, n)| n).sum();
    let report = |(index, (target, status)): (usize, (&Target, &Status))| TargetReport {
        target: target.clone(),
        hint: status.last_error.as_ref().and_then(|missed| hint(entry.config.kind.name, missed, target)),
        status: status.clone(),
        resets: resets(index),
        lives: entry.source.lives(index),
    };
    entry.config.targets.iter().zip(&entry.status.targets).enumerate().map(report).collect()
}

/// The labels of a sample's child, and what it is of it.
pub(super) fn child_labels<'a>(sample: &SampleView<'a>) -> (Labels<'a>, Role) {
    let own = match sample.role {
        Role::Bucket(_) => "le",
        Role::Quantile(_) => "quantile",
        _ => "",
    };
    let mut labels = split_head(sample.head).map(|(_, labels)| labels).unwrap_or_default();
    labels.retain(|(name, _)| name != own);
    (labels, sample.role)
}
