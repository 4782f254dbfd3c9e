//! The one task that makes rounds, one after the other, so that no target ever has two reads open.

use super::state::{Got, State};
use super::{JOIN_WINDOW, lock};
use crate::config::SourceConfig;
use crate::scrape::{Missed, Request, Scraped, scrape};
use crate::target::Target;
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt, service_fn};

/// Most connections to targets at once, below the 1024 open files that many images allow. Further scrapes of a round wait for those
/// before them, under the same deadline.
const SCRAPES_AT_ONCE: usize = 512;
/// A target that timed out this often in a row no longer makes every round wait for the whole deadline…
const STUCK_AFTER: u32 = 2;
/// …but only this long. Its read goes on behind the round up to the deadline: an answer there earns it full patience again.
const STUCK_PATIENCE: Duration = Duration::from_millis(500);
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
type Key = (usize, usize);

#[derive(Debug)]
struct Job {
    round: u64,
    key: Key,
    target: Target,
    how: Arc<Request>,
    deadline: Instant,
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
    reader: BoxCloneSyncService<Job, Read, std::convert::Infallible>,
    reads: JoinSet<Read>,
    /// Reads of earlier rounds that are still open, and since when.
    lingering: HashMap<Key, Instant>,
    round: u64,
    last_began: Option<Instant>,
}

/// A round in progress.
struct Round {
    began: Instant,
    got: Got,
    /// Reads it waits for.
    open: HashSet<Key>,
    /// Those it waits for only until `patience`.
    hasty: HashSet<Key>,
    patience: Instant,
    /// Requests that get this round.
    asks: Vec<Ask>,
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
        Self {
            asks,
            closed: false,
            state,
            plans: sources.iter().zip(how).map(plan).collect(),
            reader: BoxCloneSyncService::new(
                ServiceBuilder::new().layer(GlobalConcurrencyLimitLayer::new(SCRAPES_AT_ONCE)).service(service_fn(read)),
            ),
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
        let state = lock(&self.state);
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
                let job = Job { round: self.round, key, target: target.clone(), how: plan.how.clone(), deadline };
                let reader = self.reader.clone();
                self.reads.spawn(async move {
                    match reader.oneshot(job).await {
                        Ok(read) => read,
                        Err(never) => match never {},
                    }
                });
            }
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

impl Round {
    fn put(&mut self, (source, target): Key, scraped: Scraped) {
        if let Some(slot) = self.got.get_mut(source).and_then(|s| s.get_mut(target)) {
            *slot = Some(scraped);
        }
    }

    /// What came in since the last time.
    fn take(&mut self) -> Got {
        self.got.iter_mut().map(|source| source.iter_mut().map(Option::take).collect()).collect()
    }

    /// Stops waiting for the targets it has little patience with; returns them.
    fn give_up(&mut self) -> HashSet<Key> {
        let hasty = std::mem::take(&mut self.hasty);
        for key in &hasty {
            self.open.remove(key);
            self.put(*key, unanswered(STUCK_PATIENCE));
        }
        hasty
    }

    /// The next time at which something must be done, if nothing comes in.
    fn wake(&self, waiting: &[Ask]) -> Option<Instant> {
        let patience = (!self.hasty.is_empty()).then_some(self.patience);
        self.asks.iter().chain(waiting).map(|ask| ask.deadline + FLUSH_GRACE).chain(patience).min()
    }
}

impl Ask {
    fn expired(&self, now: Instant) -> bool {
        now >= self.deadline + FLUSH_GRACE
    }
}

/// Whether a request gets a round that began at that time: a round is one snapshot for all who asked about then.
fn joins(ask: &Ask, began: Instant) -> bool {
    ask.arrived <= began + JOIN_WINDOW
}

fn answer_expired(asks: &mut Vec<Ask>, now: Instant) {
    for ask in asks.extract_if(.., |ask| ask.expired(now)) {
        let _ = ask.done.send(());
    }
}

fn unanswered(after: Duration) -> Scraped {
    Scraped { result: Err(Missed::Timeout { after }), duration: after }
}

async fn sleep(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

fn read(job: Job) -> Pin<Box<dyn Future<Output = Result<Read, std::convert::Infallible>> + Send>> {
    Box::pin(async move {
        let scraped = scrape(&job.target, &job.how, job.deadline).await;
        Ok(Read { round: job.round, key: job.key, scraped })
    })
}
