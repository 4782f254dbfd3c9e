//! What Prometheus has stored of the whole run, and what it makes of it.

use crate::Stack;
use crate::counting::{Counted, NAIVE, OF_INDEX, OF_ORDERS};
use crate::support::prometheus::{SCRAPE_INTERVAL, Span};
use std::time::{SystemTime, UNIX_EPOCH};

/// Ends of workers on ports that were taken again, at least: one ended, two killed.
const RESETS_MIN: f64 = 3.0;
/// How far the plain sum's growth must be off, at least, for the comparison to show anything.
const NAIVE_FACTOR_MIN: f64 = 1.5;
/// Scrape intervals over which Prometheus may extrapolate, at most, at the two ends of a span together.
const INTERVALS_EXTRAPOLATED_MAX: f64 = 2.5;
/// Part of Prometheus' scrapes that must have been answered in time, with a worker that hangs for a while. Not all: the machine may be
/// busy with something else.
const GOOD_SCRAPES_MIN: f64 = 0.8;
/// Counters, at least, that the check for falls is about.
const COUNTERS_MIN: usize = 100;
/// Counters of the pool and of uWSGI. nginx' own restart resets its counters, as it should.
const COUNTERS: &str = "{job=\"onescrape\",__name__=~\"(django|shop|python_gc|process)_.*_(total|count|bucket)|uwsgi_.*_total\"}";

pub fn is_exact(stack: &Stack, counted: &Counted) {
    counted.wait_stored(stack);
    // Whole milliseconds, which is how Prometheus keeps time.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as f64 / 1000.0;
    let span = Span { from: counted.since, to: now };
    let range = span.range();
    let value = |expression: &str| stack.prometheus.value_at(expression, Some(span.to)).unwrap();
    let sent = OF_INDEX.iter().map(|series| (series, counted.index)).chain(OF_ORDERS.iter().map(|series| (series, counted.orders)));
    for (series, sent) in sent {
        let sent = sent as f64;
        let stored = stack.prometheus.stored_one(series, span);
        assert_eq!(stored.growth(), sent, "{series} grew by exactly what was sent");
        assert_eq!(value(&format!("resets({series}{range})")), 0.0, "{series} fell");
        let increase = value(&format!("increase({series}{range})"));
        let allowed = sent * INTERVALS_EXTRAPOLATED_MAX * SCRAPE_INTERVAL / span.seconds();
        assert!((increase - sent).abs() <= allowed, "increase({series}) is {increase}, {sent} were sent, ± {allowed}");
        eprintln!("      {series}: sent {sent}, growth {}, increase {increase:.1}", stored.growth());
    }

    let counters = stack.prometheus.stored(COUNTERS, span);
    assert!(counters.len() >= COUNTERS_MIN, "Prometheus knows {} counters only", counters.len());
    let fell: Vec<_> = counters.iter().filter(|stored| !stored.never_fell()).map(|stored| &stored.labels).collect();
    assert!(fell.is_empty(), "fell: {fell:#?}");
    let good = value(&format!("avg_over_time(up{{job=\"onescrape\"}}{range})"));
    assert!(good >= GOOD_SCRAPES_MIN, "only {good} of Prometheus' scrapes were answered in time");
    let resets = stack.proxy.scrape().sum("onescrape_worker_resets_total{source=\"django\",cause=\"start_time\"}");
    assert!(resets >= RESETS_MIN, "the proxy saw {resets} resets");

    let naive = stack.prometheus.stored_one(NAIVE, span).growth();
    let factor = naive / counted.index as f64;
    eprintln!("      the plain sum of the workers: growth {naive}, {factor:.1} times what was sent");
    assert!(factor >= NAIVE_FACTOR_MIN, "the plain sum grew by {naive}, {} were sent: the run shows nothing", counted.index);
}
