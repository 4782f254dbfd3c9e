//! The one task that makes rounds, one after the other, so that no target ever has two reads open.

use super::background::{Background, budget};
use super::exchange::{Predecessor, ReconfigureError, place_now};
use super::lock;
use super::poll::Polls;
use super::progress::{Ask, Key, Round, answer_expired, joins, unanswered};
use super::read::{Job, Read, Reader, Time};
use super::state::State;
use crate::config::{Config, Limit, SourceConfig};
use crate::scrape::{Missed, Request};
use crate::target::Target;
use futures::FutureExt;
use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Rest after a fault of our own: should each step end in one, the requests for the page and for `/-/healthy` still get their turns.
const FAULT_PAUSE: Duration = Duration::from_millis(100);

/// Other sources, to be put in the place of those there are.
pub(super) struct Change {
    pub(super) config: Config,
    /// How each is asked.
    pub(super) how: Vec<Request>,
    /// Told when it is done, or why not.
    pub(super) done: oneshot::Sender<Result<(), ReconfigureError>>,
}

/// Sources as the conductor needs them.
struct Plan {
    targets: Vec<Target>,
    how: Arc<Request>,
    /// Longest time for one read.
    timeout: Duration,
}

impl Plan {
    fn new(source: &SourceConfig, how: Arc<Request>, timeout: Duration) -> Self {
        Self { targets: source.targets.clone(), how, timeout: source.scrape_timeout.unwrap_or(timeout) }
    }
}

fn polls(config: &Config) -> Polls {
    Polls::new(config.sources.iter().map(|source| source.poll_interval))
}

/// See the module.
pub(super) struct Conductor {
    asks: mpsc::UnboundedReceiver<Ask>,
    changes: mpsc::UnboundedReceiver<Change>,
    closed: bool,
    /// Requests that came too late for the last round.
    waiting: Vec<Ask>,
    state: Arc<Mutex<State>>,
    plans: Vec<Plan>,
    reader: Reader,
    reads: JoinSet<Read>,
    /// Every read that is open, and since when. There may be some that no round waits for.
    open: HashMap<Key, Instant>,
    background: Background,
    polls: Polls,
    /// When the last round that was asked for began.
    last_began: Option<Instant>,
}

impl Conductor {
    pub(super) fn new(
        config: &Config,
        how: Vec<Request>,
        state: Arc<Mutex<State>>,
        asks: mpsc::UnboundedReceiver<Ask>,
        changes: mpsc::UnboundedReceiver<Change>,
    ) -> Self {
        let plans = config.sources.iter().zip(how).map(|(source, how)| Plan::new(source, Arc::new(how), config.scrape_timeout));
        Self {
            asks,
            changes,
            closed: false,
            waiting: Vec::new(),
            state,
            plans: plans.collect(),
            reader: Reader::new(config.limits.scrapes_max),
            reads: JoinSet::new(),
            open: HashMap::new(),
            background: Background::default(),
            polls: polls(config),
            last_began: None,
        }
    }

    /// Makes rounds as long as anybody can ask for one. A fault of our own costs the round in which it happens: those who asked for it
    /// are told, and the reads that are open go on.
    pub(super) async fn run(mut self) {
        loop {
            match AssertUnwindSafe(self.step()).catch_unwind().await {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return,
                Err(fault) => {
                    lock(&self.state).ledger.round_faults += 1;
                    let fault = words(fault.as_ref());
                    tracing::error!(fault, "a fault in onescrape itself has cost a round; please report it");
                    tokio::time::sleep(FAULT_PAUSE).await;
                }
            }
        }
    }

    /// Makes the next round, or waits for something to do.
    async fn step(&mut self) -> ControlFlow<()> {
        while let Ok(change) = self.changes.try_recv() {
            self.exchange(change).await;
        }
        while let Ok(ask) = self.asks.try_recv() {
            self.admit(ask);
        }
        let now = Instant::now();
        answer_expired(&mut self.waiting, now);
        if !self.waiting.is_empty() {
            let asks = std::mem::take(&mut self.waiting);
            let round = self.begin(asks);
            self.collect(round).await;
            return ControlFlow::Continue(());
        }
        if self.closed {
            return ControlFlow::Break(());
        }
        let due = self.polls.due(now);
        if !due.is_empty() {
            let round = self.begin_poll(&due);
            self.collect(round).await;
            return ControlFlow::Continue(());
        }
        let next_poll = self.polls.next();
        tokio::select! {
            ask = self.asks.recv() => match ask {
                Some(ask) => self.admit(ask),
                None => self.closed = true,
            },
            Some(change) = self.changes.recv() => self.exchange(change).await,
            Some(Ok(read)) = self.reads.join_next(), if !self.reads.is_empty() => self.take_in(read, None),
            () = sleep(next_poll) => {}
        }
        ControlFlow::Continue(())
    }

    /// Between rounds: other sources from the next one on. Whoever asks next gets that one.
    async fn exchange(&mut self, change: Change) {
        let Change { config, how, done } = change;
        if !lock(&self.state).has_sources_of(&config) {
            // Of a body that was asked for before nothing must come to a source that is made after; also, a target that stays must
            // not be read twice at once.
            self.reads.shutdown().await;
            self.open.clear();
            self.background.forget_news();
            self.last_began = None;
        }
        let exchanged = lock(&self.state).exchange(&config);
        let result = exchanged.map(|predecessors| {
            let plan = |((source, how), before): ((&SourceConfig, Request), &Option<Predecessor>)| {
                let same = before.as_ref().filter(|before| before.is_unchanged);
                let kept = same.and_then(|before| self.plans.get(before.source)).map(|plan| plan.how.clone());
                Plan::new(source, kept.unwrap_or_else(|| Arc::new(how)), config.scrape_timeout)
            };
            self.plans = config.sources.iter().zip(how).zip(&predecessors).map(plan).collect();
            self.background.move_to(|key| place_now(&predecessors, key));
            self.polls = polls(&config);
            self.reader.resize(config.limits.scrapes_max);
        });
        let _ = done.send(result);
    }

    /// Between rounds: an ask is content with a round that has just been, else it waits for the next.
    fn admit(&mut self, ask: Ask) {
        if self.last_began.is_some_and(|began| joins(&ask, began)) {
            let _ = ask.done.send(());
        } else {
            self.waiting.push(ask);
        }
    }

    /// Takes in what comes, until the round is over.
    async fn collect(&mut self, mut round: Round) {
        while !round.open.is_empty() {
            let wake = round.wake(&self.waiting).into_iter().chain(self.polls.next().filter(|_| round.is_poll)).min();
            tokio::select! {
                Some(Ok(read)) = self.reads.join_next() => self.take_in(read, Some(&mut round)),
                ask = self.asks.recv(), if !self.closed => match ask {
                    Some(ask) if !round.is_poll && joins(&ask, round.began) => round.asks.push(ask),
                    Some(ask) => self.waiting.push(ask),
                    None => self.closed = true,
                },
                () = sleep(wake) => {
                    let now = Instant::now();
                    if round.asks.iter().chain(&self.waiting).any(|ask| ask.expired(now)) {
                        lock(&self.state).apply(&round.take(), false);
                        answer_expired(&mut round.asks, now);
                        answer_expired(&mut self.waiting, now);
                    }
                }
            }
            if round.is_poll && (self.closed || !self.waiting.is_empty() || !self.polls.due(Instant::now()).is_empty()) {
                break;
            }
        }
        // A read that has ended must be taken in before its target is called unanswered, which would throw its body away.
        while let Some(ended) = self.reads.try_join_next() {
            if let Ok(read) = ended {
                self.take_in(read, Some(&mut round));
            }
        }
        // What a poll leaves open the next round takes over, and counts.
        if round.open.is_empty() {
            for key in std::mem::take(&mut round.behind) {
                let open_for = self.open.get(&key).map_or(Duration::ZERO, Instant::elapsed);
                round.put(key, unanswered(self.background.waited(key, open_for)));
            }
        }
        lock(&self.state).apply(&round.take(), !round.is_poll);
        for ask in round.asks {
            let _ = ask.done.send(());
        }
    }

    /// Starts a round of everything.
    fn begin(&mut self, asks: Vec<Ask>) -> Round {
        let began = Instant::now();
        self.last_began = Some(began);
        let deadline = asks.iter().map(|ask| ask.deadline).max().unwrap_or(began);
        let mut round = self.empty_round(began, asks, false);
        for source in 0..self.plans.len() {
            self.begin_source(&mut round, source, Some(deadline));
        }
        // Tasks begin only after this.
        if round.open.len() > self.reader.free() {
            lock(&self.state).ledger.hit(Limit::ScrapesMax);
        }
        round
    }

    /// Starts a round of these sources that nobody asked for.
    fn begin_poll(&mut self, sources: &[usize]) -> Round {
        let mut round = self.empty_round(Instant::now(), Vec::new(), true);
        for source in sources {
            self.begin_source(&mut round, *source, None);
        }
        round
    }

    fn empty_round(&self, began: Instant, asks: Vec<Ask>, is_poll: bool) -> Round {
        let got = self.plans.iter().map(|plan| vec![None; plan.targets.len()]).collect();
        Round { began, got, open: HashSet::new(), behind: HashSet::new(), asks, is_poll }
    }

    /// Starts a read of each of a source's targets that has none open.
    fn begin_source(&mut self, round: &mut Round, source: usize, deadline: Option<Instant>) {
        self.polls.note_round(source, round.began);
        let Some(plan) = self.plans.get(source) else { return };
        let own = round.began + plan.timeout;
        let deadline = deadline.map_or(own, |deadline| deadline.min(own));
        for (t, target) in plan.targets.iter().enumerate() {
            let key = (source, t);
            let is_slow = self.background.has(key);
            if !is_slow {
                round.open.insert(key);
            } else if !self.background.take_news(key) {
                round.behind.insert(key);
            }
            if self.open.contains_key(&key) {
                continue;
            }
            let job = Job {
                key,
                target: target.clone(),
                how: plan.how.clone(),
                time: if is_slow { Time::For(budget(plan.timeout)) } else { Time::Until(deadline) },
                state: self.state.clone(),
            };
            self.open.insert(key, round.began);
            self.reads.spawn(self.reader.read(job));
        }
    }

    /// A read has ended: what it brought counts in the round in progress, or at once. Nothing older can come after it, since a target
    /// has one read at a time.
    fn take_in(&mut self, Read { key, scraped }: Read, round: Option<&mut Round>) {
        self.open.remove(&key);
        self.background.note(key, &scraped);
        // The rounds that went on without it have counted it already.
        let is_old_news = matches!(scraped.result, Err(Missed::Timeout { .. }));
        match round {
            Some(round) if round.expects(key) || !is_old_news => round.put(key, scraped),
            None if !is_old_news => {
                let mut round = self.empty_round(Instant::now(), Vec::new(), true);
                round.put(key, scraped);
                lock(&self.state).apply(&round.take(), false);
            }
            _ => {}
        }
    }
}

async fn sleep(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// What a panic says.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it doesn't say which")
}
