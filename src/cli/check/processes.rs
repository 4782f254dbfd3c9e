//! Which processes answer at a pool's ports. Codes: `shared_endpoint`, `shared_port`, `not_a_web_worker`, `idle_process`,
//! `no_request_metrics`, `no_requests`, `no_start_time`.

use super::code::Code;
use super::finding::{Finding, Place, Severity};
use super::observe::{Observation, Observed};
use super::pool::only_uwsgi;
use super::read::{REQUESTS, WorkerFacts};
use crate::target::Target;

/// Changes of process on one port within one check from which on they are no recycling any more.
const CHANGES_OF_A_SHARED_PORT: usize = 2;
/// Requests that every other worker must have seen before one that has seen none stands out.
const REQUESTS_OF_OTHERS: f64 = 100.0;

/// Adds the findings about the processes of one pool.
pub(super) fn diagnose(pool: &Observation<'_>, all: &[Observation<'_>], findings: &mut Vec<Finding>) {
    shared(pool, findings);
    // What answered once is looked at even if it has gone since: a management command may live shorter than a check.
    let workers: Vec<(&Observed<'_>, &WorkerFacts)> =
        pool.targets.iter().filter_map(|observed| Some((observed, observed.worker_reads().last()?))).collect();
    without_requests(pool, all, &workers, findings);
    idle(pool, &workers, findings);
    let nameless: Vec<&Target> = workers.iter().filter(|(_, facts)| facts.started.is_none()).map(|(t, _)| t.target).collect();
    if !nameless.is_empty() {
        let text = "no process_start_time_seconds: a restart is only noticed where a counter falls";
        let finding = Finding::new(Severity::Note, Code::NoStartTime, &pool.source.name, text).at(ids(&nameless));
        findings.push(finding.fix("register prometheus_client's ProcessCollector"));
    }
}

/// Ports behind which several processes take turns.
fn shared(pool: &Observation<'_>, findings: &mut Vec<Finding>) {
    for observed in pool.targets.iter().filter(|observed| is_shared(observed)) {
        let reads: Vec<&WorkerFacts> = observed.worker_reads().collect();
        let (what, values): (_, Vec<String>) = match reads.iter().map(|facts| facts.requests).collect::<Option<Vec<_>>>() {
            Some(requests) => (REQUESTS, requests.iter().map(f64::to_string).collect()),
            None => ("process_start_time_seconds", reads.iter().filter_map(|facts| facts.started).map(|t| t.to_string()).collect()),
        };
        let text = format!(
            "several processes answer here in turn, so that counters jump up and down: {what} was {} in {} reads, one right after the other",
            values.join(", "),
            reads.len()
        );
        let at = |code| Finding::new(Severity::Error, code, &pool.source.name, text).at(vec![observed.target.id.clone()]);
        findings.push(if pool.targets.len() > 1 {
            at(Code::SharedPort).fix(
                "the processes share the port by SO_REUSEPORT, so that only one of them, chance decides which, is seen: pre-releases of \
                 Python 3.14 did that to every HTTPServer (gh-127319); take a released Python, and restart the workers",
            )
        } else {
            at(Code::SharedEndpoint)
                .fix(
                    "this is the site's own /metrics, or another address behind which a server hands requests to any of its workers: give \
                     every worker a port of its own, twice as many ports as workers, and scrape the range",
                )
                .paste(Place::Settings, super::missed::port_range_setting(FIRST_PORT, LAST_PORT))
                .paste(Place::Source, format!("targets: [\"127.0.0.1:{FIRST_PORT}-{LAST_PORT}\"]"))
        });
    }
}

/// The range suggested where there is none: that of the documentation, for four workers.
const FIRST_PORT: u16 = 5001;
const LAST_PORT: u16 = 5008;

/// Processes that show nothing of requests, some or all.
fn without_requests(
    pool: &Observation<'_>,
    all: &[Observation<'_>],
    workers: &[(&Observed<'_>, &WorkerFacts)],
    findings: &mut Vec<Finding>,
) {
    let name = pool.source.name.as_str();
    let without: Vec<&Observed<'_>> = workers.iter().filter(|(_, facts)| !facts.has_http).map(|(observed, _)| *observed).collect();
    if !without.is_empty() && without.len() < workers.len() {
        let gone = without.iter().any(|observed| observed.missed().is_some());
        let text = format!(
            "has no django_http_* metrics although the other workers have{}",
            if gone { ", and went away while it was looked at" } else { "" }
        );
        let targets: Vec<&Target> = without.iter().map(|observed| observed.target).collect();
        let fix = "probably a management command (migrate, a queue worker, a shell) that took a port of the range: give the range to the web \
                   server's processes alone, or give the command a range and a source of its own";
        let finding = Finding::new(Severity::Warning, Code::NotAWebWorker, name, text).at(ids(&targets)).fix(fix);
        let guard = "import sys\n\nif sys.argv[0].endswith(\"manage.py\"):\n    PROMETHEUS_METRICS_EXPORT_PORT_RANGE = None";
        findings.push(finding.paste(Place::Settings, guard));
    } else if !without.is_empty() && workers.iter().all(|(_, facts)| facts.is_django_or_bare) {
        let text = "metrics of Python, but none of requests (django_http_*)";
        let fix = "a server that loads the application before it forks has one port, its master's, and that sees no request: drop gunicorn's \
                   --preload, or set uWSGI's lazy-apps; otherwise django_prometheus' Before and After middleware are missing";
        findings.push(unforked(Finding::new(Severity::Warning, Code::NoRequestMetrics, name, text).fix(fix)));
    } else if let [(observed, facts)] = workers
        && facts.requests == Some(0.0)
        && (pool.targets.len() > 1 || only_uwsgi(all).is_some_and(|u| u.has_requests))
    {
        let text = "the only process that exports has not seen one request";
        let fix =
            "if the site has traffic, this is the master of preforked workers: drop gunicorn's --preload, or set uWSGI's lazy-apps";
        let finding = Finding::new(Severity::Warning, Code::NoRequests, name, text).at(ids(&[observed.target]));
        findings.push(unforked(finding.fix(fix)));
    }
}

fn unforked(finding: Finding) -> Finding {
    finding.paste(Place::Gunicorn, "preload_app = False").paste(Place::Uwsgi, "lazy-apps = true\nenable-threads = true")
}

/// Processes that have seen nothing while all others, and a younger one among them, have seen much.
fn idle(pool: &Observation<'_>, workers: &[(&Observed<'_>, &WorkerFacts)], findings: &mut Vec<Finding>) {
    for (observed, facts) in workers {
        let mut others = workers.iter().filter(|(other, _)| other.target != observed.target).map(|(_, facts)| facts).peekable();
        if facts.requests != Some(0.0) || others.peek().is_none() {
            continue;
        }
        let mut younger = None;
        let busy = others.all(|other| {
            if other.started > facts.started {
                younger = other.requests.or(younger);
            }
            other.requests >= Some(REQUESTS_OF_OTHERS)
        });
        if let (true, Some(requests)) = (busy, younger) {
            let text = format!("has seen no request, while a process that started later has seen {requests}");
            let fix = "probably a command that loads the site's middleware (a test client, a queue worker) and took a port of the range, or a \
                       worker that gets no requests: look at what listens there (ss -ltnp)";
            let finding = Finding::new(Severity::Warning, Code::IdleProcess, &pool.source.name, text);
            findings.push(finding.at(ids(&[observed.target])).fix(fix));
        }
    }
}

/// Whether the port flips between processes, rather than having been recycled while it was looked at: a start time that goes back,
/// a counter that falls within one start time, or more changes than recycling explains.
pub(super) fn is_shared(observed: &Observed<'_>) -> bool {
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

fn ids(targets: &[&Target]) -> Vec<String> {
    targets.iter().map(|target| target.id.clone()).collect()
}
