//! `aggregate`: children that differ only in labels which are not served are counted each on its own and shown as one.
//!
//! Tracking stays with the children as workers show them; the *output child* has no contributions unless a worker shows it as it is.
//! When it was first served decides for all its parts what a first value is worth. A part that is forgotten leaves its past with it.

use super::catalog::{Catalog, Child, ChildId, SeriesId};
use super::column::{ABSENT, Column, fold, is_absent};
use super::native::fold_native;
use super::pool::{Pool, is_total};
use super::rules::matches;
use super::slot::{LeftOut, Slot};
use super::totals::{child_sums, raise, raise_in_order};
use crate::model::{Role, child_head};
use foldhash::HashMap;

/// Which children are shown as which.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    /// By part its output child.
    output: HashMap<ChildId, ChildId>,
    /// By output child its parts, by labels; never empty.
    parts: HashMap<ChildId, Vec<ChildId>>,
}

impl Groups {
    /// The child that this one is shown as: another one, or itself.
    pub fn output(&self, child: ChildId) -> ChildId {
        self.output.get(&child).copied().unwrap_or(child)
    }

    /// Whether it is shown as part of another one only.
    pub fn is_part(&self, child: ChildId) -> bool {
        self.output.contains_key(&child)
    }

    /// Whether others may be shown as it.
    pub fn has_parts(&self, child: ChildId) -> bool {
        self.parts.contains_key(&child)
    }

    /// Whether others were shown as it: bodies that were given up bring parts that never count.
    pub fn is_sum(&self, catalog: &Catalog, child: ChildId) -> bool {
        self.parts.get(&child).is_some_and(|parts| parts.iter().any(|part| catalog.child(*part).was_listed()))
    }

    /// The last round in which anything was seen that is shown as this child.
    pub fn seen_round(&self, catalog: &Catalog, child: ChildId) -> u64 {
        let of = |part| Some(catalog.child(part)).filter(|part| part.was_listed()).map(|part| part.seen_round);
        self.shown_as(child).filter_map(of).max().unwrap_or(catalog.child(child).seen_round)
    }

    /// All that is shown as this child: itself, then its parts by labels.
    pub fn shown_as(&self, child: ChildId) -> impl Iterator<Item = ChildId> + '_ {
        std::iter::once(child).chain(self.parts.get(&child).into_iter().flatten().copied())
    }

    /// Every child that others are shown as.
    pub fn outputs(&self) -> impl Iterator<Item = ChildId> + '_ {
        self.parts.keys().copied()
    }

    fn join(&mut self, catalog: &Catalog, part: ChildId, output: ChildId) {
        self.output.insert(part, output);
        let parts = self.parts.entry(output).or_default();
        let at = parts.partition_point(|other| catalog.child_head(*other) < catalog.child_head(part));
        parts.insert(at, part);
    }

    fn leave(&mut self, part: ChildId) {
        let Some(output) = self.output.remove(&part) else { return };
        if let Some(parts) = self.parts.get_mut(&output) {
            parts.retain(|other| *other != part);
            if parts.is_empty() {
                self.parts.remove(&output);
            }
        }
    }
}

impl Pool {
    /// A series of the child is new: so may be its output child, or that one's series.
    pub(super) fn join_group(&mut self, child: ChildId, role: Role) {
        // Quantiles can't be merged, and start times are evidence only.
        if self.config.aggregate.is_empty() || matches!(role, Role::Quantile(_) | Role::Created) {
            return;
        }
        let output = match self.groups.is_part(child) {
            true => self.groups.output(child),
            false => match self.output_head(child) {
                Some(head) => self.join_output(child, &head),
                None => return,
            },
        };
        self.catalog.intern_series(output, role);
    }

    /// The head of the child without the labels that are not served; `None` if it has none of them.
    fn output_head(&self, child: ChildId) -> Option<String> {
        let family = &self.catalog.variant(self.catalog.child(child).variant).name;
        let rule = self.config.aggregate.iter().find(|rule| matches(&rule.pattern, family))?;
        let mut labels = self.catalog.labels(child);
        let before = labels.len();
        labels.retain(|(name, _)| !rule.without.iter().any(|label| label == name));
        (labels.len() < before).then(|| child_head(family, &labels))
    }

    fn join_output(&mut self, child: ChildId, head: &str) -> ChildId {
        let variant = self.catalog.child(child).variant;
        let known = self.catalog.find_child(variant, head);
        let output = self.catalog.intern_child(variant, head);
        if known.is_none() {
            self.unserved.push(output);
        }
        self.groups.join(&self.catalog, child, output);
        self.catalog.set_grouped(child, true);
        self.catalog.set_grouped(output, true);
        output
    }

    /// A part is about to be forgotten: what it has counted stays with its output child, and an instance that shows it again starts
    /// there from its value.
    pub(super) fn leave_group(&mut self, part: ChildId) {
        if !self.groups.is_part(part) {
            return;
        }
        let output = self.groups.output(part);
        self.groups.leave(part);
        let seen_round = self.catalog.child(part).seen_round;
        let to = self.catalog.child_mut(output);
        to.seen_round = to.seen_round.max(seen_round);
        if is_total(self.catalog.variant(self.catalog.child(part).variant).kind) {
            self.leave_past(part, output);
        }
        self.catalog.set_grouped(output, self.groups.has_parts(output));
    }

    /// Moves all that a part has counted to its output child.
    fn leave_past(&mut self, part: ChildId, output: ChildId) {
        let child = self.catalog.child(part);
        let unserved = self.catalog.child(output).served_at.is_none();
        for kept in self.slots.iter_mut().flat_map(|slot| &mut slot.kept) {
            kept.record.leave_out(LeftOut::of(self.catalog.child_head(part)));
        }
        for record in self.slots.iter_mut().flat_map(|slot| &mut slot.records) {
            if child.series().any(|s| record.last.has(s)) {
                record.leave_out(LeftOut::of(self.catalog.child_head(part)));
                if unserved {
                    self.beginnings.note_folded(output, part, record);
                }
                fold_native(&mut self.natives, record, part, child, &self.offset);
                fold(child, &mut record.last, &mut record.base, &mut self.offset);
            }
        }
        self.leave_native(part, output);
        let child = self.catalog.child(part);
        let (no_sum, no_count) = (child.no_sum, child.no_count);
        let mut counted = Vec::new();
        let to = self.catalog.child(output);
        let pairs = [(child.value(), to.value()), (child.count(), to.count()), (child.sum(), to.sum())];
        for (from, to) in pairs.into_iter().filter_map(|(from, to)| Some((from?, to?))) {
            let folded = self.offset.get(from);
            add(&mut self.offset, to, folded);
        }
        let own = in_buckets(child, child.buckets().iter().map(|(_, s)| self.offset.get(*s)), |s| self.offset.get(s));
        let before: Vec<(f64, f64)> = to.buckets().iter().map(|(bound, s)| (*bound, self.offset.get(*s))).collect();
        let sums = on_bounds(to, &own).zip(on_bounds(to, &before));
        for ((_, series), ((own, has_own), (before, has_before))) in to.buckets().iter().zip(sums) {
            if has_own || has_before {
                self.offset.set(*series, own + before);
                counted.push(*series);
            }
        }
        // Its offset may now have bounds that nothing else in it has.
        self.catalog.mark_counted(&counted);
        let to = self.catalog.child_mut(output);
        to.ragged |= !counted.is_empty();
        (to.no_sum, to.no_count) = (to.no_sum | no_sum, to.no_count | no_count);
    }
}

/// Computes the total of an output child from those of its parts.
pub(super) fn raise_group(
    out: &mut Column,
    catalog: &Catalog,
    groups: &Groups,
    id: ChildId,
    sums: &[f64],
    (offset, slots): (&Column, &[Slot]),
) {
    let parts = || groups.shown_as(id).map(|part| catalog.child(part));
    let total = |series: fn(&Child) -> Option<SeriesId>| {
        let of = |child| series(child).and_then(|s| sums.get(s as usize).copied());
        parts().filter_map(of).filter(|sum| !is_absent(*sum)).reduce(|a, b| a + b).unwrap_or(ABSENT)
    };
    let child = catalog.child(id);
    if let Some(s) = child.value() {
        raise(out, s, total(Child::value));
    }
    if child.buckets().is_empty() {
        if let Some(s) = child.count().filter(|_| !parts().any(|part| part.no_count)) {
            raise(out, s, total(Child::count));
        }
    } else {
        let mut totals = vec![(0.0, false); child.buckets().len()];
        for part in parts() {
            let own = child_sums(catalog, part, sums, offset, slots).into_iter();
            let own = in_buckets(part, own, |s| sums.get(s as usize).copied().unwrap_or(ABSENT));
            for (total, (value, has)) in totals.iter_mut().zip(on_bounds(child, &own)) {
                (total.0, total.1) = (total.0 + value, total.1 | has);
            }
        }
        raise_in_order(out, child, totals.into_iter().map(|(total, has)| if has { total } else { ABSENT }));
    }
    if let Some(s) = child.sum() {
        // A sum may fall with negative observations, so it isn't held up.
        out.set(s, if parts().any(|part| part.no_sum) { ABSENT } else { total(Child::sum) });
    }
}

/// The bounds of a part with the values there. One that is only native has all it counts below `+Inf`.
fn in_buckets(part: &Child, values: impl Iterator<Item = f64>, of: impl Fn(SeriesId) -> f64) -> Vec<(f64, f64)> {
    match part.count().filter(|_| part.buckets().is_empty()) {
        Some(count) => vec![(f64::INFINITY, of(count))],
        None => part.buckets().iter().map(|(bound, _)| *bound).zip(values).collect(),
    }
}

/// Walks the bounds of `child`: the value there of a step function given by its own bounds, and whether the bound is one of those.
pub(super) fn on_bounds<'a>(child: &'a Child, own: &'a [(f64, f64)]) -> impl Iterator<Item = (f64, bool)> + 'a {
    let mut own = own.iter().filter(|(_, value)| !is_absent(*value)).peekable();
    let mut below = 0.0;
    child.buckets().iter().map(move |(bound, _)| {
        let mut is_own = false;
        while let Some((at, value)) = own.next_if(|(at, _)| at <= bound) {
            (below, is_own) = (*value, at == bound);
        }
        (below, is_own)
    })
}

fn add(column: &mut Column, series: SeriesId, value: f64) {
    if !is_absent(value) {
        let before = column.get(series);
        column.set(series, if is_absent(before) { value } else { before + value });
    }
}
