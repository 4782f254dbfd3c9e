//! The shipped files at work: the real application, onescrape, Prometheus and Alertmanager, and a receiver of notifications.
//!
//! One test, since its steps share one stack. Only times are changed in the files: nobody waits minutes here.

use crate::dashboards::expressions;
use crate::deploy;
use crate::support::alertmanager::Alertmanager;
use crate::support::fake_worker::{Answer, FakeWorker, TEXT};
use crate::support::port::Port;
use crate::support::prometheus::Prometheus;
use crate::support::proxy::Proxy;
use crate::support::stack::{Gunicorn, Nginx, Stats, Uwsgi, WORKERS, migrate};
use crate::support::webhook::Webhook;
use crate::support::{expect, http, load, wait_for};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

/// Requests of each kind in one go.
const REQUESTS: usize = 20;
/// Prefixes of names that the rules may use: of what is scraped, and of what is recorded.
const PREFIXES: [&str; 8] = ["django_", "uwsgi_", "nginx_", "onescrape_", "websocket_", "application_", "slo:", "instance:"];
/// Times in the files, and what they are here.
const TIMES: [(&str, &str); 5] = [
    ("scrape_interval: 15s", "scrape_interval: 1s"),
    ("scrape_timeout: 10s", "scrape_timeout: 1s"),
    ("evaluation_interval: 15s", "evaluation_interval: 1s"),
    // Long enough for what inhibits to come before what is inhibited is told.
    ("group_wait: 10s", "group_wait: 3s"),
    ("group_interval: 1m", "group_interval: 1s"),
];

/// Everything, each part with ports of its own. Dropped in this order.
struct Stack {
    alertmanager: Alertmanager,
    webhook: Webhook,
    prometheus: Prometheus,
    #[expect(dead_code, reason = "only held: it ends with this")]
    proxy: Proxy,
    #[expect(dead_code, reason = "only held: it ends with this")]
    others: FakeWorker,
    uwsgi: Uwsgi,
    nginx: Nginx,
    gunicorn: Gunicorn,
    dir: TempDir,
}

impl Stack {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        migrate(dir.path());
        let gunicorn = Gunicorn::start(dir.path());
        let uwsgi = Uwsgi::start("uwsgi", Stats::Tcp(Port::reserve()), dir.path());
        let nginx = Nginx::start(gunicorn.address(), dir.path());
        let others = what_the_shop_has_not();
        let proxy = Proxy::with_config(&format!(
            "scrape_timeout: 1s\nstate: {{file: {}}}\nsources:\n  \
             - {{name: django, kind: workers, targets: [\"{}\"], expect: {WORKERS}, last_words: {{enabled: true}}}}\n  \
             - {{name: others, kind: workers, targets: [\"{}\"]}}\n  \
             - {{name: uwsgi, kind: uwsgi, targets: [\"{}\"]}}\n  \
             - {{name: nginx, kind: nginx, targets: [\"{}\"]}}\n",
            dir.path().join("state").display(),
            gunicorn.range(),
            others.id(),
            uwsgi.target(),
            nginx.target()
        ));
        let webhook = Webhook::start();
        let config = copy("alertmanager/development.yml", dir.path(), &[("127.0.0.1:5011", &webhook.address().to_string())]);
        let alertmanager = Alertmanager::start(&config, dir.path());
        for rules in crate::files("prometheus/rules", ".yml") {
            let name = format!("prometheus/rules/{}", rules.file_name().unwrap().display());
            hasten(&copy(&name, dir.path(), &[]));
        }
        let places = [("localhost:9093", alertmanager.address().to_string()), ("localhost:11011", proxy.address().to_string())];
        let places = places.each_ref().map(|(from, to)| (*from, to.as_str()));
        let config = copy("prometheus/prometheus.yml", dir.path(), &places);
        let prometheus = Prometheus::with_config(&config, dir.path(), &[]);
        Self { alertmanager, webhook, prometheus, proxy, others, uwsgi, nginx, gunicorn, dir }
    }

    /// Requests of every kind that the dashboards show.
    fn visit(&self) {
        load::send(self.nginx.address(), "/", REQUESTS);
        load::send(self.nginx.address(), "/order/book", REQUESTS);
        load::send(self.uwsgi.address(), "/", REQUESTS);
        let failed = http::get(self.nginx.address(), "/held", &[]).unwrap();
        assert_eq!(failed.status, 500, "a view without its parameter");
    }

    /// What was told about an alert, in order: whom, and whether it fires.
    fn told(&self, alert: &str, source: &str) -> Vec<(String, bool)> {
        let about = |(to, body): (String, Value)| {
            let alerts = body["alerts"].as_array().unwrap().clone();
            let mut these =
                alerts.into_iter().filter(|one| one["labels"]["alertname"] == alert && one["labels"]["source"] == source);
            these.next().map(|one| (to, one["status"] == "firing"))
        };
        self.webhook.received().into_iter().filter_map(about).collect()
    }
}

/// A copy of a file under deploy/, these texts replaced, with the times of a test.
fn copy(file: &str, dir: &Path, replaced: &[(&str, &str)]) -> PathBuf {
    let mut text = std::fs::read_to_string(deploy(file)).unwrap();
    for (from, to) in replaced {
        assert!(text.contains(from), "{file} has no {from}");
        text = text.replace(from, to);
    }
    let text = TIMES.iter().fold(text, |text, (from, to)| text.replace(from, to));
    // The rules lie beside the configuration that names them.
    let to = dir.join(file.strip_prefix("prometheus/").unwrap_or(file));
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::write(&to, text).unwrap();
    to
}

/// No alert waits longer than a second, and groups of rules have no intervals of their own.
fn hasten(rules: &Path) {
    let line = |line: &str| match line.trim_start() {
        time if time.starts_with("for: ") => format!("{}for: 1s\n", &line[..line.len() - time.len()]),
        time if time.starts_with("interval: ") => String::new(),
        _ => format!("{line}\n"),
    };
    let text: String = std::fs::read_to_string(rules).unwrap().lines().map(line).collect();
    std::fs::write(rules, text).unwrap();
}

/// A worker with the series that the application of the tests does not make. Counters grow with every scrape.
fn what_the_shop_has_not() -> FakeWorker {
    let scrapes = AtomicU64::new(0);
    FakeWorker::answering(Answer::Made(Arc::new(move || {
        let n = 1 + scrapes.fetch_add(1, Ordering::Relaxed);
        format!(
            "HTTP/1.0 200 OK\r\nContent-Type: {TEXT}\r\n\r\n\
             # TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1700000000\n\
             # TYPE websocket_connections_active gauge\nwebsocket_connections_active 7\n\
             # TYPE websocket_heartbeat_pings_total counter\nwebsocket_heartbeat_pings_total {n}\n\
             # TYPE websocket_message_processing_duration_seconds histogram\n\
             websocket_message_processing_duration_seconds_bucket{{le=\"0.1\"}} {}\n\
             websocket_message_processing_duration_seconds_bucket{{le=\"1.0\"}} {}\n\
             websocket_message_processing_duration_seconds_bucket{{le=\"+Inf\"}} {}\n\
             websocket_message_processing_duration_seconds_sum {n}\n\
             websocket_message_processing_duration_seconds_count {}\n\
             # TYPE application_uptime_seconds gauge\napplication_uptime_seconds {n}\n\
             # TYPE application_deployment_info gauge\napplication_deployment_info{{color=\"blue\"}} 1\n\
             # TYPE django_db_errors_total counter\n\
             django_db_errors_total{{alias=\"default\",vendor=\"sqlite\",type=\"OperationalError\"}} {n}\n\
             # TYPE django_db_new_connection_errors_total counter\n\
             django_db_new_connection_errors_total{{alias=\"default\",vendor=\"sqlite\"}} {n}\n\
             # TYPE django_db_execute_many_total counter\ndjango_db_execute_many_total{{alias=\"default\",vendor=\"sqlite\"}} {n}\n\
             # TYPE django_cache_get_fail_total counter\ndjango_cache_get_fail_total{{backend=\"redis\"}} {n}\n",
            8 * n,
            9 * n,
            10 * n,
            10 * n,
        )
        .into_bytes()
    })))
}

#[test]
fn shipped_files_at_work() {
    let mut stack = Stack::start();
    every_panel_shows_something(&mut stack);
    rules_are_about_what_there_is(&stack);
    an_outage_is_told_once_and_so_is_its_end(&mut stack);
}

fn every_panel_shows_something(stack: &mut Stack) {
    // A worker less: what it has counted is carried.
    stack.gunicorn.process().signal(Signal::TTOU);
    let mut empty = expressions();
    assert!(empty.len() > 100, "only {} expressions", empty.len());
    wait_for("every panel to show something", || {
        stack.visit();
        empty.retain(|one| !shows_something(&stack.prometheus, &one.expression));
        let list = || empty.iter().map(|one| format!("\n{}: {}", one.panel, one.expression)).collect::<String>();
        expect(empty.is_empty(), || format!("empty: {}", list()))
    });
    let exports = stack.gunicorn.exports().len();
    stack.gunicorn.process().signal(Signal::TTIN);
    stack.gunicorn.wait_exports(exports + 1);
}

/// Whether an expression gives a series with a number.
fn shows_something(prometheus: &Prometheus, expression: &str) -> bool {
    let is_number = |series: &Value| series["value"][1].as_str().is_some_and(|value| value != "NaN");
    prometheus.query(expression, None).iter().any(is_number)
}

/// A rule about a name that nothing has is a rule that never does anything.
fn rules_are_about_what_there_is(stack: &Stack) {
    let names = stack.prometheus.api("/api/v1/label/__name__/values");
    let names: BTreeSet<&str> = names.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let groups = stack.prometheus.api("/api/v1/rules");
    let rules: Vec<&Value> = groups["groups"].as_array().unwrap().iter().flat_map(|g| g["rules"].as_array().unwrap()).collect();
    let mut used = 0;
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{}: {}", rule["name"], rule["lastError"]);
        let expression = rule["query"].as_str().unwrap();
        let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
        for word in words.filter(|word| PREFIXES.iter().any(|prefix| word.starts_with(prefix))) {
            assert!(names.contains(word), "{} is about {word}, which nothing has", rule["name"]);
            used += 1;
        }
    }
    assert!(used > 50, "only {used} names in the rules");
}

fn an_outage_is_told_once_and_so_is_its_end(stack: &mut Stack) {
    assert_eq!(stack.told("ApplicationDown", "django"), []);
    stack.gunicorn.stop();
    wait_for("the alert at the receiver", || {
        let told = stack.told("ApplicationDown", "django");
        expect(told.first() == Some(&("/page".into(), true)), || {
            format!("{told:?}; Prometheus: {}", stack.prometheus.api("/api/v1/alerts"))
        })
    });
    wait_for("the source's own alert to be inhibited", || {
        let alerts = stack.alertmanager.alerts();
        let mut those =
            alerts.iter().filter(|one| one["labels"]["alertname"] == "OnescrapeSourceDown" && one["labels"]["source"] == "django");
        let inhibited = those.any(|one| one["status"]["inhibitedBy"].as_array().is_some_and(|by| !by.is_empty()));
        expect(inhibited, || format!("{alerts:#?}"))
    });
    assert_eq!(stack.told("OnescrapeSourceDown", "django"), [], "what follows from it is not told");
    stack.gunicorn.start_again(stack.dir.path());
    wait_for("its end at the receiver", || {
        let told = stack.told("ApplicationDown", "django");
        expect(told.last() == Some(&("/page".into(), false)), || format!("{told:?}"))
    });
}
