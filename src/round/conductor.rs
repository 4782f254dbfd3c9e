//! The one task that makes rounds, one after the other, so that no target ever has two reads open.

use super::exchange::ReconfigureError;
use super::lock;
use super::progress::{Ask, Key, Round, STUCK_PATIENCE, answer_expired, joins, unanswered};
use super::state::State;
use crate::config::{Config, Limit, SourceConfig};
use crate::scrape::{Missed, Part, Request, Scraped, scrape_into};
use crate::target::Target;
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt, service_fn};

/// A target that timed out this often in a row makes a round wait only for [`STUCK_PATIENCE`].
const STUCK_AFTER: u32 = 2;

/// A read to make.
struct Job {
    round: u64,
    key: Key,
    target: Target,
    how: Arc<Request>,
    deadline: Instant,
    state: Arc<Mutex<State>>,
}

/// A finished read.
struct Read {
    round: u64,
    key: Key,
    scraped: Scraped,
}

/// Other sources, to be put in the place of those there are.
pub(super) struct Change {
    pub(super) config: Config,
    /// How each is asked.
    pub(super) how: Vec<Request>,
    /// Told when it is done, or why not.
    pub(super) done: oneshot::Sender<Result<(), ReconfigureError>>,
}

/// Sources as the conductor needs them.
#[derive(Clone)]
struct Plan {
    targets: Vec<Target>,
    how: Arc<Request>,
    timeout: Option<Duration>,
}

type Reader = BoxCloneSyncService<Job, Read, std::convert::Infallible>;

/// See the module.
pub(super) struct Conductor {
    asks: mpsc::UnboundedReceiver<Ask>,
    changes: mpsc::UnboundedReceiver<Change>,
    closed: bool,
    state: Arc<Mutex<State>>,
    plans: Vec<Plan>,
    /// Most scrapes at once, and how many may be open beside those that are.
    scrapes_max: usize,
    free: Arc<Semaphore>,
    reader: Reader,
    reads: JoinSet<Read>,
    /// Reads of earlier rounds that are still open, and since when.
    lingering: HashMap<Key, Instant>,
    round: u64,
    last_began: Option<Instant>,
}

impl Conductor {
    pub(super) fn new(
        sources: &[SourceConfig],
        how: Vec<Request>,
        state: Arc<Mutex<State>>,
        asks: mpsc::UnboundedReceiver<Ask>,
        changes: mpsc::UnboundedReceiver<Change>,
    ) -> Self {
        let (free, reader) = reader(scrapes_max(sources));
        Self {
            asks,
            changes,
            closed: false,
            state,
            plans: sources.iter().zip(how).map(|(source, how)| Plan::new(source, how)).collect(),
            scrapes_max: scrapes_max(sources),
            free,
            reader,
            reads: JoinSet::new(),
            lingering: HashMap::new(),
            round: 0,
            last_began: None,
        }
    }

    /// Makes rounds as long as anybody can ask for one.
    pub(super) async fn run(mut self) {
        let mut waiting: Vec<Ask> = Vec::new();
        loop {
            while let Ok(change) = self.changes.try_recv() {
                self.exchange(change).await;
            }
            while let Ok(ask) = self.asks.try_recv() {
                self.admit(ask, &mut waiting);
            }
            answer_expired(&mut waiting, Instant::now());
            if !waiting.is_empty() {
                waiting = self.round(waiting).await;
                continue;
            }
            if self.closed {
                return;
            }
            tokio::select! {
                ask = self.asks.recv() => match ask {
                    Some(ask) => self.admit(ask, &mut waiting),
                    None => self.closed = true,
                },
                Some(change) = self.changes.recv() => self.exchange(change).await,
                Some(read) = self.reads.join_next(), if !self.reads.is_empty() => self.late(read.ok()),
            }
        }
    }

    /// Between rounds: other sources from the next one on. Whoever asks next gets that one.
    async fn exchange(&mut self, change: Change) {
        let Change { config, how, done } = change;
        if !lock(&self.state).has_sources_of(&config) {
            // Of a body that was asked for before nothing must come to a source that is made after; also, a target that stays must
            // not be read twice at once.
            self.reads.shutdown().await;
            self.lingering.clear();
            self.last_began = None;
        }
        let exchanged = lock(&self.state).exchange(&config);
        let result = exchanged.map(|unchanged| {
            let plan = |((source, how), old): ((&SourceConfig, Request), Option<usize>)| {
                let kept = old.and_then(|old| self.plans.get(old)).cloned();
                kept.unwrap_or_else(|| Plan::new(source, how))
            };
            self.plans = config.sources.iter().zip(how).zip(unchanged).map(plan).collect();
            let scrapes_max = scrapes_max(&config.sources);
            if scrapes_max != self.scrapes_max {
                (self.free, self.reader) = reader(scrapes_max);
                self.scrapes_max = scrapes_max;
            }
        });
        let _ = done.send(result);
    }

    /// Between rounds: an ask is content with a round that has just been, else it waits for the next.
    fn admit(&self, ask: Ask, waiting: &mut Vec<Ask>) {
        if self.last_began.is_some_and(|began| joins(&ask, began)) {
            let _ = ask.done.send(());
        } else {
            waiting.push(ask);
        }
    }

    /// Makes a round for `asks`; returns those who came too late for it.
    async fn round(&mut self, asks: Vec<Ask>) -> Vec<Ask> {
        let mut round = self.begin(asks);
        let mut waiting: Vec<Ask> = Vec::new();
        while !round.open.is_empty() {
            let wake = round.wake(&waiting);
            tokio::select! {
                Some(read) = self.reads.join_next() => match read {
                    Ok(read) if read.round == self.round && round.open.remove(&read.key) => {
                        round.hasty.remove(&read.key);
                        round.put(read.key, read.scraped);
                    }
                    read => self.late(read.ok()),
                },
                ask = self.asks.recv(), if !self.closed => match ask {
                    Some(ask) if joins(&ask, round.began) => round.asks.push(ask),
                    Some(ask) => waiting.push(ask),
                    None => self.closed = true,
                },
                () = sleep(wake) => {
                    let now = Instant::now();
                    if now >= round.patience {
                        self.lingering.extend(round.give_up().into_iter().map(|key| (key, round.began)));
                    }
                    if round.asks.iter().chain(&waiting).any(|ask| ask.expired(now)) {
                        lock(&self.state).apply(&round.take(), false);
                        answer_expired(&mut round.asks, now);
                        answer_expired(&mut waiting, now);
                    }
                }
            }
        }
        lock(&self.state).apply(&round.take(), true);
        for ask in round.asks {
            let _ = ask.done.send(());
        }
        waiting
    }

    /// Starts a read of every target, unless one of an earlier round is still open: then that is its outcome.
    fn begin(&mut self, asks: Vec<Ask>) -> Round {
        let began = Instant::now();
        self.round += 1;
        self.last_began = Some(began);
        let deadline = asks.iter().map(|ask| ask.deadline).max().unwrap_or(began);
        let mut round = Round {
            began,
            got: self.plans.iter().map(|plan| vec![None; plan.targets.len()]).collect(),
            open: HashSet::new(),
            hasty: HashSet::new(),
            patience: began + STUCK_PATIENCE,
            asks,
        };
        let mut state = lock(&self.state);
        for (s, plan) in self.plans.iter().enumerate() {
            let deadline = plan.timeout.map_or(deadline, |own| deadline.min(began + own));
            for (t, target) in plan.targets.iter().enumerate() {
                let key = (s, t);
                if let Some(since) = self.lingering.get(&key) {
                    round.put(key, unanswered(since.elapsed()));
                    continue;
                }
                let timeouts = state.sources.get(s).and_then(|s| s.status.targets.get(t)).map_or(0, |t| t.timeouts_in_a_row);
                if timeouts >= STUCK_AFTER {
                    round.hasty.insert(key);
                }
                round.open.insert(key);
                let job = Job {
                    round: self.round,
                    key,
                    target: target.clone(),
                    how: plan.how.clone(),
                    deadline,
                    state: self.state.clone(),
                };
                let reader = self.reader.clone();
                self.reads.spawn(async move {
                    match reader.oneshot(job).await {
                        Ok(read) => read,
                        Err(never) => match never {},
                    }
                });
            }
        }
        if round.open.len() > self.free.available_permits() {
            state.ledger.hit(Limit::ScrapesMax);
        }
        round
    }

    /// A read that its round no longer waits for. Its body is old by now; but if it was good, the target is not stuck any more.
    fn late(&mut self, read: Option<Read>) {
        let Some(Read { key, scraped, .. }) = read else { return };
        self.lingering.remove(&key);
        if !matches!(scraped.result, Err(Missed::Timeout { .. })) {
            let mut state = lock(&self.state);
            if let Some(status) = state.sources.get_mut(key.0).and_then(|s| s.status.targets.get_mut(key.1)) {
                status.timeouts_in_a_row = 0;
            }
        }
    }
}

impl Plan {
    fn new(source: &SourceConfig, how: Request) -> Self {
        Self { targets: source.targets.clone(), how: Arc::new(how), timeout: source.scrape_timeout }
    }
}

/// A setting of the whole, which every source carries.
fn scrapes_max(sources: &[SourceConfig]) -> usize {
    sources.iter().map(|source| source.limits.scrapes_max).max().unwrap_or(1)
}

/// Reads targets, so many at once; the others wait.
fn reader(scrapes_max: usize) -> (Arc<Semaphore>, Reader) {
    let free = Arc::new(Semaphore::new(scrapes_max));
    let limit = GlobalConcurrencyLimitLayer::with_semaphore(free.clone());
    (free, Reader::new(ServiceBuilder::new().layer(limit).service(service_fn(read))))
}

async fn sleep(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

fn read(job: Job) -> Pin<Box<dyn Future<Output = Result<Read, std::convert::Infallible>> + Send>> {
    Box::pin(async move {
        let mut sink = |part: Part<'_>| lock(&job.state).receive(job.key, part);
        let scraped = scrape_into(&job.target, &job.how, job.deadline, &mut sink).await;
        Ok(Read { round: job.round, key: job.key, scraped })
    })
}
