//! What can be wrong with a pool of workers although its ports answer. Codes of the findings: `too_few`, `too_many`, `no_expect`,
//! `shared_endpoint`, `range_full`, `fewer_than_uwsgi`, `no_request_metrics`, `no_requests`, `not_a_web_worker`, `no_start_time`.

use super::diagnose::{Finding, Severity};
use super::observe::{Observation, Observed};
use super::read::{UwsgiFacts, WorkerFacts};
use crate::round::TargetState;
use crate::target::{Address, Target};

/// Changes of process on one port within one check from which on they are no recycling any more.
const CHANGES_OF_A_SHARED_PORT: usize = 2;

/// Adds the findings about one pool. `all` are the observations of every source: uWSGI knows how many workers there should be.
pub(super) fn diagnose(pool: &Observation<'_>, all: &[Observation<'_>], findings: &mut Vec<Finding>) {
    let mut add = |severity, code, targets: Vec<String>, text: String, fix: &str| {
        let fix = Some(fix.to_string()).filter(|fix| !fix.is_empty());
        findings.push(Finding { severity, code, source: pool.source.name.clone(), targets, text, fix });
    };
    let up = pool.up().count();
    if up == 0 {
        return;
    }
    let expect = pool.source.expect.map(|n| n as usize);
    let ids = |targets: &[&Target]| targets.iter().map(|t| t.id.clone()).collect::<Vec<_>>();

    let shared: Vec<&Target> = pool.targets.iter().filter(|t| is_shared(t)).map(|t| t.target).collect();
    if !shared.is_empty() {
        add(
            Severity::Error,
            "shared_endpoint",
            ids(&shared),
            "several processes answer here in turn, so that counters jump up and down".into(),
            "give every worker a port of its own (PROMETHEUS_METRICS_EXPORT_PORT_RANGE) and scrape the port range",
        );
    }

    match expect {
        // Nobody can count workers behind one port.
        _ if !shared.is_empty() => {}
        Some(n) if up < n => add(Severity::Error, "too_few", vec![], format!("{up} of {n} workers are up"), &why_too_few(pool, n)),
        Some(n) if up > n => add(
            Severity::Note,
            "too_many",
            vec![],
            format!("{up} workers are up, {n} expected"),
            "a reload may be under way; else correct expect, or see which process is too many",
        ),
        Some(_) => {}
        None => add(
            Severity::Note,
            "no_expect",
            vec![],
            format!("{up} {} up; how many there should be is not known", if up == 1 { "worker is" } else { "workers are" }),
            &format!("set expect: {up} (--expect {up}), so that a missing worker is noticed"),
        ),
    }

    let ports = pool.targets.len();
    let wanted = expect.unwrap_or(up).max(up);
    if shared.is_empty() && is_range(pool) && ports < 2 * wanted {
        let text = if up == ports {
            format!("all {ports} ports of the range are taken")
        } else {
            format!("{ports} ports for {wanted} workers")
        };
        let fix = format!(
            "a reload runs two generations at once, and workers that find no port are never seen: widen the range to {} ports, here and in \
             PROMETHEUS_METRICS_EXPORT_PORT_RANGE",
            2 * wanted
        );
        add(Severity::Warning, "range_full", vec![], text, &fix);
    }

    let uwsgi = only_uwsgi(all);
    let running = uwsgi.map_or(0, |facts| facts.running);
    if running > up && expect.is_none_or(|n| up >= n) {
        let text = format!("uWSGI runs {running} workers, but only {up} export metrics");
        add(Severity::Error, "fewer_than_uwsgi", vec![], text, &why_too_few(pool, running));
    }

    let workers: Vec<(&Target, &WorkerFacts)> = pool.workers().collect();
    let without: Vec<&Target> = workers.iter().filter(|(_, facts)| !facts.has_http).map(|(target, _)| *target).collect();
    let is_django = workers.iter().all(|(_, facts)| facts.is_django_or_bare);
    if !without.is_empty() && without.len() < workers.len() {
        add(
            Severity::Warning,
            "not_a_web_worker",
            ids(&without),
            "has no django_http_* metrics although the other workers have: probably a management command (migrate, a queue worker) that took a \
             port of the range"
                .into(),
            "run it without PROMETHEUS_METRICS_EXPORT_PORT_RANGE, or give it a range and a source of its own",
        );
    } else if !without.is_empty() && is_django {
        add(
            Severity::Warning,
            "no_request_metrics",
            vec![],
            "metrics of Python, but none of requests (django_http_*)".into(),
            "preforked workers cannot export: drop gunicorn's --preload, or set uWSGI's lazy-apps = true; otherwise add \
             django_prometheus' Before and After middleware",
        );
    } else if let [(target, facts)] = workers.as_slice()
        && facts.requests == Some(0.0)
        && (ports > 1 || uwsgi.is_some_and(|u| u.has_requests))
    {
        add(
            Severity::Warning,
            "no_requests",
            vec![target.id.clone()],
            "the only process that exports has not seen one request".into(),
            "if the site has traffic, this is the master of preforked workers: drop gunicorn's --preload, or set uWSGI's lazy-apps = true",
        );
    }

    let nameless: Vec<&Target> = workers.iter().filter(|(_, facts)| facts.started.is_none()).map(|(target, _)| *target).collect();
    if !nameless.is_empty() {
        add(
            Severity::Note,
            "no_start_time",
            ids(&nameless),
            "no process_start_time_seconds: a restart is only noticed where a counter falls".into(),
            "register prometheus_client's ProcessCollector",
        );
    }
}

fn why_too_few(pool: &Observation<'_>, wanted: usize) -> String {
    let ports = pool.targets.len();
    if pool.targets.iter().any(|t| pool.state(t) == TargetState::Stuck) {
        "a stuck port keeps a worker out: restart it, and let children that the workers start not inherit the socket".into()
    } else if ports < wanted {
        format!("there are only {ports} ports: widen the range to {}, here and in PROMETHEUS_METRICS_EXPORT_PORT_RANGE", 2 * wanted)
    } else {
        "a worker that finds no free port logs \"Cannot export Prometheus /metrics/\" once and never tries again: restart the workers, and \
         let the application's range be as wide as this one"
            .into()
    }
}

/// Whether the port flips between processes, rather than having been recycled while it was looked at: a start time that goes back,
/// a counter that falls within one start time, or more changes than recycling explains.
fn is_shared(observed: &Observed<'_>) -> bool {
    let reads: Vec<&WorkerFacts> = observed.worker_reads().collect();
    let mut changes = 0;
    for pair in reads.windows(2) {
        let [before, after] = pair else { continue };
        if !before.may_be(after) {
            changes += 1;
            let is_later = matches!((before.started, after.started), (Some(a), Some(b)) if b > a);
            if before.started.is_some() && !is_later {
                return true;
            }
        }
    }
    changes >= CHANGES_OF_A_SHARED_PORT
}

/// Whether the targets are consecutive ports of one host, two at least.
fn is_range(pool: &Observation<'_>) -> bool {
    let next = |a: &Target, b: &Target| match (&a.address, &b.address) {
        (Address::Http { host: h, port: p, .. }, Address::Http { host, port, .. }) => h == host && p.checked_add(1) == Some(*port),
        _ => false,
    };
    pool.targets.len() > 1 && pool.targets.windows(2).all(|w| matches!(w, [a, b] if next(a.target, b.target)))
}

/// What uWSGI says, if one pool and one uWSGI are configured: else nobody knows which belongs to which.
fn only_uwsgi(all: &[Observation<'_>]) -> Option<UwsgiFacts> {
    let pools = all.iter().filter(|o| o.is_pool()).count();
    let mut answers = all.iter().filter_map(Observation::uwsgi);
    let (first, second) = (answers.next(), answers.next());
    first.filter(|_| pools == 1 && second.is_none())
}
