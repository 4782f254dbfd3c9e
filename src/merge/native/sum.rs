//! The total of native histograms: offset plus every tracked instance's growth, in slot order, never below what was served before.

use super::super::catalog::Child;
use super::super::pool::{Pool, is_total};
use super::super::slot::Record;
use super::arithmetic::{Grid, SCHEMA_MIN, add, fit, hold, in_buckets, subtract};
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
        self.offset = total(self.offset.as_ref(), &[(&last, base.as_ref())], None);
    }

    /// As it is served.
    pub fn view<'a>(&'a self, head: &'a str) -> Option<NativeView<'a>> {
        let histogram = self.out.as_ref().filter(|_| self.complete)?;
        Some(NativeView { head, histogram, exemplars: &self.exemplars })
    }

    fn update(&mut self, contributions: &[(&Contribution, &Record)], is_total: bool) {
        let parts: Vec<_> = contributions.iter().map(|(c, _)| (&c.last, c.base.as_ref())).collect();
        let before = self.out.as_ref().filter(|_| is_total);
        self.out = total(self.offset.as_ref(), &parts, before).map(settled);
        self.exemplars = newest(contributions.iter().filter(|(c, _)| !c.exemplars.is_empty()).copied());
    }
}

impl Pool {
    /// Computes the native part of every child that has one afresh.
    pub(in super::super) fn sum_natives(&mut self) {
        let mut natives = std::mem::take(&mut self.natives);
        for (id, native) in &mut natives {
            let child = self.catalog.child(*id);
            let is_total = is_total(self.catalog.variant(child.variant).kind);
            let records: Vec<&Record> = match is_total {
                true => with_child(child, self.slots.iter().flat_map(|s| &s.records)),
                false => with_child(child, self.showing().map(|(_, record)| record)),
            };
            let contributions: Vec<_> = records.iter().filter_map(|r| Some((r.natives.get(id)?, *r))).collect();
            let known = native.offset.is_some() || !contributions.is_empty();
            native.complete = known && !native.lost && contributions.len() == records.len();
            if native.complete {
                native.update(&contributions, is_total);
            }
        }
        self.natives = natives;
    }
}

/// The records that have a value of the child.
fn with_child<'a>(child: &Child, records: impl Iterator<Item = &'a Record>) -> Vec<&'a Record> {
    records.filter(|record| child.totals().any(|s| record.last.has(s))).collect()
}

/// `offset + Σ (last − base)`, never below `before` in any count, on the finest grid that has all of them and not too many buckets.
fn total(
    offset: Option<&NativeHistogram>,
    contributions: &[(&NativeHistogram, Option<&NativeHistogram>)],
    before: Option<&NativeHistogram>,
) -> Option<NativeHistogram> {
    let parts = contributions.iter().flat_map(|(last, base)| std::iter::once(*last).chain(*base));
    let all: Vec<&NativeHistogram> = offset.into_iter().chain(parts).chain(before).collect();
    let mut grid = Grid::common(&all)?;
    loop {
        let grown = contributions.iter().map(|(last, base)| {
            let mut grown = fit(last, grid);
            if let Some(base) = base {
                subtract(&mut grown, &fit(base, grid));
            }
            grown
        });
        let mut total = offset.map(|offset| fit(offset, grid)).into_iter().chain(grown).reduce(|mut total, grown| {
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
