//! Rounds: every target is scraped at once, then every source takes in what came, and what stands then is the answer to all who
//! asked. Between the scraper's request and the sources stands [`Proxy`].

mod answer;
mod clock;
mod conductor;
mod distribution;
mod hits;
mod keep;
mod own;
mod progress;
mod report;
mod state;
mod status;
#[cfg(test)]
mod tests;

pub use answer::{Query, Refusal};
pub use report::{SourceReport, TargetReport};
pub use status::{State as TargetState, Status};

use crate::compression::Encoding;
use crate::config::{Config, Limit};
use crate::encode::Format;
use crate::model::WideFamily;
use crate::scrape::{BadHeader, ProcessId, Request};
use crate::state::Store;
use bytes::Bytes;
use conductor::Conductor;
use progress::Ask;
use state::State;
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
    id: ProcessId,
}

/// The task that makes rounds has ended by a fault of its own. Only a restart helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no more rounds are made, by a fault in onescrape itself; restart it, and please report it with its log")]
pub struct RoundsStopped;

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
        let how = config.sources.iter().map(|source| Request::new(source, &id)).collect::<Result<Vec<_>, _>>()?;
        let mut state = State::new(config);
        store.into_iter().for_each(|store| state.resume(store));
        let state = Arc::new(Mutex::new(state));
        let (asks, asked) = mpsc::unbounded_channel();
        tokio::spawn(Conductor::new(&config.sources, how, state.clone(), asked).run());
        Ok(Self { state, asks, id })
    }

    /// Takes part in a round. Returns when it has been applied, or at `deadline` with what is in by then. The round goes on, even if
    /// the future is dropped.
    ///
    /// # Errors
    /// [`RoundsStopped`]; what stands then is old and must not be served as new.
    pub async fn round(&self, deadline: Instant) -> Result<(), RoundsStopped> {
        let (done, told) = oneshot::channel();
        self.asks.send(Ask { arrived: Instant::now(), deadline, done }).map_err(|_| RoundsStopped)?;
        told.await.map_err(|_| RoundsStopped)
    }

    /// Whether rounds can still be made.
    ///
    /// # Errors
    /// [`RoundsStopped`].
    pub fn check_alive(&self) -> Result<(), RoundsStopped> {
        if self.asks.is_closed() { Err(RoundsStopped) } else { Ok(()) }
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

    /// Does so again and again. Ends with the future only.
    pub async fn sync_state_every(&self, interval: Duration) {
        loop {
            tokio::time::sleep(interval).await;
            self.sync_state().await;
        }
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

    /// How every source and target stands.
    pub fn report(&self) -> Vec<SourceReport> {
        lock(&self.state).report()
    }

    /// Counts an answered request; `bytes` of an exposition.
    pub fn count_request(&self, code: u16, format: &'static str, encoding: &'static str, bytes: Option<usize>) {
        let mut state = lock(&self.state);
        *state.ledger.requests.entry((code, format, encoding)).or_default() += 1;
        bytes.into_iter().for_each(|bytes| state.ledger.response_bytes.observe(bytes as f64));
    }

    /// How often a limit was hit.
    #[cfg(test)]
    pub(crate) fn limit_hits(&self, limit: Limit) -> u64 {
        lock(&self.state).ledger.limits.counts().find(|(known, _)| *known == limit).map_or(0, |(_, hits)| hits)
    }

    /// Counts the hit of a limit.
    pub fn count_limit(&self, limit: Limit) {
        lock(&self.state).ledger.hit(limit);
    }
}

/// The state, even if a request panicked while it held it: a fault costs the request in which it happened, not all after it.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
