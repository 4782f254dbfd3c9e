use super::page::Page;
use super::read::{Answer, DirectoryFacts, Facts, UwsgiFacts, WorkerFacts, read};
use crate::config::{Config, SourceConfig};
use crate::round::TargetState;
use crate::scrape::{Missed, Scraped, hint};
use crate::source::Endpoints;
use crate::target::{Address, Target};
use futures::future::join_all;
use std::time::{Duration, SystemTime};

/// How often one target is read at most.
const READS_MAX: usize = 6;
/// How often a worker's port that answers is read at least: twice is enough to see a port flip between processes in most cases.
const READS_OF_A_RANGE: usize = 2;

/// What was seen of one source.
#[derive(Debug, Clone)]
pub struct Observation<'c> {
    /// The source.
    pub source: &'c SourceConfig,
    /// By target, in the order of the configuration.
    pub targets: Vec<Observed<'c>>,
}

/// What was seen of one target.
#[derive(Debug, Clone)]
pub struct Observed<'c> {
    /// The target.
    pub target: &'c Target,
    /// One or more reads, in the order in which they were made.
    pub reads: Vec<Read>,
}

/// One read of one target.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// From the first connect to the last byte.
    pub duration: Duration,
    /// What came of it.
    pub answer: Result<Answer, Missed>,
    /// Seconds by which the target's clock is ahead of ours, by the Date of its answer.
    pub clock_ahead: Option<f64>,
    /// The web page that came in place of metrics.
    pub page: Option<Page>,
}

impl Observation<'_> {
    /// Whether its targets are slots of a pool.
    pub fn is_pool(&self) -> bool {
        self.source.kind.endpoints == Endpoints::Workers
    }

    /// How the target stands.
    pub fn state(&self, observed: &Observed<'_>) -> TargetState {
        match observed.missed() {
            None => TargetState::Up,
            Some(Missed::Refused) if self.is_pool() && self.targets.len() > 1 => TargetState::Vacant,
            Some(Missed::Timeout { .. }) if self.is_pool() => TargetState::Stuck,
            Some(_) => TargetState::Down,
        }
    }

    /// Host, first and last port, if the targets are consecutive ports of one host, two at least.
    pub fn port_range(&self) -> Option<(&str, u16, u16)> {
        let at = |observed: &'_ Observed<'_>| match &observed.target.address {
            Address::Http { host, port, .. } => Some((host.clone(), *port)),
            _ => None,
        };
        let places: Vec<(String, u16)> = self.targets.iter().map(at).collect::<Option<_>>()?;
        let follows =
            |pair: &[(String, u16)]| matches!(pair, [(h, p), (host, port)] if h == host && p.checked_add(1) == Some(*port));
        let Some(Address::Http { host, .. }) = self.targets.first().map(|observed| &observed.target.address) else { return None };
        let ((_, first), (_, last)) = (places.first()?, places.last()?);
        (places.len() > 1 && places.windows(2).all(follows)).then_some((host.as_str(), *first, *last))
    }

    /// The targets that are up.
    pub fn up(&self) -> impl Iterator<Item = &Observed<'_>> {
        self.targets.iter().filter(|observed| observed.missed().is_none())
    }

    /// What the workers that are up told last, with their targets.
    pub fn workers(&self) -> impl Iterator<Item = (&Target, &WorkerFacts)> {
        self.targets.iter().filter_map(|observed| match observed.facts()? {
            Facts::Worker(facts) => Some((observed.target, facts)),
            _ => None,
        })
    }

    /// What the directories that could be read hold.
    pub fn directories(&self) -> impl Iterator<Item = (&Target, &DirectoryFacts)> {
        self.targets.iter().filter_map(|observed| match observed.facts()? {
            Facts::Directory(facts) => Some((observed.target, facts)),
            _ => None,
        })
    }

    /// What uWSGI tells about its workers, over all targets; `None` for other kinds, and while it is down.
    pub fn uwsgi(&self) -> Option<UwsgiFacts> {
        let all = self.targets.iter().filter_map(|observed| match observed.facts()? {
            Facts::Uwsgi(facts) => Some(*facts),
            _ => None,
        });
        all.reduce(|a, b| UwsgiFacts {
            running: a.running.saturating_add(b.running),
            has_requests: a.has_requests || b.has_requests,
        })
    }
}

impl Observed<'_> {
    /// The last read.
    pub fn last(&self) -> Option<&Read> {
        self.reads.last()
    }

    /// What the last read told, if it was good.
    pub fn facts(&self) -> Option<&Facts> {
        Some(&self.last()?.answer.as_ref().ok()?.facts)
    }

    /// Why the last read gave nothing; `None` if it was good.
    pub fn missed(&self) -> Option<&Missed> {
        self.last()?.answer.as_ref().err()
    }

    /// What to do about that.
    pub fn hint(&self, kind: &str) -> Option<String> {
        hint(kind, self.missed()?, self.target)
    }

    /// What the good reads of a worker told, in order.
    pub fn worker_reads(&self) -> impl Iterator<Item = &WorkerFacts> {
        self.reads.iter().filter_map(|read| match &read.answer {
            Ok(Answer { facts: Facts::Worker(facts), .. }) => Some(facts),
            _ => None,
        })
    }

    fn is_settled(&self, is_alone: bool) -> bool {
        let mut workers = self.worker_reads();
        let Some(mut before) = workers.next() else { return true };
        let mut agree = true;
        for facts in workers {
            agree &= before.may_be(facts);
            before = facts;
        }
        let enough = if is_alone || !agree { READS_MAX } else { READS_OF_A_RANGE };
        self.missed().is_some() || self.reads.len() >= enough
    }
}

/// Reads every target of every source, all at once, a worker's port several times one after the other: where its answers disagree,
/// or where it is a pool's only one (the usual place for several processes behind one port), [`READS_MAX`] times. Then, as long as
/// workers are missing, what broke or refused is read again after `pause`: a worker may just be starting.
pub async fn observe<'c>(
    config: &'c Config,
    pause: Duration,
    scrape: &impl AsyncFn(&SourceConfig, &Target) -> Scraped,
) -> Vec<Observation<'c>> {
    let mut observations: Vec<_> = join_all(config.sources.iter().map(async |source| {
        let is_alone = source.targets.len() == 1;
        let targets = join_all(source.targets.iter().map(async |target| {
            let mut observed = Observed { target, reads: Vec::new() };
            loop {
                observed.reads.push(read_once(source, target, scrape).await);
                if observed.is_settled(is_alone) {
                    return observed;
                }
            }
        }));
        Observation { source, targets: targets.await }
    }))
    .await;

    for _ in 1..READS_MAX {
        let short = pools_that_lack_workers(&observations);
        let again: Vec<(usize, usize)> = observations
            .iter()
            .enumerate()
            .flat_map(|(s, observation)| {
                let targets = observation.targets.iter().enumerate();
                let worth = targets.filter(|(_, observed)| match observed.missed() {
                    Some(Missed::Refused) => short.contains(&s),
                    Some(Missed::Truncated(_) | Missed::Connect(_)) => true,
                    _ => false,
                });
                worth.map(|(t, _)| (s, t)).collect::<Vec<_>>()
            })
            .collect();
        if again.is_empty() {
            break;
        }
        tokio::time::sleep(pause).await;
        let reads = join_all(again.iter().map(async |&(s, t)| {
            let observation = &observations[s];
            read_once(observation.source, observation.targets[t].target, scrape).await
        }))
        .await;
        for ((s, t), read) in again.into_iter().zip(reads) {
            observations[s].targets[t].reads.push(read);
        }
    }
    observations
}

/// The pools with fewer workers up than configured, or than uWSGI runs.
fn pools_that_lack_workers(observations: &[Observation<'_>]) -> Vec<usize> {
    let running = observations.iter().filter_map(Observation::uwsgi).map(|facts| facts.running).max().unwrap_or(0);
    let lacks = |o: &Observation<'_>| o.up().count() < running.max(o.source.expect.map_or(0, |n| n as usize));
    observations.iter().enumerate().filter(|(_, o)| o.is_pool() && lacks(o)).map(|(i, _)| i).collect()
}

async fn read_once(source: &SourceConfig, target: &Target, scrape: &impl AsyncFn(&SourceConfig, &Target) -> Scraped) -> Read {
    let scraped = scrape(source, target).await;
    let body = scraped.result.as_ref().ok();
    let clock_ahead = body.and_then(|body| body.date).map(ahead);
    let page = body.and_then(|body| Page::of(&body.bytes));
    let duration = scraped.duration;
    let answer = read(source, target, scraped);
    Read { duration, page: page.filter(|_| answer.is_err()), answer, clock_ahead }
}

/// Seconds by which a time is ahead of now.
fn ahead(time: SystemTime) -> f64 {
    match time.duration_since(SystemTime::now()) {
        Ok(ahead) => ahead.as_secs_f64(),
        Err(behind) => -behind.duration().as_secs_f64(),
    }
}
