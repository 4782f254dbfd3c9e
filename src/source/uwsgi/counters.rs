//! Counters that never fall, though masters come and go.
//!
//! Per counter: `offset` (all that earlier lives counted) and the highest value of the current life. uWSGI adds a worker's requests up
//! anew on every cycle while its cores count on, so a value may step back by a little: that is noise, the highest value is held. Only
//! another life of the master, or for lazily loaded apps of their worker, begins anew: what was counted is folded into the offset.

use super::entity::{Entity, Row};
use super::life::Lives;
use super::stats::Stats;
use super::table::Meta;
use crate::merge::{DropReason, Tally};
use std::collections::BTreeMap;

/// One counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) offset: u64,
    pub(super) life: Life,
}

/// The current life of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// Not seen in it yet. `returned`: its master was counted before, so that its next value is where counting goes on from.
    Unseen { returned: bool },
    /// Counted from `base`, `last` is the highest value.
    Seen { base: u64, last: u64 },
}

impl Held {
    const NEW: Self = Self { offset: 0, life: Life::Unseen { returned: false } };

    /// Takes a value; true if only its growth from here on will count.
    fn take(&mut self, value: u64) -> bool {
        match &mut self.life {
            Life::Seen { last, .. } => {
                *last = value.max(*last);
                false
            }
            Life::Unseen { returned } => {
                let returned = *returned;
                self.life = Life::Seen { base: if returned { value } else { 0 }, last: value };
                returned
            }
        }
    }

    fn fold(&mut self, returned: bool) {
        self.offset = self.value();
        self.life = Life::Unseen { returned };
    }

    fn value(&self) -> u64 {
        match self.life {
            Life::Unseen { .. } => self.offset,
            Life::Seen { base, last } => self.offset.saturating_add(last - base),
        }
    }
}

/// The counters of one entity: its table's columns; `None` where no document had a value yet.
pub(super) type Columns = Vec<(&'static Meta, Option<Held>)>;

/// All counters of one target.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) lives: Lives,
    pub(super) held: BTreeMap<Entity, Columns>,
    /// Columns in `held`.
    pub(super) series: usize,
    /// Counters of `held` that the last document had too.
    current: usize,
    /// Nothing is known of the time before, and it must not count: counters of the first document begin at zero.
    is_cold: bool,
}

impl Ledger {
    /// One whose first document's counters count from where they are.
    pub(super) fn cold() -> Self {
        Self { is_cold: true, ..Self::default() }
    }

    /// Applies a document and its rows. At most `max_series` counters are held: new ones beyond that are dropped and counted.
    pub(super) fn apply(
        &mut self,
        stats: &Stats,
        rows: &BTreeMap<Entity, Row<'_>>,
        max_series: usize,
        target: usize,
        tally: &mut Tally,
    ) {
        let change = self.lives.observe(stats);
        if let Some(cause) = change.master {
            *tally.resets.entry((target, cause)).or_default() += 1;
            *tally.flaps.entry(target).or_default() += u64::from(change.returned);
            self.held.values_mut().flatten().filter_map(|(_, held)| held.as_mut()).for_each(|held| held.fold(change.returned));
        }
        for (entity, columns) in self.held.iter_mut().filter(|_| !change.workers.is_empty()) {
            if matches!(entity, Entity::App { worker, .. } if change.workers.binary_search(worker).is_ok())
                && !outlived_its_worker(entity, columns, rows)
            {
                columns.iter_mut().filter_map(|(_, held)| held.as_mut()).for_each(|held| held.fold(false));
            }
        }
        self.current = 0;
        let new = Held { life: Life::Unseen { returned: std::mem::take(&mut self.is_cold) }, ..Held::NEW };
        let mut baselines = 0;
        for (entity, row) in rows {
            let readings = row.counters();
            if readings.iter().all(|(_, value)| value.is_none()) {
                continue;
            }
            if !self.held.contains_key(entity) {
                if self.series.saturating_add(readings.len()) > max_series {
                    tally.drop(DropReason::MaxSeries, readings.len() as u64);
                    continue;
                }
                self.series += readings.len();
                self.held.insert(entity.clone(), readings.iter().map(|(meta, _)| (*meta, None)).collect());
            }
            let Some(columns) = self.held.get_mut(entity) else { continue };
            for ((_, held), (_, value)) in columns.iter_mut().zip(readings) {
                match value.map(u64::try_from) {
                    Some(Ok(value)) => {
                        baselines += u64::from(held.get_or_insert(new).take(value));
                        self.current += 1;
                    }
                    Some(Err(_)) => tally.drop(DropReason::Negative, 1),
                    None => {}
                }
            }
        }
        if baselines > 0 {
            *tally.baselines.entry(target).or_default() += baselines;
        }
    }

    /// The last document is out of date.
    pub(super) fn miss(&mut self) {
        self.current = 0;
    }

    /// Counters held that the last document didn't have.
    pub(super) fn retained(&self) -> usize {
        self.values().count().saturating_sub(self.current)
    }

    /// Every counter with its value, those of entities that are gone included.
    pub(super) fn values(&self) -> impl Iterator<Item = (&Entity, &'static Meta, u64)> {
        self.held.iter().flat_map(|(entity, columns)| {
            columns.iter().filter_map(move |(meta, held)| Some((entity, *meta, held.as_ref()?.value())))
        })
    }
}

/// Whether an app goes on counting though its worker began anew: loaded before the fork, its counts stay with the worker's slot. Loaded
/// by the worker itself (`lazy-apps`) it begins at 0, and can't have had more requests than the worker since its spawn
/// (`delta_requests`) and those under way, one a core.
fn outlived_its_worker(entity: &Entity, columns: &Columns, rows: &BTreeMap<Entity, Row<'_>>) -> bool {
    let Entity::App { worker, .. } = entity else { return false };
    let (Some(Row::App(app)), Some(Row::Worker(worker))) = (rows.get(entity), rows.get(&Entity::Worker(*worker))) else {
        return false;
    };
    let (Some(requests), Some(since_spawn)) = (app.requests.0, worker.delta_requests.0) else { return false };
    let under_way = i64::try_from(worker.cores.len()).unwrap_or(i64::MAX).max(1);
    let fell = columns.iter().zip(Row::App(app).counters()).any(|((_, held), (_, value))| match (held, value) {
        (Some(Held { life: Life::Seen { last, .. }, .. }), Some(value)) => u64::try_from(value).is_ok_and(|value| value < *last),
        _ => false,
    });
    !fell && requests > since_spawn.saturating_add(under_way)
}
