//! Laws of the times at which merged totals began, as a server uses them that puts a zero there: if it is later than the series' last
//! sample and older than the new one.

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
const VIEWS: usize = 2;
const UNIX_START: f64 = 1_790_000_000.0;
const INTERVAL: f64 = 5.0;

/// What happens to one worker between two rounds, and how its scrape ends.
#[derive(Debug, Clone)]
enum Event {
    /// It counts on; its scrape is good.
    Work(u8),
    /// The same, missed.
    Miss(u8),
    /// It ends; another process takes the port and has counted this much, one view later than the other.
    Recycle(u8),
    /// It ends and nothing listens.
    Gone,
    /// A child is removed in the living process and counts anew.
    Clear(u8),
    /// A process as old as the first ones comes to the port, or comes back.
    Old(u8),
    /// Another process takes the port that never says when its children began.
    Silent(u8),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => any::<u8>().prop_map(Event::Work),
        2 => any::<u8>().prop_map(Event::Miss),
        2 => any::<u8>().prop_map(Event::Recycle),
        1 => Just(Event::Gone),
        1 => any::<u8>().prop_map(Event::Clear),
        1 => any::<u8>().prop_map(Event::Old),
        1 => any::<u8>().prop_map(Event::Silent),
    ]
}

fn rounds() -> impl Strategy<Value = Vec<([Event; SLOTS], bool)>> {
    prop::collection::vec(([event(), event(), event()], prop::bool::weighted(0.8)), 1..25)
}

/// A process: by view, when it began to count and how much it has.
#[derive(Debug, Clone)]
struct Process {
    start: f64,
    silent: bool,
    views: [Option<(f64, f64)>; VIEWS],
}

impl Process {
    fn new(start: f64, silent: bool) -> Self {
        Self { start, silent, views: [None; VIEWS] }
    }

    fn work(&mut self, seed: u8, now: f64) {
        let view = &mut self.views[usize::from(seed) % VIEWS];
        view.get_or_insert((now, 0.0)).1 += f64::from(seed % 16);
    }

    fn exposition(&self, evidence: bool) -> Exposition<'static> {
        let mut requests = Family::new("requests_total", MetricType::Counter, "");
        let mut seconds = Family::new("seconds", MetricType::Summary, "");
        for (view, (created, count)) in self.views.iter().enumerate().filter_map(|(i, v)| Some((i, (*v)?))) {
            let labels = vec![(Cow::Borrowed("view"), Cow::Owned(view.to_string()))];
            let sample = |role, value| Sample { role, labels: labels.clone(), value, timestamp: None, exemplar: None };
            requests.samples.push(sample(Role::Value, count));
            seconds.samples.extend([sample(Role::Count, count), sample(Role::Sum, count)]);
            if !self.silent {
                requests.samples.push(sample(Role::Created, created));
                seconds.samples.push(sample(Role::Created, created));
            }
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

/// A series as a server has it.
#[derive(Debug, Clone, Copy)]
struct Series {
    first: f64,
    last: (f64, f64),
    increase: f64,
    zeros: u32,
}

/// A server that puts zeros where totals began.
#[derive(Debug, Default)]
struct Server(BTreeMap<String, Series>);

impl Server {
    fn ingest(&mut self, head: &str, at: f64, value: f64, began: Option<f64>) {
        let last = self.0.get(head).map_or(f64::NEG_INFINITY, |s| s.last.0);
        if let Some(zero) = began.filter(|zero| *zero > last && *zero < at) {
            self.append(head, zero, 0.0);
            self.0.get_mut(head).unwrap().zeros += 1;
        }
        self.append(head, at, value);
    }

    fn append(&mut self, head: &str, at: f64, value: f64) {
        let series = self.0.entry(head.to_string()).or_insert(Series { first: value, last: (at, value), increase: 0.0, zeros: 0 });
        let before = std::mem::replace(&mut series.last, (at, value)).1;
        series.increase += if value < before { value } else { value - before };
    }
}

/// Plays the rounds; whether any total had a beginning.
fn no_spikes(rounds: &[([Event; SLOTS], bool)], evidence: bool) -> Result<usize, TestCaseError> {
    let mut pool = Pool::new((0..SLOTS).map(|i| format!("w{i}")).collect(), MergeConfig::default(), Limits::default());
    let mut live: Vec<Option<Process>> = (0..SLOTS).map(|_| None).collect();
    let (mut server, mut began) = (Server::default(), BTreeMap::<String, Option<f64>>::new());
    // By view: when processes shown so far began to count it, and whether any of them didn't say.
    let mut shown = [(f64::INFINITY, false); VIEWS];
    // What processes really counted, by view.
    let mut truth = [0.0; VIEWS];
    for (i, (events, served)) in rounds.iter().enumerate() {
        let elapsed = INTERVAL * (i + 1) as f64;
        let now = UNIX_START + elapsed;
        let mut attempts = Vec::new();
        for (slot, event) in events.iter().enumerate() {
            let live = &mut live[slot];
            let counted = |truth: &mut [f64; VIEWS], seed: &u8| truth[usize::from(*seed) % VIEWS] += f64::from(seed % 16);
            let missed = matches!(event, Event::Miss(_));
            match (event, live.as_mut()) {
                (Event::Recycle(seed) | Event::Silent(seed), _) => {
                    let silent = matches!(event, Event::Silent(_));
                    live.insert(Process::new(now - 3.0, silent)).work(*seed, now - 2.0);
                    counted(&mut truth, seed);
                }
                (Event::Old(seed), _) => {
                    let old = UNIX_START - 1000.0 - slot as f64;
                    live.insert(Process::new(old, false)).work(*seed, old + 1.0);
                    counted(&mut truth, seed);
                }
                (Event::Gone, _) => *live = None,
                (Event::Work(seed) | Event::Miss(seed), Some(process)) => {
                    process.work(*seed, now - 1.0);
                    counted(&mut truth, seed);
                }
                (Event::Clear(seed), Some(process)) => process.views[usize::from(*seed) % VIEWS] = None,
                _ => {}
            }
            attempts.push(Some(match live.as_ref().filter(|_| !missed) {
                Some(process) => {
                    for (shown, view) in shown.iter_mut().zip(process.views) {
                        let (created, _) = view.unwrap_or((f64::INFINITY, 0.0));
                        *shown =
                            if process.silent { (shown.0, shown.1 || view.is_some()) } else { (shown.0.min(created), shown.1) };
                    }
                    Attempt::Good(process.exposition(evidence))
                }
                None => Attempt::Missed { refused: live.is_none() },
            }));
        }
        let at = Now { elapsed: Duration::from_secs_f64(elapsed), unix: now };
        pool.apply(attempts, at);
        if !served {
            continue;
        }
        for family in pool.families().iter().filter(|f| f.kind != MetricType::Gauge) {
            for (at_sample, sample) in
                family.samples.iter().enumerate().filter(|(_, s)| matches!(s.role, Role::Value | Role::Count))
            {
                // Of one child all samples stand together, the time it began last.
                let labels = |head: &str| head.split_once('{').map(|(_, labels)| labels.to_string());
                let of_child = family.samples[at_sample..].iter().take_while(|s| labels(s.head) == labels(sample.head));
                let created = of_child.last().filter(|s| s.role == Role::Created).map(|s| s.value);
                if !began.contains_key(sample.head) {
                    let (earliest, unsaid) = shown[usize::from(sample.head.contains("view=\"1\""))];
                    prop_assert!(created.is_none_or(|at| at <= earliest), "{} began at {created:?}, not {earliest}", sample.head);
                    prop_assert!(!evidence || created.is_some() != unsaid, "{}: {created:?} of {earliest}", sample.head);
                }
                let known = *began.entry(sample.head.to_string()).or_insert(created);
                prop_assert_eq!(known, created, "{} began at another time", sample.head);
                server.ingest(sample.head, now, sample.value, created);
            }
        }
        pool.mark_served(at);
    }
    for (head, series) in &server.0 {
        let view = usize::from(head.contains("view=\"1\""));
        prop_assert_eq!(series.increase, series.last.1 - series.first, "{}: a zero in between", head);
        prop_assert!(series.zeros <= 1 && series.increase <= truth[view], "{head}: {series:?}, truly {}", truth[view]);
    }
    Ok(server.0.values().filter(|s| s.zeros == 1).count())
}

proptest! {
    #![proptest_config(laws::tries(500))]

    /// Whoever is recycled, missed, comes late or back, with evidence or without: no zero after a series' first sample, so no spike, and
    /// never more than was counted. A total begins no later than any part of its first value, and not at all if one doesn't say when.
    #[test]
    fn a_zero_where_a_total_began_makes_no_spike(rounds in rounds(), evidence in any::<bool>()) {
        no_spikes(&rounds, evidence)?;
    }
}

/// The law would hold too if nothing ever began.
#[test]
fn the_first_value_counts_from_where_its_total_began() {
    use Event::{Gone, Recycle, Work};
    let rounds =
        [([Recycle(5), Gone, Recycle(7)], true), ([Work(3), Recycle(9), Gone], true), ([Recycle(11), Work(1), Work(1)], true)];
    assert_eq!(no_spikes(&rounds, true).unwrap(), 2, "the counter and the summary of one view");
}
