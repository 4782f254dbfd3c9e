//! What the files of a directory come to together.

use super::catalog::{Catalog, SeriesId};
use super::column::Column;
use super::held::Held;
use crate::model::Role;

/// A sum that is this much smaller than the one before, in parts of it, was only added up in another order.
const ROUNDING: f64 = 1e-9;

/// The sums by series.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// What files had come to that are there no more.
    pub(super) gone: Column,
    /// The sum of final files.
    settled: Column,
    /// Whether that must be added up anew: a file has left it, or changed.
    pub(super) is_stale: bool,
    /// Room for the sum of all.
    sum: Column,
    /// What is shown.
    pub(super) shown: Column,
}

impl Sums {
    /// Adds up all files: those that will stay as they are once, the others every time.
    pub(super) fn add_up<'f>(&mut self, catalog: &Catalog, files: impl Iterator<Item = &'f mut Held>) {
        let is_stale = std::mem::take(&mut self.is_stale);
        if is_stale {
            self.settled.clear();
        }
        let mut moving = Vec::new();
        for file in files {
            if !file.is_final {
                moving.push(file);
            } else if is_stale || !std::mem::replace(&mut file.is_settled, true) {
                file.is_settled = true;
                file.add_to(catalog, &mut self.settled);
            }
        }
        self.sum.copy(&self.settled);
        moving.into_iter().for_each(|file| file.add_to(catalog, &mut self.sum));
        self.show(catalog);
    }

    fn show(&mut self, catalog: &Catalog) {
        for (id, series) in catalog.series().iter().enumerate() {
            let id = id as SeriesId;
            let total = match (self.sum.get(id), self.gone.get(id)) {
                (Some(sum), Some(gone)) => Some(sum + gone),
                (sum, gone) => sum.or(gone),
            };
            let shown = match (self.shown.get(id).filter(|_| series.is_total), total) {
                // A gauge shows what it is, and so does what was never shown.
                (None, total) => total,
                (before, None) => before,
                (Some(before), Some(total)) => {
                    let is_rounding = total < before && before - total <= ROUNDING * before.abs();
                    // A sum of observations may fall, anything else that is added up never does.
                    Some(if is_rounding || (series.role != Role::Sum && total < before) { before } else { total })
                }
            };
            self.shown.set(id, shown);
        }
    }
}
