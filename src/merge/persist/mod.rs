//! What a pool says about itself for the state file, and how it takes that back: offsets, records, identities, types, times, and what
//! was last in the output, which is a floor. Gauges and exemplars are of the newest bodies only and are not kept.
//!
//! After [`load`](super::Pool::load) every rule goes on as if no time had passed. What the configuration says otherwise by then is
//! heeded: slots are known by id; one that has left the set stands behind the others, is retired like one that no longer answers, and
//! goes on where it comes back before; series beyond `max_series` are forgotten, the longest unseen first.

mod load;
mod messages;
mod save;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;

use super::catalog::{ChildId, SeriesId};
use crate::config::MergeConfig;
use crate::relabel::Relabelling;
use std::time::Duration;

/// Values written at once: a column is cut into pieces, so that saving costs no copy of it.
const PIECE_VALUES: usize = 4096;

/// What messages are of; the file knows them by these numbers.
mod tag {
    pub const POOL: u8 = 1;
    pub const VARIANT: u8 = 2;
    pub const GROUP: u8 = 3;
    pub const BOUNDS: u8 = 4;
    pub const CHILD: u8 = 5;
    pub const SLOT: u8 = 6;
    pub const RECORD: u8 = 7;
    pub const VALUES: u8 = 8;
    pub const NATIVE: u8 = 9;
    pub const KEPT: u8 = 10;
    /// Values of the kept instance last named. A tag of their own, so that earlier releases pass over them.
    pub const KEPT_VALUES: u8 = 11;
}

/// Which column values are of; those of records are of the record last named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Offset = 1,
    Out = 2,
    Last = 3,
    Base = 4,
    /// By child; the others are by series.
    Created = 5,
}

impl Of {
    const ALL: [Self; 5] = [Self::Offset, Self::Out, Self::Last, Self::Base, Self::Created];
}

/// The children that are kept and their series, in the order in which values are written.
#[derive(Debug, Default)]
struct Order {
    children: Vec<ChildId>,
    series: Vec<SeriesId>,
}

/// A hash of the settings that decide which samples are used: where they have changed, what an instance showed earlier may not have
/// been in the output.
fn rules_of(config: &MergeConfig, relabelling: &Relabelling) -> u32 {
    let MergeConfig { worker_label, gauges, histograms, quantiles, aggregate, .. } = config;
    let rules = format!("{worker_label:?} {gauges:?} {histograms:?} {quantiles:?} {aggregate:?} {relabelling:?}");
    crc32fast::hash(rules.as_bytes())
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
