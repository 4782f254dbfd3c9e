//! What passes of an exporter's families, and in which form.

use crate::config::Limits;
use crate::merge::{DropReason, Tally};
use crate::model::{Exemplar, Family, Labels, Role, Sample};
use crate::source::joined::add_target;
use std::borrow::Cow;
use std::cmp::Ordering;

/// Prefix of the program's own families.
const OWN_PREFIX: &str = "onescrape_";
/// Names the server makes itself for every scrape.
const SERVER_UP: &str = "up";
const SERVER_PREFIX: &str = "scrape_";

/// The passing of one body.
pub(super) struct Pass<'p> {
    target: Option<&'p str>,
    limits: &'p Limits,
    /// Series that may still pass.
    room: usize,
    tally: &'p mut Tally,
}

impl<'p> Pass<'p> {
    /// `target`: value of the target label, if there is to be one.
    pub(super) fn new(target: Option<&'p str>, limits: &'p Limits, max_series: usize, tally: &'p mut Tally) -> Self {
        Self { target, limits, room: max_series, tally }
    }

    /// Counts samples left out.
    pub(super) fn drop(&mut self, reason: DropReason, samples: usize) {
        self.tally.drop(reason, samples as u64);
    }

    /// The family as it is served: children sorted by labels, each child's samples together, none twice, the target label added.
    /// `None` if its name is reserved or nothing of it passes.
    pub(super) fn family(&mut self, family: Family<'_>) -> Option<Family<'static>> {
        if family.name.starts_with(OWN_PREFIX) || family.name.starts_with(SERVER_PREFIX) || family.name == SERVER_UP {
            self.drop(DropReason::ReservedName, family.samples.len());
            return None;
        }
        let offered = family.samples.len();
        let mut samples: Vec<Sample<'_>> = family.samples.into_iter().filter(|sample| self.within_limits(&sample.labels)).collect();
        self.drop(DropReason::LabelLimit, offered - samples.len());
        samples.sort_by(|a, b| a.labels.cmp(&b.labels).then_with(|| by_role(a.role, b.role)));
        self.without_duplicates(&mut samples);

        let mut passed = Vec::with_capacity(samples.len());
        for child in samples.chunk_by(|a, b| a.labels == b.labels) {
            // A child passes whole or not at all: half a histogram is worse than none.
            if child.len() > self.room {
                self.drop(DropReason::MaxSeries, child.len());
                continue;
            }
            self.room -= child.len();
            passed.extend(child.iter().cloned().map(|sample| self.own(sample)));
        }
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        (!passed.is_empty()).then(|| Family {
            name: own(family.name),
            kind: family.kind,
            help: own(family.help),
            unit: own(family.unit),
            samples: passed,
            natives: Vec::new(),
        })
    }

    fn within_limits(&self, labels: &Labels<'_>) -> bool {
        labels.len() <= self.limits.labels_max && labels.iter().all(|(_, v)| v.len() <= self.limits.label_value_bytes_max)
    }

    /// Of samples of one series the first stays; of points with timestamps, which OpenMetrics allows, the latest.
    fn without_duplicates(&mut self, sorted: &mut Vec<Sample<'_>>) {
        let mut duplicates = 0;
        sorted.dedup_by(|later, kept| {
            let same = later.labels == kept.labels && by_role(later.role, kept.role).is_eq();
            match (later.timestamp, kept.timestamp) {
                (Some(new), Some(old)) if same && new > old => std::mem::swap(later, kept),
                _ => duplicates += usize::from(same),
            }
            same
        });
        self.drop(DropReason::Duplicate, duplicates);
    }

    fn own(&self, sample: Sample<'_>) -> Sample<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let mut labels: Labels<'static> = sample.labels.into_iter().map(|(name, value)| (own(name), own(value))).collect();
        if let Some(target) = self.target {
            add_target(&mut labels, target);
        }
        Sample {
            role: sample.role,
            labels,
            value: sample.value,
            timestamp: sample.timestamp,
            exemplar: sample.exemplar.map(Exemplar::into_owned),
        }
    }
}

/// The order of samples within a child: buckets and quantiles by bound, then sum, count and created.
fn by_role(a: Role, b: Role) -> Ordering {
    let rank = |role| match role {
        Role::Value => (0, 0.0),
        Role::Quantile(bound) | Role::Bucket(bound) => (1, bound),
        Role::Sum => (2, 0.0),
        Role::Count => (3, 0.0),
        Role::Created => (4, 0.0),
    };
    let ((a_rank, a_bound), (b_rank, b_bound)) = (rank(a), rank(b));
    a_rank.cmp(&b_rank).then_with(|| a_bound.total_cmp(&b_bound))
}
