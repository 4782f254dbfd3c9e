//! Values by series, and how values of several processes become one.

use super::catalog::SeriesId;
use crate::multiproc::GaugeFold;

/// How a series' values of several processes become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fold {
    /// They are added: every total, and gauges of mode `sum`.
    Sum,
    /// The smallest that is a number.
    Min,
    /// The largest that is a number.
    Max,
    /// The one with the latest time; one without a time was never set.
    MostRecent,
    /// There is only one process that has it.
    Only,
}

impl From<GaugeFold> for Fold {
    fn from(fold: GaugeFold) -> Self {
        match fold {
            GaugeFold::All => Self::Only,
            GaugeFold::Min => Self::Min,
            GaugeFold::Max => Self::Max,
            GaugeFold::Sum => Self::Sum,
            GaugeFold::MostRecent => Self::MostRecent,
        }
    }
}

/// What a series has come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell {
    pub(super) value: f64,
    /// Unix seconds, where that matters.
    timestamp: f64,
}

/// Cells by series.
#[derive(Debug, Clone, Default)]
pub(super) struct Column(Vec<Option<Cell>>);

impl Column {
    /// Takes in a value of one more process.
    pub(super) fn take(&mut self, series: SeriesId, fold: Fold, value: f64, timestamp: f64) {
        let at = series as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, None);
        }
        let Some(slot) = self.0.get_mut(at) else { return };
        let new = Cell { value, timestamp };
        *slot = match (*slot, fold) {
            (None, Fold::MostRecent) => (timestamp > 0.0).then_some(new),
            (None, _) => Some(new),
            (Some(cell), Fold::Sum) => Some(Cell { value: cell.value + value, ..cell }),
            // Both take the other where one is no number.
            (Some(cell), Fold::Min) => Some(Cell { value: cell.value.min(value), ..cell }),
            (Some(cell), Fold::Max) => Some(Cell { value: cell.value.max(value), ..cell }),
            (Some(cell), Fold::MostRecent) => Some(if timestamp > cell.timestamp { new } else { cell }),
            (Some(_), Fold::Only) => Some(new),
        };
    }

    /// What the series has come to.
    pub(super) fn get(&self, series: SeriesId) -> Option<f64> {
        self.0.get(series as usize)?.map(|cell| cell.value)
    }

    /// Sets it anew.
    pub(super) fn set(&mut self, series: SeriesId, value: Option<f64>) {
        let at = series as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, None);
        }
        if let Some(slot) = self.0.get_mut(at) {
            *slot = value.map(|value| Cell { value, timestamp: 0.0 });
        }
    }

    /// Becomes a copy of another; the memory is kept.
    pub(super) fn copy(&mut self, other: &Self) {
        self.0.clone_from(&other.0);
    }

    /// Empties it; the memory is kept.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
