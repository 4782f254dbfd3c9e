//! How many workers of a pool are up, and how many there should be. Codes: `too_few`, `too_many`, `workers_overridden`, `no_expect`,
//! `narrow_range`, `fewer_than_uwsgi`.

use super::code::Code;
use super::finding::{Finding, Place, Severity};
use super::missed::port_range_setting;
use super::observe::Observation;
use super::processes::is_shared;
use super::read::UwsgiFacts;
use super::surroundings::Surroundings;
use crate::round::TargetState;

/// Ports a range should have for each worker: a reload runs two generations at once.
const PORTS_PER_WORKER: usize = 2;

/// Adds the findings about one pool. `all` are the observations of every source: uWSGI knows how many workers there should be.
pub(super) fn diagnose(pool: &Observation<'_>, all: &[Observation<'_>], around: &Surroundings, findings: &mut Vec<Finding>) {
    let up = pool.up().count();
    // Nobody can count workers behind one port.
    if up == 0 || pool.targets.iter().any(is_shared) {
        return;
    }
    let expect = pool.source.expect.map(|n| n as usize);
    findings.extend(compared(pool, up, expect, around));

    let ports = pool.targets.len();
    let wanted = expect.unwrap_or(up).max(up);
    if pool.port_range().is_some() && ports < PORTS_PER_WORKER * wanted {
        let text = if up == ports {
            format!("all {ports} ports of the range are taken")
        } else {
            format!("{ports} ports for {wanted} workers")
        };
        let fix = format!(
            "a reload runs two generations at once, and workers that find no port are never seen: widen the range to {} ports, here and in \
             PROMETHEUS_METRICS_EXPORT_PORT_RANGE",
            PORTS_PER_WORKER * wanted
        );
        findings.push(widened(Finding::new(Severity::Warning, Code::NarrowRange, &pool.source.name, text).fix(fix), pool, wanted));
    }

    let running = only_uwsgi(all).map_or(0, |facts| facts.running);
    if running > up && expect.is_none_or(|n| up >= n) {
        let text = format!("uWSGI runs {running} workers, but only {up} export metrics");
        findings.push(lacking(Finding::new(Severity::Error, Code::FewerThanUwsgi, &pool.source.name, text), pool, running));
    }
}

/// What is up beside what is expected.
fn compared(pool: &Observation<'_>, up: usize, expect: Option<usize>, around: &Surroundings) -> Option<Finding> {
    let name = pool.source.name.as_str();
    let Some(n) = expect else {
        let text = format!("{up} {} up; how many there should be is not known", if up == 1 { "worker is" } else { "workers are" });
        let fix = format!("set expect: {up} (--expect {up}), so that a missing worker is noticed");
        let finding = Finding::new(Severity::Note, Code::NoExpect, name, text);
        return Some(finding.fix(fix).paste(Place::Source, format!("expect: {up}")));
    };
    if up == n {
        return None;
    }
    if around.gunicorn_workers.contains(&up) {
        let text = format!("{up} workers are up, {n} expected: gunicorn's command line says {up}");
        let fix = format!(
            "-w and --workers override WEB_CONCURRENCY: leave them off gunicorn's command line, or expect {up} workers (and {} ports)",
            PORTS_PER_WORKER * up
        );
        let finding = Finding::new(Severity::Warning, Code::WorkersOverridden, name, text);
        return Some(finding.fix(fix).paste(Place::Source, format!("expect: {up}")));
    }
    Some(if up < n {
        lacking(Finding::new(Severity::Error, Code::TooFew, name, format!("{up} of {n} workers are up")), pool, n)
    } else {
        let text = format!("{up} workers are up, {n} expected");
        let fix = "a reload may be under way; else correct expect (workers on gunicorn's command line override WEB_CONCURRENCY), or see which \
                   process is too many";
        Finding::new(Severity::Note, Code::TooMany, name, text).fix(fix).paste(Place::Source, format!("expect: {up}"))
    })
}

/// Why workers that run don't export, and what to do.
fn lacking(finding: Finding, pool: &Observation<'_>, wanted: usize) -> Finding {
    let ports = pool.targets.len();
    if pool.targets.iter().any(|t| pool.state(t) == TargetState::Stuck) {
        let fix = "a stuck port keeps a worker out: restart it, and let children that the workers start not inherit the socket";
        finding.fix(fix)
    } else if ports < wanted {
        let there_are = if ports == 1 { "there is only one port".to_string() } else { format!("there are only {ports} ports") };
        let fix = format!(
            "{there_are}: widen the range to {}, here and in PROMETHEUS_METRICS_EXPORT_PORT_RANGE",
            PORTS_PER_WORKER * wanted
        );
        widened(finding.fix(fix), pool, wanted)
    } else {
        let finding = finding.fix(
            "a worker that finds no free port logs \"Cannot export Prometheus /metrics/\" once and never tries again: let the application's \
             range be as wide as this one, and restart the workers",
        );
        match pool.port_range() {
            Some((_, first, last)) => finding.paste(Place::Settings, port_range_setting(first, last)),
            None => finding,
        }
    }
}

/// With the range as it should be, on both sides.
fn widened(finding: Finding, pool: &Observation<'_>, wanted: usize) -> Finding {
    let (Some((_, first, _)), Some(target)) = (pool.port_range(), pool.targets.first()) else { return finding };
    let Some(last) = u16::try_from(PORTS_PER_WORKER * wanted).ok().and_then(|ports| first.checked_add(ports.saturating_sub(1)))
    else {
        return finding;
    };
    // As it was written, path and all.
    let range = target.target.text.replacen(&format!(":{first}"), &format!(":{first}-{last}"), 1);
    finding.paste(Place::Source, format!("targets: [\"{range}\"]")).paste(Place::Settings, port_range_setting(first, last))
}

/// What uWSGI says, if one pool and one uWSGI are configured: else nobody knows which belongs to which.
pub(super) fn only_uwsgi(all: &[Observation<'_>]) -> Option<UwsgiFacts> {
    let pools = all.iter().filter(|o| o.is_pool()).count();
    let mut answers = all.iter().filter_map(Observation::uwsgi);
    let (first, second) = (answers.next(), answers.next());
    first.filter(|_| pools == 1 && second.is_none())
}
