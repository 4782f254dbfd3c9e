//! A round in progress: what came in, what it still waits for, and for whom.

use super::JOIN_WINDOW;
use super::state::Got;
use crate::scrape::{Missed, Scraped};
use std::collections::HashSet;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

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
    /// Targets it waits for.
    pub(super) open: HashSet<Key>,
    /// Targets it doesn't wait for, and that have no outcome in it so far.
    pub(super) behind: HashSet<Key>,
    /// Requests that get this round. A poll has none.
    pub(super) asks: Vec<Ask>,
    /// It is of some sources only, and whatever is wanted next cuts it short.
    pub(super) is_poll: bool,
}

impl Round {
    /// What came of a target.
    pub(super) fn put(&mut self, key: Key, scraped: Scraped) {
        self.open.remove(&key);
        self.behind.remove(&key);
        if let Some(slot) = self.got.get_mut(key.0).and_then(|s| s.get_mut(key.1)) {
            *slot = Some(scraped);
        }
    }

    /// Whether the target has no outcome in it yet.
    pub(super) fn expects(&self, key: Key) -> bool {
        self.open.contains(&key) || self.behind.contains(&key)
    }

    /// What came in since the last time.
    pub(super) fn take(&mut self) -> Got {
        self.got.iter_mut().map(|source| source.iter_mut().map(Option::take).collect()).collect()
    }

    /// The next time at which somebody goes with what is in by then.
    pub(super) fn wake(&self, waiting: &[Ask]) -> Option<Instant> {
        self.asks.iter().chain(waiting).map(|ask| ask.deadline + FLUSH_GRACE).min()
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

/// A read that was not waited for.
pub(super) fn unanswered(after: Duration) -> Scraped {
    Scraped { result: Err(Missed::Timeout { after }), duration: after }
}
