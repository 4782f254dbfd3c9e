//! A round in progress: what came in, what it still waits for, and for whom.

use super::JOIN_WINDOW;
use super::state::Got;
use crate::scrape::{Missed, Scraped};
use std::collections::HashSet;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How long a round waits for a target that it has little patience with. The read goes on behind the round up to the deadline: an
/// answer there earns the target full patience again.
pub(super) const STUCK_PATIENCE: Duration = Duration::from_millis(500);
/// How long after its deadline a request still waits for a round that ends at the same moment, rather than taking a part of it.
const FLUSH_GRACE: Duration = Duration::from_millis(20);

/// A request that wants a round.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) arrived: Instant,
    /// It goes at this time with what is in by then.
    pub(super) deadline: Instant,
    /// Told when the state holds what it waits for.
    pub(super) done: oneshot::Sender<()>,
}

/// A target to read, or the read itself; the indices are source and target.
pub(super) type Key = (usize, usize);

/// A round in progress.
pub(super) struct Round {
    pub(super) began: Instant,
    pub(super) got: Got,
    /// Reads it waits for.
    pub(super) open: HashSet<Key>,
    /// Those it waits for only until `patience`.
    pub(super) hasty: HashSet<Key>,
    pub(super) patience: Instant,
    /// Requests that get this round.
    pub(super) asks: Vec<Ask>,
}

impl Round {
    pub(super) fn put(&mut self, (source, target): Key, scraped: Scraped) {
        if let Some(slot) = self.got.get_mut(source).and_then(|s| s.get_mut(target)) {
            *slot = Some(scraped);
        }
    }

    /// What came in since the last time.
    pub(super) fn take(&mut self) -> Got {
        self.got.iter_mut().map(|source| source.iter_mut().map(Option::take).collect()).collect()
    }

    /// Stops waiting for the targets it has little patience with; returns them.
    pub(super) fn give_up(&mut self) -> HashSet<Key> {
        let hasty = std::mem::take(&mut self.hasty);
        for key in &hasty {
            self.open.remove(key);
            self.put(*key, unanswered(STUCK_PATIENCE));
        }
        hasty
    }

    /// The next time at which something must be done, if nothing comes in.
    pub(super) fn wake(&self, waiting: &[Ask]) -> Option<Instant> {
        let patience = (!self.hasty.is_empty()).then_some(self.patience);
        self.asks.iter().chain(waiting).map(|ask| ask.deadline + FLUSH_GRACE).chain(patience).min()
    }
}

impl Ask {
    pub(super) fn expired(&self, now: Instant) -> bool {
        now >= self.deadline + FLUSH_GRACE
    }
}

/// Whether a request gets a round that began at that time: a round is one snapshot for all who asked about then.
pub(super) fn joins(ask: &Ask, began: Instant) -> bool {
    ask.arrived <= began + JOIN_WINDOW
}

/// Answers those whose time is up.
pub(super) fn answer_expired(asks: &mut Vec<Ask>, now: Instant) {
    for ask in asks.extract_if(.., |ask| ask.expired(now)) {
        let _ = ask.done.send(());
    }
}

/// A read that was not waited for any longer.
pub(super) fn unanswered(after: Duration) -> Scraped {
    Scraped { result: Err(Missed::Timeout { after }), duration: after }
}
