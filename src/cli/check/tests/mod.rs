//! Conclusions and their printing, from observations made by hand.

mod flow;

use super::observe::{Observation, Observed, Read};
use super::read::{Answer, DirectoryFacts, Facts, Gauge, UwsgiFacts, WorkerFacts, worker_facts};
use super::*;
use crate::config::{LogConfig, Pages, ProgramLimits, StateConfig, WebConfig};
use crate::model::{Family, MetricType, Role, Sample};
use crate::parse::Exposition;
use crate::source::KINDS;
use crate::target::http_targets;
use std::collections::BTreeMap;

fn source(kind: &str, targets: &str) -> SourceConfig {
    let name = if kind == "workers" { "django" } else { kind };
    let kind = KINDS.iter().find(|k| k.name == kind).unwrap();
    SourceConfig::new(name, kind, http_targets(targets, "/metrics").unwrap())
}

fn config(sources: Vec<SourceConfig>) -> Config {
    Config {
        scrape_timeout: Duration::from_secs(5),
        sources,
        limits: ProgramLimits::default(),
        web: WebConfig {
            listen_addresses: Vec::new(),
            config_file: None,
            telemetry_path: "/metrics".into(),
            openmetrics_created: false,
            enable_lifecycle: false,
            pages: Pages::On,
        },
        state: StateConfig::default(),
        log: LogConfig::default(),
    }
}

const MAX: Gauge = Gauge { mode: "max", has_rule: true };
const ALL: Gauge = Gauge { mode: "all", has_rule: true };

type Outcome = Result<Answer, Missed>;

fn told(facts: Facts) -> Outcome {
    Ok(Answer { samples: 120, format: "OpenMetrics 1.0.0".into(), facts })
}

/// A worker born at `started` that has seen `requests`.
fn worker(started: f64, requests: f64) -> Outcome {
    told(Facts::Worker(WorkerFacts {
        started: Some(started),
        has_http: true,
        is_django_or_bare: true,
        requests: Some(requests),
        gauges: BTreeMap::from([("process_open_fds".into(), MAX), ("queue".into(), ALL)]),
        ..WorkerFacts::default()
    }))
}

/// A process that shows no metrics of requests.
fn bare(started: f64) -> Outcome {
    told(Facts::Worker(WorkerFacts { started: Some(started), is_django_or_bare: true, ..WorkerFacts::default() }))
}

fn uwsgi(running: usize) -> Outcome {
    told(Facts::Uwsgi(UwsgiFacts { running, has_requests: true }))
}

/// One observation: by target, what its reads brought.
fn observation(source: &SourceConfig, outcomes: Vec<Vec<Outcome>>) -> Observation<'_> {
    assert_eq!(source.targets.len(), outcomes.len());
    let read = |answer| Read { duration: Duration::from_micros(2_340), answer, clock_ahead: None, page: None };
    let observed = |(target, reads): (_, Vec<Outcome>)| Observed { target, reads: reads.into_iter().map(read).collect() };
    Observation { source, targets: source.targets.iter().zip(outcomes).map(observed).collect() }
}

fn vacant(n: usize) -> Vec<Vec<Outcome>> {
    (0..n).map(|_| vec![Err(Missed::Refused)]).collect()
}

/// `up` healthy workers, then `free` ports that refuse.
fn pool(up: usize, free: usize) -> Vec<Vec<Outcome>> {
    let mut outcomes: Vec<_> = (0..up).map(|i| vec![worker(100.0 + i as f64, 50.0); 2]).collect();
    outcomes.extend(vacant(free));
    outcomes
}

/// The conclusions where nothing is known of the surroundings.
fn conclude(observations: &[Observation<'_>]) -> Vec<Finding> {
    diagnose(observations, &Surroundings::default())
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.code.as_str()).collect()
}

/// The codes found for one pool of workers, and everything said about it.
fn diagnosed(targets: &str, expect: Option<u32>, outcomes: Vec<Vec<Outcome>>) -> (Vec<&'static str>, String) {
    let source = SourceConfig { expect, ..source("workers", targets) };
    let findings = conclude(&[observation(&source, outcomes)]);
    let texts: Vec<_> = findings.iter().map(|f| format!("{}: {}", f.text, f.fix.clone().unwrap_or_default())).collect();
    (codes(&findings), texts.join("\n"))
}

#[test]
fn a_healthy_pool_gives_no_finding() {
    assert_eq!(diagnosed("127.0.0.1:5001-5008", Some(4), pool(4, 4)).0, [""; 0]);
}

#[test]
fn how_many_should_be_up() {
    let (codes, texts) = diagnosed("127.0.0.1:5001-5008", Some(4), pool(3, 5));
    assert_eq!(codes, ["too_few"]);
    assert!(texts.contains("3 of 4 workers are up") && texts.contains("Cannot export"), "{texts}");

    assert_eq!(diagnosed("127.0.0.1:5001-5008", Some(3), pool(4, 4)).0, ["too_many"]);
    let (codes, texts) = diagnosed("127.0.0.1:5001-5008", None, pool(4, 4));
    assert_eq!(codes, ["no_expect"]);
    assert!(texts.contains("set expect: 4"), "{texts}");
}

#[test]
fn a_full_or_narrow_range_loses_workers_at_the_next_reload() {
    let (codes, texts) = diagnosed("127.0.0.1:5001-5004", Some(4), pool(4, 0));
    assert_eq!(codes, ["narrow_range"]);
    assert!(texts.contains("all 4 ports") && texts.contains("to 8 ports"), "{texts}");
    assert_eq!(diagnosed("127.0.0.1:5001-5006", Some(4), pool(4, 2)).0, ["narrow_range"]);

    let (_, texts) = diagnosed("127.0.0.1:5001-5002", Some(4), pool(2, 0));
    assert!(texts.contains("there are only 2 ports: widen the range to 8"), "{texts}");
}

#[test]
fn one_port_of_its_own_is_no_range() {
    assert_eq!(diagnosed("127.0.0.1:5001", Some(1), pool(1, 0)).0, [""; 0]);
    let source = SourceConfig {
        targets: ["a:5001", "b:5001"].iter().flat_map(|t| http_targets(t, "/metrics").unwrap()).collect(),
        expect: Some(2),
        ..source("workers", "a:1")
    };
    assert_eq!(codes(&conclude(&[observation(&source, pool(2, 0))])), [""; 0]);
}

#[test]
fn several_processes_in_turn_on_one_port() {
    let in_turn = |reads: &[(f64, f64)]| vec![reads.iter().map(|(start, n)| worker(*start, *n)).collect()];
    let is_shared = |reads: &[(f64, f64)]| diagnosed("127.0.0.1:8000", Some(1), in_turn(reads)).0 == ["shared_endpoint"];
    // How many workers there are behind the port, nobody knows: nothing is suggested to expect.
    let turns = in_turn(&[(100.0, 50.0), (90.0, 20.0), (100.0, 50.0)]);
    assert_eq!(diagnosed("127.0.0.1:8000", None, turns).0, ["shared_endpoint"]);
    assert!(is_shared(&[(1.0, 5.0), (2.0, 7.0), (1.0, 6.0)]), "a start time that comes back");
    assert!(is_shared(&[(1.0, 5.0), (2.0, 7.0), (3.0, 6.0)]), "three processes");
    assert!(is_shared(&[(1.0, 5.0), (1.0, 2.0)]), "forked together: only the counter tells");
    assert!(!is_shared(&[(1.0, 5.0), (1.0, 5.0), (2.0, 0.0), (2.0, 1.0)]), "recycled once while read");
}

#[test]
fn a_management_command_in_the_range() {
    let mut outcomes = pool(3, 4);
    outcomes.insert(3, vec![bare(9.0); 2]);
    let source = SourceConfig { expect: Some(4), ..source("workers", "127.0.0.1:5001-5008") };
    let findings = conclude(&[observation(&source, outcomes)]);
    assert_eq!(codes(&findings), ["not_a_web_worker"]);
    assert_eq!(findings[0].targets, ["127.0.0.1:5004"]);

    // One that has ended before the second look.
    let mut outcomes = pool(3, 4);
    outcomes.insert(3, vec![bare(9.0), Err(Missed::Refused)]);
    let findings = conclude(&[observation(&SourceConfig { expect: Some(3), ..source }, outcomes)]);
    assert_eq!(codes(&findings), ["not_a_web_worker"]);
    assert!(findings[0].text.contains("went away"), "{findings:?}");
}

#[test]
fn what_a_container_and_a_command_line_explain() {
    let source = SourceConfig { expect: Some(4), ..source("workers", "127.0.0.1:5001-5008") };
    let code = |around: Surroundings, outcomes| codes(&diagnose(&[observation(&source, outcomes)], &around));
    let container = Surroundings { container: true, ..Surroundings::default() };
    assert_eq!(code(container.clone(), vacant(8)), ["own_loopback"]);
    assert_eq!(code(Surroundings { kubernetes: true, ..container.clone() }, vacant(8)), ["nothing_listens"], "shared in a pod");
    assert_eq!(code(Surroundings { wsl: true, ..Surroundings::default() }, vacant(8)), ["own_loopback"]);
    assert_eq!(code(container, pool(4, 4)), [""; 0]);
    let gunicorn = |n| Surroundings { gunicorn_workers: [n].into(), ..Surroundings::default() };
    assert_eq!(code(gunicorn(3), pool(3, 5)), ["workers_overridden"]);
    assert_eq!(code(gunicorn(2), pool(3, 5)), ["too_few"], "another gunicorn's");
}

#[test]
fn pastes_keep_what_was_written() {
    let source = SourceConfig { expect: Some(4), ..source("workers", "http://a:5001-5004/own/metrics") };
    let findings = conclude(&[observation(&source, pool(4, 0))]);
    assert_eq!(findings[0].pastes[0].text, "targets: [\"http://a:5001-5008/own/metrics\"]");
}

#[test]
fn preforked_workers_show_no_requests() {
    let (codes, texts) = diagnosed("127.0.0.1:5001-5008", None, [vec![vec![bare(1.0); 2]], vacant(7)].concat());
    assert_eq!(codes, ["no_request_metrics", "no_expect"]);
    assert!(texts.contains("--preload") && texts.contains("lazy-apps"), "{texts}");
    let (codes, _) = diagnosed("127.0.0.1:5001-5008", None, [vec![vec![worker(1.0, 0.0); 2]], vacant(7)].concat());
    assert_eq!(codes, ["no_requests", "no_expect"]);
    assert_eq!(diagnosed("127.0.0.1:5001", Some(1), vec![vec![worker(1.0, 0.0); 6]]).0, [""; 0], "an idle worker is no fault");
}

#[test]
fn fewer_workers_than_uwsgi_runs() {
    let (workers, stats) = (source("workers", "127.0.0.1:5001-5008"), source("uwsgi", "127.0.0.1:1717"));
    let with = |running, up| {
        let observations = [observation(&workers, pool(up, 8 - up)), observation(&stats, vec![vec![uwsgi(running)]])];
        codes(&conclude(&observations)).into_iter().filter(|code| *code != "no_expect").map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(with(4, 3), ["fewer_than_uwsgi"]);
    assert_eq!(with(4, 4), [""; 0]);
    assert_eq!(with(3, 4), [""; 0], "a worker may just have been cheaped");
}

#[test]
fn failed_targets_with_one_reason_are_one_finding() {
    let refused_host = Missed::Status { code: 400, detail: Some("<h1>Bad Request (400)</h1>".into()) };
    let timeout = Missed::Timeout { after: Duration::from_secs(5) };
    let mut outcomes: Vec<Vec<Outcome>> = vec![vec![Err(refused_host.clone())], vec![Err(refused_host)], vec![Err(timeout)]];
    outcomes.extend(pool(1, 4));
    let source = SourceConfig { expect: Some(4), ..source("workers", "127.0.0.1:5001-5008") };
    let findings = conclude(&[observation(&source, outcomes)]);
    assert_eq!(codes(&findings), ["allowed_hosts", "no_answer", "too_few"]);
    assert_eq!(findings[0].targets, ["127.0.0.1:5001", "127.0.0.1:5002"]);
    assert!(findings[0].fix.as_deref().unwrap().contains("http_headers"), "{findings:?}");
    assert!(findings[2].fix.as_deref().unwrap().contains("stuck port"), "{findings:?}");
}

#[test]
fn a_range_where_nothing_listens_is_one_error() {
    let (codes, texts) = diagnosed("127.0.0.1:5001-5008", Some(4), vacant(8));
    assert_eq!(codes, ["nothing_listens"]);
    assert!(texts.contains("any of the 8 ports"), "{texts}");
    assert_eq!(diagnosed("127.0.0.1:5001", None, vacant(1)).0, ["nothing_listens"]);
}

#[test]
fn a_worker_without_a_start_time_is_a_note() {
    let facts = WorkerFacts { has_http: true, requests: Some(1.0), ..WorkerFacts::default() };
    let source = SourceConfig { expect: Some(1), ..source("workers", "127.0.0.1:5001") };
    let findings = conclude(&[observation(&source, vec![vec![told(Facts::Worker(facts)); 6]])]);
    assert_eq!(codes(&findings), ["no_start_time"]);
    assert!(is_well(&findings));
}

#[test]
fn facts_of_an_exposition() {
    let gauge = |name: &'static str, value| {
        let mut family = Family::new(name, MetricType::Gauge, "");
        family.push([], value);
        family
    };
    let mut requests = Family::new("shop_django_http_requests_before_middlewares_total", MetricType::Counter, "");
    requests.push([], 7.0);
    let empty = Family::new("django_http_ajax_requests_total", MetricType::Counter, "");
    let source = source("workers", "a:1");

    let created = Sample { role: Role::Created, value: 1.79e9, ..requests.samples[0].clone() };
    requests.samples.push(created);

    let families = vec![gauge("process_start_time_seconds", 5.5), gauge("queue", 1.0), requests, empty.clone()];
    let facts = worker_facts(&Exposition { families, ..Exposition::default() }, &source);
    assert_eq!((facts.started, facts.requests, facts.has_http), (Some(5.5), Some(7.0), true));
    assert_eq!(
        facts.gauges,
        BTreeMap::from([
            ("process_start_time_seconds".into(), Gauge { mode: "min", has_rule: true }),
            ("queue".into(), Gauge { mode: "all", has_rule: false }),
        ])
    );

    let families = vec![gauge("process_start_time_seconds", 5.5), empty];
    let facts = worker_facts(&Exposition { families, ..Exposition::default() }, &source);
    assert!(!facts.has_http && facts.is_django_or_bare, "a family without samples is none: {facts:?}");
}

#[test]
fn the_table_is_laid_out() {
    let workers = SourceConfig { expect: Some(3), ..source("workers", "127.0.0.1:5001-5006") };
    let nginx = source("nginx", "http://127.0.0.1:8080/nginx/status");
    let mut outcomes = pool(2, 3);
    outcomes.insert(2, vec![Err(Missed::Timeout { after: Duration::from_secs(5) })]);
    let evil = Missed::Status { code: 404, detail: Some("\u{1b}[2Jgone".into()) };
    let observations = [observation(&workers, outcomes), observation(&nginx, vec![vec![Err(evil)]])];
    let findings = conclude(&observations);
    let mut out = Vec::new();
    table::write(&observations, &findings, false, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text, include_str!("table.golden.txt"), "{text}");

    let mut colored = Vec::new();
    table::write(&observations, &findings, true, &mut colored).unwrap();
    let colored = String::from_utf8(colored).unwrap();
    assert!(colored.contains("\u{1b}[32mup\u{1b}[0m") && !colored.contains("\u{1b}[2J"), "{colored}");
}

#[test]
fn directories_of_multiprocess_files() {
    let kind = KINDS.iter().find(|k| k.name == "multiproc").unwrap();
    let source = SourceConfig::new("m", kind, crate::target::directory_targets("/m", "").unwrap());
    let found = |facts: DirectoryFacts| {
        let findings = conclude(&[observation(&source, vec![vec![told(Facts::Directory(facts))]])]);
        findings.iter().map(|f| (f.severity, f.code.as_str())).collect::<Vec<_>>()
    };
    let facts =
        |live, unknown, dead, bad| DirectoryFacts { live, unknown, dead, bad, faults: vec!["counter_1.db: cut short".into()] };
    use Severity::{Note, Warning};
    assert_eq!(found(facts(3, 0, 5, 0)), []);
    assert_eq!(found(facts(0, 0, 0, 0)), [(Warning, "no_files")]);
    assert_eq!(found(facts(3, 0, 0, 1)), [(Warning, "bad_files")]);
    assert_eq!(found(facts(0, 3, 0, 0)), [(Note, "liveness_unknown")]);
    assert_eq!(found(facts(0, 0, 3, 0)), [(Warning, "no_live_process")]);
    assert_eq!(found(facts(3, 0, 5000, 0)), [(Note, "many_files")]);
}
