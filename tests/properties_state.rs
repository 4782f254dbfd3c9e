//! Laws of the state file, in memory: a pool that is saved and loaded at some moment of random lives goes on exactly like one that was
//! not, and none of its totals ever falls, whatever the configuration says by then.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "support/laws.rs"]
mod laws;

use onescrape::config::{AggregateRule, Limits, MergeConfig};
use onescrape::merge::{Attempt, Now, Pool, Tally};
use onescrape::model::{Family, MetricType, NativeHistogram, NativeSample, Role, Sample};
use onescrape::parse::Exposition;
use onescrape::state::{Parts, Saved};
use proptest::prelude::*;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

const SLOTS: usize = 3;
const VIEWS: usize = 3;
const UNIX_START: f64 = 1_790_000_000.0;
const INTERVAL: f64 = 50.0;

/// What one scrape of one slot brings. Nothing here need be the life of a real process: anything may follow anything.
#[derive(Debug, Clone)]
enum Scrape {
    Untried,
    Missed { refused: bool },
    Good(Body),
}

#[derive(Debug, Clone)]
struct Body {
    /// Which of a few processes answers; `None`: it doesn't say when it began.
    process: Option<u8>,
    /// By view; absent, nonsense or a number.
    counts: [Option<u8>; VIEWS],
    /// When the views began, if they say so.
    created: Option<u8>,
    wide: bool,
    with_sum: bool,
    native_schema: Option<i8>,
    odd_type: bool,
    help: bool,
}

fn body() -> impl Strategy<Value = Body> {
    let count = || prop_oneof![1 => Just(None), 8 => any::<u8>().prop_map(Some)];
    let process = prop_oneof![1 => Just(None), 9 => (0u8..4).prop_map(Some)];
    let often = || prop::bool::weighted(0.9);
    (
        process,
        [count(), count(), count()],
        prop::option::of(0u8..3),
        often(),
        often(),
        prop::option::of(-1i8..3),
        often(),
        any::<bool>(),
    )
        .prop_map(|(process, counts, created, wide, with_sum, native_schema, usual_type, help)| Body {
            process,
            counts,
            created,
            wide,
            with_sum,
            native_schema,
            odd_type: !usual_type,
            help,
        })
}

fn scrape() -> impl Strategy<Value = Scrape> {
    prop_oneof![
        1 => Just(Scrape::Untried),
        2 => any::<bool>().prop_map(|refused| Scrape::Missed { refused }),
        8 => body().prop_map(Scrape::Good),
    ]
}

/// Rounds, and whether each was served.
fn rounds() -> impl Strategy<Value = Vec<([Scrape; SLOTS], bool)>> {
    prop::collection::vec(([scrape(), scrape(), scrape()], prop::bool::weighted(0.8)), 2..25)
}

impl Body {
    /// `round`: numbers mostly grow with time.
    fn exposition(&self, round: usize) -> Exposition<'static> {
        let usual = if self.odd_type { MetricType::Unknown } else { MetricType::Counter };
        let mut requests = Family::new("requests_total", usual, if self.help { "Requests." } else { "" });
        let mut seconds = Family::new("seconds", MetricType::Histogram, "");
        let mut sizes = Family::new("sizes", if self.odd_type { MetricType::Gauge } else { MetricType::Summary }, "");
        let mut queue = Family::new("queue", MetricType::Gauge, "");
        for (view, count) in self.counts.iter().enumerate() {
            let Some(seed) = count else { continue };
            let labels = vec![(Cow::Borrowed("view"), Cow::Owned(view.to_string()))];
            let sample = |role, value| Sample { role, labels: labels.clone(), value, timestamp: None, exemplar: None };
            let value = f64::from(*seed / 16) + 8.0 * round as f64;
            requests.samples.push(sample(Role::Value, if seed % 16 == 0 { f64::NAN } else { value }));
            let bounds: &[f64] = if self.wide { &[0.1, 1.0] } else { &[0.5, 1.0] };
            for bound in bounds {
                seconds.samples.push(sample(Role::Bucket(*bound), (value * bound).floor()));
            }
            seconds.samples.push(sample(Role::Bucket(f64::INFINITY), value));
            if self.with_sum {
                seconds.samples.push(sample(Role::Sum, value / 4.0));
                sizes.samples.push(sample(if self.odd_type { Role::Value } else { Role::Sum }, value));
            }
            if !self.odd_type {
                sizes.samples.push(sample(Role::Count, value));
            }
            queue.samples.push(sample(Role::Value, value));
            if let Some(created) = self.created {
                for family in [&mut requests, &mut seconds] {
                    family.samples.push(sample(Role::Created, UNIX_START - f64::from(created)));
                }
            }
            if let Some(schema) = self.native_schema {
                seconds.natives.push(NativeSample {
                    labels,
                    timestamp: None,
                    histogram: Cow::Owned(native(schema, value)),
                    exemplars: vec![],
                });
            }
        }
        let mut families = vec![requests, seconds, sizes, queue];
        if let Some(process) = self.process {
            let mut start = Family::new("process_start_time_seconds", MetricType::Gauge, "");
            start.push([], UNIX_START + 300.0 * (f64::from(process) - 1.0));
            families.push(start);
        }
        Exposition { families, ..Exposition::default() }
    }
}

fn native(schema: i8, count: f64) -> NativeHistogram {
    let half = (count / 2.0).floor();
    NativeHistogram {
        schema: i32::from(schema),
        zero_threshold: 0.001,
        zero_count: 0.0,
        count,
        sum: count / 4.0,
        positive: vec![(-1, half), (3, count - half)],
        negative: vec![],
        is_float: false,
    }
}

fn ids() -> Vec<String> {
    (0..SLOTS).map(|slot| format!("w{slot}")).collect()
}

fn pool(ids: Vec<String>, max_series: usize) -> Pool {
    pool_with(ids, max_series, Vec::new())
}

fn pool_with(ids: Vec<String>, max_series: usize, aggregate: Vec<AggregateRule>) -> Pool {
    let config = MergeConfig {
        retire_after: Duration::from_secs(200),
        instance_memory: Duration::from_secs(150),
        aggregate,
        ..MergeConfig::default()
    };
    Pool::new(ids, config, Limits { max_series, ..Limits::default() })
}

fn apply(pool: &mut Pool, at: usize, (scrapes, served): &([Scrape; SLOTS], bool), order: &[usize]) {
    let elapsed = 1000.0 + INTERVAL * at as f64;
    let now = Now { elapsed: Duration::from_secs_f64(elapsed), unix: UNIX_START + elapsed };
    let attempt = |slot: &usize| match &scrapes[*slot] {
        Scrape::Untried => None,
        Scrape::Missed { refused } => Some(Attempt::Missed { refused: *refused }),
        Scrape::Good(body) => Some(Attempt::Good(body.exposition(at))),
    };
    pool.apply(order.iter().map(attempt).collect(), now);
    if *served {
        pool.mark_served(now);
    }
}

const EVERY_SLOT: [usize; SLOTS] = [0, 1, 2];

fn saved(pool: &Pool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut parts = Parts::new(&mut bytes);
    pool.save(&mut parts);
    parts.finish().unwrap();
    bytes
}

/// Everything that is served, numbers by their bits.
fn shown(pool: &Pool) -> Vec<String> {
    let mut lines = Vec::new();
    for family in pool.families() {
        lines.push(format!("{} {:?} {:?} {:?}", family.name, family.kind, family.help, family.unit));
        lines.extend(family.samples.iter().map(|s| format!("{} {:?} {:x}", s.head, s.role, s.value.to_bits())));
        lines.extend(family.natives.iter().map(|n| format!("{} {:?}", n.head, n.histogram)));
    }
    lines
}

fn totals(pool: &Pool) -> BTreeMap<String, f64> {
    let total = |kind| matches!(kind, MetricType::Counter | MetricType::Histogram | MetricType::Summary);
    let counted = |role: &Role| matches!(role, Role::Value | Role::Bucket(_) | Role::Count);
    let families = pool.families();
    let of = families.iter().filter(|f| total(f.kind)).flat_map(|f| &f.samples);
    of.filter(|s| counted(&s.role)).map(|s| (s.head.to_string(), s.value)).collect()
}

/// Resets, flaps and baselines of a pool that has gone on, less what it had counted by `then`.
fn decisions(tally: &Tally, then: &Tally) -> impl PartialEq + std::fmt::Debug {
    let all = |t: &Tally| {
        let resets = t.resets.iter().map(|((slot, cause), n)| (format!("{slot} {cause:?}"), *n));
        let flaps = t.flaps.iter().map(|(slot, n)| (format!("{slot} flaps"), *n));
        let baselines = t.baselines.iter().map(|(slot, n)| (format!("{slot} baselines"), *n));
        resets.chain(flaps).chain(baselines).collect::<BTreeMap<_, _>>()
    };
    let before = all(then);
    let grown = all(tally).into_iter().map(|(what, n)| (n - before.get(&what).unwrap_or(&0), what));
    grown.filter(|(n, _)| *n > 0).collect::<Vec<_>>()
}

proptest! {
    #![proptest_config(laws::tries(400))]

    /// Saving and loading, once or more, changes nothing in all later outputs, and no later decision.
    #[test]
    fn a_pool_that_was_saved_goes_on_as_if_nothing_had_been(rounds in rounds(), restarts in prop::collection::vec(any::<prop::sample::Index>(), 1..3), aggregated in any::<bool>()) {
        let rule = || AggregateRule { pattern: "*".into(), without: vec!["view".into()] };
        let new = || pool_with(ids(), 1_000_000, aggregated.then(rule).into_iter().collect());
        let restarts: Vec<usize> = restarts.iter().map(|index| index.index(rounds.len())).collect();
        let mut one = new();
        let mut other = new();
        let (mut one_then, mut other_then) = (Tally::default(), Tally::default());
        for (at, round) in rounds.iter().enumerate() {
            let mut round = round.clone();
            if at > 0 && restarts.contains(&(at - 1)) {
                // Gauges are not kept, so what isn't tried shows none. Every slot is tried in a first round.
                round.0.iter_mut().filter(|s| matches!(s, Scrape::Untried)).for_each(|s| *s = Scrape::Missed { refused: false });
            }
            apply(&mut one, at, &round, &EVERY_SLOT);
            apply(&mut other, at, &round, &EVERY_SLOT);
            prop_assert_eq!(shown(&one), shown(&other), "round {}", at);
            prop_assert_eq!(
                format!("{:?}", decisions(one.tally(), &one_then)),
                format!("{:?}", decisions(other.tally(), &other_then)),
                "round {}", at
            );
            (one_then, other_then) = (one.tally().clone(), other.tally().clone());
            if restarts.contains(&at) {
                let bytes = saved(&other);
                other = new();
                other.load(Saved::new(&bytes)).unwrap();
                other_then = Tally::default();
            }
        }
    }

    /// Slots that moved, went or came, once or more, and less room: no total is ever below what was served, except one that had gone for
    /// want of room.
    #[test]
    fn totals_never_fall_over_a_change_of_the_configuration(
        rounds in rounds(),
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), prop_oneof![Just(vec![2, 0]), Just(vec![1]), Just(vec![1, 2, 0]), Just(vec![])]),
            1..4,
        ),
        max_series in prop_oneof![Just(1_000_000usize), 20usize..60],
    ) {
        let changes: BTreeMap<usize, Vec<usize>> =
            changes.into_iter().map(|(at, order)| (at.index(rounds.len()), order)).collect();
        let mut pool = pool(ids(), 1_000_000);
        let mut slots = EVERY_SLOT.to_vec();
        let mut before: BTreeMap<String, f64> = BTreeMap::new();
        for (at, round) in rounds.iter().enumerate() {
            apply(&mut pool, at, round, &slots);
            let after = totals(&pool);
            for (head, value) in &before {
                let now: Option<&f64> = after.get(head);
                // Types that clash take a family's state with them; that is not about the file.
                prop_assert!(now.is_none_or(|now| now >= value || !head.contains("seconds")), "{head} fell from {value} to {now:?}");
                prop_assert!(now.is_some() || max_series < 1_000_000 || !head.contains("seconds"), "{head} vanished");
            }
            before = after;
            if let Some(order) = changes.get(&at) {
                let bytes = saved(&pool);
                slots.clone_from(order);
                pool = self::pool(slots.iter().map(|slot| format!("w{slot}")).collect(), max_series);
                pool.load(Saved::new(&bytes)).unwrap();
            }
        }
    }

    /// What is in the file never brings the program down: bytes that were changed or cut are refused or make some pool.
    #[test]
    fn changed_bytes_never_panic(rounds in rounds(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>()) {
        let mut one = pool(ids(), 1_000_000);
        rounds.iter().enumerate().for_each(|(at, round)| apply(&mut one, at, round, &EVERY_SLOT));
        let mut bytes = saved(&one);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let mut other = pool(ids(), 1_000_000);
        let _ = other.load(Saved::new(&bytes));
        bytes.truncate(cut.index(bytes.len()));
        let mut other = pool(ids(), 1_000_000);
        let _ = other.load(Saved::new(&bytes));
    }
}
