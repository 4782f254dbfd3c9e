//! The total of native histograms: offset plus every tracked instance's growth, in slot order, never below what was served before.

use super::super::catalog::{Child, ChildId};
use super::super::pool::{Pool, is_total};
use super::super::slot::Record;
use super::arithmetic::{Grid, SCHEMA_MIN, add, fit, hold, in_buckets, subtract};
use super::commit::was_folded;
use super::{BUCKETS_MAX, Contribution, EXEMPLARS_MAX, valid};
use crate::encode::NativeView;
use crate::model::{Exemplar, NativeHistogram};

/// The native part of a child over all workers.
#[derive(Debug, Default)]
pub(crate) struct Total {
    /// What folded instances had counted.
    pub(super) offset: Option<NativeHistogram>,
    /// Something without a native part was folded: the total can't be told any more.
    pub(super) lost: bool,
    /// What was last in the output.
    pub(super) out: Option<NativeHistogram>,
    /// Whether it is in the output now: every contribution has a native part.
    complete: bool,
    exemplars: Vec<Exemplar<'static>>,
}

impl Total {
    /// `lost`: the child was folded before it had a native part.
    pub fn new(lost: bool) -> Self {
        Self { lost, ..Self::default() }
    }

    /// What a contribution was stays in the total for ever. `None`: it had no native part. `folded`: something of the child was folded
    /// before.
    pub fn fold(&mut self, contribution: Option<Contribution>, folded: bool) {
        let Some(Contribution { mut last, base, .. }) = contribution.filter(|_| !self.lost && self.offset.is_some() == folded)
        else {
            (self.lost, self.offset) = (true, None);
            return;
        };
        // A sum may be non-finite: it shows while it lasts but must not poison the total.
        if !last.sum.is_finite() {
            last.sum = base.as_ref().map(|b| b.sum).filter(|sum| sum.is_finite()).unwrap_or_default();
        }
        self.offset = total(self.offset.as_ref().as_slice(), &[(&last, base.as_ref())], None);
    }

    /// What was folded of a child, as a contribution to another; `None` if that can't be told.
    pub fn into_contribution(self) -> Option<Contribution> {
        Some(Contribution { last: self.offset?, base: None, exemplars: Vec::new() })
    }

    /// As it is served.
    pub fn view<'a>(&'a self, head: &'a str) -> Option<NativeView<'a>> {
        let histogram = self.out.as_ref().filter(|_| self.complete)?;
        Some(NativeView { head, histogram, exemplars: &self.exemplars })
    }

    fn show(&mut self, sum: Option<(Option<NativeHistogram>, Vec<Exemplar<'static>>)>) {
        self.complete = sum.is_some();
        if let Some(sum) = sum {
            (self.out, self.exemplars) = sum;
        }
    }
}

/// What the native part of a child is the sum of.
#[derive(Default)]
struct Parts<'a> {
    offsets: Vec<&'a NativeHistogram>,
    contributions: Vec<(&'a Contribution, &'a Record)>,
}

impl Parts<'_> {
    fn sum(&self, before: Option<&NativeHistogram>) -> (Option<NativeHistogram>, Vec<Exemplar<'static>>) {
        let grown: Vec<_> = self.contributions.iter().map(|(c, _)| (&c.last, c.base.as_ref())).collect();
        let exemplars = newest(self.contributions.iter().filter(|(c, _)| !c.exemplars.is_empty()).copied());
        (total(&self.offsets, &grown, before).map(settled), exemplars)
    }
}

impl Pool {
    /// Computes the native part of every child that has one and is served afresh.
    pub(in super::super) fn sum_natives(&mut self) {
        let served: Vec<ChildId> = self.natives.keys().copied().filter(|id| !self.groups.is_part(*id)).collect();
        for id in served {
            let is_total = is_total(self.catalog.variant(self.catalog.child(id).variant).kind);
            let before = self.natives.get(&id).and_then(|native| native.out.as_ref()).filter(|_| is_total);
            let sum = self.native_parts(id, is_total).map(|parts| parts.sum(before));
            if let Some(native) = self.natives.get_mut(&id) {
                native.show(sum);
            }
        }
    }

    /// What the native part of a child is the sum of, where all that is shown as the child has one.
    fn native_parts(&self, id: ChildId, is_total: bool) -> Option<Parts<'_>> {
        let mut parts = Parts::default();
        for id in self.groups.shown_as(id) {
            let child = self.catalog.child(id);
            let records: Vec<&Record> = match is_total {
                true => with_child(child, self.slots.iter().flat_map(|s| &s.records)),
                false => with_child(child, self.showing().map(|(_, record)| record)),
            };
            let native = self.natives.get(&id);
            if native.map_or_else(|| was_folded(child, &self.offset), |native| native.lost) {
                return None;
            }
            let expected = parts.contributions.len() + records.len();
            parts.contributions.extend(records.iter().filter_map(|r| Some((r.natives.get(&id)?, *r))));
            if parts.contributions.len() < expected {
                return None;
            }
            parts.offsets.extend(native.and_then(|native| native.offset.as_ref()));
        }
        (!(parts.offsets.is_empty() && parts.contributions.is_empty())).then_some(parts)
    }
}

/// The records that have a value of the child.
fn with_child<'a>(child: &Child, records: impl Iterator<Item = &'a Record>) -> Vec<&'a Record> {
    records.filter(|record| child.totals().any(|s| record.last.has(s))).collect()
}

/// `Σ offsets + Σ (last − base)`, never below `before` in any count, on the finest grid that has all of them and not too many buckets.
fn total(
    offsets: &[&NativeHistogram],
    contributions: &[(&NativeHistogram, Option<&NativeHistogram>)],
    before: Option<&NativeHistogram>,
) -> Option<NativeHistogram> {
    let parts = contributions.iter().flat_map(|(last, base)| std::iter::once(*last).chain(*base));
    let all: Vec<&NativeHistogram> = offsets.iter().copied().chain(parts).chain(before).collect();
    let mut grid = Grid::common(&all)?;
    loop {
        let grown = contributions.iter().map(|(last, base)| {
            let mut grown = fit(last, grid);
            if let Some(base) = base {
                subtract(&mut grown, &fit(base, grid));
            }
            grown
        });
        let mut total = offsets.iter().map(|offset| fit(offset, grid)).chain(grown).reduce(|mut total, grown| {
            add(&mut total, &grown);
            total
        })?;
        if let Some(before) = before {
            hold(&mut total, &fit(before, grid));
        }
        if valid::sizes(&total) <= BUCKETS_MAX || grid.schema == SCHEMA_MIN {
            return Some(total);
        }
        grid = grid.coarser(&all);
    }
}

/// Makes the total one that a server takes: it wants the count of an integer histogram to be that of its buckets, unless the sum is NaN
/// since observations were. A sum that was NaN isn't folded, but the count is: then it goes out with float counts, of which that isn't
/// asked.
fn settled(mut total: NativeHistogram) -> NativeHistogram {
    let in_buckets = in_buckets(&total);
    total.count = total.count.max(in_buckets);
    total.is_float |= total.count != in_buckets && !total.sum.is_nan();
    total
}

/// The newest exemplars by their own time, the later body's and the lower slot's first where that is equal; oldest first, as servers
/// want them.
fn newest<'a>(contributions: impl Iterator<Item = (&'a Contribution, &'a Record)>) -> Vec<Exemplar<'static>> {
    let mut all: Vec<(&Exemplar<'static>, &Record)> =
        contributions.flat_map(|(c, r)| c.exemplars.iter().map(move |e| (e, r))).collect();
    let time = |e: &Exemplar<'_>| e.timestamp.unwrap_or(f64::NEG_INFINITY);
    all.sort_by(|(a, a_of), (b, b_of)| time(b).total_cmp(&time(a)).then(b_of.body_at.cmp(&a_of.body_at)));
    all.truncate(EXEMPLARS_MAX);
    all.into_iter().rev().map(|(e, _)| e.clone()).collect()
}
