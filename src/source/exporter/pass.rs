//! What passes of an exporter's families, and in which form.

use crate::config::Limits;
use crate::merge::{DropReason, Tally};
use crate::model::{Exemplar, Family, Labels, NativeSample, Role, Sample};
use crate::source::joined::add_target;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

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
        let offered = family.samples.len() + family.natives.len();
        if family.name.starts_with(OWN_PREFIX) || family.name.starts_with(SERVER_PREFIX) || family.name == SERVER_UP {
            self.drop(DropReason::ReservedName, offered);
            return None;
        }
        let mut samples: Vec<Sample<'_>> =
            family.samples.into_iter().filter(|sample| self.is_within_limits(&sample.labels)).collect();
        let natives: Vec<NativeSample<'_>> =
            family.natives.into_iter().filter(|native| self.is_within_limits(&native.labels)).collect();
        samples.sort_by(|a, b| a.labels.cmp(&b.labels).then_with(|| by_role(a.role, b.role)));
        self.without_duplicates(&mut samples);
        let mut natives = self.by_labels(natives);

        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let mut passed = Family::new(own(family.name), family.kind, own(family.help));
        passed.unit = own(family.unit);
        for child in samples.chunk_by(|a, b| a.labels == b.labels) {
            let native = child.first().and_then(|sample| natives.remove(&sample.labels));
            // A child passes whole or not at all: half a histogram is worse than none.
            if self.has_room(child.len() + usize::from(native.is_some())) {
                passed.samples.extend(child.iter().cloned().map(|sample| self.own(sample)));
                passed.natives.extend(native.map(|native| self.own_native(native)));
            }
        }
        for native in natives.into_values() {
            if self.has_room(1) {
                passed.natives.push(self.own_native(native));
            }
        }
        (!passed.samples.is_empty() || !passed.natives.is_empty()).then_some(passed)
    }

    /// Takes room for a child of so many series; what finds none is counted.
    fn has_room(&mut self, series: usize) -> bool {
        let left = self.room.checked_sub(series);
        match left {
            Some(left) => self.room = left,
            None => self.drop(DropReason::MaxSeries, series),
        }
        left.is_some()
    }

    /// Natives by the labels of their child; the first of a child stays, or of those with timestamps the latest.
    fn by_labels<'n>(&mut self, natives: Vec<NativeSample<'n>>) -> BTreeMap<Labels<'n>, NativeSample<'n>> {
        let mut kept: BTreeMap<Labels<'n>, NativeSample<'n>> = BTreeMap::new();
        for native in natives {
            let Some(before) = kept.get_mut(&native.labels) else {
                kept.insert(native.labels.clone(), native);
                continue;
            };
            match (native.timestamp, before.timestamp) {
                (Some(new), Some(old)) if new > old => *before = native,
                _ => self.drop(DropReason::Duplicate, 1),
            }
        }
        kept
    }

    fn is_within_limits(&mut self, labels: &Labels<'_>) -> bool {
        let unfit = DropReason::of_labels(self.limits, labels.iter().map(|(_, value)| value.as_ref()));
        unfit.into_iter().for_each(|reason| self.tally.drop(reason, 1));
        unfit.is_none()
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
        Sample {
            role: sample.role,
            labels: self.own_labels(sample.labels),
            value: sample.value,
            timestamp: sample.timestamp,
            exemplar: sample.exemplar.map(Exemplar::into_owned),
        }
    }

    fn own_native(&self, native: NativeSample<'_>) -> NativeSample<'static> {
        NativeSample {
            labels: self.own_labels(native.labels),
            timestamp: native.timestamp,
            histogram: Cow::Owned(native.histogram.into_owned()),
            exemplars: native.exemplars.into_iter().map(Exemplar::into_owned).collect(),
        }
    }

    fn own_labels(&self, labels: Labels<'_>) -> Labels<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let mut labels: Labels<'static> = labels.into_iter().map(|(name, value)| (own(name), own(value))).collect();
        if let Some(target) = self.target {
            add_target(&mut labels, target);
        }
        labels
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
