//! Slots that leave the set of the configuration, and may come back.

use super::super::{Attempt, Now, Pool};
use crate::config::{Limits, MergeConfig};
use crate::model::{Family, MetricType};
use crate::parse::Exposition;
use crate::state::{Parts, Saved};
use std::time::Duration;

const UNIX_START: f64 = 1_790_000_000.0;

fn pool(ids: &[&str], max_slots: usize) -> Pool {
    let config = MergeConfig { retire_after: Duration::from_secs(60), ..MergeConfig::default() };
    Pool::new(ids.iter().map(ToString::to_string).collect(), config, Limits { max_slots, ..Limits::default() })
}

fn body(count: f64) -> Option<Attempt<'static>> {
    let mut requests = Family::new("r_total", MetricType::Counter, "");
    requests.push([], count);
    let mut start = Family::new("process_start_time_seconds", MetricType::Gauge, "");
    start.push([], UNIX_START - 1000.0);
    Some(Attempt::Good(Exposition { families: vec![requests, start], ..Exposition::default() }))
}

/// A round at that second; what is in the total then.
fn round(pool: &mut Pool, second: u64, attempts: Vec<Option<Attempt<'_>>>) -> f64 {
    let now = Now { elapsed: Duration::from_secs(1000 + second), unix: UNIX_START + second as f64 };
    pool.apply(attempts, now);
    pool.mark_served(now);
    pool.families().iter().find(|family| family.name == "r_total").map_or(0.0, |family| family.samples[0].value)
}

fn reconfigured(old: &Pool, mut new: Pool) -> Pool {
    let mut saved = Vec::new();
    let mut parts = Parts::new(&mut saved);
    old.save(&mut parts);
    parts.finish().unwrap();
    new.load(Saved::new(&saved)).unwrap();
    new
}

#[test]
fn a_slot_that_left_goes_on_where_it_comes_back_before_it_is_retired() {
    let mut both = pool(&["a", "b"], 9);
    assert_eq!(round(&mut both, 0, vec![body(70.0), body(7.0)]), 77.0);
    let mut one = reconfigured(&both, pool(&["a"], 9));
    assert_eq!((round(&mut one, 15, vec![body(77.0)]), one.slots.len()), (84.0, 2));
    let mut both = reconfigured(&one, pool(&["b", "a"], 9));
    assert_eq!(round(&mut both, 30, vec![body(14.0), body(77.0)]), 91.0, "what it counted meanwhile counts");
}

#[test]
fn a_slot_that_left_is_retired_in_time_and_its_instance_stays_known() {
    let mut both = pool(&["a", "b"], 9);
    round(&mut both, 0, vec![body(70.0), body(7.0)]);
    let mut one = reconfigured(&both, pool(&["a"], 9));
    for (second, slots) in [(15, 2), (45, 2), (75, 1)] {
        assert_eq!((round(&mut one, second, vec![body(70.0)]), one.slots.len(), one.ids.len()), (77.0, slots, slots), "{second}");
    }
    let mut both = reconfigured(&one, pool(&["a", "b"], 9));
    assert_eq!(round(&mut both, 90, vec![body(70.0), body(14.0)]), 77.0, "it was counted before");
    assert_eq!(round(&mut both, 105, vec![body(70.0), body(21.0)]), 84.0);
}

#[test]
fn of_slots_that_left_those_stay_that_answered_last_and_no_more_than_there_is_room_for() {
    let mut three = pool(&["a", "b", "c"], 9);
    round(&mut three, 0, vec![body(7.0), body(14.0), body(21.0)]);
    let missed = || Some(Attempt::Missed { refused: true });
    round(&mut three, 15, vec![body(7.0), missed(), body(21.0)]);
    let mut none = reconfigured(&three, pool(&[], 2));
    assert_eq!(round(&mut none, 30, vec![]), 42.0);
    let left: Vec<_> = none.ids.iter().zip(&none.slots).filter(|(_, slot)| !slot.retired).map(|(id, _)| id.as_str()).collect();
    assert_eq!(left, ["a", "c"]);
    let again = reconfigured(&none, pool(&["d"], 9));
    assert_eq!(again.ids, ["d", "a", "c"], "nothing is left of the one that was retired");
}
