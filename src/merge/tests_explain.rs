//! What is explained adds up to what is served.

use super::tests::{Bench, DOWN, UNIX_START};
use super::{Explanation, Window};
use crate::config::{AggregateRule, GaugeMode, GaugeRule};
use std::collections::BTreeMap;

const ALL: Window = Window { from: 0, most: usize::MAX };

fn explained(bench: &Bench, family: &str) -> Explanation {
    bench.pool.explain(family, ALL).unwrap()
}

/// Every total that was served is explained, and its parts come to it.
fn check(bench: &Bench, family: &str, served: &BTreeMap<String, f64>) {
    for series in explained(bench, family).series {
        let value = served.get(&series.series).unwrap_or_else(|| panic!("{} isn't served", series.series));
        let contributions = series.parts.iter().flat_map(|part| &part.contributions).map(|c| c.last - c.base);
        let sum: f64 = series.parts.iter().map(|part| part.offset).chain(contributions).sum();
        assert_eq!((series.served, series.sum), (Some(*value), Some(sum)), "{}", series.series);
        assert_eq!(series.floor, *value > sum, "{}", series.series);
        assert!(*value >= sum, "{}", series.series);
    }
}

fn body(start: f64, value: u32) -> String {
    format!(
        "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {}\n# TYPE c_total counter\nc_total {value}\n",
        UNIX_START + start
    )
}

#[test]
fn a_total_is_offset_and_contributions() {
    let mut bench = Bench::new(2, |_, _| {});
    bench.round(1.0, &[&body(-50.0, 1000), &body(-50.0, 500)]);
    bench.round(1.0, &[&body(-50.0, 1010), &body(-50.0, 510)]);
    let served = bench.round(1.0, &[&body(2.5, 5), DOWN]);
    check(&bench, "c_total", &served);
    let explained = explained(&bench, "c_total");
    let part = &explained.series[0].parts[0];
    let said: Vec<_> = part.contributions.iter().map(|c| (c.worker.as_str(), c.last, c.base, c.live)).collect();
    assert_eq!((part.offset, said), (1010.0, vec![("w1", 5.0, 0.0, true), ("w2", 510.0, 0.0, false)]));
    assert_eq!((explained.kind, explained.rule.mode, explained.series_total), ("counter", "total", 1));
    let reset = &explained.resets[0];
    assert_eq!((reset.worker.as_str(), reset.cause.as_str(), reset.at), ("w1", "start_time", UNIX_START + 3.0));
    assert_eq!((reset.from_start, reset.to_start), (Some(UNIX_START - 50.0), Some(UNIX_START + 2.5)));
    let lives: Vec<_> = bench.pool.lives(0).map(|life| (life.start, life.seen.0)).collect();
    assert_eq!(lives, [(Some(UNIX_START - 50.0), UNIX_START + 1.0), (Some(UNIX_START + 2.5), UNIX_START + 3.0)]);
}

#[test]
fn a_late_worker_has_a_base_and_a_fall_is_told_with_its_values() {
    let mut bench = Bench::new(2, |_, _| {});
    let plain = |value: u32| format!("# TYPE c_total counter\nc_total {value}\n# TYPE d_total counter\nd_total 1\n");
    bench.round(1.0, &[&plain(10), DOWN]);
    let served = bench.round(60.0, &[&plain(12), &plain(500)]);
    check(&bench, "c_total", &served);
    assert_eq!(explained(&bench, "c_total").series[0].parts[0].contributions[1].base, 500.0);
    let served = bench.round(1.0, &[&plain(3), &plain(507)]);
    check(&bench, "c_total", &served);
    let resets = explained(&bench, "c_total").resets;
    assert_eq!((resets.len(), resets[0].families[0].from, resets[0].families[0].to), (1, Some(12.0), Some(3.0)));
    assert_eq!(explained(&bench, "d_total").resets, [], "another family fell");
}

#[test]
fn buckets_that_differ_and_labels_summed_over_add_up() {
    let mut bench = Bench::new(2, |config, _| {
        config.aggregate = vec![AggregateRule { pattern: "g_*".into(), without: vec!["v".into()] }];
    });
    let histogram = |bounds: &[(&str, u32)], count: u32| {
        let lines: String = bounds.iter().map(|(le, n)| format!("h_bucket{{le=\"{le}\"}} {n}\n")).collect();
        let parts = format!("# TYPE g_total counter\ng_total{{v=\"1\"}} {count}\ng_total{{v=\"2\"}} 1\n");
        format!("# TYPE h histogram\n{lines}h_bucket{{le=\"+Inf\"}} {count}\nh_count {count}\nh_sum 1.5\n{parts}")
    };
    let rounds = [
        [histogram(&[("0.1", 5), ("1", 8)], 10), histogram(&[("0.5", 4), ("1", 6)], 7)],
        [histogram(&[("0.1", 1), ("1", 2)], 3), histogram(&[("0.5", 5), ("1", 7)], 8)],
        [histogram(&[("0.1", 2), ("1", 2)], 4), histogram(&[("0.5", 1), ("1", 1)], 1)],
    ];
    for bodies in &rounds {
        let served = bench.round(1.0, &[&bodies[0], &bodies[1]]);
        check(&bench, "h", &served);
        check(&bench, "g_total", &served);
        assert_eq!(explained(&bench, "h").series.len(), served.keys().filter(|head| head.starts_with("h_")).count());
    }
    assert_eq!(explained(&bench, "g_total").series[0].parts.len(), 2);
}

#[test]
fn gauges_say_their_rule_and_who_counts() {
    let mut bench = Bench::new(2, |config, _| config.gauges = vec![GaugeRule { pattern: "q_*".into(), mode: GaugeMode::Max }]);
    let gauges = "# TYPE q_size gauge\nq_size 3\n# TYPE other gauge\nother 1\n# TYPE x_active gauge\nx_active 2\n";
    bench.round(1.0, &[gauges, gauges]);
    let served = bench.round(1.0, &[gauges, DOWN]);
    let q = explained(&bench, "q_size");
    assert_eq!((q.rule.mode, q.series[0].served, q.series[0].sum), ("max", Some(served["q_size"]), None));
    assert!(q.rule.why.contains("gauges[0]"), "{}", q.rule.why);
    let counts: Vec<bool> = q.series[0].parts[0].contributions.iter().map(|c| c.counts).collect();
    assert_eq!(counts, [true, false]);
    assert!(explained(&bench, "x_active").rule.why.contains("*_active"));
    assert_eq!((explained(&bench, "other").rule.mode, explained(&bench, "other").series[0].served), ("all", None));
}

#[test]
fn a_window_shows_some_and_counts_all() {
    let mut bench = Bench::new(1, |_, _| {});
    let lines: String = (0..100).map(|i| format!("c_total{{i=\"{i:03}\"}} 1\n")).collect();
    bench.round(1.0, &[&format!("# TYPE c_total counter\n{lines}")]);
    let shown = bench.pool.explain("c_total", Window { from: 98, most: 5 }).unwrap();
    let names: Vec<_> = shown.series.iter().map(|series| series.series.as_str()).collect();
    assert_eq!((names, shown.series_total), (vec!["c_total{i=\"098\"}", "c_total{i=\"099\"}"], 100));
    assert_eq!(bench.pool.explain("c_totals", ALL), None);
}
