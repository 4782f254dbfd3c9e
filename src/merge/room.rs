//! Room for new children: the ones unseen for longest give way.

use super::catalog::{Child, ChildId, SeriesId};
use super::column::ABSENT;
use super::pool::Pool;
use super::slot::{Record, Slot};
use super::stage::Staged;
use super::stream::Reader;
use foldhash::HashSet;

/// One of so many series goes when there is no room for another.
const EVICTED_PART: usize = 64;

impl Pool {
    /// Makes room for a new child by forgetting the ones unseen for longest that no live worker shows. False if there are none.
    pub(super) fn make_room(&mut self, staging: &Staged) -> bool {
        if self.evictable.is_none() {
            for slot in 0..self.slots.len() {
                let record = self.slots[slot].current.min(self.slots[slot].records.len());
                if let Some(record) = self.slots[slot].records.get_mut(record).map(std::mem::take) {
                    self.refresh_seen(slot, &record);
                    let current = self.slots[slot].current;
                    self.slots[slot].records[current] = record;
                }
            }
            let live = self.oldest_live_round();
            let mut unseen: Vec<(u64, ChildId)> =
                self.catalog.children().filter(|(_, c)| c.seen_round < live).map(|(id, c)| (c.seen_round, id)).collect();
            unseen.sort_unstable_by(|a, b| b.cmp(a));
            self.evictable = Some(unseen.into_iter().map(|(_, id)| id).collect());
        }
        // Some at once: forgetting costs a look at every line of the layouts.
        let wanted = (self.limits.max_series / EVICTED_PART).max(1);
        let mut going = HashSet::default();
        let mut freed = 0;
        while freed < wanted {
            let Some(id) = self.evictable.as_mut().and_then(Vec::pop) else { break };
            let child = self.catalog.child(id);
            let in_flight = || self.inbox.iter().flatten().chain(self.readers.iter().flatten().map(Reader::staged));
            let spoken_for = child.seen_round >= self.round || self.was_taken_whole(child);
            // An output child stays as long as there is anything to be shown as it.
            let spoken_for = spoken_for || self.groups.has_parts(id);
            if !child.is_forgotten() && !spoken_for && !staging.shows(child) && !in_flight().any(|s| s.shows(child)) {
                freed += child.series().count();
                self.evicted.insert(child.key);
                going.insert(id);
            }
        }
        self.forget_children(&going);
        freed > 0
    }

    /// Whether a body that was taken whole in the newest round shows the child.
    fn was_taken_whole(&self, child: &Child) -> bool {
        let whole = |s: &&Slot| s.taken_whole && s.last_good_round == self.round;
        self.slots.iter().filter(whole).filter_map(Slot::current).any(|r| child.series().any(|s| r.last.has(s)))
    }

    /// Marks the children of a slot whose latest body was taken whole as seen with it.
    pub(super) fn refresh_seen(&mut self, slot: usize, record: &Record) {
        if !self.slots[slot].taken_whole {
            return;
        }
        let round = self.slots[slot].last_good_round;
        for series in 0..record.last.as_slice().len() as SeriesId {
            if record.last.has(series) {
                let child = self.catalog.child_mut(self.catalog.child_of(series));
                child.seen_round = child.seen_round.max(round);
            }
        }
    }

    /// Children seen in this round or later are shown by a worker that lives: one that still listens, or, when none does, the ones
    /// that answered last.
    pub(super) fn oldest_live_round(&self) -> u64 {
        let tracked = || self.slots.iter().filter(|s| !s.records.is_empty());
        let living = tracked().filter(|s| !s.refused).map(|s| s.last_good_round).min();
        living.or_else(|| tracked().map(|s| s.last_good_round).max()).unwrap_or(self.round)
    }

    pub(super) fn forget_children(&mut self, children: &HashSet<ChildId>) {
        // A body with a million series there is no room for asks a million times.
        if children.is_empty() {
            return;
        }
        self.shifted = true;
        let freed: HashSet<SeriesId> = children.iter().flat_map(|id| self.catalog.child(*id).series()).collect();
        for layout in &mut self.layouts {
            layout.forget(&freed, children);
        }
        for id in children {
            self.leave_group(*id);
            let series = self.catalog.remove_child(*id);
            self.origins.remove(id);
            self.clear_series(&series);
            for record in self.slots.iter_mut().flat_map(Slot::all_records_mut) {
                record.forget_child(*id);
            }
            self.natives.remove(id);
            self.beginnings.forget(*id);
        }
        // Once for all of them: each is a look at everything there is.
        self.catalog.unlist_children(children);
        for record in self.slots.iter_mut().flat_map(Slot::all_records_mut) {
            record.gauges.retain(|s| !freed.contains(s));
        }
        self.worker_heads.retain(|(s, _), _| !freed.contains(s));
    }

    pub(super) fn clear_series(&mut self, series: &[SeriesId]) {
        for s in series {
            self.offset.set(*s, ABSENT);
            self.out.set(*s, ABSENT);
            for record in self.slots.iter_mut().flat_map(Slot::all_records_mut) {
                record.last.set(*s, ABSENT);
                record.base.set(*s, ABSENT);
                record.timestamps.remove(s);
                record.exemplars.remove(s);
            }
        }
    }
}
