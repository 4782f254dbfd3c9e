//! A child: what is counted as one, and the places of its parts.

use super::{SeriesId, VariantId};
use crate::merge::heads::Place;
use std::time::Duration;

/// The unit of counting: a family and a label set without `le` and `quantile`.
#[derive(Debug, Default)]
pub(crate) struct Child {
    pub variant: VariantId,
    /// Canonical head of name and labels; [`Place::NONE`] once it is forgotten.
    pub(super) head: Place,
    /// Hash of name and labels, whatever the type.
    pub key: u64,
    pub(super) value: Option<SeriesId>,
    pub(super) many: Option<Box<Many>>,
    /// The last round in which a body was seen to have it; newer ones may have been taken whole, see [`Pool::refresh_seen`].
    ///
    /// [`Pool::refresh_seen`]: crate::merge::Pool
    pub seen_round: u64,
    /// The body whose children were last listed with it among them.
    pub listed_body: u64,
    /// When it was first served: T0.
    pub served_at: Option<Duration>,
    /// Some contribution lacks bounds that another has.
    pub ragged: bool,
    /// Some contribution has no `_sum` (or a summary no `_count`): then the total has none either.
    pub no_sum: bool,
    pub no_count: bool,
    /// It is shown as another one, or others are shown as it: its total is that of the whole group.
    pub is_grouped: bool,
}

/// The series of a child beside its value. Most children have none.
#[derive(Debug, Default)]
pub(super) struct Many {
    /// By rising bound.
    pub buckets: Vec<(f64, SeriesId)>,
    /// By rising quantile.
    pub quantiles: Vec<(f64, SeriesId)>,
    pub count: Option<SeriesId>,
    pub sum: Option<SeriesId>,
}

impl Child {
    pub fn value(&self) -> Option<SeriesId> {
        self.value
    }

    /// Bounds and their series, rising.
    pub fn buckets(&self) -> &[(f64, SeriesId)] {
        self.many.as_ref().map_or(&[], |m| &m.buckets)
    }

    /// Quantiles and their series, rising.
    pub fn quantiles(&self) -> &[(f64, SeriesId)] {
        self.many.as_ref().map_or(&[], |m| &m.quantiles)
    }

    pub fn count(&self) -> Option<SeriesId> {
        self.many.as_ref()?.count
    }

    pub fn sum(&self) -> Option<SeriesId> {
        self.many.as_ref()?.sum
    }

    /// Whether any body that was applied had it.
    pub fn was_listed(&self) -> bool {
        self.listed_body > 0
    }

    /// Whether its id stands for nothing now.
    pub fn is_forgotten(&self) -> bool {
        self.head == Place::NONE
    }

    /// Every series of the child.
    pub fn series(&self) -> impl Iterator<Item = SeriesId> + '_ {
        self.totals().chain(self.quantiles().iter().map(|(_, s)| *s))
    }

    /// Its series without quantiles, which are no totals.
    pub fn totals(&self) -> impl Iterator<Item = SeriesId> + '_ {
        let buckets = self.buckets().iter().map(|(_, s)| *s);
        self.value().into_iter().chain(buckets).chain(self.count()).chain(self.sum())
    }
}
