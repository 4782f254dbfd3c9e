//! Rules that take time, limits or settings to show. What one or two rounds show is in the cases under `tests/conformance/merge`.

use super::{Attempt, DropReason, FeedError, Now, Pool, RepairKind, ResetCause};
use crate::config::{BoundsPolicy, GaugeMode, GaugeRule, Limits, MergeConfig, QuantilePolicy};
use crate::parse::text;
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const UNIX_START: f64 = 1_790_000_000.0;
pub(super) const DOWN: &str = "DOWN";
const HANG: &str = "HANG";

pub(super) struct Bench {
    pub(super) pool: Pool,
    at: f64,
}

impl Bench {
    pub(super) fn new(slots: usize, configure: impl FnOnce(&mut MergeConfig, &mut Limits)) -> Self {
        let (mut config, mut limits) = (MergeConfig::default(), Limits::default());
        configure(&mut config, &mut limits);
        Self { pool: Pool::new((1..=slots).map(|i| format!("w{i}")).collect(), config, limits), at: 0.0 }
    }

    /// The time of the latest round.
    pub(super) fn now(&self) -> Now {
        Now { elapsed: Duration::from_secs_f64(self.at), unix: UNIX_START + self.at }
    }

    /// Puts another pool in the place of the one there is.
    pub(super) fn change(&mut self, make: impl FnOnce(Pool) -> Pool) {
        let pool = std::mem::replace(&mut self.pool, Pool::new(Vec::new(), MergeConfig::default(), Limits::default()));
        self.pool = make(pool);
    }

    fn plain(slots: usize) -> Self {
        Self::new(slots, |_, _| {})
    }

    /// A round `after` seconds after the one before, served.
    pub(super) fn round(&mut self, after: f64, bodies: &[&str]) -> BTreeMap<String, f64> {
        self.at += after;
        let now = self.now();
        let attempts = bodies.iter().map(|body| match *body {
            DOWN => Some(Attempt::Missed { refused: true }),
            HANG => Some(Attempt::Missed { refused: false }),
            body => Some(Attempt::Good(text(body.as_bytes()).unwrap())),
        });
        self.pool.apply(attempts.collect(), now);
        let out = self.pool.families().iter().flat_map(|f| &f.samples).map(|s| (s.head.to_string(), s.value)).collect();
        self.pool.mark_served(now);
        out
    }
}

fn counter(value: u64, start: Option<f64>) -> String {
    let start = start.map(|s| format!("# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {s}\n"));
    format!("# TYPE c_total counter\nc_total {value}\n{}", start.unwrap_or_default())
}

#[test]
fn a_slot_is_retired_by_failed_attempts_only_and_its_instance_is_remembered() {
    let mut bench = Bench::new(2, |c, _| c.retire_after = Duration::from_secs(600));
    let (a, b) = (counter(100, Some(UNIX_START - 50.0)), counter(10, Some(UNIX_START - 50.0)));
    bench.round(1.0, &[&a, &b]);
    // A day without rounds counts for five minutes at most; two attempts are not enough.
    bench.round(86_400.0, &[&a, DOWN]);
    bench.round(300.0, &[&a, DOWN]);
    assert!(!bench.pool.is_retired(1));
    assert_eq!(bench.round(300.0, &[&a, DOWN])["c_total"], 110.0, "retiring keeps the total");
    assert!(bench.pool.is_retired(1));
    // The same process answers again: what it had counted is in the total already.
    assert_eq!(bench.round(5.0, &[&a, &counter(15, Some(UNIX_START - 50.0))])["c_total"], 110.0);
    assert_eq!(bench.round(5.0, &[&a, &counter(17, Some(UNIX_START - 50.0))])["c_total"], 112.0);
    assert!(!bench.pool.is_retired(1));
}

#[test]
fn a_fresh_process_on_a_retired_slot_counts_in_full() {
    let mut bench = Bench::new(2, |c, _| c.retire_after = Duration::from_secs(10));
    let a = counter(1, Some(UNIX_START - 50.0));
    bench.round(1.0, &[&a, &a]);
    for _ in 0..4 {
        bench.round(10.0, &[&a, DOWN]);
    }
    assert!(bench.pool.is_retired(1));
    let start = UNIX_START + bench.at;
    assert_eq!(bench.round(5.0, &[&a, &counter(40, Some(start))])["c_total"], 42.0);
    assert_eq!(bench.pool.tally().baselines.get(&1), None);
}

#[test]
fn processes_that_take_turns_count_side_by_side_until_they_stop() {
    let mut bench = Bench::plain(1);
    let body = |v, s| counter(v, Some(UNIX_START + s));
    bench.round(1.0, &[&body(100, 0.0)]);
    assert_eq!(bench.round(1.0, &[&body(500, 10.0)])["c_total"], 600.0, "a later start looks like a recycle");
    assert_eq!(bench.round(1.0, &[&body(120, 0.0)])["c_total"], 600.0, "a folded instance is back: the slot is shared");
    assert_eq!(bench.round(1.0, &[&body(505, 10.0)])["c_total"], 605.0, "its record was kept beside");
    assert_eq!(bench.round(1.0, &[&body(125, 0.0)])["c_total"], 610.0);
    assert_eq!(bench.round(1.0, &[&body(510, 10.0)])["c_total"], 615.0);
    assert_eq!(bench.pool.tally().flaps[&0], 4);
    assert_eq!(bench.pool.slots[0].records.len(), 2);
    // Five minutes without a flip: only the current one stays.
    assert_eq!(bench.round(301.0, &[&body(511, 10.0)])["c_total"], 616.0);
    assert_eq!(bench.pool.slots[0].records.len(), 1);
}

#[test]
fn a_shared_slot_keeps_eight_instances_at_most() {
    let mut bench = Bench::plain(1);
    bench.round(1.0, &[&counter(1, Some(UNIX_START))]);
    for i in 1..40u32 {
        bench.round(1.0, &[&counter(1, Some(UNIX_START - 100.0 * f64::from(i)))]);
        assert!(bench.pool.slots[0].records.len() <= 8);
    }
}

#[test]
fn recycling_for_ever_takes_no_memory() {
    let mut bench = Bench::plain(1);
    for i in 0..500u32 {
        let out = bench.round(1.0, &[&counter(7, Some(UNIX_START + f64::from(i) * 10.0))]);
        assert_eq!(out["c_total"], 7.0 * f64::from(i + 1));
    }
    assert_eq!((bench.pool.slots[0].records.len(), bench.pool.catalog.len()), (1, 2));
    assert_eq!(bench.pool.tally().resets[&(0, ResetCause::StartTime)], 499);
}

#[test]
fn gauges_go_with_a_missed_scrape_unless_held_and_a_refused_port_holds_nothing() {
    let gauge = "# TYPE g gauge\ng 4\n";
    let mut bench = Bench::plain(1);
    bench.round(1.0, &[gauge]);
    assert!(bench.round(1.0, &[HANG]).is_empty());
    let mut bench = Bench::new(1, |c, _| c.gauge_hold = Duration::from_secs(10));
    bench.round(1.0, &[gauge]);
    assert_eq!(bench.round(9.0, &[HANG])[r#"g{worker="w1"}"#], 4.0);
    assert!(bench.round(9.0, &[HANG]).is_empty());
    bench.round(1.0, &[gauge]);
    assert!(bench.round(1.0, &[DOWN]).is_empty());
}

fn histogram(bounds: &[(&str, u64)]) -> String {
    bounds.iter().fold("# TYPE h histogram\n".to_string(), |body, (le, v)| format!("{body}h_bucket{{le=\"{le}\"}} {v}\n"))
}

#[test]
fn odd_bounds_can_stand_apart_or_be_left_out() {
    let (a, b) = (histogram(&[("1", 2), ("+Inf", 3)]), histogram(&[("2", 5), ("+Inf", 8)]));
    let mut bench = Bench::new(2, |c, _| c.histograms = BoundsPolicy::Label);
    let out = bench.round(1.0, &[&a, &b]);
    assert_eq!((out["h_count"], out[r#"h_count{worker="w2"}"#]), (3.0, 8.0));
    assert_eq!(out[r#"h_bucket{le="2.0",worker="w2"}"#], 5.0);
    let mut bench = Bench::new(2, |c, _| c.histograms = BoundsPolicy::Drop);
    let out = bench.round(1.0, &[&a, &b]);
    assert_eq!((out["h_count"], out.len()), (3.0, 3));
    assert_eq!(bench.pool.tally().repairs[&RepairKind::BoundsDiffer], 1);
}

#[test]
fn bounds_that_come_with_a_new_process_keep_the_old_total() {
    let mut bench = Bench::plain(1);
    let start = |s: f64| format!("# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {}\n", UNIX_START + s);
    bench.round(1.0, &[&(histogram(&[("1", 4), ("+Inf", 10)]) + &start(0.0))]);
    let out = bench.round(1.0, &[&(histogram(&[("0.5", 1), ("2", 5), ("+Inf", 6)]) + &start(5.0))]);
    let at = |le: &str| out[&format!("h_bucket{{le=\"{le}\"}}")];
    assert_eq!((at("0.5"), at("1.0"), at("2.0"), at("+Inf"), out["h_count"]), (1.0, 5.0, 9.0, 16.0, 16.0));
    let out = bench.round(1.0, &[&(histogram(&[("0.5", 2), ("2", 6), ("+Inf", 7)]) + &start(5.0))]);
    assert_eq!((out[r#"h_bucket{le="0.5"}"#], out["h_count"]), (2.0, 17.0));
}

#[test]
fn broken_histograms_are_mended_or_carried() {
    let mut bench = Bench::plain(1);
    let body = "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_count 5\nh_sum 9\n";
    let out = bench.round(1.0, &[body]);
    assert_eq!((out[r#"h_bucket{le="+Inf"}"#], out["h_count"], out["h_sum"]), (5.0, 5.0, 9.0));
    let falling = histogram(&[("1", 9), ("2", 3), ("+Inf", 20)]);
    assert_eq!(bench.round(1.0, &[&falling])["h_count"], 5.0);
    let mismatch = "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 6\nh_count 7\nh_sum 9\n";
    assert_eq!(bench.round(1.0, &[mismatch])["h_count"], 6.0);
    let repairs = &bench.pool.tally().repairs;
    assert_eq!(
        (repairs[&RepairKind::InfMissing], repairs[&RepairKind::NotCumulative], repairs[&RepairKind::CountMismatch]),
        (1, 1, 1)
    );
}

#[test]
fn a_sum_is_served_only_if_every_contribution_has_one_and_infinite_ones_do_not_stay() {
    let mut bench = Bench::plain(2);
    let with = "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 2\nh_count 2\nh_sum 3\n";
    let infinite = "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 3\nh_count 3\nh_sum +Inf\n";
    assert_eq!(bench.round(1.0, &[with, infinite])["h_sum"], f64::INFINITY);
    let reset = "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_count 1\nh_sum 1\n";
    assert_eq!(bench.round(1.0, &[with, reset])["h_sum"], 4.0);
    let without = "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 4\nh_count 4\n";
    assert!(!bench.round(1.0, &[with, without]).contains_key("h_sum"));
}

#[test]
fn quantiles_may_stay_per_worker() {
    let body = "# TYPE s summary\ns{quantile=\"0.5\"} 2\ns_sum 3\ns_count 4\n";
    let out = Bench::new(1, |c, _| c.quantiles = QuantilePolicy::PerWorker).round(1.0, &[body]);
    assert_eq!((out[r#"s{quantile="0.5",worker="w1"}"#], out["s_count"]), (2.0, 4.0));
    assert_eq!(Bench::plain(1).round(1.0, &[body]).len(), 2);
}

#[test]
fn at_max_series_the_longest_unseen_goes_and_live_ones_stay() {
    let body = |views: std::ops::Range<u32>| {
        views.fold("# TYPE v_total counter\n".to_string(), |b, v| format!("{b}v_total{{v=\"{v:02}\"}} 1\n"))
    };
    let mut bench = Bench::new(1, |_, l| l.max_series = 10);
    bench.round(1.0, &[&body(0..5)]);
    bench.round(1.0, &[&body(5..10)]);
    assert_eq!(bench.pool.tally().retained_series, 5);
    let out = bench.round(1.0, &[&body(5..12)]);
    assert_eq!(out.len(), 10, "two of the unseen made room");
    assert!((5..12).all(|v| out.contains_key(&format!("v_total{{v=\"{v:02}\"}}"))));
    let out = bench.round(1.0, &[&body(5..20)]);
    assert_eq!((out.len(), bench.pool.tally().dropped[&DropReason::MaxSeries]), (10, 5));
    // What there was no room for starts at a baseline once there is: its past was never in the output.
    bench.pool.limits.max_series = 100;
    let out = bench.round(1.0, &[&body(5..20)]);
    assert_eq!(out["v_total{v=\"19\"}"], 1.0, "not exposed so far: a new series, nothing to jump from");
}

#[test]
fn names_that_come_and_go_leave_nothing_behind() {
    let mut bench = Bench::new(1, |_, l| l.max_series = 20);
    for round in 0..2_000 {
        let body = (0..5)
            .fold("# TYPE v_total counter\n".to_string(), |b, v| format!("{b}v_total{{view=\"view {round} number {v}\"}} 1\n"));
        assert!(bench.round(1.0, &[&body]).len() <= 20);
        // What is served is what stands there, wherever it was moved.
        let names =
            bench.pool.families().iter().flat_map(|f| &f.samples).filter(|s| s.head.contains(&format!("view {round} "))).count();
        assert_eq!(names, 5, "{round}");
    }
    assert!(bench.pool.catalog.heads.length() < 200_000, "{} bytes of heads", bench.pool.catalog.heads.length());
}

#[test]
fn a_rule_can_make_a_typeless_family_a_counter() {
    let rule = GaugeRule { pattern: "jobs".into(), mode: GaugeMode::Counter };
    let mut bench = Bench::new(1, |c, _| c.gauges.push(rule));
    bench.round(1.0, &["jobs 10\n"]);
    assert_eq!(bench.round(1.0, &["jobs 3\n"])["jobs"], 13.0);
}

#[test]
fn typeless_histogram_parts_join_the_histogram_of_another_worker() {
    let untyped = "h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_count 2\nh_sum 5\n";
    let typed = "# TYPE h histogram\nh_bucket{le=\"1.0\"} 10\nh_bucket{le=\"+Inf\"} 20\nh_count 20\nh_sum 50\n";
    for bodies in [[untyped, typed], [typed, untyped]] {
        let out = Bench::plain(2).round(1.0, &bodies);
        assert_eq!((out[r#"h_bucket{le="1.0"}"#], out["h_count"], out["h_sum"], out.len()), (11.0, 22.0, 55.0, 4));
    }
    // The type comes only later.
    let mut bench = Bench::plain(2);
    bench.round(1.0, &[untyped, DOWN]);
    let out = bench.round(1.0, &[untyped, typed]);
    assert_eq!((out["h_count"], out.len()), (22.0, 4));
}

#[test]
fn two_families_never_share_a_sample_name() {
    let body = "# TYPE h_count counter\nh_count 3\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 7\n";
    let out = Bench::plain(1).round(1.0, &[body]);
    assert!(out.len() <= 2 && out.get("h_count") == Some(&3.0) || out.get("h_count") == Some(&7.0), "{out:?}");
}

#[test]
fn reserved_names_and_label_limits_cost_their_samples_only() {
    let mut bench = Bench::new(1, |_, l| (l.label_value_bytes_max, l.labels_max) = (4, 1));
    let out =
        bench.round(1.0, &["up 1\nscrape_x 1\nonescrape_y 1\nok{a=\"1234\"} 1\nlong{a=\"12345\"} 1\nmany{a=\"1\",b=\"2\"} 1\n"]);
    assert_eq!(out.len(), 1);
    let dropped = &bench.pool.tally().dropped;
    assert_eq!(
        (dropped[&DropReason::ReservedName], dropped[&DropReason::LabelsMax], dropped[&DropReason::LabelValueBytesMax]),
        (3, 1, 1)
    );
}

#[test]
fn unmerged_shows_every_live_worker_apart() {
    let mut bench = Bench::plain(2);
    bench.round(1.0, &[&counter(1, None), &counter(2, None)]);
    bench.round(1.0, &[&counter(3, None), DOWN]);
    let rendered = bench.pool.unmerged();
    let heads: Vec<_> = rendered.views().iter().flat_map(|f| &f.samples).map(|s| (s.head.to_string(), s.value)).collect();
    assert_eq!(heads, [(r#"c_total{worker="w1"}"#.to_string(), 3.0)]);
}

#[cfg(feature = "relabel")]
mod rules {
    use super::*;
    use crate::relabel::{Action, Relabelling, Rule, RuleSpec};

    fn rule(source: &str, regex: &str, action: Action) -> Rule {
        let source_labels = (!source.is_empty()).then(|| vec![source.to_string()]);
        Rule::new(RuleSpec { source_labels, regex: Some(regex.into()), action, ..RuleSpec::default() }).unwrap()
    }

    #[test]
    fn rules_that_change_let_no_past_in() {
        let mut bench = Bench::plain(2);
        let drop = Relabelling { labels: Vec::new(), rules: vec![rule("__name__", "d_.*", Action::Drop)] };
        bench.pool.set_relabelling(drop);
        let body = |c: u64, d: u64| format!("{}# TYPE d_total counter\nd_total {d}\n", counter(c, Some(UNIX_START - 9.0)));
        // The second worker shows d only once it is served.
        bench.round(1.0, &[&body(1, 100), &counter(1, Some(UNIX_START - 9.0))]);
        bench.pool.set_relabelling(Relabelling::default());
        assert_eq!(bench.round(1.0, &[&body(2, 110), &counter(1, Some(UNIX_START - 9.0))])["d_total"], 110.0, "a new series");
        let out = bench.round(1.0, &[&body(2, 111), &body(1, 50)]);
        assert_eq!((out["d_total"], out["c_total"]), (111.0, 3.0), "older than the change of rules: only what comes counts");
        assert_eq!(bench.round(1.0, &[&body(2, 111), &body(1, 53)])["d_total"], 114.0);
    }

    #[test]
    fn what_rules_leave_goes_on_over_a_label_that_changes_with_the_process() {
        let mut bench = Bench::plain(1);
        bench.pool.set_relabelling(Relabelling { labels: Vec::new(), rules: vec![rule("", "pid", Action::LabelDrop)] });
        let body = |pid: u32, v: u32, start: f64| {
            format!(
                "# TYPE c_total counter\nc_total{{pid=\"{pid}\"}} {v}\n# TYPE process_start_time_seconds gauge\n\
                 process_start_time_seconds {}\n",
                UNIX_START + start
            )
        };
        bench.round(1.0, &[&body(1, 10, 0.0)]);
        assert_eq!(bench.round(1.0, &[&body(2, 12, 10.0)])["c_total"], 22.0);
        assert_eq!(bench.round(1.0, &[&body(2, 13, 10.0)])["c_total"], 23.0);
    }
}

/// A line that would come next if the body went on is no reason to read on behind its end.
#[test]
fn nothing_is_read_behind_the_end_of_an_openmetrics_body() {
    const TYPE: Option<&str> = Some("application/openmetrics-text; version=1.0.0");
    let mut bench = Bench::plain(2);
    let read = |pool: &mut Pool, slot: usize, body: &str| {
        assert!(pool.begin_body(slot, TYPE));
        pool.feed(slot, body.as_bytes()).and_then(|()| pool.end_body(slot))
    };
    let (a, b) = ("# TYPE a counter\na_total 1\n", "# TYPE b counter\nb_total 1\n");
    assert_eq!(read(&mut bench.pool, 0, &format!("{a}{b}# EOF\n")), Ok(2));
    let odd = read(&mut bench.pool, 1, &format!("{a}# EOF\n{b}"));
    assert!(matches!(&odd, Err(FeedError::Rejected(why)) if why.to_string().contains("after `# EOF`")), "{odd:?}");
}
