//! A staged body becomes part of the totals: one decision per child, whole or not at all.

use super::catalog::{ChildId, VariantId};
use super::column::{ABSENT, Column, fold, is_absent};
use super::pool::{Pool, is_total};
use super::slot::{Entrance, Record};
use super::stage::{Staged, child_fell, created_moved};
use super::types::Verdict;
use super::{DropReason, RepairKind, ResetCause};
use crate::model::{MetricType, Role};
use std::collections::HashMap;

/// A fresh worker may show a start time this much before the first exposition of a child: clock ticks and rounding.
const FRESH_TOLERANCE_SECONDS: f64 = 2.0;
/// A slot that refused in the round before may have been booting for this long when the first exposition was served.
const SLOW_BOOT_SECONDS: f64 = 30.0;

impl Pool {
    /// Applies a staged body to the current record of its slot.
    pub(super) fn commit(&mut self, slot: usize, entrance: Entrance, staged: &mut Staged) {
        let verdicts: HashMap<VariantId, Verdict> =
            staged.variants.iter().map(|(v, _)| (*v, self.types.verdict(&self.catalog, *v))).collect();
        let of = |pool: &Self, child: ChildId| verdicts.get(&pool.catalog.child(child).variant).copied();
        if verdicts.values().any(|v| matches!(v, Verdict::YieldTo(_))) {
            let yielding = staged.children.iter().filter_map(|c| match of(self, *c) {
                Some(Verdict::YieldTo(to)) => Some((*c, to)),
                _ => None,
            });
            let yielding: Vec<_> = yielding.collect();
            self.yield_children(staged, yielding);
        }
        let current = self.slots[slot].current;
        let mut record = std::mem::take(&mut self.slots[slot].records[current]);
        self.begin_body(&mut record, staged);
        let mut causes = [false; 2];
        let mut baselines = 0;
        for child in std::mem::take(&mut staged.children) {
            match of(self, child).unwrap_or(Verdict::Use) {
                Verdict::Use => {}
                Verdict::YieldTo(_) => continue,
                Verdict::Conflict => {
                    let c = self.catalog.child(child);
                    let n = c.series().filter(|s| staged.values.has(*s)).count();
                    record.leave_out(c.key);
                    self.tally.drop(DropReason::TypeConflict, n as u64);
                    continue;
                }
            }
            let kind = self.catalog.variant(self.catalog.child(child).variant).kind;
            if !is_total(kind) {
                self.commit_current(&mut record, staged, child);
            } else if self.is_valid(kind, child, staged) {
                let cause = self.commit_total(slot, entrance, &mut record, staged, child, &mut baselines);
                causes[0] |= cause == Some(ResetCause::Created);
                causes[1] |= cause == Some(ResetCause::Value);
            } else {
                record.leave_out(self.catalog.child(child).key);
            }
        }
        for (cause, seen) in [ResetCause::Created, ResetCause::Value].into_iter().zip(causes) {
            *self.tally.resets.entry((slot, cause)).or_default() += u64::from(seen);
        }
        if baselines > 0 {
            *self.tally.baselines.entry(slot).or_default() += baselines;
        }
        self.slots[slot].records[current] = record;
    }

    /// What holds only for the newest body is replaced.
    fn begin_body(&mut self, record: &mut Record, staged: &mut Staged) {
        for series in record.gauges.drain(..) {
            record.last.set(series, ABSENT);
        }
        record.last.reserve(self.catalog.columns());
        record.timestamps.clear();
        record.exemplars = std::mem::take(&mut staged.exemplars).into_iter().collect();
        (record.body_at, record.body_unix) = (self.now.elapsed, self.now.unix);
        for key in staged.left_out.drain(..) {
            record.leave_out(key);
        }
    }

    /// Gauges, infos, states: the newest body's values as they are.
    fn commit_current(&self, record: &mut Record, staged: &Staged, child: ChildId) {
        for series in self.catalog.child(child).series() {
            let value = staged.values.get(series);
            if !is_absent(value) {
                record.last.set(series, value);
                record.gauges.push(series);
                if let Some(at) = staged.timestamps.get(&series) {
                    record.timestamps.insert(series, *at);
                }
            }
        }
    }

    /// Whether the child can be counted, after repairs; else it counts as missing in this body.
    fn is_valid(&mut self, kind: MetricType, id: ChildId, staged: &mut Staged) -> bool {
        let unusable = if kind == MetricType::Histogram {
            self.mend_histogram(id, staged)
        } else {
            let c = self.catalog.child(id);
            c.value.into_iter().chain(c.count).find_map(|s| why_uncountable(staged.values.get(s))).map(Unusable::Dropped)
        };
        match unusable {
            None => return true,
            Some(Unusable::Dropped(reason)) => self.tally.drop(reason, 1),
            Some(Unusable::Broken(kind)) => self.tally.repair(kind),
        }
        false
    }

    /// Mends what can be mended in a histogram's newest values; the reason if it can't be used. Afterwards the count is `+Inf`'s.
    fn mend_histogram(&mut self, id: ChildId, staged: &mut Staged) -> Option<Unusable> {
        let infinity = self.catalog.intern_series(id, Role::Bucket(f64::INFINITY));
        self.catalog.intern_series(id, Role::Count);
        let child = self.catalog.child(id);
        let count = child.count.map_or(ABSENT, |s| staged.values.take(s));
        let buckets: Vec<f64> = child.buckets.iter().map(|(_, s)| staged.values.get(*s)).filter(|v| !is_absent(*v)).collect();
        if let Some(reason) = buckets.iter().find_map(|v| why_uncountable(*v)) {
            return Some(Unusable::Dropped(reason));
        }
        if !buckets.is_sorted() {
            return Some(Unusable::Broken(RepairKind::NotCumulative));
        }
        let total = staged.values.get(infinity);
        if is_absent(total) {
            let usable = count.is_finite() && buckets.last().is_none_or(|b| *b <= count) && count >= 0.0;
            if !usable {
                return Some(Unusable::Broken(RepairKind::NotCumulative));
            }
            staged.values.set(infinity, count);
            self.tally.repair(RepairKind::InfMissing);
        } else if !is_absent(count) && count != total {
            self.tally.repair(RepairKind::CountMismatch);
        }
        None
    }

    /// A total: fold on a reset, baseline or zero at first sight, then the new value.
    fn commit_total(
        &mut self,
        slot: usize,
        entrance: Entrance,
        record: &mut Record,
        staged: &Staged,
        id: ChildId,
        baselines: &mut u64,
    ) -> Option<ResetCause> {
        let child = self.catalog.child(id);
        let known = child.totals().any(|s| record.last.has(s));
        let mut cause = None;
        if known {
            cause = if created_moved(record, staged, id) {
                Some(ResetCause::Created)
            } else {
                child_fell(child, &record.last, &staged.values).then_some(ResetCause::Value)
            };
            if cause.is_some() {
                fold(child, &mut record.last, &mut record.base, &mut self.offset);
            }
        } else if self.starts_at_baseline(slot, entrance, record, staged, id) {
            *baselines += 1;
            for s in child.totals() {
                record.base.set(s, staged.values.get(s));
            }
        }
        if let Some(at) = staged.created.get(&id) {
            record.created.set(id, *at);
        }
        for s in child.totals() {
            record.last.set(s, staged.values.get(s));
        }
        for (_, s) in child.quantiles.iter().filter(|(_, s)| staged.values.has(*s)) {
            record.last.set(*s, staged.values.get(*s));
            record.gauges.push(*s);
        }
        self.note_missing_parts(id, &staged.values);
        cause
    }

    /// What a child's first value in a record is worth: true if its past was never in the output, so that only its growth counts.
    /// First match wins.
    fn starts_at_baseline(&self, slot: usize, entrance: Entrance, record: &Record, staged: &Staged, id: ChildId) -> bool {
        let child = self.catalog.child(id);
        let Some(served_at) = child.served_at else { return false };
        match entrance {
            Entrance::Turned | Entrance::Another | Entrance::FirstAgain => true,
            Entrance::Recycled => false,
            Entrance::Same | Entrance::Returned(_) => record.was_left_out(child.key),
            Entrance::First => {
                let unix = |at| self.now.unix - self.now.elapsed.saturating_sub(at).as_secs_f64();
                let born = staged.created.get(&id).copied().or(record.start);
                let fresh = born.is_some_and(|b| b >= unix(served_at) - FRESH_TOLERANCE_SECONDS);
                let booting = || {
                    let first = self.first_served.unwrap_or(served_at);
                    self.slots[slot].refused && record.start.is_some_and(|s| s >= unix(first) - SLOW_BOOT_SECONDS)
                };
                !(fresh || booting())
            }
        }
    }

    /// A total has a sum only if every contribution has one; and bounds that one lacks make it a step function.
    fn note_missing_parts(&mut self, id: ChildId, values: &Column) {
        let c = self.catalog.child_mut(id);
        let lacks = |s: Option<u32>| !s.is_some_and(|s| values.has(s));
        if c.buckets.is_empty() && c.value.is_none() {
            c.no_count |= lacks(c.count);
        }
        if c.value.is_none() {
            c.no_sum |= lacks(c.sum);
        }
        if c.buckets.iter().any(|(_, s)| !values.has(*s)) {
            c.ragged = true;
            self.tally.repair(RepairKind::BoundsDiffer);
        }
    }
}

/// Why a count can't be used.
fn why_uncountable(value: f64) -> Option<DropReason> {
    if is_absent(value) {
        None
    } else if !value.is_finite() {
        Some(DropReason::NotFinite)
    } else {
        (value < 0.0).then_some(DropReason::Negative)
    }
}

/// Why a child counts as missing, and under which name that is counted.
enum Unusable {
    Dropped(DropReason),
    Broken(RepairKind),
}
