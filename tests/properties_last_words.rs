//! The law of last words: where every process says its last words, at any time after its end and any number of times, whatever scrapes
//! are missed, stale or under way meanwhile, and wherever the proxy is restarted, totals are exactly what was counted.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "support/laws.rs"]
mod laws;

use onescrape::config::{AggregateRule, Limits, MergeConfig};
use onescrape::merge::{Attempt, LastWords, Now, Pool};
use onescrape::parse::openmetrics;
use onescrape::state::{Parts, Saved};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

const SLOTS: usize = 2;
const VIEWS: usize = 3;
const UNIX_START: f64 = 1_790_000_000.0;
/// Seconds between two events: processes that begin within one second of each other are told apart by more than their start.
const STEP: f64 = 2.0;
/// Events at most: all within the minute for which the values of a folded process are kept.
const EVENTS_MAX: usize = 28;

#[derive(Debug, Clone)]
enum Event {
    /// Some requests come in, those for one view with a duration below the first bound or not.
    Count { slot: usize, view: usize, fast: bool },
    /// The process ends; its message comes after so many events, so often. Another one takes its place, or none.
    End { slot: usize, after: usize, times: usize, successor: bool },
    /// A scrape of it is answered, to be applied in the next round.
    Read { slot: usize },
    /// A round: what was read, else what there is now, or nothing.
    Round { missed: [bool; SLOTS] },
    /// The proxy is restarted with its state.
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    let slot = 0..SLOTS;
    prop_oneof![
        6 => (slot.clone(), 0..VIEWS, any::<bool>()).prop_map(|(slot, view, fast)| Event::Count { slot, view, fast }),
        3 => (slot.clone(), 0usize..6, 1usize..3, prop::bool::weighted(0.8))
            .prop_map(|(slot, after, times, successor)| Event::End { slot, after, times, successor }),
        2 => slot.prop_map(|slot| Event::Read { slot }),
        4 => prop::array::uniform2(prop::bool::weighted(0.2)).prop_map(|missed| Event::Round { missed }),
        1 => Just(Event::Restart),
    ]
}

#[derive(Debug, Clone)]
struct Process {
    start: f64,
    /// By view: requests, and those below the first bound.
    counts: [(u32, u32); VIEWS],
}

impl Process {
    fn new(start: f64) -> Self {
        Self { start, counts: [(0, 0); VIEWS] }
    }

    /// Views that were never asked for are not shown.
    fn exposition(&self) -> String {
        let mut text =
            format!("# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {}\n# TYPE c counter\n", self.start);
        let shown = || (0..).zip(self.counts).filter(|(_, (all, _))| *all > 0);
        shown().for_each(|(view, (all, _))| writeln!(text, "c_total{{view=\"{view}\"}} {all}").unwrap());
        text.push_str("# TYPE h histogram\n");
        for (view, (all, fast)) in shown() {
            writeln!(text, "h_bucket{{view=\"{view}\",le=\"1\"}} {fast}\nh_bucket{{view=\"{view}\",le=\"+Inf\"}} {all}").unwrap();
            writeln!(text, "h_count{{view=\"{view}\"}} {all}\nh_sum{{view=\"{view}\"}} {all}").unwrap();
        }
        text + "# EOF\n"
    }
}

/// A message on its way: when it comes, where from, what it says.
type Message = (usize, usize, String);

struct World {
    pool: Pool,
    summed: bool,
    living: [Option<Process>; SLOTS],
    read: [Option<String>; SLOTS],
    messages: Vec<Message>,
    truth: BTreeMap<String, f64>,
    at: usize,
}

impl World {
    fn new(summed: bool) -> Self {
        let mut world = Self {
            pool: pool(summed),
            summed,
            living: [const { None }; SLOTS],
            read: [const { None }; SLOTS],
            messages: Vec::new(),
            truth: BTreeMap::new(),
            at: 1,
        };
        world.living = std::array::from_fn(|slot| Some(Process::new(UNIX_START - 100.0 - 10.0 * slot as f64)));
        // Every family is known from a scrape before anything ends.
        world.count(0, 0, true);
        world.round([false; SLOTS]);
        world
    }

    fn now(&self) -> Now {
        let elapsed = STEP * self.at as f64;
        Now { elapsed: Duration::from_secs_f64(elapsed), unix: UNIX_START + elapsed }
    }

    fn count(&mut self, slot: usize, view: usize, fast: bool) {
        let Some(process) = &mut self.living[slot] else { return };
        process.counts[view].0 += 1;
        process.counts[view].1 += u32::from(fast);
        let labels = if self.summed { String::new() } else { format!("view=\"{view}\"") };
        let heads =
            [("c_total", "", true), ("h_bucket", "le=\"1.0\"", fast), ("h_bucket", "le=\"+Inf\"", true), ("h_count", "", true)];
        for (name, le, counts) in heads {
            let labels: Vec<&str> = [le, &labels].into_iter().filter(|l| !l.is_empty()).collect();
            let head = if labels.is_empty() { name.to_string() } else { format!("{name}{{{}}}", labels.join(",")) };
            *self.truth.entry(head).or_default() += f64::from(u8::from(counts));
        }
    }

    fn round(&mut self, missed: [bool; SLOTS]) {
        let bodies: Vec<Option<String>> = (0..SLOTS)
            .map(|slot| {
                self.read[slot].take().or_else(|| self.living[slot].as_ref().map(Process::exposition)).filter(|_| !missed[slot])
            })
            .collect();
        let attempt = |body: &Option<String>| match body {
            Some(body) => Attempt::Good(openmetrics(Box::leak(body.clone().into_boxed_str()).as_bytes()).unwrap()),
            None => Attempt::Missed { refused: true },
        };
        let before = self.totals();
        self.pool.apply(bodies.iter().map(|body| Some(attempt(body))).collect(), self.now());
        self.pool.mark_served(self.now());
        let after = self.totals();
        for (head, value) in before {
            assert!(after.get(&head).is_some_and(|now| *now >= value), "{head} fell from {value}");
        }
    }

    /// Values of all that only grows.
    fn totals(&self) -> BTreeMap<String, f64> {
        let samples = self.pool.families().into_iter().flat_map(|family| family.samples);
        let samples = samples.map(|sample| (sample.head.to_string(), sample.value));
        samples.filter(|(head, _)| !head.contains("_sum") && !head.starts_with("process_")).collect()
    }

    fn deliver(&mut self, all: bool) {
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.messages).into_iter().partition(|(at, ..)| all || *at <= self.at);
        self.messages = later;
        for (_, slot, text) in due {
            let outcome = self.pool.last_words(slot, &openmetrics(text.as_bytes()).unwrap(), self.now());
            // A process that counted nothing has nothing to say.
            let empty = !text.contains("view=");
            assert!(matches!(outcome, LastWords::Taken | LastWords::Repeated) || empty, "{outcome:?}: {text}");
        }
    }

    fn happen(&mut self, event: &Event) {
        self.at += 1;
        self.deliver(false);
        match *event {
            Event::Count { slot, view, fast } => self.count(slot, view, fast),
            Event::End { slot, after, times, successor } => {
                if let Some(process) = self.living[slot].take() {
                    for again in 0..times {
                        self.messages.push((self.at + after * (again + 1), slot, process.exposition()));
                    }
                    self.deliver(false);
                }
                if successor {
                    self.living[slot] = Some(Process::new(self.now().unix));
                }
            }
            Event::Read { slot } => self.read[slot] = self.living[slot].as_ref().map(Process::exposition),
            Event::Round { missed } => self.round(missed),
            Event::Restart => {
                let mut bytes = Vec::new();
                let mut parts = Parts::new(&mut bytes);
                self.pool.save(&mut parts);
                parts.finish().unwrap();
                self.pool = pool(self.summed);
                self.pool.load(Saved::new(&bytes)).unwrap();
            }
        }
    }
}

fn pool(summed: bool) -> Pool {
    let mut config = MergeConfig::default();
    if summed {
        config.aggregate.push(AggregateRule { pattern: "*".into(), without: vec!["view".into()] });
    }
    Pool::new((0..SLOTS).map(|slot| format!("w{slot}")).collect(), config, Limits::default()).hearing_last_words(1e9)
}

proptest! {
    #![proptest_config(laws::tries(400))]

    #[test]
    fn nothing_is_lost_and_nothing_counts_twice(events in prop::collection::vec(event(), 1..EVENTS_MAX), summed in any::<bool>()) {
        let mut world = World::new(summed);
        events.iter().for_each(|event| world.happen(event));
        for slot in 0..SLOTS {
            world.happen(&Event::End { slot, after: 0, times: 1, successor: false });
        }
        world.deliver(true);
        world.round([true; SLOTS]);
        prop_assert_eq!(world.totals(), world.truth);
    }
}
