//! The one task that makes rounds, one after the other, so that no target ever has two reads open.

use super::lock;
use super::progress::{Ask, Key, Round, STUCK_PATIENCE, answer_expired, joins, unanswered};
use super::state::State;
use crate::config::{Limit, SourceConfig};
use crate::scrape::{Missed, Part, Request, Scraped, scrape_into};
use crate::target::Target;
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
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

/// Sources as the conductor needs them.
struct Plan {
    targets: Vec<Target>,
    how: Arc<Request>,
    timeout: Option<Duration>,
}

/// See the module.
pub(super) struct Conductor {
    asks: mpsc::UnboundedReceiver<Ask>,
    closed: bool,
    state: Arc<Mutex<State>>,
    plans: Vec<Plan>,
    /// Scrapes that may be open beside those that are.
    free: Arc<Semaphore>,
    reader: BoxCloneSyncService<Job, Read, std::convert::Infallible>,
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
    ) -> Self {
        let plan = |(source, how): (&SourceConfig, Request)| Plan {
            targets: source.targets.clone(),
            how: Arc::new(how),
            timeout: source.scrape_timeout,
        };
        // A setting of the whole, which every source carries.
        let scrapes_max = sources.iter().map(|source| source.limits.scrapes_max).max().unwrap_or(1);
        let free = Arc::new(Semaphore::new(scrapes_max));
        Self {
            asks,
            closed: false,
            state,
            plans: sources.iter().zip(how).map(plan).collect(),
            reader: BoxCloneSyncService::new(
                ServiceBuilder::new().layer(GlobalConcurrencyLimitLayer::with_semaphore(free.clone())).service(service_fn(read)),
            ),
            free,
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
                Some(read) = self.reads.join_next(), if !self.reads.is_empty() => self.late(read.ok()),
            }
        }
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
