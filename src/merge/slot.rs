//! Slots and the processes that live behind them, one after the other or in turn.

use super::catalog::{ChildId, SeriesId};
use super::column::Column;
use super::history::Lives;
use super::last_words::{Folded, KEPT_INSTANCES};
use super::layout::Path;
use super::native::Contribution;
use super::stage::Declared;
use crate::model::Exemplar;
use foldhash::{HashMap, HashSet};
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Start times this close are the same process: clients store theirs once, so only rounding differs.
const SAME_START_SECONDS: f64 = 0.005;
/// Start times this close are the same process only if nothing fell: a worker may live less than a second.
const NEARLY_SAME_START_SECONDS: f64 = 1.0;
/// Identities of folded instances kept per slot.
const FOLDED_IDENTITIES: usize = 64;
/// Instances of a shared slot that stay side by side.
const SHARED_RECORDS: usize = 8;
/// Children left out that are remembered per instance; beyond, every new child of it starts at a baseline.
const LEFT_OUT_CHILDREN: usize = 4096;
/// A gap between two failed attempts counts for at most this toward `retire_after`: time without rounds proves nothing.
const FAILED_GAP_MAX: Duration = Duration::from_secs(300);
/// Failed attempts in a row before a slot may be retired.
const FAILED_ATTEMPTS_MIN: u32 = 3;

/// A child that was left out, by a hash of its head: one that outlives the process, as the keys of tables don't. Few are remembered, and
/// a collision costs a worker the past of one of its own series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LeftOut(pub(super) u32);

impl LeftOut {
    /// The child with this head.
    pub fn of(head: &str) -> Self {
        Self(crc32fast::hash(head.as_bytes()))
    }
}

/// What is known of one instance (one life of a process) behind a slot.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// Names the instance within the pool.
    pub serial: u64,
    /// `process_start_time_seconds`, once seen.
    pub start: Option<f64>,
    /// Newest good value of every series; of gauges only those in the newest body.
    pub last: Column,
    /// What was there when the proxy first saw it and must not count; absent = 0.
    pub base: Column,
    /// `_created` by child, where known.
    pub created: Column,
    /// Series of the newest body that are no totals.
    pub gauges: Vec<SeriesId>,
    /// Explicit timestamps of the newest body, Unix seconds.
    pub timestamps: HashMap<SeriesId, f64>,
    /// Exemplars of the newest body.
    pub exemplars: HashMap<SeriesId, Exemplar<'static>>,
    /// Native parts of histograms.
    pub natives: BTreeMap<ChildId, Contribution>,
    /// When the newest body came.
    pub body_at: Duration,
    /// The same as Unix seconds.
    pub body_unix: f64,
    pub(super) left_out: HashSet<LeftOut>,
    pub(super) left_out_full: bool,
    /// It has said its last words: what a scrape of it still brings never counts as a reset.
    pub closed: bool,
}

impl Record {
    pub fn new(serial: u64, start: Option<f64>) -> Self {
        Self { serial, start, ..Self::default() }
    }

    /// The same instance with a copy of what another record of it has counted.
    pub fn with_counts_of(self, other: &Self) -> Self {
        let (last, created, left_out) = (other.last.clone(), other.created.clone(), other.left_out.clone());
        Self { last, created, left_out, left_out_full: other.left_out_full, ..self }
    }

    /// Remembers that this instance showed a child which was not used.
    pub fn leave_out(&mut self, child: LeftOut) {
        if self.left_out.len() < LEFT_OUT_CHILDREN {
            self.left_out.insert(child);
        } else if !self.left_out.contains(&child) {
            self.left_out_full = true;
        }
    }

    /// Whatever it shows next may have been there before: rules that left it out have changed.
    pub fn leave_out_all(&mut self) {
        self.left_out_full = true;
    }

    /// Whether this instance may have shown the child before without its being used.
    pub fn was_left_out(&self, child: LeftOut) -> bool {
        self.left_out_full || self.left_out.contains(&child)
    }

    pub fn forget_child(&mut self, child: ChildId) {
        self.created.set(child, super::column::ABSENT);
        self.natives.remove(&child);
    }
}

/// Whether these are start times of the same process.
pub(super) fn is_same_start(a: f64, b: f64) -> bool {
    (a - b).abs() <= SAME_START_SECONDS
}

/// Whether they are, if nothing fell.
pub(super) fn is_nearly_same_start(a: f64, b: f64) -> bool {
    (a - b).abs() <= NEARLY_SAME_START_SECONDS
}

/// How the instance behind a body came to its slot. Decides what a child's first value counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entrance {
    /// The instance that answered before.
    Same,
    /// The first instance of a new (or retired) slot.
    First,
    /// The same, but that instance was counted before its slot was retired.
    FirstAgain,
    /// Began after the one before it: all it has counted is new.
    Recycled,
    /// One of several that answer in turn, with a record at hand.
    Returned(usize),
    /// Counted before, or began before the one seen last: several processes answer here. Nobody knows what its past is worth.
    Turned,
    /// Unknown, at a slot where several processes answer in turn.
    Another,
}

/// One worker endpoint.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// Instances in the sum; in steady state one.
    pub records: Vec<Record>,
    /// Index of the one that answered last.
    pub current: usize,
    pub(super) folded: VecDeque<f64>,
    /// Instances folded a moment ago, oldest first; only where last words are heard.
    pub(super) kept: VecDeque<Folded>,
    /// Set while several processes answer in turn: when they last did.
    pub last_flip: Option<Duration>,
    /// The latest attempt was good.
    pub fresh: bool,
    /// The latest body was taken whole: its children are those of the record, but were not marked as seen.
    pub taken_whole: bool,
    /// What the latest body declared, where it was read along a layout, and the types' version then.
    pub path: Option<(Path, u64)>,
    /// What it declared.
    pub declared: Arc<[Declared]>,
    /// Bodies can't be read along a layout: their lines stand in an order that only the whole explains.
    pub unsteady: bool,
    /// The instance (by serial) whose declarations were heard last.
    pub heard: u64,
    /// The version of all HELP and UNIT texts then.
    pub heard_texts: u64,
    /// The latest attempt was refused.
    pub refused: bool,
    pub last_good: Option<Duration>,
    pub last_good_round: u64,
    pub(super) failed_attempts: u32,
    pub(super) failed_time: Duration,
    pub(super) last_attempt: Option<Duration>,
    pub retired: bool,
    /// Who has answered here.
    pub lives: Lives,
}

impl Slot {
    pub fn current(&self) -> Option<&Record> {
        self.records.get(self.current)
    }

    pub fn current_mut(&mut self) -> Option<&mut Record> {
        self.records.get_mut(self.current)
    }

    /// Tells whose body this is. `fell` says whether anything in the body fell or was created anew against the current record; it
    /// is asked only where start times alone don't decide. `outlived` are instances of retired slots.
    pub fn identify(&self, start: Option<f64>, fell: impl FnOnce() -> bool, outlived: &VecDeque<f64>) -> Entrance {
        let same = is_same_start;
        let Some(current) = self.current() else {
            let again = start.is_some_and(|s| outlived.iter().chain(&self.folded).any(|f| same(*f, s)));
            return if again { Entrance::FirstAgain } else { Entrance::First };
        };
        // Without evidence it is still the instance last known; the first evidence names it.
        let (Some(new), Some(old)) = (start, current.start) else { return Entrance::Same };
        if same(new, old) || (is_nearly_same_start(new, old) && !fell()) {
            Entrance::Same
        } else if let Some(i) = self.records.iter().position(|r| r.start.is_some_and(|s| same(s, new))) {
            Entrance::Returned(i)
        } else if new < old || self.folded.iter().any(|f| same(*f, new)) {
            Entrance::Turned
        } else if self.last_flip.is_some() {
            Entrance::Another
        } else {
            Entrance::Recycled
        }
    }

    /// Takes the record at `index` out and remembers its identity.
    pub fn take_record(&mut self, index: usize) -> Record {
        let record = self.records.remove(index);
        record.start.into_iter().for_each(|start| self.remember(start));
        if self.current > index || self.current >= self.records.len() {
            self.current = self.current.saturating_sub(1);
        }
        record
    }

    /// Remembers the identity of an instance whose counts are folded.
    pub fn remember(&mut self, start: f64) {
        if self.folded.len() == FOLDED_IDENTITIES {
            self.folded.pop_front();
        }
        self.folded.push_back(start);
    }

    /// Whether an instance that began then was folded, or may have been: of more than are remembered, nobody knows about the older ones.
    pub fn was_folded(&self, start: f64) -> bool {
        let older_than_all = || self.folded.len() == FOLDED_IDENTITIES && self.folded.iter().all(|folded| start < *folded);
        self.folded.iter().any(|folded| is_same_start(*folded, start)) || older_than_all()
    }

    /// Keeps a folded instance for its last words; what was kept of the same one, or is over the limit, goes.
    pub fn keep(&mut self, folded: Folded) {
        let same = |kept: &Folded| kept.record.start.zip(folded.record.start).is_some_and(|(a, b)| is_same_start(a, b));
        self.kept.retain(|kept| !same(kept));
        if self.kept.len() == KEPT_INSTANCES {
            self.kept.pop_front();
        }
        self.kept.push_back(folded);
    }

    /// Every record there is, those in the sum and those kept.
    pub fn all_records_mut(&mut self) -> impl Iterator<Item = &mut Record> {
        self.records.iter_mut().chain(self.kept.iter_mut().map(|kept| &mut kept.record))
    }

    /// The record that must go so that a shared slot has room for another: the one not seen for longest.
    pub fn record_over_limit(&self) -> Option<usize> {
        if self.records.len() < SHARED_RECORDS {
            return None;
        }
        (0..self.records.len()).min_by_key(|i| self.records[*i].body_at)
    }

    /// Notes an attempt that brought nothing.
    pub fn failed(&mut self, at: Duration, refused: bool) {
        let gap = self.last_attempt.map_or(Duration::ZERO, |before| at.saturating_sub(before)).min(FAILED_GAP_MAX);
        self.failed_time = if self.failed_attempts == 0 { Duration::ZERO } else { self.failed_time + gap };
        self.failed_attempts = self.failed_attempts.saturating_add(1);
        self.last_attempt = Some(at);
        self.fresh = false;
        self.refused = refused;
    }

    /// Notes a good body.
    pub fn succeeded(&mut self, at: Duration, round: u64) {
        (self.failed_attempts, self.failed_time) = (0, Duration::ZERO);
        self.last_attempt = Some(at);
        self.last_good = Some(at);
        self.last_good_round = round;
        (self.fresh, self.refused, self.retired) = (true, false, false);
    }

    /// Whether it has failed often and long enough.
    pub fn is_due(&self, retire_after: Duration) -> bool {
        !self.records.is_empty() && self.failed_attempts >= FAILED_ATTEMPTS_MIN && self.failed_time >= retire_after
    }

    /// Identities of instances this slot has folded, oldest first; called when it is retired.
    pub fn take_identities(&mut self) -> VecDeque<f64> {
        std::mem::take(&mut self.folded)
    }

    /// Whether its gauges still count.
    pub fn shows_gauges(&self, now: Duration, hold: Duration) -> bool {
        let held = || !self.refused && self.last_good.is_some_and(|at| now.saturating_sub(at) <= hold) && !hold.is_zero();
        self.fresh || held()
    }
}
