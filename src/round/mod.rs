//! Rounds: every target is scraped at once, then every source takes in what came, and what stands then is the answer to all who
//! asked. Between the scraper's request and the sources stands [`Proxy`].

mod answer;
mod background;
mod clock;
mod conductor;
mod distribution;
mod exchange;
mod explain;
mod hits;
mod keep;
mod last_words;
mod own;
mod poll;
mod progress;
mod read;
mod report;
mod state;
mod status;
#[cfg(test)]
mod tests;

pub use answer::{Query, Refusal};
pub use exchange::ReconfigureError;
pub use explain::{Families, FamilyLine, SourceExplanation, Unexplained};
pub use report::{SourceReport, TargetReport};
pub use status::{SCRAPES_REMEMBERED, State as TargetState, Status};

use crate::compression::Encoding;
use crate::config::{Config, Limit};
use crate::encode::Format;
use crate::merge::{LastWords, Window};
use crate::model::WideFamily;
use crate::scrape::{BadHeader, ProcessId, Request};
use crate::state::Store;
use bytes::Bytes;
use conductor::{Change, Conductor};
use progress::Ask;
use state::State;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// A request takes part in a round that began at most this long before it. Two Prometheus replicas so cost a worker one scrape.
pub const JOIN_WINDOW: Duration = Duration::from_millis(50);

/// All sources, and the rounds over them. Clones are the same proxy; the rounds end with the last of them.
#[derive(Clone)]
pub struct Proxy {
    state: Arc<Mutex<State>>,
    asks: mpsc::UnboundedSender<Ask>,
    changes: mpsc::UnboundedSender<Change>,
    id: ProcessId,
}

/// Why there was no round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RoundError {
    /// A fault ended it. The next one may be well.
    #[error("a fault in onescrape itself ended this round of scrapes; ask again, and please report it with its log")]
    Fault,
    /// The task that makes rounds is gone. Only a restart helps.
    #[error("no more rounds are made, by a fault in onescrape itself; restart it, and please report it with its log")]
    Stopped,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Proxy {
    /// Builds the sources and starts the task that makes rounds. Must be called within a tokio runtime. No round is made until one
    /// is asked for.
    ///
    /// # Errors
    /// A header of the configuration that can't be sent.
    pub fn start(config: &Config) -> Result<Self, BadHeader> {
        Self::with_store(config, None)
    }

    /// The same with a state file: what it holds is taken back, so that totals go on, and from now on it is written before each answer
    /// that follows a change.
    ///
    /// # Errors
    /// See [`Proxy::start`].
    pub fn resume(config: &Config, store: Store) -> Result<Self, BadHeader> {
        Self::with_store(config, Some(store))
    }

    fn with_store(config: &Config, store: Option<Store>) -> Result<Self, BadHeader> {
        let id = ProcessId::random();
        let how = requests(config, &id)?;
        let mut state = State::new(config);
        store.into_iter().for_each(|store| state.resume(store));
        let state = Arc::new(Mutex::new(state));
        let (asks, asked) = mpsc::unbounded_channel();
        let (changes, changed) = mpsc::unbounded_channel();
        tokio::spawn(Conductor::new(config, how, state.clone(), asked, changed).run());
        Ok(Self { state, asks, changes, id })
    }

    /// Goes over to the sources of another configuration between two rounds: all of it, or nothing. A source that stays, by name and
    /// kind, keeps its totals, the status and counts of targets that stay, and which of them hang; one of which nothing has changed isn't
    /// touched. Worker slots
    /// that are no longer among the targets count on until they are retired. Series of sources that leave go. Whoever is answered
    /// afterwards gets a round over the new targets.
    ///
    /// Takes the sources, their limits and whether OpenMetrics shows `_created`; the rest of `config` is for others to heed.
    ///
    /// # Errors
    /// [`ReconfigureError`]; then all is as it was.
    pub async fn reconfigure(&self, config: &Config) -> Result<(), ReconfigureError> {
        let how = requests(config, &self.id)?;
        let (done, told) = oneshot::channel();
        self.changes.send(Change { config: config.clone(), how, done }).map_err(|_| RoundError::Stopped)?;
        told.await.map_err(|_| self.fault())?
    }

    /// Takes part in a round. Returns when it has been applied, or at `deadline` with what is in by then. The round goes on, even if
    /// the future is dropped.
    ///
    /// # Errors
    /// See [`RoundError`]; what stands then is old and must not be served as new.
    pub async fn round(&self, deadline: Instant) -> Result<(), RoundError> {
        loop {
            let (done, told) = oneshot::channel();
            self.asks.send(Ask { arrived: Instant::now(), deadline, done }).map_err(|_| RoundError::Stopped)?;
            told.await.map_err(|_| self.fault())?;
            // Between the round and now there may be other sources, which show nothing before a round of their own.
            if !lock(&self.state).exchanged || Instant::now() >= deadline {
                return Ok(());
            }
        }
    }

    /// Why nothing was told.
    fn fault(&self) -> RoundError {
        self.check_alive().err().unwrap_or(RoundError::Fault)
    }

    /// Whether rounds can still be made.
    ///
    /// # Errors
    /// [`RoundError::Stopped`].
    pub fn check_alive(&self) -> Result<(), RoundError> {
        if self.asks.is_closed() { Err(RoundError::Stopped) } else { Ok(()) }
    }

    /// The exposition as it stands, to be served: what it shows counts as exposed from now on. Encoded once for all who share a
    /// round, a format and a query.
    ///
    /// # Errors
    /// There is none to give, see [`Refusal`].
    pub fn answer(&self, query: &Query, format: Format) -> Result<Bytes, Refusal> {
        let mut state = lock(&self.state);
        let body = state.answer(query, format)?;
        state.mark_served(query);
        state.keep();
        Ok(body)
    }

    /// Makes what was answered so far survive a crash of the machine, too. Waits for the disk; answers go on meanwhile.
    pub async fn sync_state(&self) {
        let Some((save, work)) = lock(&self.state).begin_sync() else { return };
        let result = tokio::task::spawn_blocking(work).await.unwrap_or_else(|fault| Err(std::io::Error::other(fault)));
        lock(&self.state).end_sync(save, &result);
    }

    /// The same for one who won't show it to a server.
    ///
    /// # Errors
    /// See [`Proxy::answer`].
    pub fn peek(&self, query: &Query, format: Format) -> Result<Bytes, Refusal> {
        lock(&self.state).answer(query, format)
    }

    /// A body just answered, packed once for all who share it; as it is where that is asked for, or where packing it doesn't pay.
    pub fn packed(&self, body: Bytes, encoding: Encoding) -> (Bytes, Encoding) {
        lock(&self.state).cache.packed(body, encoding)
    }

    /// Whether these sources exist.
    ///
    /// # Errors
    /// [`Refusal::UnknownSource`] for the first that doesn't.
    pub fn check_sources(&self, names: &[String]) -> Result<(), Refusal> {
        lock(&self.state).pick(names).map(drop)
    }

    /// Whether the first round is over.
    pub fn is_ready(&self) -> bool {
        lock(&self.state).ready
    }

    /// The random id of this process, sent with every scrape.
    pub fn id(&self) -> &ProcessId {
        &self.id
    }

    /// Families of workers that one label makes large, with the names of their sources; the largest first. Goes through every series.
    pub fn wide_families(&self) -> Vec<(String, WideFamily)> {
        lock(&self.state).wide_families()
    }

    /// What the values of a family are made of, by source.
    ///
    /// # Errors
    /// There is no such family.
    pub fn explain(&self, family: &str, window: Window) -> Result<Vec<SourceExplanation>, Unexplained> {
        lock(&self.state).explain(family, window)
    }

    /// The families whose name or HELP holds `search`, in any case; those with most series, at most `most`.
    pub fn families(&self, search: &str, most: usize) -> Families {
        lock(&self.state).families_like(search, most)
    }

    /// How every source and target stands.
    pub fn report(&self) -> Vec<SourceReport> {
        lock(&self.state).report()
    }

    /// Remembers by source what is wrong with the lookup of its targets, for the report.
    pub fn note_discovery(&self, notes: BTreeMap<String, Vec<String>>) {
        lock(&self.state).discovery = notes;
    }

    /// Counts an answered request; `bytes` of an exposition.
    pub fn count_request(&self, code: u16, format: &'static str, encoding: &'static str, bytes: Option<usize>) {
        let mut state = lock(&self.state);
        *state.ledger.requests.entry((code, format, encoding)).or_default() += 1;
        bytes.into_iter().for_each(|bytes| state.ledger.response_bytes.observe(bytes as f64));
    }

    /// Takes the last words of a worker. What they changed is in the state file when this returns.
    pub fn last_words(&self, source: &str, worker: &str, content_type: Option<&str>, body: &[u8]) -> LastWords {
        lock(&self.state).last_words(source, worker, content_type, body)
    }

    /// Counts last words of a source that could not even be read, by outcome.
    pub fn count_last_words(&self, source: &str, outcome: &'static str) {
        lock(&self.state).count_last_words(source, outcome);
    }

    /// How often a limit was hit.
    #[cfg(test)]
    pub(crate) fn limit_hits(&self, limit: Limit) -> u64 {
        lock(&self.state).ledger.limits.counts().find(|(known, _)| *known == limit).map_or(0, |(_, hits)| hits)
    }

    /// Takes note of a new configuration, and whether it was taken.
    pub fn note_configuration(&self, taken: bool) {
        let mut state = lock(&self.state);
        state.ledger.note_load(taken);
        state.cache.clear();
    }

    /// Counts the hit of a limit.
    pub fn count_limit(&self, limit: Limit) {
        lock(&self.state).ledger.hit(limit);
    }
}

fn requests(config: &Config, id: &ProcessId) -> Result<Vec<Request>, BadHeader> {
    config.sources.iter().map(|source| Request::new(source, id)).collect()
}

/// The state, even if a request panicked while it held it: a fault costs the request in which it happened, not all after it.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
