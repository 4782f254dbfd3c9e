//! The merge of one pool of workers: rounds of expositions go in, totals that never go back come out.
//!
//! `out = max(out before, offset + Σ (last − base))` over every instance tracked. The parts:
//! - staging (`stage`): a body's samples onto dense ids; nothing is decided yet;
//! - types (`types`): one type per family, over all slots;
//! - instances (`slot`): whose body it is;
//! - commit (`commit`): one reset decision per child, offsets, baselines;
//! - totals (`totals`): the sums of the round;
//! - output (`output`): families as they are served.

use super::catalog::{Catalog, ChildId, SeriesId, VariantId};
use super::column::{ABSENT, Column, fold};
use super::slot::{Entrance, Record, Slot};
use super::stage::Staged;
use super::types::{Speaker, Types};
use super::{Now, ResetCause, Tally};
use crate::config::{Limits, MergeConfig};
use crate::parse::Exposition;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

/// Identities of instances of retired slots that are remembered.
const OUTLIVED_IDENTITIES: usize = 1024;

/// What one slot's scrape came to.
#[derive(Debug)]
pub enum Attempt<'a> {
    /// A whole, valid body.
    Good(Exposition<'a>),
    /// Nothing; refused if nothing listened.
    Missed {
        /// Whether the connection was refused.
        refused: bool,
    },
}

/// The merge state of one source of workers. Pure: no IO, and time is an argument.
#[derive(Debug)]
pub struct Pool {
    pub(super) config: MergeConfig,
    pub(super) limits: Limits,
    /// Slot ids: the values of the worker label.
    pub(super) ids: Vec<String>,
    pub(super) catalog: Catalog,
    pub(super) types: Types,
    pub(super) slots: Vec<Slot>,
    /// What folded instances had counted.
    pub(super) offset: Column,
    /// What was last in the output, of totals.
    pub(super) out: Column,
    /// Instances of slots that were retired.
    outlived: VecDeque<f64>,
    pub(super) round: u64,
    serials: u64,
    /// Bodies staged so far.
    pub(super) bodies: u64,
    /// When the first exposition was served.
    pub(super) first_served: Option<Duration>,
    /// Children not served so far.
    pub(super) unserved: Vec<ChildId>,
    /// Heads of series that stay per worker.
    pub(super) worker_heads: HashMap<(SeriesId, usize), Box<str>>,
    /// Children that may give way to new ones in this round, the longest unseen last; made when first needed.
    pub(super) evictable: Option<Vec<ChildId>>,
    pub(super) now: Now,
    pub(super) tally: Tally,
    spare: Option<Staged>,
}

impl Pool {
    /// An empty pool with one slot per id; their order is the order of slots.
    pub fn new(ids: Vec<String>, config: MergeConfig, limits: Limits) -> Self {
        Self {
            config,
            limits,
            slots: ids.iter().map(|_| Slot::default()).collect(),
            ids,
            catalog: Catalog::default(),
            types: Types::default(),
            offset: Column::default(),
            out: Column::default(),
            outlived: VecDeque::new(),
            round: 0,
            serials: 0,
            bodies: 0,
            first_served: None,
            unserved: Vec::new(),
            worker_heads: HashMap::new(),
            evictable: None,
            now: Now::default(),
            tally: Tally::default(),
            spare: None,
        }
    }

    /// Applies one round: for every slot what its scrape came to, `None` if it was not tried. Attempts are applied in slot order,
    /// whatever the order in which their bodies arrived.
    pub fn apply(&mut self, round: Vec<Option<Attempt<'_>>>, now: Now) {
        self.now = now;
        self.round += 1;
        self.evictable = None;
        let mut bodies = Vec::new();
        for (slot, attempt) in round.into_iter().enumerate().take(self.slots.len()) {
            match attempt {
                None => {}
                Some(Attempt::Missed { refused }) => self.slots[slot].failed(now.elapsed, refused),
                Some(Attempt::Good(exposition)) => {
                    let mut staged = self.stage(slot, &exposition);
                    let entrance = self.enter(slot, &mut staged);
                    self.hear(slot, &exposition, &staged);
                    bodies.push((slot, entrance, staged));
                }
            }
        }
        for variant in self.types.resolve(&self.catalog) {
            self.drop_state(variant);
        }
        for (slot, entrance, mut staged) in bodies {
            self.commit(slot, entrance, &mut staged);
            self.slots[slot].succeeded(now.elapsed, self.round);
            staged.clear();
            self.spare = Some(staged);
        }
        self.end_sharing();
        self.retire();
        self.catalog.sort();
        self.sum_up();
        self.prepare_output();
    }

    /// The families as they stand were served: "exposed since" begins now for those that were not before.
    pub fn mark_served(&mut self, now: Now) {
        self.first_served.get_or_insert(now.elapsed);
        let mut unserved = std::mem::take(&mut self.unserved);
        unserved.retain(|id| {
            let child = self.catalog.child(*id);
            if child.head.is_empty() {
                return false;
            }
            let shown = child.series().any(|s| self.out.has(s));
            if shown {
                self.catalog.child_mut(*id).served_at = Some(now.elapsed);
            }
            !shown
        });
        self.unserved = unserved;
    }

    /// Counts of what was reset, left out, mended.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Whether the slot was retired and has not been good since.
    pub fn is_retired(&self, slot: usize) -> bool {
        self.slots.get(slot).is_some_and(|s| s.retired)
    }

    pub(super) fn take_spare(&mut self) -> Staged {
        self.spare.take().unwrap_or_default()
    }

    /// Finds out whose body it is, and makes that instance's record the slot's current one.
    fn enter(&mut self, index: usize, staged: &mut Staged) -> Entrance {
        let slot = &self.slots[index];
        let fell = || slot.current().is_some_and(|record| self.fell(record, staged));
        let entrance = slot.identify(staged.start_time, fell, &self.outlived);
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

    fn push_record(&mut self, slot: usize, start: Option<f64>) {
        self.serials += 1;
        let slot = &mut self.slots[slot];
        slot.records.push(Record::new(self.serials, start));
        slot.current = slot.records.len() - 1;
    }

    /// Moves all a record has counted into the offsets. The output doesn't change by it.
    fn fold_record(&mut self, slot: usize, record: usize) {
        let mut record = self.slots[slot].take_record(record);
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

    fn hear(&mut self, slot: usize, exposition: &Exposition<'_>, staged: &Staged) {
        let (serial, evident) = self.slots[slot].current().map_or((0, false), |r| (r.serial, r.start.is_some()));
        let speaker = Speaker { slot, serial, evident: evident && staged.start_time.is_some() };
        for (variant, family) in &staged.variants {
            let (help, unit) = exposition.families.get(*family).map_or(("", ""), |f| (&*f.help, &*f.unit));
            self.types.hear(&self.catalog, speaker, *variant, help, unit);
        }
    }

    /// A shared slot whose instances have stopped taking turns is a plain one again.
    fn end_sharing(&mut self) {
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
    fn retire(&mut self) {
        for index in 0..self.slots.len() {
            if !self.slots[index].is_due(self.config.retire_after) {
                continue;
            }
            while !self.slots[index].records.is_empty() {
                self.fold_record(index, 0);
            }
            self.types.forget_slot(index);
            let slot = &mut self.slots[index];
            (slot.retired, slot.last_flip, slot.current) = (true, None, 0);
            self.outlived.extend(slot.take_identities());
            let excess = self.outlived.len().saturating_sub(OUTLIVED_IDENTITIES);
            self.outlived.drain(..excess);
        }
    }

    /// Another type took over: what was counted under the old one is gone.
    fn drop_state(&mut self, variant: VariantId) {
        for child in self.catalog.variant(variant).children.clone() {
            let series: Vec<SeriesId> = self.catalog.child(child).series().collect();
            self.clear_series(&series);
            for record in self.slots.iter_mut().flat_map(|s| &mut s.records) {
                record.forget_child(child);
            }
            let c = self.catalog.child_mut(child);
            if c.served_at.take().is_some() {
                self.unserved.push(child);
            }
            (c.ragged, c.no_sum, c.no_count) = (false, false, false);
        }
    }

    fn clear_series(&mut self, series: &[SeriesId]) {
        for s in series {
            self.offset.set(*s, ABSENT);
            self.out.set(*s, ABSENT);
            for record in self.slots.iter_mut().flat_map(|s| &mut s.records) {
                record.last.set(*s, ABSENT);
                record.base.set(*s, ABSENT);
                record.timestamps.remove(s);
                record.exemplars.remove(s);
            }
        }
    }

    /// Makes room for a new child by forgetting the one unseen for longest that no live worker shows. False if there is none.
    pub(super) fn make_room(&mut self) -> bool {
        if self.evictable.is_none() {
            let live = self.oldest_live_round();
            let mut unseen: Vec<(u64, ChildId)> =
                self.catalog.children().filter(|(_, c)| c.seen_round < live).map(|(id, c)| (c.seen_round, id)).collect();
            unseen.sort_unstable_by(|a, b| b.cmp(a));
            self.evictable = Some(unseen.into_iter().map(|(_, id)| id).collect());
        }
        let round = self.round;
        while let Some(id) = self.evictable.as_mut().and_then(Vec::pop) {
            if self.catalog.child(id).seen_round != round && !self.catalog.child(id).head.is_empty() {
                self.forget_children(&HashSet::from([id]));
                return true;
            }
        }
        false
    }

    /// Children seen in this round or later are shown by a worker that lives: one that still listens, or, when none does, the ones
    /// that answered last.
    pub(super) fn oldest_live_round(&self) -> u64 {
        let tracked = || self.slots.iter().filter(|s| !s.records.is_empty());
        let living = tracked().filter(|s| !s.refused).map(|s| s.last_good_round).min();
        living.or_else(|| tracked().map(|s| s.last_good_round).max()).unwrap_or(self.round)
    }

    pub(super) fn forget_children(&mut self, children: &HashSet<ChildId>) {
        for id in children {
            let series = self.catalog.remove_child(*id);
            self.clear_series(&series);
            for record in self.slots.iter_mut().flat_map(|s| &mut s.records) {
                record.forget_child(*id);
                record.gauges.retain(|s| !series.contains(s));
            }
            self.worker_heads.retain(|(s, _), _| !series.contains(s));
        }
    }
}

/// Whether the type's values are totals: tracked over resets and carried.
pub(super) fn is_total(kind: crate::model::MetricType) -> bool {
    use crate::model::MetricType::{Counter, Histogram, Summary};
    matches!(kind, Counter | Histogram | Summary)
}
