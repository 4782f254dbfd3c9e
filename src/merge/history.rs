//! What happened lately, for people: which counters began anew, when and why, and which process stood behind a slot when. Nothing is
//! decided by it; it is bounded, and not in the state file.

use super::{Now, ResetCause};
use serde::{Serialize, Serializer};
use std::collections::VecDeque;

/// Resets that are remembered.
const RESETS_KEPT: usize = 256;
/// Families that are told of one reset; the others are counted.
const FAMILIES_TOLD: usize = 16;
/// Bytes of a series' name that are told.
const SERIES_BYTES_TOLD: usize = 256;
/// Processes that are remembered of a slot.
const LIVES_KEPT: usize = 16;

/// Counters of a worker began anew: one body in which that was seen, by one kind of evidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reset {
    /// When it was seen, Unix seconds.
    pub at: f64,
    /// Id of the worker.
    pub worker: String,
    /// The evidence.
    #[serde(serialize_with = "word")]
    pub cause: ResetCause,
    /// Where a process took the place of another: when the old one began, Unix seconds.
    pub from_start: Option<f64>,
    /// The same of the new one.
    pub to_start: Option<f64>,
    /// By family what fell; empty where it is the whole process.
    pub families: Vec<Fall>,
    /// Further families, not told.
    pub families_left_out: usize,
}

/// What fell of one family.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fall {
    /// Its name.
    pub family: String,
    /// How many children.
    pub children: usize,
    /// The first of them; a long name is cut.
    pub series: String,
    /// The last value before: of a counter its value, else the count.
    pub from: Option<f64>,
    /// The first one after.
    pub to: Option<f64>,
}

/// One process behind a slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Life {
    /// Names the instance within the pool.
    pub(super) serial: u64,
    /// When it says it began, Unix seconds.
    pub start: Option<f64>,
    /// When it was first and last seen, Unix seconds.
    pub seen: (f64, f64),
}

/// The resets of a pool, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Resets(VecDeque<Reset>);

/// The processes behind a slot, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Lives(VecDeque<Life>);

impl Resets {
    /// A process took the place of another.
    pub fn note_instance(&mut self, now: Now, worker: &str, from: Option<f64>, to: Option<f64>) {
        self.push(Reset { from_start: from, to_start: to, ..reset(now, worker, ResetCause::StartTime) });
    }

    /// A child of a living process began anew.
    pub fn note_child(&mut self, now: Now, worker: &str, cause: ResetCause, (family, series): (&str, &str), (from, to): Values) {
        // One entry a body and cause: they stand last, whatever order the children come in.
        let is_it = |reset: &&mut Reset| reset.at == now.unix && reset.worker == worker && reset.cause == cause;
        if self.0.iter_mut().rev().take(ResetCause::CHILD.len()).find(is_it).is_none() {
            self.push(reset(now, worker, cause));
        }
        let Some(reset) = self.0.iter_mut().rev().take(ResetCause::CHILD.len()).find(is_it) else { return };
        if let Some(fall) = reset.families.iter_mut().find(|fall| fall.family == family) {
            fall.children += 1;
        } else if reset.families.len() < FAMILIES_TOLD {
            let series = clipped(series).to_string();
            reset.families.push(Fall { family: family.to_string(), children: 1, series, from, to });
        } else {
            reset.families_left_out += 1;
        }
    }

    /// The newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Reset> {
        self.0.iter().rev()
    }

    fn push(&mut self, reset: Reset) {
        if self.0.len() == RESETS_KEPT {
            self.0.pop_front();
        }
        self.0.push_back(reset);
    }
}

/// A value before and one after, where there are any.
type Values = (Option<f64>, Option<f64>);

fn reset(now: Now, worker: &str, cause: ResetCause) -> Reset {
    let (worker, families) = (worker.to_string(), Vec::new());
    Reset { at: now.unix, worker, cause, from_start: None, to_start: None, families, families_left_out: 0 }
}

impl Reset {
    /// Whether the family's totals may have to do with it: the whole process began anew, or a child of the family did.
    pub fn concerns(&self, family: &str) -> bool {
        self.families.is_empty() || self.families_left_out > 0 || self.families.iter().any(|fall| fall.family == family)
    }
}

impl Lives {
    /// The instance showed a body.
    pub fn saw(&mut self, serial: u64, start: Option<f64>, now: Now) {
        if let Some(life) = self.0.iter_mut().rev().find(|life| life.serial == serial) {
            (life.start, life.seen.1) = (life.start.or(start), now.unix);
            return;
        }
        if self.0.len() == LIVES_KEPT {
            self.0.pop_front();
        }
        self.0.push_back(Life { serial, start, seen: (now.unix, now.unix) });
    }

    pub fn iter(&self) -> impl Iterator<Item = &Life> {
        self.0.iter()
    }
}

/// The text, cut at a character where it is long.
fn clipped(text: &str) -> &str {
    let end = (0..=SERIES_BYTES_TOLD.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

fn word<S: Serializer>(cause: &ResetCause, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(cause.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(unix: f64) -> Now {
        Now { unix, ..Now::default() }
    }

    #[test]
    fn one_entry_a_body_and_cause_and_a_bound_on_all() {
        let mut resets = Resets::default();
        for family in 0..FAMILIES_TOLD + 3 {
            let name = format!("f{family}");
            for series in [format!("{name}{{a=\"{}\"}}", "ä".repeat(SERIES_BYTES_TOLD)), format!("{name}{{a=\"2\"}}")] {
                resets.note_child(at(1.0), "w", ResetCause::Value, (&name, &series), (Some(5.0), Some(1.0)));
                resets.note_child(at(1.0), "w", ResetCause::Created, (&name, &series), (Some(5.0), Some(1.0)));
            }
        }
        assert_eq!(resets.0.len(), 2);
        let reset = resets.newest_first().next().unwrap();
        assert_eq!((reset.families.len(), reset.families_left_out, reset.families[0].children), (FAMILIES_TOLD, 6, 2));
        assert!(reset.families[0].series.len() <= SERIES_BYTES_TOLD);
        assert!(reset.concerns("another"), "which may be among those left out");
        for i in 0..2 * RESETS_KEPT {
            resets.note_instance(at(i as f64), "w", Some(1.0), Some(2.0));
        }
        assert_eq!((resets.0.len(), resets.newest_first().next().unwrap().at), (RESETS_KEPT, 511.0));
    }

    #[test]
    fn a_life_lasts_from_its_first_body_to_its_last() {
        let mut lives = Lives::default();
        lives.saw(1, None, at(10.0));
        lives.saw(1, Some(9.0), at(20.0));
        lives.saw(2, Some(21.0), at(22.0));
        let all: Vec<_> = lives.iter().map(|life| (life.start, life.seen)).collect();
        assert_eq!(all, [(Some(9.0), (10.0, 20.0)), (Some(21.0), (22.0, 22.0))]);
        (3..100).for_each(|serial| lives.saw(serial, None, at(30.0)));
        assert_eq!(lives.0.len(), LIVES_KEPT);
    }
}
