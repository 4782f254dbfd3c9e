use super::Refusal;
use super::answer::Cache;
use super::clock::{Clock, unix};
use super::distribution::{BYTES, Distribution, SECONDS};
use super::hits::Hits;
use super::keep::Keeper;
use super::status::{SourceStatus, State as Standing, Status};
use crate::config::{Config, Limit, SourceConfig};
use crate::merge::{DropReason, Join, Now, Tally};
use crate::scrape::{Missed, Part, Receipt, Scraped, hint};
use crate::source::{Endpoints, Source};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// What a round brought, by source and target; `None` where there is nothing (yet).
pub(super) type Got = Vec<Vec<Option<Scraped>>>;

/// Limits that show as samples left out.
const DROPS_AT_LIMITS: [(DropReason, Limit); 3] = [
    (DropReason::MaxSeries, Limit::MaxSeries),
    (DropReason::LabelsMax, Limit::LabelsMax),
    (DropReason::LabelValueBytesMax, Limit::LabelValueBytesMax),
];

/// All sources with what they hold, and our own counts. Lives behind one lock that is never held over an await.
pub(super) struct State {
    pub(super) sources: Vec<Entry>,
    pub(super) join: Join,
    pub(super) clock: Clock,
    pub(super) cache: Cache,
    pub(super) ledger: Ledger,
    /// The state file; `None`: nothing is kept.
    pub(super) keeper: Option<Keeper>,
    /// Whether OpenMetrics shows when children began.
    pub(super) openmetrics_created: bool,
    /// Whether a round is over, so that every target was tried once.
    pub(super) ready: bool,
    /// Whether any scrape was ever good.
    pub(super) any_good: bool,
    /// Sources were exchanged, and no round has been applied since: what stands is not yet worth showing.
    pub(super) exchanged: bool,
    /// By source: what is wrong with the lookup of its targets, one line each.
    pub(super) discovery: BTreeMap<String, Vec<String>>,
}

/// One source.
pub(super) struct Entry {
    pub(super) config: SourceConfig,
    pub(super) source: Box<dyn Source>,
    pub(super) status: SourceStatus,
    /// What sources in its place had counted before it.
    pub(super) before: Tally,
}

/// Our own counts.
#[derive(Debug)]
pub(super) struct Ledger {
    /// Unix seconds.
    pub(super) started: f64,
    pub(super) merge_durations: Distribution,
    pub(super) response_bytes: Distribution,
    /// By status code, format, encoding.
    pub(super) requests: BTreeMap<(u16, &'static str, &'static str), u64>,
    /// By source and outcome.
    pub(super) last_words: BTreeMap<(usize, &'static str), u64>,
    pub(super) limits: Hits,
    /// How the configuration was loaded last.
    pub(super) loaded: Loaded,
    /// Samples that could not be written, since another one took their name after escaping.
    pub(super) escape_collisions: u64,
    /// Rounds that a fault of our own ended.
    pub(super) round_faults: u64,
    /// Families and samples of the last whole exposition.
    pub(super) merged: (usize, usize),
}

/// How the configuration was loaded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loaded {
    /// Whether the latest one was taken.
    pub(super) successfully: bool,
    /// When one was taken last, Unix seconds.
    pub(super) at: f64,
}

impl Ledger {
    /// A configuration was taken, or refused.
    pub(super) fn note_load(&mut self, taken: bool) {
        self.loaded = Loaded { successfully: taken, at: if taken { unix() } else { self.loaded.at } };
    }

    pub(super) fn hit(&mut self, limit: Limit) {
        self.limits.hit(limit, Instant::now());
    }
}

impl State {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            sources: config.sources.iter().map(|source| Entry::new(source, crate::source::build(source))).collect(),
            join: Join::new(config.sources.iter().map(|s| s.name.clone()).collect()),
            clock: Clock::start(),
            cache: Cache::default(),
            ledger: Ledger {
                started: unix(),
                loaded: Loaded { successfully: true, at: unix() },
                merge_durations: Distribution::new(SECONDS),
                response_bytes: Distribution::new(BYTES),
                requests: BTreeMap::new(),
                last_words: BTreeMap::new(),
                limits: Hits::default(),
                escape_collisions: 0,
                round_faults: 0,
                merged: (0, 0),
            },
            keeper: None,
            openmetrics_created: config.web.openmetrics_created,
            ready: false,
            any_good: false,
            exchanged: false,
            discovery: BTreeMap::new(),
        }
    }

    /// Applies what is in to every source, in the order of targets. `whole`: the round is over.
    pub(super) fn apply(&mut self, got: &Got, whole: bool) {
        let began = Instant::now();
        let now = self.clock.now();
        for (entry, round) in self.sources.iter_mut().zip(got) {
            // Without targets a round is a round still: what a pool held ages by it.
            if round.iter().any(Option::is_some) || (whole && round.is_empty()) {
                let full = entry.apply(round, now, &mut self.ledger);
                self.any_good |= full;
            }
        }
        self.ready |= whole;
        self.ledger.limits.settle(began);
        self.exchanged = false;
        self.cache.clear();
        self.keeper.iter_mut().for_each(Keeper::note_round);
        self.ledger.merge_durations.observe(began.elapsed().as_secs_f64());
    }

    /// A part of a body on its way to its source.
    pub(super) fn receive(&mut self, (source, target): (usize, usize), part: Part<'_>) -> Result<Receipt, Missed> {
        if let Part::OverLimit(limit) = part {
            self.ledger.hit(limit);
        }
        self.sources.get_mut(source).map_or(Ok(Receipt::Whole), |entry| entry.source.receive(target, part))
    }

    /// The sources a request wants: all, or those of these names.
    pub(super) fn pick(&self, names: &[String]) -> Result<Vec<usize>, Refusal> {
        if names.is_empty() {
            return Ok((0..self.sources.len()).collect());
        }
        let known = || self.sources.iter().map(|s| s.config.name.clone()).collect();
        match names.iter().find(|n| self.sources.iter().all(|s| s.config.name != **n)) {
            Some(unknown) => Err(Refusal::UnknownSource { name: unknown.clone(), known: known() }),
            None => Ok((0..self.sources.len())
                .filter(|i| self.sources.get(*i).is_some_and(|s| names.contains(&s.config.name)))
                .collect()),
        }
    }
}

impl Entry {
    /// A source of which nothing is known yet.
    pub(super) fn new(config: &SourceConfig, source: Box<dyn Source>) -> Self {
        Self { config: config.clone(), source, status: SourceStatus::new(config.targets.len()), before: Tally::default() }
    }

    /// Returns whether any scrape was good.
    fn apply(&mut self, round: &[Option<Scraped>], now: Now, ledger: &mut Ledger) -> bool {
        let before = DROPS_AT_LIMITS.map(|(reason, _)| self.dropped(reason));
        // A fault in a source costs its round, not the others'.
        let outcomes = catch_unwind(AssertUnwindSafe(|| self.source.apply(round, now)))
            .unwrap_or_else(|_panic| vec![Some(Err(Missed::fault())); round.len()]);
        let mut outcomes = outcomes.into_iter();
        let mut any_good = false;
        for (i, (scraped, status)) in round.iter().zip(&mut self.status.targets).enumerate() {
            let outcome = outcomes.next().flatten();
            let Some(scraped) = scraped else { continue };
            let outcome = outcome.unwrap_or_else(|| scraped.result.as_ref().map(|_| 0).map_err(Missed::clone));
            any_good |= outcome.is_ok();
            outcome.as_ref().err().and_then(Missed::limit).into_iter().for_each(|limit| ledger.hit(limit));
            self.status.durations.observe(scraped.duration.as_secs_f64());
            let before = status.state;
            if status.record(scraped, outcome, self.config.kind.endpoints, self.source.is_retired(i), now) {
                log_change(&self.config, i, before, status);
            }
            let faults = self.source.faults(i);
            log_new_faults(&self.config, i, &status.faults, &faults);
            status.faults = faults;
        }
        for ((reason, limit), before) in DROPS_AT_LIMITS.into_iter().zip(before) {
            if self.dropped(reason) > before {
                ledger.hit(limit);
            }
        }
        any_good
    }

    pub(super) fn dropped(&self, reason: DropReason) -> u64 {
        let of = |tally: &Tally| tally.dropped.get(&reason).copied().unwrap_or(0);
        of(self.source.tally()) + of(&self.before)
    }

    /// What was counted, also before the configuration last changed.
    pub(super) fn tally(&self) -> Cow<'_, Tally> {
        match self.source.tally() {
            tally if self.before == Tally::default() => Cow::Borrowed(tally),
            tally => Cow::Owned(tally.clone().after(&self.before)),
        }
    }

    pub(super) fn is_workers(&self) -> bool {
        self.config.kind.endpoints == Endpoints::Workers
    }
}

/// Each fault once, as long as it lasts.
fn log_new_faults(config: &SourceConfig, target: usize, before: &[String], now: &[String]) {
    let Some(configured) = config.targets.get(target) else { return };
    for reason in now.iter().filter(|fault| !before.contains(fault)) {
        tracing::warn!(source = config.name.as_str(), target = configured.text.as_str(), reason, "left out");
    }
}

/// One line per change. A worker that leaves or takes a port is everyday life, so it is no warning.
fn log_change(config: &SourceConfig, target: usize, before: Option<Standing>, status: &Status) {
    let Some(configured) = config.targets.get(target) else { return };
    let (source, target) = (config.name.as_str(), configured.text.as_str());
    match (&status.last_error, status.state) {
        (None, _) if before.is_none() => tracing::info!(source, target, samples = status.samples, "up"),
        (None, _) if before == Some(Standing::Vacant) => tracing::debug!(source, target, samples = status.samples, "up again"),
        (None, _) => tracing::info!(source, target, samples = status.samples, "up again"),
        (Some(why), Some(Standing::Vacant)) => tracing::debug!(source, target, reason = %why, "vacant"),
        (Some(why), Some(Standing::Retired)) => tracing::info!(source, target, reason = %why, "retired: its totals are kept"),
        (Some(why), _) => {
            let hint = hint(config.kind.name, why, configured);
            tracing::warn!(source, target, reason = %why, hint, "down");
        }
    }
}
