//! The sums of a round: offset plus every tracked instance's growth, in slot order, never below what was served before.

use super::catalog::{Catalog, Child, SeriesId};
use super::column::{ABSENT, Column, is_absent, steps};
use super::groups::raise_group;
use super::pool::{Pool, is_total};
use super::shape::Total;
use super::slot::Slot;

impl Pool {
    /// Computes every total afresh: adding differences would drift.
    pub(super) fn sum_up(&mut self) {
        let sums = self.dense_sums();
        self.out.reserve(sums.len());
        let broken = raise_all(self.out.entries(), &sums, self.catalog.totals());
        let broken = broken.into_iter().map(|series| self.catalog.child(self.catalog.child_of(series)));
        for child in self.catalog.uneven().chain(broken) {
            if !self.types.is_established(&self.catalog, child.variant) {
                continue;
            }
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
        for id in self.groups.outputs() {
            let variant = self.catalog.child(id).variant;
            if is_total(self.catalog.variant(variant).kind) && self.types.is_established(&self.catalog, variant) {
                raise_group(&mut self.out, &self.catalog, &self.groups, id, &sums, (&self.offset, &self.slots));
            }
        }
    }

    /// `offset + Σ (last − base)` for every series on its own.
    fn dense_sums(&self) -> Vec<f64> {
        let mut sums = vec![ABSENT; self.catalog.columns()];
        for (sum, offset) in sums.iter_mut().zip(self.offset.as_slice()) {
            *sum = *offset;
        }
        for record in self.slots.iter().flat_map(|s| &s.records) {
            let (last, base) = (record.last.as_slice(), record.base.as_slice());
            // Most records have no base at all.
            let based = base.len().min(last.len()).min(sums.len());
            for ((sum, last), base) in sums.iter_mut().zip(last).zip(base) {
                let grown = if is_absent(*base) { *last } else { last - base };
                add(sum, if is_absent(*last) { ABSENT } else { grown });
            }
            sums[based..].iter_mut().zip(&last[based..]).for_each(|(sum, last)| add(sum, *last));
        }
        sums
    }

    /// Totals in the output that no live worker shows.
    pub(super) fn retained(&self) -> usize {
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

/// The totals that follow from the sums series by series. Returns buckets whose lower neighbour shows nothing: their child must be
/// looked at as a whole.
fn raise_all(out: &mut [f64], sums: &[f64], totals: &[Total]) -> Vec<SeriesId> {
    let mut broken = Vec::new();
    for (at, (sum, total)) in sums.iter().zip(totals).enumerate() {
        if *total == Total::APART {
            continue;
        }
        let before = out[at];
        out[at] = if *total == Total::PLAIN {
            *sum
        } else {
            // `max` ignores ABSENT, a NaN: nothing was served so far, or nothing is there now.
            let held = if is_absent(*sum) { before } else { before.max(*sum) };
            match total.back().and_then(|back| at.checked_sub(back)).map(|below| out[below]) {
                Some(below) if is_absent(below) && !is_absent(held) => {
                    broken.push(at as SeriesId);
                    held
                }
                Some(below) if !is_absent(held) => held.max(below),
                _ => held,
            }
        };
    }
    broken
}

#[inline]
fn add(sum: &mut f64, grown: f64) {
    let both = *sum + grown;
    *sum = if is_absent(grown) {
        *sum
    } else if is_absent(*sum) {
        grown
    } else {
        both
    };
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
