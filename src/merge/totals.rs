//! The sums of a round: offset plus every tracked instance's growth, in slot order, never below what was served before.

use super::catalog::{Catalog, Child, SeriesId};
use super::column::{ABSENT, Column, is_absent, steps};
use super::groups::raise_group;
use super::pool::{Pool, is_total};
use super::slot::Slot;

impl Pool {
    /// Computes every total afresh: adding differences would drift.
    pub(super) fn sum_up(&mut self) {
        let sums = self.dense_sums();
        let established: Vec<_> = self.types.established().collect();
        for variant in established {
            let variant = self.catalog.variant(variant);
            if !is_total(variant.kind) {
                continue;
            }
            for id in &variant.children {
                if self.groups.is_part(*id) {
                    continue;
                }
                if self.groups.is_sum(&self.catalog, *id) {
                    raise_group(&mut self.out, &self.catalog, &self.groups, *id, &sums, (&self.offset, &self.slots));
                    continue;
                }
                let child = self.catalog.child(*id);
                if child.buckets().is_empty() {
                    for s in child.value().into_iter().chain(child.count().filter(|_| !child.no_count)) {
                        raise(&mut self.out, s, sums.get(s as usize).copied().unwrap_or(ABSENT));
                    }
                } else {
                    raise_buckets(&mut self.out, &self.catalog, child, &sums, &self.offset, &self.slots);
                }
                if let Some(s) = child.sum() {
                    // A sum may fall with negative observations, so it isn't held up.
                    self.out.set(s, if child.no_sum { ABSENT } else { sums.get(s as usize).copied().unwrap_or(ABSENT) });
                }
            }
        }
        self.tally.retained_series = self.retained();
    }

    /// `offset + Σ (last − base)` for every series on its own.
    fn dense_sums(&self) -> Vec<f64> {
        let mut sums = vec![ABSENT; self.catalog.columns()];
        for (sum, offset) in sums.iter_mut().zip(self.offset.as_slice()) {
            *sum = *offset;
        }
        for record in self.slots.iter().flat_map(|s| &s.records) {
            let bases = record.base.as_slice();
            for (i, (sum, last)) in sums.iter_mut().zip(record.last.as_slice()).enumerate() {
                if is_absent(*last) {
                    continue;
                }
                let grown = match bases.get(i) {
                    Some(base) if !is_absent(*base) => last - base,
                    _ => *last,
                };
                *sum = if is_absent(*sum) { grown } else { *sum + grown };
            }
        }
        sums
    }

    /// Totals in the output that no live worker shows.
    fn retained(&self) -> usize {
        let fresh = || self.slots.iter().filter(|s| s.fresh);
        let mut shown = vec![false; self.out.as_slice().len()];
        for record in fresh().filter(|s| s.taken_whole).filter_map(Slot::current) {
            for (shown, last) in shown.iter_mut().zip(record.last.as_slice()) {
                *shown |= !is_absent(*last);
            }
        }
        // Children of bodies that were not taken whole are marked.
        let marked_since = fresh().filter(|s| !s.taken_whole).map(|s| s.last_good_round).min().unwrap_or(u64::MAX);
        for id in self.groups.outputs() {
            let mut series = self.groups.shown_as(id).flat_map(|part| self.catalog.child(part).series());
            if series.any(|s| shown.get(s as usize).is_some_and(|shown| *shown)) {
                for s in self.catalog.child(id).series() {
                    shown.get_mut(s as usize).into_iter().for_each(|shown| *shown = true);
                }
            }
        }
        let is_marked = |series| self.groups.seen_round(&self.catalog, self.catalog.child_of(series)) >= marked_since;
        let held = (0..).zip(self.out.as_slice()).zip(shown).filter(|((_, out), shown)| !is_absent(**out) && !shown);
        held.filter(|((series, _), _)| !is_marked(*series)).count()
    }
}

pub(super) fn raise(out: &mut Column, series: SeriesId, sum: f64) {
    if !is_absent(sum) {
        // `max` ignores ABSENT, a NaN: nothing was served so far.
        out.set(series, out.get(series).max(sum));
    }
}

/// A histogram's vector is held as one: each bound at least as before and at least as the bound below.
fn raise_buckets(out: &mut Column, catalog: &Catalog, child: &Child, sums: &[f64], offset: &Column, slots: &[Slot]) {
    if child.ragged {
        raise_in_order(out, child, child_sums(catalog, child, sums, offset, slots).into_iter());
    } else {
        let own = |s: SeriesId| sums.get(s as usize).copied().unwrap_or(ABSENT);
        raise_in_order(out, child, child.buckets().iter().map(|(_, s)| own(*s)));
    }
}

/// The total at every bound of a child, [`ABSENT`] where no contribution has it.
pub(super) fn child_sums(catalog: &Catalog, child: &Child, sums: &[f64], offset: &Column, slots: &[Slot]) -> Vec<f64> {
    if child.ragged {
        let counted = child.buckets().iter().map(|(_, s)| catalog.is_counted(*s));
        let sums = stepped_sums(child, offset, slots).into_iter().zip(counted);
        sums.map(|(sum, counted)| if counted { sum } else { ABSENT }).collect()
    } else {
        child.buckets().iter().map(|(_, s)| sums.get(*s as usize).copied().unwrap_or(ABSENT)).collect()
    }
}

pub(super) fn raise_in_order(out: &mut Column, child: &Child, totals: impl Iterator<Item = f64>) {
    let mut below = 0.0f64;
    for ((_, s), total) in child.buckets().iter().zip(totals) {
        if is_absent(total) && !out.has(*s) {
            continue;
        }
        below = below.max(out.get(*s)).max(total);
        out.set(*s, below);
    }
}

/// The sum over contributions with differing bounds, each as a step function.
fn stepped_sums(child: &Child, offset: &Column, slots: &[Slot]) -> Vec<f64> {
    let mut totals: Option<Vec<f64>> = steps(child, offset).map(Iterator::collect);
    for record in slots.iter().flat_map(|s| &s.records) {
        let Some(last) = steps(child, &record.last) else { continue };
        let totals = totals.get_or_insert_with(|| vec![0.0; child.buckets().len()]);
        totals.iter_mut().zip(last).for_each(|(t, v)| *t += v);
        if let Some(base) = steps(child, &record.base) {
            totals.iter_mut().zip(base).for_each(|(t, b)| *t -= b);
        }
    }
    totals.unwrap_or_default()
}
