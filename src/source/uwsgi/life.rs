//! Telling one life of a master from another.
//!
//! Everything a uWSGI server counts lives in the master's memory and begins at 0 with a new master. The master's pid shows that, but in
//! a container every master may have the same one. Then the workers show it: within one life `respawn_count` never falls, and
//! `last_spawn` moves only when `respawn_count` rises.

use super::stats::{Stats, Worker};
use crate::merge::ResetCause;
use std::collections::BTreeMap;

/// Masters remembered after another took over: enough to see several of them answer in turn on one address.
const PAST_LIVES: usize = 8;
/// Workers remembered of a past life: enough to know it again.
const PAST_WORKERS: usize = 16;

/// What identifies the current run of a worker; `None`: not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spawn {
    /// A worker that doesn't run has none, but keeps what it counted.
    pub(super) pid: Option<i64>,
    pub(super) last_spawn: Option<i64>,
    pub(super) respawns: Option<i64>,
}

impl Spawn {
    fn of(worker: &Worker) -> Self {
        Self { pid: worker.pid.0.filter(|pid| *pid > 0), last_spawn: worker.last_spawn.0, respawns: worker.respawn_count.0 }
    }

    fn fields(&self) -> [Option<i64>; 3] {
        [self.pid, self.last_spawn, self.respawns]
    }

    /// Whether `next` is another run of the worker.
    fn ended_by(&self, next: &Self) -> bool {
        self.fields().into_iter().zip(next.fields()).any(|(before, after)| before.is_some() && after.is_some() && before != after)
    }

    /// What is known once `next` is, too.
    fn then(&self, next: &Self) -> Self {
        Self {
            pid: next.pid.or(self.pid),
            last_spawn: next.last_spawn.or(self.last_spawn),
            respawns: next.respawns.or(self.respawns),
        }
    }

    /// Why `next` can't be a later state of this worker under the same master.
    fn broken_by(&self, next: &Self) -> Option<ResetCause> {
        let (before, after) = (self.respawns?, next.respawns?);
        if after < before {
            Some(ResetCause::Value)
        } else if after == before && self.last_spawn.is_some() && next.last_spawn.is_some() && self.last_spawn != next.last_spawn {
            Some(ResetCause::StartTime)
        } else {
            None
        }
    }
}

/// One life of a master, as its documents show it.
#[derive(Debug, Clone, Default)]
pub(super) struct Life {
    pub(super) pid: Option<i64>,
    pub(super) workers: BTreeMap<i64, Spawn>,
}

impl Life {
    fn of(stats: &Stats) -> Self {
        let mut workers = BTreeMap::new();
        for (id, worker) in stats.workers() {
            workers.entry(id).or_insert_with(|| Spawn::of(worker)); // the first counts
        }
        Self { pid: stats.pid.0, workers }
    }

    /// Why `next` is another life.
    fn broken_by(&self, next: &Self) -> Option<ResetCause> {
        if self.pid.is_some() && next.pid.is_some() && self.pid != next.pid {
            return Some(ResetCause::Pid);
        }
        self.common(next).find_map(|(before, after)| before.broken_by(after))
    }

    /// Whether `next` is surely this life again. A pid alone is no proof where pids are few, so a worker must be as it was left;
    /// `pids_differ`: the master between had another pid, so here a pid does tell masters apart.
    fn is_again(&self, next: &Self, pids_differ: bool) -> bool {
        self.broken_by(next).is_none() && self.common(next).any(|(before, after)| pids_differ || !before.ended_by(after))
    }

    fn common<'a>(&'a self, next: &'a Self) -> impl Iterator<Item = (&'a Spawn, &'a Spawn)> {
        self.workers.iter().filter_map(|(id, before)| Some((before, next.workers.get(id)?)))
    }
}

/// What a document says about the lives behind its counters.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// Another master answers, and how that was seen.
    pub(super) master: Option<ResetCause>,
    /// That master has answered before: several answer in turn.
    pub(super) returned: bool,
    /// Workers that began anew under the same master, by rising id.
    pub(super) workers: Vec<i64>,
}

/// The lives seen behind one target.
#[derive(Debug, Default)]
pub(super) struct Lives {
    pub(super) current: Option<Life>,
    pub(super) past: Vec<Life>,
}

impl Lives {
    /// Takes in what the next document says.
    pub(super) fn observe(&mut self, stats: &Stats) -> Change {
        let next = Life::of(stats);
        let Some(current) = &mut self.current else {
            self.current = Some(next);
            return Change::default();
        };
        let Some(cause) = current.broken_by(&next) else {
            let mut workers = Vec::new();
            for (id, spawn) in next.workers {
                let known = current.workers.entry(id).or_insert(spawn);
                if known.ended_by(&spawn) {
                    workers.push(id);
                }
                *known = known.then(&spawn);
            }
            current.pid = next.pid.or(current.pid);
            return Change { workers, ..Change::default() };
        };
        let again = self.past.iter().position(|life| life.is_again(&next, cause == ResetCause::Pid));
        if let Some(index) = again {
            self.past.remove(index);
        } else if self.past.len() >= PAST_LIVES {
            self.past.remove(0);
        }
        let mut gone = std::mem::replace(current, next);
        while gone.workers.len() > PAST_WORKERS {
            gone.workers.pop_last();
        }
        self.past.push(gone);
        Change { master: Some(cause), returned: again.is_some(), workers: Vec::new() }
    }
}
