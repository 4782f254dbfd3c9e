//! The merge of one pool of workers: rounds of expositions go in, totals that never go back come out.
//!
//! `out = max(out before, offset + Σ (last − base))` over every instance tracked. The parts:
//! - staging (`stage`): a body's samples onto dense ids; nothing is decided yet;
//! - types (`types`): one type per family, over all slots;
//! - instances (`slot`, `enter`): whose body it is;
//! - last words (`last_words`): what workers bring themselves before they end;
//! - commit (`commit`): one reset decision per child, offsets, baselines;
//! - the past (`retire`): what ended instances have counted;
//! - room (`room`): children that give way to new ones;
//! - totals (`totals`): the sums of the round;
//! - natives (`native`): the same for the native part of histograms;
//! - beginnings (`beginning`): since when a total counts;
//! - output (`output`): families as they are served;
//! - explanations (`explain`, `history`): the same with all that it is made of, for people.

use super::beginning::Beginnings;
use super::catalog::{Catalog, ChildId, SeriesId, VariantId};
use super::column::Column;
use super::groups::Groups;
use super::history::Resets;
use super::layout::{Dialect, Layout};
use super::native::Total;
use super::slot::Slot;
use super::stage::Staged;
use super::stream::Reader;
use super::types::Types;
use super::{Now, Tally};
use crate::config::{Limits, MergeConfig};
use crate::parse::Exposition;
use crate::relabel::Relabelling;
use foldhash::{HashMap, HashSet};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Stages kept for the next round. More would cost every worker another column at rest.
const SPARE_STAGES: usize = 2;

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
        if self.spare.len() < SPARE_STAGES {
            staged.clear();
            self.spare.push(staged);
        }
    }

    fn fail(&mut self, slot: usize, refused: bool) {
        self.shifted |= self.slots[slot].fresh;
        self.slots[slot].failed(self.now.elapsed, refused);
    }

    /// How many slots are configured. The others have left the set.
    pub(super) fn configured(&self) -> usize {
        self.inbox.len()
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
}

/// Whether the type's values are totals: tracked over resets and carried.
pub(super) fn is_total(kind: crate::model::MetricType) -> bool {
    use crate::model::MetricType::{Counter, Histogram, Summary};
    matches!(kind, Counter | Histogram | Summary)
}
