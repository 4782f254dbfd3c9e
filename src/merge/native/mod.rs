//! Native histograms of many workers → one: the same rules as for every total, in side tables that cost nothing where there are none.
//!
//! A child with a native part also has the series of its count and sum, in the columns like any other; so instances, eviction, first
//! sight and reset decisions are those of the child, and here is only what differs: buckets on grids that must be brought together.
//! The native part is served while every contribution has one, those folded included: it must count what the classic part counts.

mod arithmetic;
mod commit;
mod persist;
mod sum;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
mod valid;

pub(super) use commit::{StagedNative, fold_native};
pub(super) use persist::{ContributionPart, TotalPart};
pub(super) use sum::Total;

use super::catalog::ChildId;
use super::slot::Record;
use super::stage::Staged;
use crate::model::{Exemplar, NativeHistogram};

/// Buckets of one histogram, both sides together; with more it is brought to a coarser schema, where they are fewer. Clients keep 160
/// and less.
const BUCKETS_MAX: usize = 1024;
/// Exemplars served with one histogram: the newest.
const EXEMPLARS_MAX: usize = 10;

/// What one instance has shown of a child's native part.
#[derive(Debug)]
pub(crate) struct Contribution {
    /// Its newest good state.
    last: NativeHistogram,
    /// What was there when the proxy first saw it and must not count.
    base: Option<NativeHistogram>,
    /// Exemplars of the newest body.
    exemplars: Vec<Exemplar<'static>>,
}

impl Contribution {
    /// Its newest good state.
    pub fn last(&self) -> &NativeHistogram {
        &self.last
    }

    /// Another body came: exemplars are those of the newest only.
    pub fn forget_exemplars(&mut self) {
        self.exemplars.clear();
    }
}

/// Whether the native part of a child fell against the record.
pub(super) fn fell(record: &Record, staged: &Staged, child: ChildId) -> bool {
    match (record.natives.get(&child), staged.natives.get(&child)) {
        (Some(last), Some(new)) => arithmetic::fell(&last.last, new.histogram()),
        _ => false,
    }
}
