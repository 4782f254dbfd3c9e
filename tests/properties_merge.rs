//! Laws of the merge, over random lives of random workers.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "support/laws.rs"]
mod laws;

use onescrape::config::{Limits, MergeConfig};
use onescrape::merge::{Attempt, Now, Pool};
use onescrape::model::{Family, MetricType, Role, Sample};
use onescrape::parse::Exposition;
use proptest::prelude::*;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

const SLOTS: usize = 3;
const VIEWS: usize = 3;
const UNIX_START: f64 = 1_790_000_000.0;

/// What happens to one worker between two rounds, and how its scrape ends.
#[derive(Debug, Clone)]
enum Event {
    /// It counts on; its scrape is good.
    Work(u8),
    /// It counts on; its scrape is missed.
    Miss(u8),
    /// It ends right after the last scrape and another process takes the port, having counted this much already.
    Recycle(u8),
    /// It ends and nothing listens.
    Gone,
    /// A child is removed in the living process and counts anew.
    Clear(u8),
    /// One child isn't shown this time.
    Hide(u8),
    /// A counter shows nonsense this time.
    Nonsense(bool),
    /// Another process answers on the same port, this once.
    Stranger(u8, bool),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => any::<u8>().prop_map(Event::Work),
        2 => any::<u8>().prop_map(Event::Miss),
        2 => any::<u8>().prop_map(Event::Recycle),
        1 => Just(Event::Gone),
        1 => any::<u8>().prop_map(Event::Clear),
        1 => any::<u8>().prop_map(Event::Hide),
        1 => any::<bool>().prop_map(Event::Nonsense),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(n, older)| Event::Stranger(n, older)),
    ]
}

fn rounds() -> impl Strategy<Value = Vec<[Event; SLOTS]>> {
    prop::collection::vec([event(), event(), event()], 1..40)
}

/// A process: counts per view, and a histogram per view with bounds of its own.
#[derive(Debug, Clone, Default)]
struct Process {
    start: f64,
    counts: [f64; VIEWS],
    wide: bool,
}

impl Process {
    fn new(start: f64, seed: u8) -> Self {
        let mut process = Self { start, counts: [0.0; VIEWS], wide: seed.is_multiple_of(2) };
        process.work(seed);
        process
    }

    /// Counts `seed`-many requests.
    fn work(&mut self, seed: u8) {
        self.counts[usize::from(seed) % VIEWS] += f64::from(seed % 16);
    }

    fn exposition(&self, evidence: bool, hidden: Option<usize>, nonsense: Option<f64>) -> Exposition<'static> {
        let mut requests = Family::new("requests_total", MetricType::Counter, "");
        let mut seconds = Family::new("seconds", MetricType::Histogram, "");
        for (view, count) in self.counts.iter().enumerate().filter(|(v, _)| Some(*v) != hidden) {
            let labels = vec![(Cow::Borrowed("view"), Cow::Owned(view.to_string()))];
            let sample = |role, value| Sample { role, labels: labels.clone(), value, timestamp: None, exemplar: None };
            requests.samples.push(sample(Role::Value, nonsense.filter(|_| view == 0).unwrap_or(*count)));
            let bounds: &[f64] = if self.wide { &[0.1, 1.0] } else { &[0.5, 1.0] };
            for bound in bounds {
                seconds.samples.push(sample(Role::Bucket(*bound), (count * bound).floor()));
            }
            seconds.samples.push(sample(Role::Bucket(f64::INFINITY), *count));
            seconds.samples.push(sample(Role::Count, *count));
            seconds.samples.push(sample(Role::Sum, *count));
        }
        let mut families = vec![requests, seconds];
        if evidence {
            let mut start = Family::new("process_start_time_seconds", MetricType::Gauge, "");
            start.push([], self.start);
            families.push(start);
        }
        Exposition { families, ..Exposition::default() }
    }
}

/// Plays the rounds; calls `check` after each with the pool and what the workers have really counted.
struct Play {
    pool: Pool,
    live: Vec<Option<Process>>,
    now: f64,
    evidence: bool,
    /// What was counted and shown at least once, by processes that are gone.
    past: f64,
}

impl Play {
    fn new(evidence: bool, limits: Limits) -> Self {
        let ids = (0..SLOTS).map(|i| format!("w{i}")).collect();
        let live = (0..SLOTS).map(|i| Some(Process::new(UNIX_START - 100.0 + i as f64, i as u8))).collect();
        Self { pool: Pool::new(ids, MergeConfig::default(), limits), live, now: 0.0, evidence, past: 0.0 }
    }

    fn round(&mut self, events: &[Event; SLOTS]) {
        self.now += 5.0;
        let (now, evidence) = (self.now, self.evidence);
        let start = UNIX_START + now - 1.0;
        let mut attempts = Vec::new();
        for (slot, event) in events.iter().enumerate() {
            let live = &mut self.live[slot];
            let good = |p: &Process| Some(Attempt::Good(p.exposition(evidence, None, None)));
            attempts.push(match (event, live.as_mut()) {
                (Event::Recycle(n), _) => {
                    self.past += live.take().map_or(0.0, |p| p.counts.iter().sum());
                    let process = live.insert(Process::new(start, *n));
                    good(process)
                }
                (_, None) => Some(Attempt::Missed { refused: true }),
                (Event::Gone, Some(process)) => {
                    self.past += process.counts.iter().sum::<f64>();
                    *live = None;
                    Some(Attempt::Missed { refused: true })
                }
                (Event::Work(n), Some(process)) => {
                    process.work(*n);
                    good(process)
                }
                (Event::Miss(n), Some(process)) => {
                    process.work(*n);
                    Some(Attempt::Missed { refused: false })
                }
                (Event::Clear(n), Some(process)) => {
                    let view = usize::from(*n) % VIEWS;
                    self.past += process.counts[view];
                    process.counts[view] = 0.0;
                    good(process)
                }
                (Event::Hide(n), Some(process)) => {
                    Some(Attempt::Good(process.exposition(evidence, Some(usize::from(*n) % VIEWS), None)))
                }
                (Event::Nonsense(nan), Some(process)) => {
                    Some(Attempt::Good(process.exposition(evidence, None, Some(if *nan { f64::NAN } else { -3.0 }))))
                }
                (Event::Stranger(n, older), Some(_)) => {
                    let start = if *older { UNIX_START - 5000.0 - f64::from(*n) } else { start };
                    good(&Process::new(start, n.wrapping_add(7)))
                }
            });
        }
        let at = Now { elapsed: Duration::from_secs_f64(now), unix: UNIX_START + now };
        self.pool.apply(attempts, at);
        self.pool.mark_served(at);
    }

    fn live(&self) -> f64 {
        self.live.iter().flatten().flat_map(|p| p.counts).sum()
    }

    fn totals(&self) -> BTreeMap<String, f64> {
        let families = self.pool.families();
        let counts = |role| matches!(role, Role::Value | Role::Bucket(_) | Role::Count);
        let of = families.iter().filter(|f| f.kind != MetricType::Gauge).flat_map(|f| &f.samples);
        of.filter(|s| counts(s.role)).map(|s| (s.head.to_string(), s.value)).collect()
    }
}

fn sum(totals: &BTreeMap<String, f64>, prefix: &str) -> f64 {
    totals.iter().filter(|(head, _)| head.starts_with(prefix)).map(|(_, v)| v).sum()
}

/// Plays the rounds; an error says what fell, vanished or is no histogram.
fn never_falls(rounds: &[[Event; SLOTS]], evidence: bool, max_series: usize) -> Result<(), TestCaseError> {
    let limits = Limits { max_series, ..Limits::default() };
    let mut play = Play::new(evidence, limits);
    let mut before = BTreeMap::new();
    for events in rounds {
        play.round(events);
        let after = play.totals();
        for (head, value) in &before {
            if let Some(now) = after.get(head) {
                prop_assert!(now >= value, "{head} fell from {value} to {now}");
            } else {
                prop_assert!(max_series < 1_000_000, "{head} vanished");
            }
        }
        for family in play.pool.families().iter().filter(|f| f.kind == MetricType::Histogram) {
            let mut below = 0.0;
            for sample in &family.samples {
                match sample.role {
                    Role::Bucket(_) => {
                        prop_assert!(sample.value >= below, "{}", sample.head);
                        below = sample.value;
                    }
                    Role::Count => {
                        prop_assert_eq!(sample.value, below);
                        below = 0.0;
                    }
                    _ => {}
                }
            }
        }
        before = after;
    }
    Ok(())
}

/// A child that went for want of room must not be back in the same round: it would have fallen without a gap.
#[test]
fn what_went_for_want_of_room_stays_away_for_a_round() {
    use Event::{Clear, Gone, Hide, Recycle, Work};
    let rounds =
        [[Gone, Work(2), Work(0)], [Work(0), Gone, Clear(0)], [Work(0), Work(0), Hide(20)], [Recycle(88), Work(0), Work(45)]];
    never_falls(&rounds, true, 20).unwrap();
}

proptest! {
    #![proptest_config(laws::tries(300))]

    /// No total ever falls, with evidence of instances or without, whatever happens to the workers; histograms stay cumulative.
    #[test]
    fn totals_never_fall(rounds in rounds(), evidence in any::<bool>(), max_series in prop_oneof![Just(1_000_000usize), 20usize..60]) {
        never_falls(&rounds, evidence, max_series)?;
    }

    /// With evidence, and without strangers on a port, the total is exactly what all processes counted as far as a scrape saw it.
    #[test]
    fn the_whole_is_the_sum_of_its_parts(rounds in rounds()) {
        let mut play = Play::new(true, Limits::default());
        play.round(&[Event::Work(0), Event::Work(0), Event::Work(0)]);
        for events in &rounds {
            // What ends unseen is lost to any scraper: here every process ends right after a good scrape, and strangers and children
            // cleared in a living process without a trace are left out.
            let seen = events.clone().map(|e| match e {
                Event::Stranger(n, _) | Event::Miss(n) | Event::Clear(n) => Event::Work(n),
                Event::Hide(_) | Event::Nonsense(_) => Event::Work(0),
                other => other,
            });
            play.round(&seen);
            let totals = play.totals();
            prop_assert_eq!(sum(&totals, "requests_total"), play.past + play.live());
            prop_assert_eq!(sum(&totals, "seconds_count"), play.past + play.live());
        }
    }

    /// The order in which families and samples stand in a body is irrelevant, and so is the order in which bodies arrive: rounds are
    /// applied by slot.
    #[test]
    fn order_in_a_body_is_irrelevant(rounds in rounds(), keys in prop::collection::vec(any::<u64>(), 64)) {
        let (mut one, mut other) = (Play::new(true, Limits::default()), Play::new(true, Limits::default()));
        for events in &rounds {
            one.round(events);
            other.round(events);
        }
        let at = Now { elapsed: Duration::from_secs(10_000), unix: UNIX_START + 10_000.0 };
        let bodies: Vec<Exposition<'static>> = (0..SLOTS).map(|i| Process::new(UNIX_START + 9_000.0, i as u8 * 40 + 3).exposition(true, None, None)).collect();
        let mut keys = keys.into_iter().cycle();
        let shuffled = bodies.iter().cloned().map(|mut body| {
            body.families.sort_by_cached_key(|_| keys.next());
            body.families.iter_mut().for_each(|f| f.samples.sort_by_cached_key(|_| keys.next()));
            body
        });
        other.pool.apply(shuffled.map(|b| Some(Attempt::Good(b))).collect(), at);
        one.pool.apply(bodies.into_iter().map(|b| Some(Attempt::Good(b))).collect(), at);
        prop_assert_eq!(one.totals(), other.totals());
    }

    /// Reading twice changes nothing.
    #[test]
    fn a_round_repeated_changes_nothing(rounds in rounds()) {
        let mut play = Play::new(true, Limits::default());
        rounds.iter().for_each(|events| play.round(events));
        let idle = [Event::Work(0), Event::Work(0), Event::Work(0)];
        play.round(&idle);
        let before = play.totals();
        play.round(&idle);
        prop_assert_eq!(before, play.totals());
    }
}
