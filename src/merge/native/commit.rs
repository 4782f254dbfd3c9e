//! The native part of a body's children, staged and taken into the record: whatever the child's one decision is, it follows.

use super::super::catalog::{Child, ChildId, VariantId, with_label};
use super::super::column::{Column, is_absent};
use super::super::commit::Unusable;
use super::super::pool::{Pool, is_total};
use super::super::slot::Record;
use super::super::stage::{Staged, is_short};
use super::super::{DropReason, RepairKind};
use super::sum::Total;
use super::{Contribution, valid};
use crate::config::BoundsPolicy;
use crate::model::{Exemplar, MetricType, NativeHistogram, NativeSample, Role, child_head};
use std::collections::BTreeMap;

/// The native part of a child in a body on its way into the pool.
#[derive(Debug)]
pub(crate) struct StagedNative {
    histogram: NativeHistogram,
    timestamp: Option<f64>,
    exemplars: Vec<Exemplar<'static>>,
}

impl StagedNative {
    pub fn histogram(&self) -> &NativeHistogram {
        &self.histogram
    }
}

impl Pool {
    /// `odd_at`: the slot, for children that must not be merged with the others.
    pub(in super::super) fn stage_native(
        &mut self,
        staged: &mut Staged,
        variant: VariantId,
        family: &str,
        native: &NativeSample<'_>,
        odd_at: Option<usize>,
    ) {
        if !matches!(self.catalog.variant(variant).kind, MetricType::Histogram | MetricType::GaugeHistogram) {
            return;
        }
        if let Some(reason) = self.unwanted(Role::Count, &native.labels) {
            return staged.drops.extend(reason);
        }
        let head = match odd_at {
            None => child_head(family, &native.labels),
            Some(_) if self.config.histograms == BoundsPolicy::Drop => return, // left out with its classic part
            Some(slot) => child_head(family, &with_label(native.labels.clone(), &self.config.worker_label, &self.ids[slot])),
        };
        let Some(count) = self.place(staged, variant, &head, Role::Count) else { return };
        let Some(sum) = self.place(staged, variant, &head, Role::Sum) else { return };
        let child = self.catalog.child_of(count);
        if let Some(before) = staged.natives.get(&child) {
            match (before.timestamp, native.timestamp) {
                (Some(before), Some(at)) if at > before => {}
                (Some(_), Some(_)) => return,
                _ => return staged.drops.push(DropReason::Duplicate),
            }
        }
        // Beside classic buckets count and sum stand there already.
        for (series, value) in [(count, native.histogram.count), (sum, native.histogram.sum)] {
            if !staged.values.has(series) {
                staged.values.set(series, value);
            }
        }
        let exemplars = native.exemplars.iter().filter(|e| e.timestamp.is_some() && is_short(e)).cloned();
        let exemplars = exemplars.map(Exemplar::into_owned).collect();
        let histogram = native.histogram.clone().into_owned();
        staged.natives.insert(child, StagedNative { histogram, timestamp: native.timestamp, exemplars });
    }

    /// Whether the child is only native in this body. Its observations are in `+Inf` then, if others have buckets.
    pub(in super::super) fn is_only_native(&self, id: ChildId, staged: &mut Staged) -> bool {
        let Some(native) = staged.natives.get(&id) else { return false };
        let buckets = self.catalog.child(id).buckets();
        let only = buckets.iter().all(|(_, s)| !staged.values.has(*s));
        if let Some((f64::INFINITY, infinity)) = buckets.last().filter(|_| only) {
            staged.values.set(*infinity, native.histogram.count);
        }
        only
    }

    /// Why the child's native part can't be used. Call it once the classic part is mended: both must count the same.
    pub(in super::super) fn native_unusable(&self, id: ChildId, staged: &mut Staged) -> Option<Unusable> {
        let native = &mut staged.natives.get_mut(&id)?.histogram;
        let count = self.catalog.child(id).count().map(|s| staged.values.get(s)).filter(|v| !is_absent(*v));
        valid::unusable(native).or_else(|| {
            let differs = count.is_some_and(|count| count != native.count);
            differs.then_some(Unusable::Broken(RepairKind::NotCumulative))
        })
    }

    /// A total: what the body shows of the native part, after the child's decision was made and what it folds was folded.
    /// `goes_on`: the record had the child before; `at_baseline`: its past must not count.
    pub(in super::super) fn take_native(
        &mut self,
        record: &mut Record,
        staged: &mut Staged,
        id: ChildId,
        goes_on: bool,
        at_baseline: bool,
    ) {
        let Some(StagedNative { histogram, exemplars, .. }) = staged.natives.remove(&id) else {
            record.natives.remove(&id);
            return;
        };
        for id in [id, self.groups.output(id)] {
            if !self.natives.contains_key(&id) {
                self.natives.insert(id, Total::new(was_folded(self.catalog.child(id), &self.offset)));
            }
        }
        let child = self.catalog.child(id);
        match record.natives.get_mut(&id) {
            Some(before) => (before.last, before.exemplars) = (histogram, exemplars),
            // What the base was in buckets nobody knows.
            None if goes_on && child.count().is_some_and(|s| record.base.has(s)) => {}
            None => {
                let base = at_baseline.then(|| histogram.clone());
                record.natives.insert(id, Contribution { last: histogram, base, exemplars });
            }
        }
    }

    /// A gauge histogram: the newest body's native part as it is.
    pub(in super::super) fn take_current_native(&mut self, record: &mut Record, staged: &mut Staged, id: ChildId) {
        match self.native_unusable(id, staged) {
            None => {}
            Some(Unusable::Dropped(reason)) => return self.tally.drop(reason, 1),
            Some(Unusable::Broken(kind)) => return self.tally.repair(kind),
        }
        if let Some(StagedNative { histogram, exemplars, .. }) = staged.natives.remove(&id) {
            for id in [id, self.groups.output(id)] {
                self.natives.entry(id).or_insert_with(|| Total::new(false));
            }
            record.natives.insert(id, Contribution { last: histogram, base: None, exemplars });
        }
    }

    /// Gauge histograms of the body before hold no longer.
    pub(in super::super) fn forget_current_natives(&self, record: &mut Record) {
        let kind = |id: ChildId| self.catalog.variant(self.catalog.child(id).variant).kind;
        record.natives.retain(|id, _| is_total(kind(*id)));
    }

    /// Moves what a record has counted in native parts into the offsets. Call it before the columns are folded.
    pub(in super::super) fn fold_natives(&mut self, record: &mut Record) {
        for (id, total) in &mut self.natives {
            let child = self.catalog.child(*id);
            if is_total(self.catalog.variant(child.variant).kind) && child.totals().any(|s| record.last.has(s)) {
                total.fold(record.natives.remove(id), was_folded(child, &self.offset));
            }
        }
    }

    /// A part is about to be forgotten, its contributions are folded: what it has counted in its native part goes to its output child.
    /// Call it before that has happened to the columns.
    pub(in super::super) fn leave_native(&mut self, part: ChildId, output: ChildId) {
        let total = self.natives.remove(&part);
        let folded = was_folded(self.catalog.child(output), &self.offset);
        if let Some(to) = self.natives.get_mut(&output).filter(|_| was_folded(self.catalog.child(part), &self.offset)) {
            to.fold(total.and_then(Total::into_contribution), folded);
        }
    }
}

/// Moves the native part of a record's child into the offset. Call it before the columns are folded.
pub(in super::super) fn fold_native(
    natives: &mut BTreeMap<ChildId, Total>,
    record: &mut Record,
    id: ChildId,
    child: &Child,
    offset: &Column,
) {
    if let Some(total) = natives.get_mut(&id) {
        total.fold(record.natives.remove(&id), was_folded(child, offset));
    }
}

/// Whether anything of the child was folded so far.
pub(super) fn was_folded(child: &Child, offset: &Column) -> bool {
    child.totals().any(|s| offset.has(s))
}
