//! A body comes in: whose it is, and what it declares.

use super::ResetCause;
use super::pool::Pool;
use super::slot::{Entrance, Record};
use super::stage::Staged;
use super::types::{Speaker, Verdict};

impl Pool {
    /// Finds out whose body it is, and makes that instance's record the slot's current one.
    pub(super) fn enter(&mut self, index: usize, staged: &Staged) -> Entrance {
        if self.enter_closed(index, staged.start_time) {
            return Entrance::Same;
        }
        let slot = &self.slots[index];
        let fell = || slot.current().is_some_and(|record| self.fell(record, staged));
        let entrance = match slot.identify(staged.start_time, fell, &self.outlived) {
            Entrance::Turned if self.is_successor(index, staged.start_time) => Entrance::Recycled,
            entrance => entrance,
        };
        let now = self.now.elapsed;
        match entrance {
            Entrance::Same => {
                if let Some(record) = self.slots[index].current_mut() {
                    record.start = record.start.or(staged.start_time);
                }
            }
            Entrance::Returned(i) => {
                self.slots[index].current = i;
                self.slots[index].last_flip = Some(now);
                *self.tally.flaps.entry(index).or_default() += 1;
            }
            Entrance::First | Entrance::FirstAgain => self.push_record(index, staged.start_time),
            Entrance::Recycled => {
                *self.tally.resets.entry((index, ResetCause::StartTime)).or_default() += 1;
                let from = self.slots[index].current().and_then(|record| record.start);
                self.resets.note_instance(self.now, &self.ids[index], from, staged.start_time);
                self.fold_record(index, self.slots[index].current);
                self.push_record(index, staged.start_time);
            }
            Entrance::Turned | Entrance::Another => {
                if entrance == Entrance::Turned {
                    *self.tally.flaps.entry(index).or_default() += 1;
                }
                self.slots[index].last_flip = Some(now);
                if let Some(oldest) = self.slots[index].record_over_limit() {
                    self.fold_record(index, oldest);
                }
                self.push_record(index, staged.start_time);
            }
        }
        entrance
    }

    pub(super) fn push_record(&mut self, slot: usize, start: Option<f64>) {
        self.serials += 1;
        let slot = &mut self.slots[slot];
        slot.records.push(Record::new(self.serials, start));
        slot.current = slot.records.len() - 1;
    }

    /// Notes what the body declares. Whether that is what the slot's last body declared.
    pub(super) fn hear(&mut self, slot: usize, staged: &Staged) -> bool {
        let Some(record) = self.slots[slot].current() else { return false };
        let (serial, evident) = (record.serial, record.start.is_some() && staged.start_time.is_some());
        let familiar = match (&staged.path, &self.slots[slot].path) {
            (Some(new), Some((last, _))) => {
                let slot = &self.slots[slot];
                new == last && slot.heard == serial && slot.heard_texts == self.types.texts_version()
            }
            _ => false,
        };
        if familiar {
            return true;
        }
        for d in staged.declared.iter() {
            self.types.hear(&self.catalog, Speaker { slot, serial, evident }, d.variant, &d.help, &d.unit);
        }
        self.slots[slot].heard = serial;
        self.slots[slot].heard_texts = self.types.texts_version();
        self.slots[slot].declared = staged.declared.clone();
        self.slots[slot].path = staged.path.clone().map(|path| (path, 0));
        false
    }

    /// Whether all the body declares is of established types. Remembered as long as no type changes.
    pub(super) fn all_established(&mut self, slot: usize, staged: &Staged) -> bool {
        let version = self.types.version();
        if self.slots[slot].path.as_ref().is_some_and(|(_, at)| *at == version) {
            return true;
        }
        let use_all = staged.declared.iter().all(|d| self.types.verdict(&self.catalog, d.variant) == Verdict::Use);
        if let Some((_, at)) = self.slots[slot].path.as_mut().filter(|_| use_all) {
            *at = version;
        }
        use_all
    }
}
