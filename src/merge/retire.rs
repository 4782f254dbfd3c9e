//! What instances have counted becomes the past: one that was followed by another, a slot that failed for long, one that left the set.

use super::catalog::VariantId;
use super::column::fold;
use super::last_words::Folded;
use super::pool::{Pool, is_total};
use std::collections::VecDeque;
use std::time::Duration;

/// Identities of instances of retired slots that are remembered.
const OUTLIVED_IDENTITIES: usize = 1024;

impl Pool {
    /// Moves all a record has counted into the offsets. The output doesn't change by it.
    pub(super) fn fold_record(&mut self, slot: usize, record: usize) {
        self.shifted = true;
        let mut record = self.slots[slot].take_record(record);
        if self.growth_max.is_some() {
            let kept = Folded::of(&record, self.now.elapsed);
            kept.into_iter().for_each(|kept| self.slots[slot].keep(kept));
        }
        self.note_folded_beginnings(&record);
        self.fold_natives(&mut record);
        let ids: Vec<VariantId> = self.types.established().collect();
        for id in ids {
            let variant = self.catalog.variant(id);
            if is_total(variant.kind) {
                for child in &variant.children {
                    fold(self.catalog.child(*child), &mut record.last, &mut record.base, &mut self.offset);
                }
            }
        }
    }

    /// A shared slot whose instances have stopped taking turns is a plain one again.
    pub(super) fn end_sharing(&mut self) {
        for index in 0..self.slots.len() {
            let over = |at: Duration| self.now.elapsed.saturating_sub(at) >= self.config.instance_memory;
            if self.slots[index].last_flip.is_some_and(over) {
                self.slots[index].last_flip = None;
                while self.slots[index].records.len() > 1 {
                    let other = usize::from(self.slots[index].current == 0);
                    self.fold_record(index, other);
                }
            }
        }
    }

    /// Folds slots that failed for long. Runs after the round was applied, so that the first round after an outage finds live
    /// workers first.
    pub(super) fn retire(&mut self) {
        for index in 0..self.slots.len() {
            if self.slots[index].is_due(self.config.retire_after) {
                self.retire_slot(index);
            }
        }
        self.drop_departed();
    }

    /// Folds all that a slot holds. Its instances are remembered, should they answer again, here or elsewhere.
    pub(super) fn retire_slot(&mut self, index: usize) {
        while !self.slots[index].records.is_empty() {
            self.fold_record(index, 0);
        }
        self.types.forget_slot(index);
        let slot = &mut self.slots[index];
        (slot.retired, slot.last_flip, slot.current, slot.path) = (true, None, 0, None);
        slot.kept.clear();
        let identities = slot.take_identities();
        self.outlive(identities);
    }

    /// Remembers instances of a slot that is no more.
    pub(super) fn outlive(&mut self, identities: VecDeque<f64>) {
        self.outlived.extend(identities);
        let excess = self.outlived.len().saturating_sub(OUTLIVED_IDENTITIES);
        self.outlived.drain(..excess);
    }

    /// Lets go of slots that have left the set and were retired. One that stands before others stays, empty, as long as they do.
    pub(super) fn drop_departed(&mut self) {
        while self.slots.len() > self.configured() && self.slots.last().is_some_and(|slot| slot.retired) {
            self.slots.pop();
            self.ids.pop();
        }
    }
}
