//! Last words: the final exposition of a worker about to end, which it brings itself, so that what it counted after its last scrape
//! isn't lost.
//!
//! They only ever raise totals: the growth beyond what is known of the instance is added, and nothing else of the pool moves, neither
//! what is up nor gauges, types or the slot's current instance. Afterwards the instance is *closed*: the message may come again, and a
//! scrape of it that was under way counts for at most what it has more.

use super::catalog::{Child, ChildId, SeriesId};
use super::column::{Column, fold, is_absent};
use super::pool::{Pool, is_total};
use super::slot::{Entrance, Record, is_nearly_same_start, is_same_start};
use super::stage::Staged;
use super::types::Verdict;
use super::{Now, ResetCause};
use crate::parse::Exposition;
use std::time::Duration;

/// How long after an instance was folded its last words still count. Another process has its port by then, so they can't be on their
/// way for much longer.
pub(super) const KEPT_AFTER_FOLD: Duration = Duration::from_secs(60);
/// Folded instances of a slot that are kept for their last words: each is a column of values.
pub(super) const KEPT_INSTANCES: usize = 8;

/// What became of a worker's last words.
#[derive(Debug, Clone, PartialEq)]
pub enum LastWords {
    /// They count.
    Taken,
    /// They came before and count already.
    Repeated,
    /// Too long after the instance was folded; nothing more of it counts.
    Late,
    /// It isn't known whose they are.
    Unknown(Stranger),
    /// What they bring may have been counted before, or nothing can be said about it.
    Refused(Doubt),
    /// A child would grow by more than is allowed; nothing of the message counts.
    TooLarge {
        /// Its family and labels.
        child: String,
        /// By how much it would grow.
        growth: f64,
    },
    /// The body can't be read.
    Invalid(String),
}

/// Why it isn't known whose last words they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    /// No such slot.
    #[error("no worker of that id")]
    Worker,
    /// Nothing in the message tells one process from another.
    #[error("the message has no process_start_time_seconds, which tells one process of a port from the next")]
    NoStartTime,
}

/// Why last words that can be read do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// The process was never scraped and is older than the first exposition.
    #[error("the process began before the first exposition and was never scraped: what it had counted by then can't be told apart")]
    Older,
    /// No scrape has brought any family of the message.
    #[error("no counter, histogram or summary of the message is known from a scrape yet")]
    NothingKnown,
}

impl LastWords {
    /// Every value of the `outcome` label.
    pub const OUTCOMES: [&'static str; 7] = ["ok", "repeated", "late", "unknown", "refused", "too_large", "invalid"];

    /// Value of the `outcome` label.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Taken => "ok",
            Self::Repeated => "repeated",
            Self::Late => "late",
            Self::Unknown(_) => "unknown",
            Self::Refused(_) => "refused",
            Self::TooLarge { .. } => "too_large",
            Self::Invalid(_) => "invalid",
        }
    }
}

/// A folded instance whose last words may still come, or that had them.
#[derive(Debug)]
pub(crate) struct Folded {
    /// What it had counted, all of it in the offsets. Where nothing more can come of it, it is closed and holds no values.
    pub record: Record,
    pub at: Duration,
}

impl Folded {
    /// What must be known of a record that is about to be folded, so that its last words can still be heard; `None` if they couldn't
    /// be told from another's.
    pub fn of(record: &Record, at: Duration) -> Option<Self> {
        let bare = Record { closed: record.closed, ..Record::new(record.serial, Some(record.start?)) };
        let record = if record.closed { bare } else { bare.with_counts_of(record) };
        Some(Self { record, at })
    }

    /// Whether it had its last words without ever having been scraped: a scrape of it may have been under way.
    fn is_unscraped(&self) -> bool {
        self.record.closed && !self.record.last.as_slice().is_empty()
    }
}

/// Which of the instances of a slot a message is from.
enum Whose {
    Tracked(usize),
    Kept(usize),
    Gone,
    Nobodys,
}

impl Pool {
    /// Takes last words, too: a message in which any child would grow by more than `growth_max` is refused whole.
    #[must_use]
    pub fn hearing_last_words(self, growth_max: f64) -> Self {
        Self { growth_max: Some(growth_max), ..self }
    }

    /// Takes the final exposition of an instance of a slot. May come at any time, also between the scrape of a body and the round in
    /// which it is applied; totals show it from the next round on.
    pub fn last_words(&mut self, slot: usize, exposition: &Exposition<'_>, now: Now) -> LastWords {
        let Some(growth_max) = self.growth_max.filter(|_| slot < self.slots.len()) else {
            return LastWords::Unknown(Stranger::Worker);
        };
        self.now = now;
        self.forget_kept();
        let mut staged = self.stage(slot, exposition);
        let outcome = self.take_last_words(slot, &mut staged, growth_max);
        self.reuse(staged);
        outcome
    }

    fn take_last_words(&mut self, slot: usize, staged: &mut Staged, growth_max: f64) -> LastWords {
        let Some(start) = staged.start_time else { return LastWords::Unknown(Stranger::NoStartTime) };
        let whose = self.whose(slot, start, staged);
        if matches!(whose, Whose::Gone) {
            return LastWords::Late;
        }
        if self.known(slot, &whose).is_some_and(|record| record.closed) {
            return LastWords::Repeated;
        }
        let is_new = matches!(whose, Whose::Nobodys);
        let children = self.countable(staged);
        if children.is_empty() {
            return LastWords::Refused(Doubt::NothingKnown);
        }
        let exposed = |id: &ChildId| self.catalog.child(self.groups.output(*id)).served_at.is_some();
        if is_new && !self.is_younger_than_output(start) && children.iter().any(exposed) {
            return LastWords::Refused(Doubt::Older);
        }
        let none = Record::default();
        let known = self.known(slot, &whose).unwrap_or(&none);
        let rising: Vec<ChildId> = children.into_iter().filter(|id| self.rises(slot, *id, known, is_new, staged)).collect();
        let too_much = rising.iter().find_map(|id| {
            let growth = growth(self.catalog.child(*id), &known.last, &staged.values);
            let too_much = growth.is_nan() || growth > growth_max;
            too_much.then(|| LastWords::TooLarge { child: self.catalog.child_head(*id).to_string(), growth })
        });
        if let Some(refused) = too_much {
            return refused;
        }
        self.raise(slot, start, &whose, &rising, staged);
        LastWords::Taken
    }

    /// Adds what the children have grown by, and closes the instance.
    fn raise(&mut self, slot: usize, start: f64, whose: &Whose, rising: &[ChildId], staged: &mut Staged) {
        for reason in staged.drops.drain(..) {
            self.tally.drop(reason, 1);
        }
        for id in rising {
            let round = self.round;
            let child = self.catalog.child_mut(*id);
            (child.listed_body, child.seen_round) = (staged.body, child.seen_round.max(round));
            self.note_missing_parts(*id, &staged.values);
        }
        match *whose {
            Whose::Tracked(i) => {
                let catalog = &self.catalog;
                if let Some(record) = self.slots[slot].records.get_mut(i) {
                    rising.iter().for_each(|id| take_values(record, catalog.child(*id), *id, staged));
                    record.closed = true;
                }
            }
            Whose::Kept(i) => {
                let Some(mut kept) = self.slots[slot].kept.remove(i) else { return };
                self.fold_growth(&mut kept.record, rising, staged);
                // All it will ever count is in the offsets, and it isn't scraped any more.
                let record = Record { closed: true, ..Record::new(kept.record.serial, Some(start)) };
                self.slots[slot].keep(Folded { record, at: kept.at });
            }
            Whose::Gone | Whose::Nobodys => {
                self.serials += 1;
                let mut record = Record::new(self.serials, Some(start));
                self.fold_growth(&mut record, rising, staged);
                record.closed = true;
                self.slots[slot].remember(start);
                self.slots[slot].keep(Folded { record, at: self.now.elapsed });
            }
        }
        self.shifted = true;
    }

    /// Moves what a folded record's children have grown by into the offsets; the record has the new values then.
    fn fold_growth(&mut self, record: &mut Record, rising: &[ChildId], staged: &Staged) {
        let mut growth = Record::default();
        for id in rising {
            let child = self.catalog.child(*id);
            child.totals().for_each(|s| growth.base.set(s, record.last.get(s)));
            take_values(&mut growth, child, *id, staged);
            take_values(record, child, *id, staged);
        }
        self.note_folded_beginnings(&growth);
        for id in rising {
            fold(self.catalog.child(*id), &mut growth.last, &mut growth.base, &mut self.offset);
        }
    }

    /// Which instance of the slot began at that time.
    fn whose(&self, index: usize, start: f64, staged: &Staged) -> Whose {
        let slot = &self.slots[index];
        let same = |record: &Record| record.start.is_some_and(|s| is_same_start(s, start));
        // A worker may live less than a second.
        let nearly = |record: &Record| {
            record.start.is_some_and(|s| is_nearly_same_start(s, start)) && !record.closed && !self.fell(record, staged)
        };
        if let Some(i) = slot.records.iter().position(same) {
            return Whose::Tracked(i);
        }
        if let Some(i) = slot.kept.iter().position(|kept| same(&kept.record)) {
            return Whose::Kept(i);
        }
        if slot.was_folded(start) || self.outlived.iter().any(|s| is_same_start(*s, start)) {
            return Whose::Gone;
        }
        if slot.current().is_some_and(nearly) { Whose::Tracked(slot.current) } else { Whose::Nobodys }
    }

    /// Whether a process that began then can't have counted anything before the first exposition.
    pub(super) fn is_younger_than_output(&self, start: f64) -> bool {
        self.first_served.is_none_or(|first| start >= self.now.unix - self.now.elapsed.saturating_sub(first).as_secs_f64())
    }

    /// A body of an instance that was never scraped before it said its last words: it takes the slot, and counts for what it has more.
    pub(super) fn enter_closed(&mut self, index: usize, start: Option<f64>) -> bool {
        let is_it = |kept: &Folded| kept.is_unscraped() && kept.record.start.zip(start).is_some_and(|(a, b)| is_same_start(a, b));
        let slot = &mut self.slots[index];
        let Some(kept) = slot.kept.iter().position(is_it).and_then(|i| slot.kept.remove(i)) else { return false };
        let is_shared = slot.last_flip.is_some();
        let over = if is_shared { slot.record_over_limit() } else { slot.current().map(|_| slot.current) };
        if let Some(over) = over {
            if !is_shared {
                let from = self.slots[index].records.get(over).and_then(|record| record.start);
                self.resets.note_instance(self.now, &self.ids[index], from, start);
            }
            self.fold_record(index, over);
            *self.tally.resets.entry((index, ResetCause::StartTime)).or_default() += u64::from(!is_shared);
        }
        let slot = &mut self.slots[index];
        slot.records.push(Record { base: kept.record.last.clone(), ..kept.record });
        slot.current = slot.records.len() - 1;
        true
    }

    /// Whether the slot's current instance has ended by its own word, so that one that began before it, but was never seen, has taken
    /// the port after it rather than taking turns with it.
    pub(super) fn is_successor(&self, index: usize, start: Option<f64>) -> bool {
        let slot = &self.slots[index];
        let unseen = |start| !slot.was_folded(start) && self.is_younger_than_output(start);
        slot.last_flip.is_none() && slot.current().is_some_and(|record| record.closed) && start.is_some_and(unseen)
    }

    fn known(&self, slot: usize, whose: &Whose) -> Option<&Record> {
        match *whose {
            Whose::Tracked(i) => self.slots[slot].records.get(i),
            Whose::Kept(i) => self.slots[slot].kept.get(i).map(|kept| &kept.record),
            Whose::Gone | Whose::Nobodys => None,
        }
    }

    /// The children of the message that can be counted: totals of established families, mended where need be.
    fn countable(&mut self, staged: &mut Staged) -> Vec<ChildId> {
        for declared in staged.declared.clone().iter() {
            if let Verdict::YieldTo(to) = self.types.verdict(&self.catalog, declared.variant) {
                self.yield_children(staged, declared.variant, to);
            }
        }
        let shown = (0..staged.values.as_slice().len() as SeriesId).filter(|s| staged.values.has(*s));
        let mut children: Vec<ChildId> = shown.map(|s| self.catalog.child_of(s)).collect();
        children.sort_unstable();
        children.dedup();
        children.retain(|id| {
            let variant = self.catalog.child(*id).variant;
            let kind = self.catalog.variant(variant).kind;
            is_total(kind) && self.types.is_established(&self.catalog, variant) && self.is_valid(kind, *id, staged)
        });
        children
    }

    /// Whether the message has more of a child than is known of the instance, and it may be added.
    fn rises(&self, slot: usize, id: ChildId, known: &Record, is_new: bool, staged: &Staged) -> bool {
        // A text has no native part; added without it, the total would have none from then on.
        if self.natives.contains_key(&id) || self.natives.contains_key(&self.groups.output(id)) {
            return false;
        }
        // Totals that begin at zero begin with the first exposition.
        if is_new && self.is_cold && self.first_served.is_none() {
            return false;
        }
        let child = self.catalog.child(id);
        // A sum that isn't finite shows while its worker lives; nothing could be added to it after.
        if child.sum().map(|s| staged.values.get(s)).is_some_and(|sum| !is_absent(sum) && !sum.is_finite()) {
            return false;
        }
        if !child.totals().any(|s| known.last.has(s)) {
            return is_new || !self.starts_at_baseline(slot, Entrance::Same, known, staged, id);
        }
        let counts = child.value().or(child.buckets().last().map(|(_, s)| *s)).or(child.count());
        let counts = counts.map(|s| (known.last.get(s), staged.values.get(s)));
        // Of one without a count nothing tells whether it fell.
        counts.is_some_and(|(last, new)| !is_absent(new) && (is_absent(last) || new >= last))
    }

    /// Forgets folded instances whose last words don't count any more.
    pub(super) fn forget_kept(&mut self) {
        let now = self.now.elapsed;
        for slot in &mut self.slots {
            slot.kept.retain(|kept| now.saturating_sub(kept.at) <= KEPT_AFTER_FOLD);
        }
    }
}

/// The newest values of a child; the bounds that it has now are those it has.
fn take_values(record: &mut Record, child: &Child, id: ChildId, staged: &Staged) {
    child.totals().for_each(|s| record.last.set(s, staged.values.get(s)));
    if staged.created.has(id) && !record.created.has(id) {
        record.created.set(id, staged.created.get(id));
    }
}

/// The most that any part of the child grows by; sums may also shrink by as much at most.
fn growth(child: &Child, last: &Column, new: &Column) -> f64 {
    let zero_if_absent = |v: f64| if is_absent(v) { 0.0 } else { v };
    let of = |s: SeriesId| zero_if_absent(new.get(s)) - zero_if_absent(last.get(s));
    let counts = child.value().into_iter().chain(child.buckets().iter().map(|(_, s)| *s)).chain(child.count());
    let sum = child.sum().map_or(0.0, |s| of(s).abs());
    counts.map(of).fold(sum, |most, growth| if growth.is_nan() { growth } else { most.max(growth) })
}
