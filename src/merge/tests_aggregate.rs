//! Labels that are summed over: what the cases under `tests/conformance/merge` don't show.

use super::tests::{Bench, DOWN, UNIX_START};
use crate::config::{AggregateRule, GaugeMode, GaugeRule, QuantilePolicy};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Write;

fn without(pattern: &str, labels: &[&str]) -> AggregateRule {
    AggregateRule { pattern: pattern.into(), without: labels.iter().map(|label| label.to_string()).collect() }
}

fn bench(slots: usize, max_series: usize) -> Bench {
    Bench::new(slots, |config, limits| {
        config.aggregate = vec![without("*", &["v"])];
        limits.max_series = max_series;
    })
}

fn body(start: f64, values: &[(&str, u64)]) -> String {
    let mut body = format!(
        "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {}\n# TYPE c_total counter\n",
        UNIX_START + start
    );
    for (labels, value) in values {
        writeln!(body, "c_total{{{labels}}} {value}").unwrap();
    }
    body
}

#[test]
fn first_rule_wins_and_series_without_the_label_stand_in_the_sum() {
    let mut bench = Bench::new(1, |config, _| config.aggregate = vec![without("c_*", &["v", "w"]), without("*", &["x"])]);
    let lines = [("v=\"1\",x=\"k\"", 1), ("v=\"2\",x=\"k\"", 2), ("x=\"k\"", 4), ("w=\"1\",x=\"m\"", 8), ("w=\"1\"", 16)];
    let out = bench.round(1.0, &[&body(0.0, &lines)]);
    assert_eq!((out["c_total{x=\"k\"}"], out["c_total{x=\"m\"}"], out["c_total"], out.len()), (7.0, 8.0, 16.0, 4));
    let out = bench.round(1.0, &[&body(0.0, &[("v=\"1\",x=\"k\"", 3)])]);
    assert_eq!(out["c_total{x=\"k\"}"], 9.0, "the others are carried");
}

#[test]
fn an_old_worker_that_comes_late_adds_no_past_to_a_series_that_was_served() {
    let mut bench = bench(2, 1000);
    bench.round(1.0, &[&body(-100.0, &[("v=\"1\"", 10)]), DOWN]);
    // Never has v="2" been there, but c_total has, and the worker is older than that.
    let out = bench.round(100.0, &[&body(-100.0, &[("v=\"1\"", 10)]), &body(-100.0, &[("v=\"2\"", 500)])]);
    assert_eq!(out["c_total"], 10.0);
    let out = bench.round(1.0, &[&body(-100.0, &[("v=\"1\"", 10)]), &body(-100.0, &[("v=\"2\"", 503)])]);
    assert_eq!((out["c_total"], bench.pool.tally().baselines[&1]), (13.0, 1));
}

#[test]
fn a_part_that_makes_room_leaves_its_past_and_brings_none_back() {
    let mut bench = bench(1, 8);
    let part = |n: u32, value: u64| [(format!("v=\"{n}\""), value)];
    let show = |bench: &mut Bench, n: u32, value: u64| {
        let lines = part(n, value);
        let lines: Vec<(&str, u64)> = lines.iter().map(|(labels, value)| (labels.as_str(), *value)).collect();
        bench.round(1.0, &[&body(0.0, &lines)])["c_total"]
    };
    // Each part is there for one round: twenty of them, room for six.
    for n in 0..20 {
        assert_eq!(show(&mut bench, n, 5), f64::from(n + 1) * 5.0);
    }
    assert!(bench.pool.catalog.len() <= 9, "{}", bench.pool.catalog.len());
    // The first one was forgotten: what it has counted is in the sum.
    assert_eq!(show(&mut bench, 0, 7), 100.0);
    assert_eq!(show(&mut bench, 0, 9), 102.0);
    // A new process counts in full.
    let out = bench.round(1.0, &[&body(100.0, &[("v=\"0\"", 3)])]);
    assert_eq!(out["c_total"], 105.0);
}

#[test]
fn histograms_of_different_bounds_are_one_and_stay_so_when_a_part_goes() {
    let mut bench = bench(1, 18);
    let histogram = |view: &str, bounds: &[(&str, u64)]| {
        let mut lines = "# TYPE h histogram\n".to_string();
        bounds.iter().for_each(|(le, n)| writeln!(lines, "h_bucket{{v=\"{view}\",le=\"{le}\"}} {n}").unwrap());
        let (_, count) = bounds.last().unwrap();
        writeln!(lines, "h_count{{v=\"{view}\"}} {count}\nh_sum{{v=\"{view}\"}} {count}").unwrap();
        lines
    };
    let at = |out: &BTreeMap<String, f64>| -> Vec<f64> {
        ["0.5", "1.0", "2.0", "+Inf"].iter().map(|le| out[&format!("h_bucket{{le=\"{le}\"}}")]).collect()
    };
    let (a, b) = (histogram("a", &[("0.5", 1), ("1", 4), ("+Inf", 10)]), histogram("b", &[("1", 3), ("2", 5), ("+Inf", 6)]));
    let both = format!("{a}{}", b.replace("# TYPE h histogram\n", ""));
    let out = bench.round(1.0, &[&both]);
    assert_eq!((at(&out), out["h_count"], out["h_sum"], out.len()), (vec![1.0, 7.0, 9.0, 16.0], 16.0, 16.0, 6));
    bench.round(1.0, &[&a]);
    // Other series take the room of b.
    let many: String = (0..6).fold("# TYPE g gauge\n".into(), |lines, n| format!("{lines}g{{n=\"{n}\"}} 1\n"));
    let grown = a.replace("} 10", "} 12");
    let out = bench.round(1.0, &[&format!("{grown}{many}")]);
    assert!(bench.pool.catalog.children().all(|(id, _)| !bench.pool.catalog.child_head(id).contains("v=\"b\"")), "b is forgotten");
    assert_eq!((at(&out), out["h_count"]), (vec![1.0, 7.0, 9.0, 18.0], 18.0));
}

#[test]
fn gauges_follow_their_mode_over_the_group() {
    let lines = "# TYPE g gauge\ng{v=\"1\"} 1\ng{v=\"2\"} 5\n";
    let of = |mode: GaugeMode| {
        let mut bench = Bench::new(2, |config, _| {
            config.aggregate = vec![without("g", &["v"])];
            config.gauges.push(GaugeRule { pattern: "g".into(), mode });
        });
        bench.round(1.0, &[lines, "# TYPE g gauge\ng{v=\"3\"} 3\n"])
    };
    for (mode, want) in [(GaugeMode::Min, 1.0), (GaugeMode::Max, 5.0), (GaugeMode::Sum, 9.0), (GaugeMode::Avg, 3.0)] {
        assert_eq!(of(mode), BTreeMap::from([("g".to_string(), want)]), "{mode:?}");
    }
    let each = of(GaugeMode::All);
    assert_eq!((each["g{worker=\"w1\"}"], each["g{worker=\"w2\"}"], each.len()), (6.0, 3.0, 2));
}

#[test]
fn summaries_lose_their_quantiles_only() {
    let mut bench = Bench::new(1, |config, _| {
        config.aggregate = vec![without("s", &["v"])];
        config.quantiles = QuantilePolicy::PerWorker;
    });
    let summary = "# TYPE s summary\ns{v=\"1\",quantile=\"0.5\"} 1\ns_sum{v=\"1\"} 2\ns_count{v=\"1\"} 3\ns{quantile=\"0.5\"} 9\ns_sum 4\ns_count 5\n";
    let out = bench.round(1.0, &[summary]);
    assert_eq!((out["s_sum"], out["s_count"], out.len()), (6.0, 8.0, 2));
}

#[test]
fn a_sum_began_with_the_earliest_of_its_parts_or_nobody_knows_when() {
    let body = |parts: &[(u32, Option<f64>)]| {
        let mut lines = "# TYPE c_total counter\n".to_string();
        parts.iter().for_each(|(v, _)| writeln!(lines, "c_total{{v=\"{v}\"}} 1").unwrap());
        lines.push_str("# TYPE c_created gauge\n");
        for (v, created) in parts.iter().filter_map(|(v, created)| Some((v, (*created)?))) {
            writeln!(lines, "c_created{{v=\"{v}\"}} {created}").unwrap();
        }
        lines
    };
    let mut known = bench(2, 1000);
    let out = known.round(1.0, &[&body(&[(1, Some(70.0)), (2, Some(50.0))]), &body(&[(3, Some(60.0))])]);
    assert_eq!((out["c_total"], out["c_created"], out.len()), (3.0, 50.0, 2));
    // What comes later was counted since.
    let out = known.round(1.0, &[&body(&[(1, Some(70.0)), (2, Some(50.0)), (4, Some(10.0))]), DOWN]);
    assert_eq!(out["c_created"], 50.0);
    let out = bench(2, 1000).round(1.0, &[&body(&[(1, Some(70.0)), (2, None)]), &body(&[(3, Some(60.0))])]);
    assert_eq!((out["c_total"], out.contains_key("c_created")), (3.0, false));
}

#[test]
fn what_is_retained_is_counted_by_what_is_served() {
    let mut bench = bench(1, 1000);
    bench.round(1.0, &[&body(0.0, &[("v=\"1\"", 1), ("v=\"2\"", 1)])]);
    for _ in 0..2 {
        bench.round(1.0, &[&body(0.0, &[("v=\"2\"", 2)])]);
        assert_eq!(bench.pool.tally().retained_series, 0);
    }
    bench.round(1.0, &[&body(0.0, &[])]);
    assert_eq!(bench.pool.tally().retained_series, 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Workers that are there from the beginning: the served sum is that of all series, each made reset-aware on its own.
    #[test]
    fn the_sum_is_that_of_the_parts(
        rounds in prop::collection::vec(
            prop::collection::vec((prop::collection::vec(prop::option::weighted(0.7, 0..9u64), 4), prop::bool::weighted(0.2), prop::bool::weighted(0.1)), 2),
            1..12,
        ),
    ) {
        let mut apart = Bench::new(2, |_, _| {});
        let mut summed = bench(2, 1_000_000);
        let mut state = [([0u64; 4], -50.0), ([0u64; 4], -50.0)];
        let mut before: BTreeMap<String, f64> = BTreeMap::new();
        for (i, round) in rounds.iter().enumerate() {
            let bodies: Vec<String> = round.iter().zip(&mut state).map(|((values, restarts, misses), (counts, start))| {
                if *restarts && i > 0 {
                    (*counts, *start) = ([0; 4], i as f64 * 10.0);
                }
                counts.iter_mut().zip(values).for_each(|(count, more)| *count += more.unwrap_or(0));
                if *misses && i > 0 {
                    return DOWN.to_string();
                }
                let mut lines = body(*start, &[]);
                for (n, count) in counts.iter().enumerate().filter(|(n, _)| values[*n].is_some()) {
                    writeln!(lines, "c_total{{v=\"{n}\",k=\"{}\"}} {count}", n % 2).unwrap();
                }
                lines.push_str("# TYPE h histogram\n");
                for (n, count) in counts.iter().enumerate().filter(|(n, _)| values[*n].is_some()) {
                    writeln!(lines, "h_bucket{{v=\"{n}\",le=\"1\"}} {}\nh_bucket{{v=\"{n}\",le=\"+Inf\"}} {count}", count / 2).unwrap();
                }
                lines
            }).collect();
            let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
            let (parts, sums) = (apart.round(10.0, &bodies), summed.round(10.0, &bodies));
            let mut want: BTreeMap<String, f64> = BTreeMap::new();
            for (head, value) in parts.iter().filter(|(head, _)| head.contains('{') && !head.contains("worker")) {
                let (name, labels) = head.trim_end_matches('}').split_once('{').unwrap();
                let labels: Vec<_> = labels.split(',').filter(|label| !label.starts_with("v=")).collect();
                let head = if labels.is_empty() { name.to_string() } else { format!("{name}{{{}}}", labels.join(",")) };
                *want.entry(head).or_default() += value;
            }
            for (head, value) in &want {
                prop_assert_eq!(sums.get(head), Some(value), "{} in round {}: {:?}", head, i, sums);
                prop_assert!(before.get(head).is_none_or(|b| b <= value));
            }
            before = want;
        }
    }
}
