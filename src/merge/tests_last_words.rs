//! What workers bring before they end.

use super::last_words::{Doubt, KEPT_AFTER_FOLD, KEPT_INSTANCES, LastWords, Stranger};
use super::tests::{Bench, DOWN, UNIX_START};
use crate::config::{Limits, MergeConfig};
use crate::merge::{Pool, ResetCause};
use crate::parse::{openmetrics, text};
use crate::state::{Parts, Saved};
use std::time::Duration;

const GROWTH_MAX: f64 = 1000.0;

fn bench(slots: usize) -> Bench {
    let mut bench = Bench::new(slots, |config, _| config.retire_after = Duration::from_secs(600));
    bench.change(|pool| pool.hearing_last_words(GROWTH_MAX));
    bench
}

/// A process that began so long after the start of the clock, in the text format.
fn body(start: f64, count: f64) -> String {
    format!(
        "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {}\n# TYPE busy gauge\nbusy {count}\n\
         # TYPE c_total counter\nc_total {count}\n# TYPE h histogram\nh_bucket{{le=\"1\"}} {}\nh_bucket{{le=\"+Inf\"}} {count}\n\
         h_count {count}\nh_sum {}\n",
        UNIX_START + start,
        count / 2.0,
        count * 3.0
    )
}

/// What [`Bench::round`] shows of a count.
fn shown(out: &std::collections::BTreeMap<String, f64>) -> f64 {
    assert_eq!(out["h_count"], out["c_total"], "{out:?}");
    assert_eq!((out["h_bucket{le=\"1.0\"}"], out["h_sum"]), (out["c_total"] / 2.0, out["c_total"] * 3.0), "{out:?}");
    out["c_total"]
}

fn say(bench: &mut Bench, slot: usize, body: &str) -> LastWords {
    let now = bench.now();
    bench.pool.last_words(slot, &text(body.as_bytes()).unwrap(), now)
}

#[test]
fn what_was_counted_after_the_last_scrape_counts_once() {
    let mut bench = bench(1);
    bench.round(100.0, &[&body(-50.0, 10.0)]);
    assert_eq!(say(&mut bench, 0, &body(-50.0, 14.0)), LastWords::Taken);
    for again in [14.0, 12.0, 20.0] {
        assert_eq!(say(&mut bench, 0, &body(-50.0, again)), LastWords::Repeated);
    }
    let out = bench.round(1.0, &[DOWN]);
    assert_eq!(shown(&out), 14.0);
    assert!(!out.contains_key("busy{worker=\"w1\"}"), "its gauge is gone with it");
    assert_eq!(shown(&bench.round(1.0, &[&body(101.0, 3.0)])), 17.0, "its successor counts from zero");
    assert_eq!(say(&mut bench, 0, &body(-50.0, 99.0)), LastWords::Repeated);
    assert_eq!(shown(&bench.round(1.0, &[&body(101.0, 3.0)])), 17.0);
}

#[test]
fn a_scrape_that_was_under_way_is_no_reset() {
    let mut bench = bench(1);
    bench.round(100.0, &[&body(-50.0, 10.0)]);
    assert_eq!(say(&mut bench, 0, &body(-50.0, 14.0)), LastWords::Taken);
    assert_eq!(shown(&bench.round(1.0, &[&body(-50.0, 12.0)])), 14.0);
    assert_eq!(shown(&bench.round(1.0, &[&body(-50.0, 15.0)])), 15.0);
    assert_eq!(bench.pool.tally().resets.len(), 0);
}

#[test]
fn a_folded_instance_is_heard_for_a_while() {
    let mut bench = bench(2);
    let other = body(-50.0, 100.0);
    bench.round(100.0, &[&body(-50.0, 10.0), &other]);
    bench.round(1.0, &[&body(100.5, 1.0), &other]);
    assert_eq!(say(&mut bench, 0, &body(-50.0, 16.0)), LastWords::Taken);
    assert_eq!(say(&mut bench, 0, &body(-50.0, 16.0)), LastWords::Repeated);
    assert_eq!(shown(&bench.round(1.0, &[&body(100.5, 2.0), &other])), 118.0);
    assert_eq!(bench.pool.tally().flaps.len(), 0, "nothing takes turns");
    bench.round(1.0, &[&body(103.0, 1.0), &other]);
    bench.round(KEPT_AFTER_FOLD.as_secs_f64() + 1.0, &[&body(103.0, 1.0), &other]);
    assert_eq!(say(&mut bench, 0, &body(100.5, 50.0)), LastWords::Late);
    assert_eq!(shown(&bench.round(1.0, &[&body(103.0, 1.0), &other])), 119.0);
}

#[test]
fn what_is_kept_is_bounded() {
    let mut bench = bench(1);
    for life in 0..200 {
        bench.round(2.0, &[&body(2.0 * f64::from(life), 1.0)]);
    }
    assert_eq!(bench.pool.slots[0].kept.len(), KEPT_INSTANCES);
    assert_eq!(say(&mut bench, 0, &body(396.0, 3.0)), LastWords::Taken);
    assert_eq!(say(&mut bench, 0, &body(300.0, 3.0)), LastWords::Late, "its identity is remembered longer than its values");
    assert_eq!(say(&mut bench, 0, &body(4.0, 3.0)), LastWords::Late, "older than all that are remembered");
    assert_eq!(shown(&bench.round(1.0, &[DOWN])), 202.0);
}

#[test]
fn a_worker_that_lived_between_two_scrapes_counts() {
    let mut bench = bench(1);
    bench.round(100.0, &[&body(-50.0, 10.0)]);
    assert_eq!(say(&mut bench, 0, &body(100.5, 7.0)), LastWords::Taken);
    // The instance that is current is not touched by it, and a scrape of the other may have been under way.
    assert_eq!(shown(&bench.round(1.0, &[&body(-50.0, 11.0)])), 18.0);
    assert_eq!(shown(&bench.round(1.0, &[&body(100.5, 6.0)])), 18.0);
    assert_eq!(shown(&bench.round(1.0, &[&body(100.5, 8.0)])), 19.0);
    assert_eq!(say(&mut bench, 0, &body(100.5, 8.0)), LastWords::Repeated);
    assert_eq!(shown(&bench.round(1.0, &[&body(102.5, 1.0)])), 20.0);
    let tally = bench.pool.tally();
    assert_eq!((tally.flaps.len(), tally.baselines.len(), tally.resets[&(0, ResetCause::StartTime)]), (0, 0, 2));
}

#[test]
fn one_that_nobody_knows_must_be_younger_than_what_was_served() {
    let mut bench = bench(1);
    assert_eq!(say(&mut bench, 0, &body(-50.0, 5.0)), LastWords::Refused(Doubt::NothingKnown));
    bench.round(100.0, &[&body(50.0, 10.0)]);
    assert_eq!(say(&mut bench, 0, &body(40.0, 5.0)), LastWords::Refused(Doubt::Older));
    assert_eq!(say(&mut bench, 0, "# TYPE c_total counter\nc_total 11\n"), LastWords::Unknown(Stranger::NoStartTime));
    assert_eq!(say(&mut bench, 1, &body(50.0, 11.0)), LastWords::Unknown(Stranger::Worker));
    assert_eq!(shown(&bench.round(1.0, &[DOWN])), 10.0);
    let mut deaf = Bench::new(1, |_, _| {});
    deaf.round(100.0, &[&body(50.0, 10.0)]);
    assert_eq!(say(&mut deaf, 0, &body(50.0, 11.0)), LastWords::Unknown(Stranger::Worker));
}

#[test]
fn an_instance_of_a_retired_slot_is_late() {
    let mut bench = bench(2);
    let other = body(-50.0, 100.0);
    bench.round(100.0, &[&body(-50.0, 10.0), &other]);
    for _ in 0..4 {
        bench.round(300.0, &[DOWN, &other]);
    }
    assert!(bench.pool.is_retired(0));
    assert_eq!(say(&mut bench, 0, &body(-50.0, 12.0)), LastWords::Late);
    assert_eq!(say(&mut bench, 0, &body(1000.0, 5.0)), LastWords::Taken, "another one, of which nothing was known");
    assert!(bench.pool.is_retired(0), "it is no scrape");
    assert_eq!(shown(&bench.round(1.0, &[DOWN, &other])), 115.0);
}

#[test]
fn what_would_grow_too_much_counts_not_at_all() {
    let mut bench = bench(1);
    let with = |count: f64, d: f64| format!("{}# TYPE d_total counter\nd_total {d}\n", body(50.0, count));
    bench.round(100.0, &[&with(10.0, 1.0)]);
    let refused = say(&mut bench, 0, &with(20.0, 1.5 + GROWTH_MAX));
    assert_eq!(refused, LastWords::TooLarge { child: "d_total".into(), growth: GROWTH_MAX + 0.5 });
    assert_eq!(shown(&bench.round(1.0, &[DOWN])), 10.0);
    assert_eq!(say(&mut bench, 0, &with(20.0, 1.0 + GROWTH_MAX)), LastWords::Taken, "a refused message closes nothing");
    assert_eq!(shown(&bench.round(1.0, &[DOWN])), 20.0);
}

#[test]
fn only_children_that_grew_are_raised_and_new_ones_come_in() {
    let mut bench = bench(1);
    let lives = |count: f64, line: &str| format!("{}# TYPE d_total counter\n{line}\n", body(50.0, count));
    bench.round(100.0, &[&lives(10.0, "d_total{v=\"1\"} 5")]);
    // One fell, one is nonsense, one is new, one is of no family known from a scrape.
    let last = "d_total{v=\"1\"} 4\nd_total{v=\"2\"} -1\nd_total{v=\"3\"} 6\n# TYPE e_total counter\ne_total 7";
    assert_eq!(say(&mut bench, 0, &lives(11.0, last)), LastWords::Taken);
    let out = bench.round(1.0, &[DOWN]);
    let get = |head: &str| out.get(head).copied();
    assert_eq!((shown(&out), get("d_total{v=\"1\"}"), get("d_total{v=\"3\"}")), (11.0, Some(5.0), Some(6.0)));
    assert_eq!((get("d_total{v=\"2\"}"), get("e_total")), (None, None));
}

#[test]
fn a_histogram_is_taken_whole_or_not_at_all() {
    let mut bench = bench(1);
    let histogram = |low: f64, all: f64| {
        let head = format!("# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {}\n", UNIX_START + 50.0);
        format!("{head}# TYPE h histogram\nh_bucket{{le=\"1\"}} {low}\nh_bucket{{le=\"+Inf\"}} {all}\nh_sum {all}\nh_count {all}\n")
    };
    bench.round(100.0, &[&histogram(4.0, 8.0)]);
    assert_eq!(say(&mut bench, 0, &histogram(5.0, 7.0)), LastWords::Taken, "nothing grew, which is no mistake");
    let out = bench.round(1.0, &[DOWN]);
    assert_eq!((out["h_bucket{le=\"1.0\"}"], out["h_count"], out["h_sum"]), (4.0, 8.0, 8.0));
}

#[test]
fn a_process_that_began_before_the_closed_one_took_its_port_after_it() {
    let mut bench = bench(1);
    bench.round(100.0, &[&body(50.0, 10.0)]);
    bench.round(10.0, &[&body(108.0, 1.0)]);
    assert_eq!(say(&mut bench, 0, &body(108.0, 3.0)), LastWords::Taken);
    assert_eq!(shown(&bench.round(10.0, &[&body(106.0, 4.0)])), 17.0, "all of it is new");
    assert_eq!(bench.pool.tally().flaps.len(), 0);
}

#[test]
fn all_of_it_outlives_the_program() {
    let mut bench = bench(1);
    bench.round(100.0, &[&body(-50.0, 10.0)]);
    bench.round(1.0, &[&body(100.5, 1.0)]);
    assert_eq!(say(&mut bench, 0, &body(100.5, 2.0)), LastWords::Taken);
    assert_eq!(say(&mut bench, 0, &body(101.5, 4.0)), LastWords::Taken);
    let mut bytes = Vec::new();
    let mut parts = Parts::new(&mut bytes);
    bench.pool.save(&mut parts);
    parts.finish().unwrap();
    bench.change(|_| {
        let mut pool = Pool::new(vec!["w1".into()], MergeConfig::default(), Limits::default()).hearing_last_words(GROWTH_MAX);
        pool.load(Saved::new(&bytes)).unwrap();
        pool
    });
    assert_eq!(say(&mut bench, 0, &body(100.5, 9.0)), LastWords::Repeated);
    assert_eq!(say(&mut bench, 0, &body(101.5, 9.0)), LastWords::Repeated);
    assert_eq!(say(&mut bench, 0, &body(-50.0, 13.0)), LastWords::Taken);
    assert_eq!(shown(&bench.round(1.0, &[&body(101.5, 3.0)])), 19.0);
}

#[test]
fn openmetrics_as_the_client_writes_it_is_understood() {
    let mut bench = bench(1);
    let om = |count: f64, created: f64| {
        format!(
            "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {}\n# TYPE c counter\nc_total {count}\nc_created {created}\n# EOF\n",
            UNIX_START + 50.0
        )
    };
    let scraped = "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1790000050\n# TYPE c_total counter\nc_total 10\n\
                   # TYPE c_created gauge\nc_created 1790000060\n";
    bench.round(100.0, &[scraped]);
    let now = bench.now();
    // Removed and made anew since: it counts for what it has more, never as a reset.
    let last = om(12.0, UNIX_START + 90.0);
    assert_eq!(bench.pool.last_words(0, &openmetrics(last.as_bytes()).unwrap(), now), LastWords::Taken);
    assert_eq!(bench.round(1.0, &[DOWN])["c_total"], 12.0);
}
