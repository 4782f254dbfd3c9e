//! Last words come between rounds: they change the state at once and are shown from the next round on.

use super::keep::Keeper;
use super::state::State;
use crate::merge::{LastWords, Stranger};
use std::panic::{AssertUnwindSafe, catch_unwind};

impl State {
    /// Takes the last words of a worker, and saves what they changed.
    pub(super) fn last_words(&mut self, source: &str, worker: &str, content_type: Option<&str>, body: &[u8]) -> LastWords {
        let now = self.clock.now();
        let entry = self.sources.iter_mut().find(|entry| entry.config.name == source && entry.config.last_words.enabled);
        let slot = entry.and_then(|entry| Some((entry.config.targets.iter().position(|target| target.id == worker)?, entry)));
        let outcome = match slot {
            None => LastWords::Unknown(Stranger::Worker),
            // A fault costs this message, not the state of all.
            Some((target, entry)) => {
                let taking = AssertUnwindSafe(|| entry.source.last_words(target, content_type, body, now));
                catch_unwind(taking)
                    .unwrap_or_else(|_panic| LastWords::Invalid("a fault in onescrape itself; please report it".into()))
            }
        };
        if outcome == LastWords::Taken {
            self.keeper.iter_mut().for_each(Keeper::note_change);
            self.keep();
        } else {
            tracing::debug!(source, worker, outcome = outcome.outcome(), "last words");
        }
        self.count_last_words(source, outcome.outcome());
        outcome
    }

    /// Counts one message.
    pub(super) fn count_last_words(&mut self, source: &str, outcome: &'static str) {
        if let Some(index) = self.sources.iter().position(|entry| entry.config.name == source) {
            *self.ledger.last_words.entry((index, outcome)).or_default() += 1;
        }
    }
}
