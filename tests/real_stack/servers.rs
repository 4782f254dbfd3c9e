//! The proxy's numbers against what the servers say themselves, and its answer against the tools that read such answers.

use crate::Stack;
use crate::support::expect;
use crate::support::http::Response;
use crate::support::load;
use crate::support::stack::Uwsgi;
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

/// Requests to each uWSGI.
const REQUESTS: usize = 25;

/// Totals of uWSGI and the field of its statistics that each is the sum of, with the unit's factor.
const TOTALS: [(&str, &str, f64); 6] = [
    ("uwsgi_requests_total", "requests", 1.0),
    ("uwsgi_exceptions_total", "exceptions", 1.0),
    ("uwsgi_harakiris_total", "harakiri_count", 1.0),
    ("uwsgi_respawns_total", "respawn_count", 1.0),
    ("uwsgi_transmitted_bytes_total", "tx", 1.0),
    ("uwsgi_running_seconds_total", "running_time", 1e-6),
];

/// Lint of promtool about names that aren't the proxy's: they are the application's and the known exporters', and are kept.
const LINT_ABOUT_KEPT_NAMES: [&str; 4] = ["django_", "nginx_connections_", "uwsgi_", "shop_"];
/// Lint about an own name that says what it means: it counts repairs of histograms.
const LINT_ACCEPTED: &str = "onescrape_histogram_repairs_total metric name should not include type 'histogram'";

pub fn uwsgi_agrees(stack: &Stack) {
    for uwsgi in &stack.uwsgi {
        load::send(uwsgi.address(), "/", REQUESTS);
        // uWSGI counts a request a moment after its answer.
        stack.proxy.wait_scrape("uWSGI's totals", |answer| {
            let stats = uwsgi.stats();
            for (series, field, factor) in TOTALS {
                let is = answer.value(&format!("{series}{{stats_uri=\"{}\"}}", uwsgi.target()));
                let direct = Uwsgi::sum_over_workers(&stats, field) * factor;
                let near = is.is_some_and(|is| (is - direct).abs() <= 1e-9);
                expect(near, || format!("{series} of {} is {is:?}, uWSGI says {direct}", uwsgi.target()))?;
            }
            let workers = answer.value(&format!("uwsgi_workers{{stats_uri=\"{}\"}}", uwsgi.target()));
            let direct = stats["workers"].as_array().map(|workers| workers.len() as f64);
            expect(workers == direct, || format!("uwsgi_workers is {workers:?}, uWSGI says {direct:?}"))?;
            let sent = answer.value(&format!("uwsgi_requests_total{{stats_uri=\"{}\"}}", uwsgi.target()));
            expect(sent >= Some(REQUESTS as f64), || format!("{sent:?} requests, {REQUESTS} were sent"))
        });
    }
}

pub fn nginx_agrees(stack: &Stack) {
    let before = stack.nginx.status();
    let answer = stack.proxy.scrape();
    let after = stack.nginx.status();
    for (series, before, after) in [
        ("nginx_connections_accepted", before.accepts, after.accepts),
        ("nginx_connections_handled", before.handled, after.handled),
        ("nginx_http_requests_total", before.requests, after.requests),
    ] {
        let is = answer.value(series).unwrap_or_else(|| panic!("no {series}"));
        // Every look at the status page is itself a connection and a request, and counts.
        assert!(before < is && is < after, "{series} is {is}, nginx says {before}, then {after}");
    }
    assert_eq!(answer.value("nginx_up"), Some(1.0));
    assert!(answer.value("nginx_connections_active") >= Some(1.0));
}

pub fn promtool_agrees(stack: &Stack) {
    let answer = stack.proxy.get("/metrics");
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = command.spawn().expect("cannot start promtool");
    promtool.stdin.take().unwrap().write_all(&answer.body).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let about_others = |line: &&str| LINT_ABOUT_KEPT_NAMES.iter().any(|prefix| line.starts_with(prefix));
    let unexpected: BTreeSet<_> = said.lines().filter(|line| *line != LINT_ACCEPTED && !about_others(line)).collect();
    assert!(unexpected.is_empty(), "promtool: {unexpected:#?}");
}

pub fn prometheus_client_agrees(stack: &Stack) {
    let dir = stack.dir.path().join("answers");
    std::fs::create_dir_all(&dir).unwrap();
    let keep = |name: &str, answer: Response| {
        assert_eq!(answer.status, 200);
        std::fs::write(dir.join(name), answer.body).unwrap();
    };
    keep("1.text", stack.proxy.get("/metrics"));
    keep("2.text", stack.proxy.get("/metrics?merge=none"));
    let openmetrics = [("Accept", "application/openmetrics-text;version=1.0.0")];
    keep("3.openmetrics", stack.proxy.get_with("/metrics", &openmetrics));
    keep("4.openmetrics", stack.proxy.get_with("/metrics?merge=none", &openmetrics));
    let script = crate::support::repository().join("tests/stack/parse_expositions.py");
    let output = Command::new(crate::support::installed("python")).arg(script).arg(&dir).output().unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}
