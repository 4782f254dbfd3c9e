//! Laws of the merge of native histograms, over random lives of random workers whose histograms differ in resolution and zero bucket.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "support/laws.rs"]
mod laws;

use onescrape::config::{AggregateRule, Limits, MergeConfig};
use onescrape::merge::{Attempt, DropReason, Now, Pool};
use onescrape::model::{Family, MetricType, NativeHistogram, NativeSample, Role, Sample};
use onescrape::parse::Exposition;
use proptest::prelude::*;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

const SLOTS: usize = 3;
const UNIX_START: f64 = 1_790_000_000.0;
/// Bounds computed twice differ in the last digits; buckets of the finest schema used here are 4 % wide.
const ROUNDING: f64 = 1e-9;
/// The label that names the process, where bodies show it.
const PROCESS: &str = "process";
/// Room for the series of a few processes, so that those of processes gone must make room.
const FEW_SERIES: usize = 28;
const SCHEMAS: [i32; 5] = [4, 3, 1, 0, -1];
/// None, a bound of every schema, one of some schemas, one of none.
const THRESHOLDS: [f64; 4] = [0.0, 0.0009765625, std::f64::consts::FRAC_1_SQRT_2, 0.1];

/// What happens to one worker between two rounds, and how its scrape ends.
#[derive(Debug, Clone)]
enum Event {
    /// It observes; its scrape is good.
    Work(Vec<u8>),
    /// It observes; its scrape is missed.
    Miss(Vec<u8>),
    /// It ends and another process takes the port.
    Recycle(u8, Vec<u8>),
    /// It ends and nothing listens.
    Gone,
    /// Two buckets of it become one.
    Coarsen,
    /// Its zero bucket takes in the bucket beside it.
    Widen,
    /// It begins anew in the living process.
    Clear,
    /// What it shows this time is nonsense.
    Nonsense,
}

fn event() -> impl Strategy<Value = Event> {
    let seen = || prop::collection::vec(any::<u8>(), 0..12);
    prop_oneof![
        6 => seen().prop_map(Event::Work),
        2 => seen().prop_map(Event::Miss),
        2 => (any::<u8>(), seen()).prop_map(|(seed, seen)| Event::Recycle(seed, seen)),
        1 => Just(Event::Gone),
        1 => Just(Event::Coarsen),
        1 => Just(Event::Widen),
        1 => Just(Event::Clear),
        1 => Just(Event::Nonsense),
    ]
}

fn rounds() -> impl Strategy<Value = Vec<[Event; SLOTS]>> {
    prop::collection::vec([event(), event(), event()], 1..25)
}

/// An observation: odd 1024ths, so that sums are exact in any order and none but a power of two is at a bound.
fn observation(seed: u8) -> f64 {
    let magnitude = f64::from(2 * (u32::from(seed) / 16) + 1) / 1024.0 * f64::from(1u32 << (seed % 13));
    match seed % 5 {
        0 => -magnitude,
        _ if seed == 255 => 0.0,
        _ => magnitude,
    }
}

fn bound(index: i32, schema: i32) -> f64 {
    (f64::from(index) / 2f64.powi(schema)).exp2()
}

/// A process with one histogram, kept as what it observed.
#[derive(Debug, Clone)]
struct Process {
    start: f64,
    schema: i32,
    zero_threshold: f64,
    seen: Vec<f64>,
}

impl Process {
    fn new(start: f64, seed: u8) -> Self {
        let (schema, zero_threshold) =
            (SCHEMAS[usize::from(seed) % SCHEMAS.len()], THRESHOLDS[usize::from(seed / 8) % THRESHOLDS.len()]);
        Self { start, schema, zero_threshold, seen: Vec::new() }
    }

    fn work(&mut self, seen: &[u8]) {
        self.seen.extend(seen.iter().map(|seed| observation(*seed)));
    }

    fn index(&self, magnitude: f64) -> i32 {
        (magnitude.log2() * 2f64.powi(self.schema) - ROUNDING).ceil() as i32
    }

    /// As clients do: the threshold moves to the outer bound of the bucket next to zero.
    fn widen(&mut self) {
        let outside = self.seen.iter().map(|v| v.abs()).filter(|v| *v > self.zero_threshold);
        if let Some(next) = outside.reduce(f64::min) {
            self.zero_threshold = bound(self.index(next), self.schema).max(self.zero_threshold);
        }
    }

    fn histogram(&self) -> NativeHistogram {
        let mut sides = [BTreeMap::<i32, f64>::new(), BTreeMap::new()];
        let mut h = NativeHistogram { schema: self.schema, zero_threshold: self.zero_threshold, ..NativeHistogram::default() };
        for v in &self.seen {
            if v.abs() <= self.zero_threshold {
                h.zero_count += 1.0;
            } else {
                *sides[usize::from(*v < 0.0)].entry(self.index(v.abs())).or_default() += 1.0;
            }
        }
        (h.count, h.sum) = (self.seen.len() as f64, self.seen.iter().sum());
        [h.positive, h.negative] = sides.map(|side| side.into_iter().collect());
        h
    }

    fn exposition(&self, form: Form, nonsense: bool) -> Exposition<'static> {
        let mut family = Family::new("seconds", MetricType::Histogram, "");
        let mut histogram = self.histogram();
        let name = (Cow::Borrowed(PROCESS), Cow::Owned(self.start.to_string()));
        let labels: Vec<_> = form.labelled.then_some(name).into_iter().collect();
        if form.classic {
            let below = self.seen.iter().filter(|v| **v <= 1.0).count() as f64;
            let sample = |role, value| Sample { role, labels: labels.clone(), value, timestamp: None, exemplar: None };
            family.samples = vec![
                sample(Role::Bucket(1.0), below),
                sample(Role::Bucket(f64::INFINITY), histogram.count),
                sample(Role::Count, histogram.count),
                sample(Role::Sum, histogram.sum),
            ];
        }
        if nonsense {
            histogram.positive.push((i32::MIN, -1.0));
        }
        family.natives.push(NativeSample { labels, timestamp: None, histogram: Cow::Owned(histogram), exemplars: Vec::new() });
        let mut families = vec![family];
        if form.evidence {
            let mut start = Family::new("process_start_time_seconds", MetricType::Gauge, "");
            start.push([], self.start);
            families.push(start);
        }
        Exposition { families, ..Exposition::default() }
    }
}

/// What bodies show beside the native histogram.
#[derive(Debug, Clone, Copy)]
struct Form {
    evidence: bool,
    classic: bool,
    /// Every process has a child of its own, and they are aggregated.
    labelled: bool,
}

/// Plays rounds of the same workers, at the slots that `places` names.
struct Play {
    pool: Pool,
    live: Vec<Option<Process>>,
    places: [usize; SLOTS],
    now: f64,
    form: Form,
    /// What processes that are gone have observed and shown.
    past: Vec<f64>,
    coarsest: i32,
}

impl Play {
    fn new(form: Form, places: [usize; SLOTS]) -> Self {
        let ids = (0..SLOTS).map(|i| format!("w{i}")).collect();
        let live = (0..SLOTS).map(|i| Some(Process::new(UNIX_START - 100.0 + i as f64, i as u8 * 37))).collect();
        let (mut config, mut limits) = (MergeConfig::default(), Limits::default());
        if form.labelled {
            config.aggregate = vec![AggregateRule { pattern: "*".into(), without: vec![PROCESS.into()] }];
            limits.max_series = FEW_SERIES;
        }
        let pool = Pool::new(ids, config, limits);
        Self { pool, live, places, now: 0.0, form, past: Vec::new(), coarsest: 8 }
    }

    fn round(&mut self, events: &[Event; SLOTS]) {
        self.now += 5.0;
        let (start, form) = (UNIX_START + self.now - 1.0, self.form);
        let mut attempts: Vec<Option<Attempt<'_>>> = (0..SLOTS).map(|_| None).collect();
        for (worker, event) in events.iter().enumerate() {
            let live = &mut self.live[worker];
            let good = |p: &Process| Attempt::Good(p.exposition(form, false));
            let attempt = match (event, live.as_mut()) {
                (Event::Recycle(seed, seen), _) => {
                    self.past.extend(live.take().into_iter().flat_map(|p| p.seen));
                    let process = live.insert(Process::new(start, *seed));
                    process.work(seen);
                    good(process)
                }
                (_, None) => Attempt::Missed { refused: true },
                (Event::Gone, Some(process)) => {
                    self.past.append(&mut process.seen);
                    *live = None;
                    Attempt::Missed { refused: true }
                }
                (Event::Work(seen), Some(process)) => {
                    process.work(seen);
                    good(process)
                }
                (Event::Miss(seen), Some(process)) => {
                    process.work(seen);
                    Attempt::Missed { refused: false }
                }
                (Event::Coarsen, Some(process)) => {
                    process.schema = (process.schema - 1).max(-4);
                    good(process)
                }
                (Event::Widen, Some(process)) => {
                    process.widen();
                    good(process)
                }
                (Event::Clear, Some(process)) => {
                    self.past.append(&mut process.seen);
                    good(process)
                }
                (Event::Nonsense, Some(process)) => Attempt::Good(process.exposition(form, true)),
            };
            if let (Attempt::Good(_), Some(process)) = (&attempt, &self.live[worker]) {
                self.coarsest = self.coarsest.min(process.schema);
            }
            attempts[self.places[worker]] = Some(attempt);
        }
        let at = Now { elapsed: Duration::from_secs_f64(self.now), unix: UNIX_START + self.now };
        self.pool.apply(attempts, at);
        self.pool.mark_served(at);
    }

    fn merged(&self) -> Option<NativeHistogram> {
        let families = self.pool.families();
        let family = families.iter().find(|f| f.name == "seconds")?;
        let native = family.natives.first()?;
        let count = family.samples.iter().find(|s| s.role == Role::Count).map(|s| s.value);
        assert_eq!((native.head, count), ("seconds", self.form.classic.then_some(native.histogram.count)));
        Some(native.histogram.clone())
    }
}

/// Buckets as ranges of values, the zero bucket among them, from the lowest: what a server makes of a histogram.
fn ranges(h: &NativeHistogram) -> Vec<(f64, f64, f64)> {
    let range = |i: i32| (bound(i - 1, h.schema), bound(i, h.schema));
    let negative = h.negative.iter().rev().map(|(i, n)| (-range(*i).1, -range(*i).0, *n));
    let positive = h.positive.iter().map(|(i, n)| (range(*i).0, range(*i).1, *n));
    negative.chain([(-h.zero_threshold, h.zero_threshold, h.zero_count)]).chain(positive).collect()
}

/// Whether a server would take `after` for a histogram that began anew.
fn is_reset(before: &NativeHistogram, after: &NativeHistogram) -> bool {
    let within = |inner: (f64, f64), outer: (f64, f64)| {
        let slack = ROUNDING * outer.0.abs().max(outer.1.abs());
        outer.0 - slack <= inner.0 && inner.1 <= outer.1 + slack
    };
    let (old, new) = (ranges(before), ranges(after));
    let lost = |(low, high, n): &(f64, f64, f64)| *n > 0.0 && !new.iter().any(|(l, h, _)| within((*low, *high), (*l, *h)));
    let fell = |(low, high, n): &(f64, f64, f64)| {
        old.iter().filter(|(l, h, _)| within((*l, *h), (*low, *high))).map(|(_, _, n)| n).sum::<f64>() > *n
    };
    after.schema > before.schema
        || after.zero_threshold < before.zero_threshold
        || after.count < before.count
        || old.iter().any(lost)
        || new.iter().any(fell)
}

/// What a server asks of an integer histogram.
fn is_whole(h: &NativeHistogram) -> bool {
    h.is_float || h.zero_count + h.positive.iter().chain(&h.negative).map(|(_, n)| n).sum::<f64>() == h.count
}

proptest! {
    #![proptest_config(laws::tries(300))]

    /// No count ever falls, nor does anything else that a server takes for a reset; the native part counts what the classic one does.
    #[test]
    fn merged_natives_never_fall(rounds in rounds(), evidence in any::<bool>(), classic in any::<bool>()) {
        let mut play = Play::new(Form { evidence, classic, labelled: false }, [0, 1, 2]);
        let mut before: Option<NativeHistogram> = None;
        for events in &rounds {
            play.round(events);
            let after = play.merged();
            if let Some(before) = &before {
                let after = after.as_ref().expect("a histogram once served stays");
                prop_assert!(!is_reset(before, after), "{before:?}\n{after:?}");
            }
            prop_assert!(after.as_ref().is_none_or(is_whole), "{after:?}");
            before = after;
        }
    }

    /// With evidence, and where all was shown before it went, the whole is the sum of its parts: count, sum, and every quantile, which
    /// is in the bucket that the true one is in. The resolution is that of the coarsest part.
    #[test]
    fn merging_changes_neither_count_nor_sum_and_keeps_quantiles(rounds in rounds(), classic in any::<bool>()) {
        let mut play = Play::new(Form { evidence: true, classic, labelled: false }, [0, 1, 2]);
        for events in &rounds {
            let shown = events.clone().map(|event| match event {
                Event::Miss(seen) => Event::Work(seen),
                Event::Clear | Event::Nonsense => Event::Work(Vec::new()),
                other => other,
            });
            play.round(&shown);
            let mut all: Vec<f64> = play.live.iter().flatten().flat_map(|p| p.seen.clone()).chain(play.past.clone()).collect();
            all.sort_by(f64::total_cmp);
            let Some(merged) = play.merged() else {
                prop_assert!(all.is_empty() && play.coarsest == 8);
                continue;
            };
            prop_assert_eq!((merged.count, merged.sum, merged.schema), (all.len() as f64, all.iter().sum(), play.coarsest));
            for quantile in [0.0, 0.1, 0.5, 0.9, 1.0] {
                let rank = (quantile * (all.len() as f64 - 1.0)).floor();
                let Some(truth) = all.get(rank as usize) else { continue };
                let mut passed = 0.0;
                let (low, high, _) = ranges(&merged).into_iter().find(|(_, _, n)| {
                    passed += n;
                    passed > rank
                }).unwrap();
                prop_assert!(low <= *truth && *truth <= high, "{quantile}: {truth} is not in {low}…{high}");
            }
        }
    }

    /// Which slot is whose is irrelevant.
    #[test]
    fn the_order_of_slots_is_irrelevant(rounds in rounds(), evidence in any::<bool>()) {
        let form = Form { evidence, classic: false, labelled: false };
        let (mut one, mut other) = (Play::new(form, [0, 1, 2]), Play::new(form, [2, 0, 1]));
        for events in &rounds {
            one.round(events);
            other.round(events);
            prop_assert_eq!(one.merged(), other.merged());
        }
    }

    /// Where each process has a child of its own and these are aggregated, it is as if all had one and the same: also of those that had
    /// to make room.
    #[test]
    fn aggregated_natives_are_those_of_one_child(rounds in rounds(), classic in any::<bool>()) {
        let form = Form { evidence: true, classic, labelled: false };
        let (mut one, mut parts) = (Play::new(form, [0, 1, 2]), Play::new(Form { labelled: true, ..form }, [0, 1, 2]));
        let mut before: Option<NativeHistogram> = None;
        for events in &rounds {
            one.round(events);
            parts.round(events);
            if parts.pool.tally().dropped.contains_key(&DropReason::MaxSeries) {
                break; // too many processes at once for the little room there is
            }
            let (alone, together) = (one.merged(), parts.merged());
            prop_assert_eq!(alone.is_some(), together.is_some());
            let Some((alone, together)) = alone.zip(together) else { continue };
            prop_assert_eq!((alone.count, alone.sum, alone.schema), (together.count, together.sum, together.schema));
            // A zero bucket is widened to the bound of the bucket it cuts, which is another one where that came about at another
            // resolution. What lies beyond both is the same.
            let threshold = alone.zero_threshold.max(together.zero_threshold);
            let beyond = |h: &NativeHistogram| -> Vec<_> {
                ranges(h).into_iter().filter(|(low, high, n)| low.abs().max(high.abs()) > threshold && *n > 0.0).collect()
            };
            prop_assert_eq!(beyond(&alone), beyond(&together));
            prop_assert!(before.as_ref().is_none_or(|before| !is_reset(before, &together)), "{before:?}\n{together:?}");
            before = Some(together);
        }
    }
}
