//! What the side tables add to the rules of every total. Laws over random lives are in `tests/properties_native.rs`.

use super::super::{Attempt, DropReason, Now, Pool, RepairKind};
use crate::config::{AggregateRule, Limits, MergeConfig};
use crate::model::{Exemplar, Family, MetricType, NativeHistogram, NativeSample, Role, Sample};
use crate::parse::{Exposition, text};
use std::borrow::Cow;
use std::time::Duration;

const UNIX_START: f64 = 1_790_000_000.0;

/// A histogram of schema 0 with these buckets; the sum is twice the count.
fn native(buckets: &[(i32, f64)]) -> NativeHistogram {
    let count = buckets.iter().map(|(_, n)| n).sum::<f64>();
    NativeHistogram { count, sum: 2.0 * count, positive: buckets.to_vec(), ..NativeHistogram::default() }
}

fn sample(role: Role, value: f64) -> Sample<'static> {
    Sample { role, labels: Vec::new(), value, timestamp: None, exemplar: None }
}

fn family(kind: MetricType, histogram: NativeHistogram) -> Family<'static> {
    let mut family = Family::new("h", kind, "");
    let histogram = Cow::Owned(histogram);
    family.natives.push(NativeSample { labels: Vec::new(), timestamp: None, histogram, exemplars: Vec::new() });
    family
}

fn only_native(buckets: &[(i32, f64)]) -> Attempt<'static> {
    good(vec![family(MetricType::Histogram, native(buckets))])
}

fn good(families: Vec<Family<'static>>) -> Attempt<'static> {
    Attempt::Good(Exposition { families, ..Exposition::default() })
}

/// A body in text: its histograms are classic only.
fn classic(body: &'static str) -> Attempt<'static> {
    Attempt::Good(text(body.as_bytes()).unwrap())
}

fn started(at: f64) -> Family<'static> {
    let mut start = Family::new("process_start_time_seconds", MetricType::Gauge, "");
    start.push([], UNIX_START + at);
    start
}

const DOWN: Attempt<'static> = Attempt::Missed { refused: true };

struct Bench {
    pool: Pool,
    at: f64,
}

impl Bench {
    fn new(slots: usize, limits: Limits) -> Self {
        Self { pool: Pool::new((1..=slots).map(|i| format!("w{i}")).collect(), MergeConfig::default(), limits), at: 0.0 }
    }

    /// A round, served; the native part of `h`.
    fn round(&mut self, attempts: impl Into<Vec<Attempt<'static>>>) -> Option<NativeHistogram> {
        self.at += 5.0;
        let now = Now { elapsed: Duration::from_secs_f64(self.at), unix: UNIX_START + self.at };
        self.pool.apply(attempts.into().into_iter().map(Some).collect(), now);
        self.pool.mark_served(now);
        let families = self.pool.families();
        families.iter().find(|f| f.name == "h")?.natives.first().map(|n| n.histogram.clone())
    }

    fn value(&self, head: &str) -> Option<f64> {
        self.pool.families().iter().flat_map(|f| &f.samples).find(|s| s.head == head).map(|s| s.value)
    }
}

#[test]
fn a_child_that_is_only_native_has_no_samples_but_its_beginning() {
    let mut bench = Bench::new(2, Limits::default());
    let dated = |created| {
        let mut family = family(MetricType::Histogram, native(&[(1, 1.0)]));
        family.samples.push(sample(Role::Created, created));
        good(vec![family])
    };
    bench.round([dated(50.0), dated(40.0)]);
    let families = bench.pool.families();
    let samples: Vec<_> = families[0].samples.iter().map(|s| (s.head, s.role, s.value)).collect();
    assert_eq!(samples, [("h_created", Role::Created, 40.0)]);
    assert_eq!((families[0].natives[0].head, &families[0].natives[0].histogram.positive), ("h", &vec![(1, 2.0)]));
    // Apart they are, too.
    let unmerged = bench.pool.unmerged();
    let own = &unmerged.families()[0];
    assert_eq!((own.samples.len(), own.natives.len(), own.natives[1].labels[0].1.as_ref()), (2, 2, "w2"));
}

#[test]
fn what_can_not_be_counted_is_carried() {
    let mut bench = Bench::new(1, Limits::default());
    bench.round([only_native(&[(1, 5.0)])]);
    for (buckets, count) in [(&[(1, 7.0)], 6.0), (&[(1, -1.0)], -1.0), (&[(1, f64::NAN)], 1.0)] {
        let histogram = NativeHistogram { count, ..native(buckets) };
        assert_eq!(bench.round([good(vec![family(MetricType::Histogram, histogram)])]).unwrap().count, 5.0);
    }
    let tally = bench.pool.tally();
    assert_eq!(tally.repairs[&RepairKind::NotCumulative], 1);
    assert_eq!((tally.dropped[&DropReason::Negative], tally.dropped[&DropReason::NotFinite]), (1, 1));
    assert_eq!(bench.round([only_native(&[(1, 8.0)])]).unwrap().count, 8.0);
}

#[test]
fn what_was_counted_before_the_first_sight_does_not_count() {
    let mut bench = Bench::new(2, Limits::default());
    bench.round([only_native(&[(1, 5.0)]), DOWN]);
    assert_eq!(bench.round([only_native(&[(1, 5.0)]), only_native(&[(1, 100.0), (3, 50.0)])]).unwrap().positive, [(1, 5.0)]);
    let total = bench.round([only_native(&[(1, 5.0)]), only_native(&[(1, 101.0), (2, 1.0), (3, 50.0)])]).unwrap();
    assert_eq!((total.positive, total.count, total.sum), (vec![(1, 6.0), (2, 1.0)], 7.0, 14.0));
    assert_eq!(bench.pool.tally().baselines[&1], 1);
}

/// Its growth moves to the offset in whole, native and classic part alike, whichever of them fell.
#[test]
fn classic_and_native_part_share_the_decision() {
    let both = |le_2: f64, buckets: &[(i32, f64)]| {
        let mut family = family(MetricType::Histogram, native(buckets));
        let count = native(buckets).count;
        let parts =
            [(Role::Bucket(2.0), le_2), (Role::Bucket(f64::INFINITY), count), (Role::Count, count), (Role::Sum, 2.0 * count)];
        family.samples = parts.map(|(role, value)| sample(role, value)).to_vec();
        good(vec![family])
    };
    for (le_2, buckets) in [(4.0, [(1, 4.0), (2, 9.0)]), (6.0, [(1, 4.0), (2, 9.0)]), (4.0, [(1, 6.0), (2, 9.0)])] {
        let mut bench = Bench::new(1, Limits::default());
        bench.round([both(5.0, &[(1, 5.0), (2, 1.0)])]);
        let total = bench.round([both(le_2, &buckets)]).unwrap();
        assert_eq!(total.positive, [(1, 5.0 + buckets[0].1), (2, 10.0)]);
        assert_eq!((bench.value(r#"h_bucket{le="2.0"}"#), bench.value("h_count")), (Some(5.0 + le_2), Some(total.count)));
        assert_eq!((bench.value("h_sum"), bench.pool.tally().resets.len()), (Some(total.sum), 1));
    }
}

#[test]
fn processes_that_take_turns_count_side_by_side() {
    let mut bench = Bench::new(1, Limits::default());
    let body = |n, at| good(vec![family(MetricType::Histogram, native(&[(1, n)])), started(at)]);
    let counts = [(100.0, -9.0), (500.0, -5.0), (120.0, -9.0), (505.0, -5.0), (125.0, -9.0)];
    let served = counts.map(|(n, at)| bench.round([body(n, at)]).unwrap().count);
    assert_eq!(served, [100.0, 600.0, 600.0, 605.0, 610.0]);
}

#[test]
fn the_native_part_is_served_while_every_contribution_has_one() {
    let body = "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_count 3\nh_sum 9\n";
    let mut bench = Bench::new(2, Limits::default());
    assert!(bench.round([classic(body), only_native(&[(1, 5.0)])]).is_none());
    let all = |bench: &Bench| [r#"h_bucket{le="1.0"}"#, r#"h_bucket{le="+Inf"}"#, "h_count", "h_sum"].map(|head| bench.value(head));
    assert_eq!(all(&bench), [2.0, 8.0, 8.0, 19.0].map(Some), "what is only native is in the last bucket");
    // Nor once the classic one is folded: its observations are in no native bucket.
    assert!(bench.round([only_native(&[(1, 1.0)]), only_native(&[(1, 6.0)])]).is_none());
    assert_eq!(all(&bench), [2.0, 10.0, 10.0, 23.0].map(Some));
    // One that comes without it for a while takes it away for as long.
    let mut bench = Bench::new(1, Limits::default());
    let body = "# TYPE h histogram\nh_bucket{le=\"1\"} 0\nh_bucket{le=\"+Inf\"} 6\nh_count 6\nh_sum 12\n";
    assert_eq!(bench.round([only_native(&[(1, 5.0)])]).unwrap().count, 5.0);
    assert!(bench.round([classic(body)]).is_none());
    assert_eq!(bench.round([only_native(&[(1, 7.0)])]).unwrap().count, 7.0);
}

#[test]
fn gauge_histograms_are_of_current_workers_only() {
    let body = |n| good(vec![family(MetricType::GaugeHistogram, native(&[(1, n)]))]);
    let mut bench = Bench::new(2, Limits::default());
    assert_eq!(bench.round([body(5.0), body(7.0)]).unwrap().positive, [(1, 12.0)]);
    assert_eq!(bench.round([body(2.0), body(1.0)]).unwrap().positive, [(1, 3.0)]);
    assert_eq!(bench.round([body(2.0), DOWN]).unwrap().positive, [(1, 2.0)]);
    assert!(bench.round([DOWN, DOWN]).is_none());
    assert!(bench.round([good(Vec::new()), good(Vec::new())]).is_none());
}

#[test]
fn the_newest_exemplars_are_served() {
    let mut bench = Bench::new(2, Limits::default());
    let body = |times: &[f64]| {
        let mut family = family(MetricType::Histogram, native(&[(1, 50.0)]));
        let exemplar = |timestamp| Exemplar { labels: Vec::new(), value: 1.5, timestamp };
        family.natives[0].exemplars = times.iter().map(|at| exemplar(Some(*at))).chain([exemplar(None)]).collect();
        good(vec![family])
    };
    let shown = |bench: &Bench| -> Vec<f64> {
        bench.pool.families()[0].natives[0].exemplars.iter().map(|e| e.timestamp.unwrap()).collect()
    };
    bench.round([body(&[1.0, 3.0, 5.0, 7.0, 9.0, 11.0]), body(&[2.0, 4.0, 6.0, 8.0, 10.0, 12.0])]);
    assert_eq!(shown(&bench), [3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0]);
    bench.round([body(&[]), DOWN]);
    assert_eq!(shown(&bench), [2.0, 4.0, 6.0, 8.0, 10.0, 12.0], "of the last good bodies");
}

/// A server wants the count of an integer histogram to be that of its buckets, unless its sum is NaN.
#[test]
fn a_sum_that_is_no_number_does_not_stay() {
    let with_nan = NativeHistogram { count: 6.0, sum: f64::NAN, ..native(&[(1, 5.0)]) };
    let mut bench = Bench::new(1, Limits::default());
    let total = bench.round([good(vec![family(MetricType::Histogram, with_nan)])]).unwrap();
    assert!(total.sum.is_nan() && !total.is_float);
    let total = bench.round([only_native(&[(1, 1.0)])]).unwrap();
    assert_eq!((total.count, total.sum, total.is_float), (7.0, 2.0, true));
}

#[test]
fn at_max_series_natives_go_and_come_like_others() {
    let body = |views: std::ops::Range<u32>| {
        let mut all = family(MetricType::Histogram, native(&[(1, 1.0)]));
        let one = all.natives.remove(0);
        all.natives.extend(views.map(|v| NativeSample { labels: vec![("v".into(), v.to_string().into())], ..one.clone() }));
        good(vec![all])
    };
    let mut bench = Bench::new(1, Limits { max_series: 6, ..Limits::default() });
    let shown = |bench: &Bench| bench.pool.families()[0].natives.iter().map(|n| n.head.to_string()).collect::<Vec<_>>();
    bench.round([body(0..3)]);
    bench.round([body(2..4)]);
    assert_eq!(shown(&bench), [r#"h{v="0"}"#, r#"h{v="1"}"#, r#"h{v="2"}"#], "two series each: no room while all were just seen");
    bench.round([body(2..4)]);
    assert_eq!((shown(&bench).len(), bench.pool.natives.len()), (3, 3));
    assert!(shown(&bench).contains(&r#"h{v="3"}"#.to_string()), "one of the unseen made room");
    bench.round([body(0..5)]);
    assert_eq!((shown(&bench).len(), bench.pool.tally().dropped[&DropReason::MaxSeries]), (3, 1 + 2));
}

#[test]
fn another_type_takes_over() {
    let mut bench = Bench::new(1, Limits::default());
    let of = |kind, n, at| good(vec![family(kind, native(&[(1, n)])), started(at)]);
    bench.round([of(MetricType::Histogram, 5.0, -9.0)]);
    assert_eq!(bench.round([of(MetricType::GaugeHistogram, 4.0, 1.0)]).unwrap().count, 4.0);
    assert_eq!(bench.round([of(MetricType::Histogram, 1.0, 6.0)]).unwrap().count, 1.0, "what it had counted is gone");
}

/// The family with this value of a label that is summed over.
fn of_view(view: &'static str, mut family: Family<'static>) -> Family<'static> {
    let labels = family.natives.iter_mut().map(|n| &mut n.labels).chain(family.samples.iter_mut().map(|s| &mut s.labels));
    labels.for_each(|labels| labels.push(("view".into(), view.into())));
    family
}

/// Two views of one worker as one family.
fn views(a: Family<'static>, b: Family<'static>) -> Attempt<'static> {
    let (mut a, b) = (of_view("a", a), of_view("b", b));
    a.samples.extend(b.samples);
    a.natives.extend(b.natives);
    good(vec![a])
}

fn aggregating(limits: Limits) -> Bench {
    let mut bench = Bench::new(1, limits);
    let aggregate = vec![AggregateRule { pattern: "h".into(), without: vec!["view".into()] }];
    bench.pool = Pool::new(vec!["w1".into()], MergeConfig { aggregate, ..MergeConfig::default() }, limits);
    bench
}

/// Native and, beside it, classic: a bound of 1 and all.
fn both(buckets: &[(i32, f64)], below: f64) -> Family<'static> {
    let mut family = family(MetricType::Histogram, native(buckets));
    let count = family.natives[0].histogram.count;
    let parts = [(Role::Bucket(1.0), below), (Role::Bucket(f64::INFINITY), count), (Role::Count, count), (Role::Sum, 2.0 * count)];
    family.samples.extend(parts.map(|(role, value)| sample(role, value)));
    family
}

#[test]
fn aggregated_parts_of_which_one_is_only_native_count_the_same_both_ways() {
    let mut bench = aggregating(Limits::default());
    let only = |n| family(MetricType::Histogram, native(&[(1, n)]));
    let merged = bench.round([views(both(&[(0, 2.0), (1, 3.0)], 2.0), only(4.0))]).unwrap();
    assert_eq!((merged.count, merged.sum, merged.positive), (9.0, 18.0, vec![(0, 2.0), (1, 7.0)]));
    assert_eq!(bench.value("h_bucket{le=\"1.0\"}"), Some(2.0));
    for count in ["h_bucket{le=\"+Inf\"}", "h_count"] {
        assert_eq!(bench.value(count), Some(9.0));
    }
    // One begins anew on its own.
    assert_eq!(bench.round([views(both(&[(0, 2.0), (1, 3.0)], 2.0), only(1.0))]).unwrap().count, 10.0);
    assert_eq!(bench.value("h_count"), Some(10.0));
}

#[test]
fn an_aggregated_part_without_a_native_part_leaves_the_sum_without() {
    let mut bench = aggregating(Limits::default());
    let mut classic = both(&[(0, 2.0)], 2.0);
    assert!(bench.round([views(both(&[(0, 1.0)], 1.0), classic.clone())]).is_some());
    classic.natives.clear();
    assert_eq!(bench.round([views(both(&[(0, 1.0)], 1.0), classic)]), None);
    assert_eq!(bench.value("h_count"), Some(3.0));
}

#[test]
fn aggregated_gauge_histograms_are_those_of_now() {
    let mut bench = aggregating(Limits::default());
    let now = |n| family(MetricType::GaugeHistogram, native(&[(1, n)]));
    assert_eq!(bench.round([views(now(5.0), now(3.0))]).unwrap().count, 8.0);
    assert_eq!(bench.round([good(vec![of_view("b", now(1.0))])]).unwrap().count, 1.0);
}
