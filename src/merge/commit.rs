//! A staged body becomes part of the totals: one decision per child, whole or not at all.

use super::catalog::{Child, ChildId, SeriesId, VariantId};
use super::column::{ABSENT, Column, fold, is_absent};
use super::native;
use super::pool::{Pool, is_total};
use super::shape::all_allow;
use super::slot::{Entrance, LeftOut, Record};
use super::stage::{SAME_CREATED_SECONDS, Staged, child_fell, created_moved};
use super::types::Verdict;
use super::{DropReason, RepairKind, ResetCause};
use crate::model::{MetricType, Role};

/// A fresh worker may show a start time this much before the first exposition of a child: clock ticks and rounding.
const FRESH_TOLERANCE_SECONDS: f64 = 2.0;
/// A slot that refused in the round before may have been booting for this long when the first exposition was served.
const SLOW_BOOT_SECONDS: f64 = 30.0;

impl Pool {
    /// Applies a staged body to the current record of its slot. `familiar`: it declares what the slot's last body declared, all of
    /// it of established types.
    pub(super) fn commit(&mut self, slot: usize, entrance: Entrance, familiar: bool, staged: &mut Staged) {
        for reason in staged.drops.drain(..) {
            self.tally.drop(reason, 1);
        }
        let current = self.slots[slot].current;
        let mut record = std::mem::take(&mut self.slots[slot].records[current]);
        self.renew(&mut record, staged);
        self.slots[slot].lives.saw(record.serial, record.start, self.now);
        let whole = familiar && entrance == Entrance::Same && self.take_whole(&mut record, staged);
        if !whole {
            self.refresh_seen(slot, &record);
            self.commit_children(slot, entrance, &mut record, staged);
        }
        self.slots[slot].taken_whole = whole;
        self.slots[slot].records[current] = record;
    }

    /// The usual body: the same series as in the record, nothing fell, all is valid. Then its column becomes the record's as it is,
    /// which is what going child by child would come to.
    fn take_whole(&self, record: &mut Record, staged: &mut Staged) -> bool {
        let columns = self.catalog.columns();
        staged.values.reserve(columns);
        record.last.reserve(columns);
        let (new, last) = (staged.values.as_slice(), record.last.as_slice());
        let fits = new.len() == last.len() && all_allow(self.catalog.shapes(), new, last);
        if !fits || !same_created(&staged.created, &record.created) {
            return false;
        }
        std::mem::swap(&mut record.last, &mut staged.values);
        std::mem::swap(&mut record.created, &mut staged.created);
        record.timestamps = std::mem::take(&mut staged.timestamps);
        true
    }

    fn commit_children(&mut self, slot: usize, entrance: Entrance, record: &mut Record, staged: &mut Staged) {
        let verdicts: Vec<(VariantId, Verdict)> =
            staged.declared.iter().map(|d| (d.variant, self.types.verdict(&self.catalog, d.variant))).collect();
        for (variant, verdict) in &verdicts {
            if let Verdict::YieldTo(to) = verdict {
                self.yield_children(staged, *variant, *to);
            }
        }
        let conflicts: Vec<VariantId> = verdicts.iter().filter(|(_, v)| *v == Verdict::Conflict).map(|(v, _)| *v).collect();
        self.forget_current(record);
        let mut causes = [false; 2];
        let mut baselines = 0;
        for child in self.list_children(staged) {
            let c = self.catalog.child(child);
            if conflicts.contains(&c.variant) {
                let n = c.series().filter(|s| staged.values.has(*s)).count();
                record.leave_out(LeftOut::of(self.catalog.child_head(child)));
                self.tally.drop(DropReason::TypeConflict, n as u64);
                continue;
            }
            let kind = self.catalog.variant(c.variant).kind;
            if !is_total(kind) {
                self.commit_current(record, staged, child);
                if !staged.natives.is_empty() {
                    self.take_current_native(record, staged, child);
                }
            } else if self.is_valid(kind, child, staged) {
                let cause = self.commit_total(slot, entrance, record, staged, child, &mut baselines);
                causes[0] |= cause == Some(ResetCause::Created);
                causes[1] |= cause == Some(ResetCause::Value);
            } else {
                record.leave_out(LeftOut::of(self.catalog.child_head(child)));
            }
        }
        for (cause, seen) in ResetCause::CHILD.into_iter().zip(causes) {
            if seen {
                *self.tally.resets.entry((slot, cause)).or_default() += 1;
            }
        }
        if baselines > 0 {
            *self.tally.baselines.entry(slot).or_default() += baselines;
        }
    }

    /// The children that the body shows, each once; they are marked as seen.
    fn list_children(&mut self, staged: &Staged) -> Vec<ChildId> {
        let mut listed = Vec::new();
        for series in 0..staged.values.as_slice().len() as SeriesId {
            if staged.values.has(series) {
                let id = self.catalog.child_of(series);
                let round = self.round;
                let child = self.catalog.child_mut(id);
                if child.listed_body != staged.body {
                    (child.listed_body, child.seen_round) = (staged.body, round);
                    listed.push(id);
                }
            }
        }
        listed
    }

    /// What came with the newest body only is replaced.
    fn renew(&mut self, record: &mut Record, staged: &mut Staged) {
        record.exemplars = std::mem::take(&mut staged.exemplars).into_iter().collect();
        record.natives.values_mut().for_each(native::Contribution::forget_exemplars);
        (record.body_at, record.body_unix) = (self.now.elapsed, self.now.unix);
        for key in staged.left_out.drain(..) {
            record.leave_out(key);
        }
    }

    /// Gauges of the body before hold no longer.
    fn forget_current(&self, record: &mut Record) {
        for series in record.gauges.drain(..) {
            record.last.set(series, ABSENT);
        }
        if !record.natives.is_empty() {
            self.forget_current_natives(record);
        }
        record.last.reserve(self.catalog.columns());
        record.timestamps.clear();
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
    pub(super) fn is_valid(&mut self, kind: MetricType, id: ChildId, staged: &mut Staged) -> bool {
        let unusable = if kind == MetricType::Histogram {
            let classic = if self.is_only_native(id, staged) { None } else { self.mend_histogram(id, staged) };
            classic.or_else(|| self.native_unusable(id, staged))
        } else {
            let c = self.catalog.child(id);
            c.value().into_iter().chain(c.count()).find_map(|s| why_uncountable(staged.values.get(s))).map(Unusable::Dropped)
        };
        match unusable {
            None => return true,
            Some(Unusable::Dropped(reason)) => self.tally.drop(reason, 1),
            Some(Unusable::Broken(kind)) => self.tally.repair(kind),
        }
        false
    }

    /// Mends what can be mended in a histogram's newest values; the reason if it can't be used. Afterwards its count, where it has
    /// one, is that of `+Inf`.
    fn mend_histogram(&mut self, id: ChildId, staged: &mut Staged) -> Option<Unusable> {
        let infinity = match self.catalog.child(id).buckets().last() {
            Some((f64::INFINITY, s)) => *s,
            _ => {
                self.join_group(id, Role::Bucket(f64::INFINITY));
                self.catalog.intern_series(id, Role::Bucket(f64::INFINITY))
            }
        };
        let count_at = match self.catalog.child(id).count() {
            Some(s) => s,
            None => {
                self.join_group(id, Role::Count);
                self.catalog.intern_series(id, Role::Count)
            }
        };
        let child = self.catalog.child(id);
        let mut below = 0.0;
        for (_, s) in child.buckets() {
            let value = staged.values.get(*s);
            if let Some(reason) = why_uncountable(value) {
                return Some(Unusable::Dropped(reason));
            }
            if value < below {
                return Some(Unusable::Broken(RepairKind::NotCumulative));
            }
            below = below.max(value);
        }
        let (total, count) = (staged.values.get(infinity), staged.values.get(count_at));
        if is_absent(total) {
            if !count.is_finite() || count < below {
                return Some(Unusable::Broken(RepairKind::NotCumulative));
            }
            staged.values.set(infinity, count);
            self.tally.repair(RepairKind::InfMissing);
        } else if !is_absent(count) && count != total {
            self.tally.repair(RepairKind::CountMismatch);
            staged.values.set(count_at, total);
        }
        None
    }

    /// A total: fold on a reset, baseline or zero at first sight, then the new value.
    fn commit_total(
        &mut self,
        slot: usize,
        entrance: Entrance,
        record: &mut Record,
        staged: &mut Staged,
        id: ChildId,
        baselines: &mut u64,
    ) -> Option<ResetCause> {
        let child = self.catalog.child(id);
        let known = child.totals().any(|s| record.last.has(s));
        let (mut cause, mut at_baseline) = (None, false);
        if known {
            cause = if created_moved(record, staged, id) {
                Some(ResetCause::Created)
            } else {
                let fell = child_fell(child, &record.last, &staged.values) || native::fell(record, staged, id);
                fell.then_some(ResetCause::Value)
            };
            if cause.is_some() && record.closed {
                // The body was on its way when the last words came, and is the older of the two.
                return None;
            }
            if let Some(cause) = cause {
                let family = &self.catalog.variant(child.variant).name;
                let names = (&**family, self.catalog.child_head(id));
                let values = (counted(child, &record.last), counted(child, &staged.values));
                self.resets.note_child(self.now, &self.ids[slot], cause, names, values);
                let output = self.groups.output(id);
                if self.catalog.child(output).served_at.is_none() {
                    self.beginnings.note_folded(output, id, record);
                }
                native::fold_native(&mut self.natives, record, id, child, &self.offset);
                fold(child, &mut record.last, &mut record.base, &mut self.offset);
            }
        } else if self.starts_at_baseline(slot, entrance, record, staged, id) {
            *baselines += 1;
            at_baseline = true;
            for s in child.totals() {
                record.base.set(s, staged.values.get(s));
            }
        }
        if !(staged.natives.is_empty() && record.natives.is_empty()) {
            self.take_native(record, staged, id, known && cause.is_none(), at_baseline);
        }
        let child = self.catalog.child(id);
        if staged.created.has(id) {
            record.created.set(id, staged.created.get(id));
        }
        for s in child.totals() {
            record.last.set(s, staged.values.get(s));
        }
        for (_, s) in child.quantiles().iter().filter(|(_, s)| staged.values.has(*s)) {
            record.last.set(*s, staged.values.get(*s));
            record.gauges.push(*s);
        }
        self.note_missing_parts(id, &staged.values);
        cause
    }

    /// What a child's first value in a record is worth: true if its past was never in the output, so that only its growth counts.
    /// First match wins.
    pub(super) fn starts_at_baseline(
        &self,
        slot: usize,
        entrance: Entrance,
        record: &Record,
        staged: &Staged,
        id: ChildId,
    ) -> bool {
        let Some(served_at) = self.catalog.child(self.groups.output(id)).served_at else {
            return self.is_cold && self.first_served.is_none();
        };
        match entrance {
            Entrance::Turned | Entrance::Another | Entrance::FirstAgain => true,
            Entrance::Recycled => false,
            Entrance::Same | Entrance::Returned(_) => record.was_left_out(LeftOut::of(self.catalog.child_head(id))),
            Entrance::First => {
                let unix = |at| self.now.unix - self.now.elapsed.saturating_sub(at).as_secs_f64();
                let born = Some(staged.created.get(id)).filter(|at| !is_absent(*at)).or(record.start);
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
    pub(super) fn note_missing_parts(&mut self, id: ChildId, values: &Column) {
        let c = self.catalog.child_mut(id);
        let lacks = |s: Option<u32>| !s.is_some_and(|s| values.has(s));
        if c.value().is_some() {
            return;
        }
        let before = (c.ragged, c.no_count, c.no_sum);
        c.no_count |= c.buckets().is_empty() && lacks(c.count());
        c.no_sum |= lacks(c.sum());
        if self.catalog.count_buckets(id, |s| values.has(s)) && !std::mem::replace(&mut self.catalog.child_mut(id).ragged, true) {
            self.tally.repair(RepairKind::BoundsDiffer);
        }
        let c = self.catalog.child(id);
        if before != (c.ragged, c.no_count, c.no_sum) {
            self.catalog.reshape(id);
        }
    }
}

/// Whether two bodies show the same start times of the same children.
fn same_created(new: &Column, last: &Column) -> bool {
    let (new, last) = (new.as_slice(), last.as_slice());
    let shared = new.len().min(last.len());
    let same = |(a, b): (&f64, &f64)| match (is_absent(*a), is_absent(*b)) {
        (true, true) => true,
        (false, false) => (a - b).abs() <= SAME_CREATED_SECONDS,
        _ => false,
    };
    new.iter().zip(last).all(same) && new[shared..].iter().chain(&last[shared..]).all(|v| is_absent(*v))
}

/// What a child has counted, in one number.
fn counted(child: &Child, column: &Column) -> Option<f64> {
    let infinity = child.buckets().last().map(|(_, series)| *series);
    Some(column.get(child.value().or(infinity).or(child.count())?)).filter(|value| !is_absent(*value))
}

/// Why a count can't be used.
pub(super) fn why_uncountable(value: f64) -> Option<DropReason> {
    if is_absent(value) {
        None
    } else if !value.is_finite() {
        Some(DropReason::NotFinite)
    } else {
        (value < 0.0).then_some(DropReason::Negative)
    }
}

/// Why a child counts as missing, and under which name that is counted.
pub(super) enum Unusable {
    Dropped(DropReason),
    Broken(RepairKind),
}
