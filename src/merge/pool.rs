//! The merge of one pool of workers: rounds of expositions go in, totals that never go back come out.
//!
//! `out = max(out before, offset + Σ (last − base))` over every instance tracked. The parts:
//! - staging (`stage`): a body's samples onto dense ids; nothing is decided yet;
//! - types (`types`): one type per family, over all slots;
//! - instances (`slot`): whose body it is;
//! - last words (`last_words`): what workers bring themselves before they end;
//! - commit (`commit`): one reset decision per child, offsets, baselines;
//! - totals (`totals`): the sums of the round;
//! - natives (`native`): the same for the native part of histograms;
//! - beginnings (`beginning`): since when a total counts;
//! - output (`output`): families as they are served;
//! - explanations (`explain`, `history`): the same with all that it is made of, for people.

use super::beginning::Beginnings;
use super::catalog::{Catalog, Child, ChildId, SeriesId, VariantId};
use super::column::{ABSENT, Column, fold};
use super::groups::Groups;
use super::history::Resets;
use super::last_words::Folded;
use super::layout::{Dialect, Layout};
use super::native::Total;
use super::slot::{Entrance, Record, Slot};
use super::stage::Staged;
use super::stream::Reader;
use super::types::{Speaker, Types, Verdict};
use super::{Now, ResetCause, Tally};
use crate::config::{Limits, MergeConfig};
use crate::parse::Exposition;
use crate::relabel::Relabelling;
use foldhash::{HashMap, HashSet};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// One of so many series goes when there is no room for another.
const EVICTED_PART: usize = 64;
/// Stages kept for the next round. More would cost every worker another column at rest.
const SPARE_STAGES: usize = 2;
/// Identities of instances of retired slots that are remembered.
const OUTLIVED_IDENTITIES: usize = 1024;

/// What one slot's scrape came to.
#[derive(Debug)]
pub enum Attempt<'a> {
    /// A whole, valid body.
    Good(Exposition<'a>),
    /// A whole, valid body that was read as it came ([`Pool::feed`]).
    Streamed,
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
    /// Slot ids: the values of the worker label. Behind the configured slots stand those that have left the set, until they are retired.
    pub(super) ids: Vec<String>,
    pub(super) catalog: Catalog,
    pub(super) types: Types,
    pub(super) slots: Vec<Slot>,
    /// What folded instances had counted.
    pub(super) offset: Column,
    /// What was last in the output, of totals.
    pub(super) out: Column,
    /// Native parts of histograms, of all workers together.
    pub(super) natives: BTreeMap<ChildId, Total>,
    /// Since when totals count.
    pub(super) beginnings: Beginnings,
    /// Instances of slots that were retired.
    pub(super) outlived: VecDeque<f64>,
    pub(super) round: u64,
    pub(super) serials: u64,
    /// Bodies staged so far.
    pub(super) bodies: u64,
    /// When the first exposition was served.
    pub(super) first_served: Option<Duration>,
    /// What workers had counted before the first exposition doesn't count: nothing is known of the time before.
    pub(super) is_cold: bool,
    /// Children not served so far.
    pub(super) unserved: Vec<ChildId>,
    /// Heads of series that stay per worker.
    pub(super) worker_heads: HashMap<(SeriesId, usize), Box<str>>,
    /// Children that may give way to new ones in this round, the longest unseen last; made when first needed.
    pub(super) evictable: Option<Vec<ChildId>>,
    /// Keys of children forgotten since the last round was applied. They stay away until the next one: a child that came back in the
    /// very round it went would have fallen without a gap that tells.
    pub(super) evicted: HashSet<u64>,
    /// Something other than values changed in this round: what is shown by whom, types, texts, names.
    pub(super) shifted: bool,
    pub(super) now: Now,
    pub(super) tally: Tally,
    /// Bodies read and not applied yet, by slot.
    pub(super) inbox: Vec<Option<Staged>>,
    /// Bodies being read, by slot.
    pub(super) readers: Vec<Option<Reader>>,
    pub(super) layouts: [Layout; 2],
    pub(super) spare: Vec<Staged>,
    pub(super) relabelling: Relabelling,
    /// By child the key of the one it was before relabelling, where that is another: the first that became it.
    pub(super) origins: HashMap<ChildId, u64>,
    /// Children that are shown as others.
    pub(super) groups: Groups,
    /// The most that any child may grow by with one message of last words; `None`: none are heard.
    pub(super) growth_max: Option<f64>,
    /// Which counters began anew lately.
    pub(super) resets: Resets,
}

impl Pool {
    /// An empty pool with one slot per id; their order is the order of slots.
    pub fn new(ids: Vec<String>, config: MergeConfig, limits: Limits) -> Self {
        let slots = ids.len();
        Self {
            config,
            limits,
            slots: ids.iter().map(|_| Slot::default()).collect(),
            ids,
            catalog: Catalog::default(),
            types: Types::default(),
            offset: Column::default(),
            out: Column::default(),
            natives: BTreeMap::new(),
            beginnings: Beginnings::default(),
            outlived: VecDeque::new(),
            round: 0,
            serials: 0,
            bodies: 0,
            first_served: None,
            is_cold: false,
            unserved: Vec::new(),
            worker_heads: HashMap::default(),
            evictable: None,
            evicted: HashSet::default(),
            shifted: true,
            now: Now::default(),
            tally: Tally::default(),
            inbox: (0..slots).map(|_| None).collect(),
            readers: (0..slots).map(|_| None).collect(),
            layouts: [Layout::new(Dialect::Text), Layout::new(Dialect::OpenMetrics)],
            spare: Vec::new(),
            relabelling: Relabelling::default(),
            origins: HashMap::default(),
            groups: Groups::default(),
            growth_max: None,
            resets: Resets::default(),
        }
    }

    /// Totals begin at zero unless a saved state is loaded: the past of workers that the first exposition shows doesn't count.
    #[must_use]
    pub fn cold(self) -> Self {
        Self { is_cold: true, ..self }
    }

    /// Applies one round: for every slot what its scrape came to, `None` if it was not tried. Attempts are applied in slot order,
    /// whatever the order in which their bodies arrived.
    pub fn apply(&mut self, round: Vec<Option<Attempt<'_>>>, now: Now) {
        self.now = now;
        self.round += 1;
        self.evictable = None;
        let mut bodies = Vec::new();
        for (slot, attempt) in round.into_iter().enumerate().take(self.configured()) {
            match attempt {
                None => {}
                Some(Attempt::Missed { refused }) => {
                    self.inbox[slot] = None;
                    self.fail(slot, refused);
                }
                Some(Attempt::Good(exposition)) => {
                    let staged = self.stage(slot, &exposition);
                    self.inbox[slot] = Some(staged);
                    bodies.push(slot);
                }
                Some(Attempt::Streamed) if self.inbox[slot].is_some() => bodies.push(slot),
                Some(Attempt::Streamed) => self.fail(slot, false),
            }
        }
        // Nobody asks a slot that has left the set; that is a failed attempt.
        (self.configured()..self.slots.len()).for_each(|slot| self.fail(slot, true));
        let mut entered = Vec::new();
        for slot in bodies {
            let Some(staged) = self.inbox[slot].take() else { continue };
            let entrance = self.enter(slot, &staged);
            let familiar = self.hear(slot, &staged);
            self.inbox[slot] = Some(staged);
            entered.push((slot, entrance, familiar));
        }
        for variant in self.types.resolve(&self.catalog) {
            self.drop_state(variant);
        }
        for (slot, entrance, familiar) in entered {
            let Some(mut staged) = self.inbox[slot].take() else { continue };
            let familiar = familiar && self.all_established(slot, &staged);
            self.commit(slot, entrance, familiar, &mut staged);
            self.shifted |= !self.slots[slot].fresh || !self.slots[slot].taken_whole;
            self.slots[slot].succeeded(now.elapsed, self.round);
            self.reuse(staged);
        }
        self.end_sharing();
        self.retire();
        self.forget_kept();
        self.catalog.sort();
        self.sum_up();
        self.sum_natives();
        if std::mem::take(&mut self.shifted) {
            self.note_beginnings();
            self.tally.retained_series = self.retained();
            self.prepare_output();
        }
        self.evicted.clear();
    }

    /// The families as they stand were served: "exposed since" begins now for those that were not before.
    pub fn mark_served(&mut self, now: Now) {
        self.first_served.get_or_insert(now.elapsed);
        let mut unserved = std::mem::take(&mut self.unserved);
        unserved.retain(|id| {
            let child = self.catalog.child(*id);
            let is_total = is_total(self.catalog.variant(child.variant).kind);
            if child.is_forgotten() || !is_total || self.groups.is_part(*id) {
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

    /// Keeps the memory of a stage for the next body.
    pub(super) fn reuse(&mut self, mut staged: Staged) {
        staged.clear();
        if self.spare.len() < SPARE_STAGES {
            self.spare.push(staged);
        }
    }

    /// Finds out whose body it is, and makes that instance's record the slot's current one.
    fn enter(&mut self, index: usize, staged: &Staged) -> Entrance {
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

    fn fail(&mut self, slot: usize, refused: bool) {
        self.shifted |= self.slots[slot].fresh;
        self.slots[slot].failed(self.now.elapsed, refused);
    }

    fn push_record(&mut self, slot: usize, start: Option<f64>) {
        self.serials += 1;
        let slot = &mut self.slots[slot];
        slot.records.push(Record::new(self.serials, start));
        slot.current = slot.records.len() - 1;
    }

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

    /// Notes what the body declares. Whether that is what the slot's last body declared.
    fn hear(&mut self, slot: usize, staged: &Staged) -> bool {
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
    fn all_established(&mut self, slot: usize, staged: &Staged) -> bool {
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

    /// How many slots are configured. The others have left the set.
    pub(super) fn configured(&self) -> usize {
        self.inbox.len()
    }

    /// Folds slots that failed for long. Runs after the round was applied, so that the first round after an outage finds live
    /// workers first.
    fn retire(&mut self) {
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

    /// Another type took over: what was counted under the old one is gone.
    fn drop_state(&mut self, variant: VariantId) {
        self.shifted = true;
        for child in self.catalog.variant(variant).children.clone() {
            let series: Vec<SeriesId> = self.catalog.child(child).series().collect();
            self.clear_series(&series);
            self.catalog.uncount(&series);
            for record in self.slots.iter_mut().flat_map(Slot::all_records_mut) {
                record.forget_child(child);
            }
            self.natives.remove(&child);
            self.beginnings.forget(child);
            let c = self.catalog.child_mut(child);
            if c.served_at.take().is_some() {
                self.unserved.push(child);
            }
            (c.ragged, c.no_sum, c.no_count) = (false, false, false);
            self.catalog.reshape(child);
        }
    }

    fn clear_series(&mut self, series: &[SeriesId]) {
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
}

/// Whether the type's values are totals: tracked over resets and carried.
pub(super) fn is_total(kind: crate::model::MetricType) -> bool {
    use crate::model::MetricType::{Counter, Histogram, Summary};
    matches!(kind, Counter | Histogram | Summary)
}
