//! Last words of real workers, each of which ends after a few requests, under load without a pause, scraped once a second by a real
//! Prometheus through two proxies. One of them hears last words, the other doesn't.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]

mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use support::port::Port;
use support::prometheus::{Prometheus, Span};
use support::proxy::Proxy;
use support::stack::{Gunicorn, METRICS_PORTS, UWSGI_WORKERS, Uwsgi, WORKERS, migrate};
use support::{expect, load, wait_for};
use tempfile::TempDir;

/// Requests before counting begins, so that every series is there.
const WARM_UP: usize = 20;
/// Requests to gunicorn that are counted.
const REQUESTS: usize = 2000;
/// Requests to uWSGI that are counted: it has half the workers.
const REQUESTS_UWSGI: usize = 500;
/// Requests after which a worker ends.
const REQUESTS_OF_A_WORKER: usize = 50;
/// Series that count every request.
const COUNTS: [&str; 4] = [
    "django_http_requests_before_middlewares_total",
    "django_http_requests_total_by_view_transport_method_total{view=\"index\"}",
    "django_http_requests_latency_including_middlewares_seconds_count",
    "shop_render_seconds_bucket{view=\"index\",le=\"+Inf\"}",
];
/// Prometheus' jobs: the proxy that hears last words, and the one that doesn't.
const JOBS: [&str; 2] = ["hearing", "deaf"];

#[test]
fn with_last_words_of_gunicorn_nothing_is_lost() {
    let mut pod = Pod::start();
    let ports = std::mem::take(&mut pod.metrics);
    let gunicorn = Gunicorn::recycling(REQUESTS_OF_A_WORKER, ports, &pod.variables(), pod.dir.path());
    pod.count(gunicorn.address(), WORKERS, REQUESTS);
}

#[test]
fn with_last_words_of_uwsgi_nothing_is_lost() {
    let pod = Pod::start();
    let uwsgi = Uwsgi::recycling(REQUESTS_OF_A_WORKER, &pod.metrics, &pod.variables(), pod.dir.path());
    pod.count(uwsgi.address(), UWSGI_WORKERS, REQUESTS_UWSGI);
}

/// Both proxies over the same metrics ports, before anything listens there, and a token for the one that hears.
struct Pod {
    hearing: Proxy,
    deaf: Proxy,
    metrics: Vec<Port>,
    to: String,
    token_file: String,
    dir: TempDir,
}

impl Pod {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        migrate(dir.path());
        let metrics = Port::reserve_range(METRICS_PORTS);
        let range = format!("{}-{}", metrics[0].address(), metrics[metrics.len() - 1].number());
        let token_file = written(dir.path(), "token", "a token of this test\n");
        let proxy = |last_words: &str| {
            let source = format!("{{name: django, kind: workers, targets: [\"{range}\"], last_words: {last_words}}}");
            Proxy::with_config(&format!("scrape_timeout: 1s\nsources: [{source}]\n"))
        };
        let hearing = proxy(&format!("{{enabled: true, token_file: {token_file}}}"));
        let to = format!("http://{}", hearing.address());
        Self { deaf: proxy("{enabled: false}"), hearing, metrics, to, token_file, dir }
    }

    /// What workers must know.
    fn variables(&self) -> [(&str, &str); 3] {
        [
            ("ONESCRAPE_LAST_WORDS", &self.to),
            ("ONESCRAPE_LAST_WORDS_SOURCE", "django"),
            ("ONESCRAPE_LAST_WORDS_TOKEN_FILE", &self.token_file),
        ]
    }

    /// Sends the requests and compares them with what Prometheus has stored.
    fn count(&self, server: SocketAddr, workers: usize, requests: usize) {
        let jobs = [(JOBS[0], self.hearing.address()), (JOBS[1], self.deaf.address())];
        let prometheus = Prometheus::start(&jobs, self.dir.path());
        load::send(server, "/", WARM_UP);
        let since = JOBS.map(|job| wait_stored(&prometheus, job, workers));

        let begun = std::time::Instant::now();
        load::send(server, "/", requests);
        eprintln!("{requests} requests took {:.1?}", begun.elapsed());

        let all = (WARM_UP + requests) as f64;
        let answer = self.hearing.wait_scrape("every request to be counted", |answer| {
            COUNTS.iter().try_for_each(|series| {
                let is = answer.value(series);
                expect(is == Some(all), || format!("{series} is {is:?}, not {all}"))
            })
        });
        // A request is counted in one series as it comes and in others as it ends: a scrape may have come between.
        wait_for("Prometheus to have stored it", || {
            COUNTS.iter().try_for_each(|series| {
                let stored = prometheus.value(&of(JOBS[0], series))?;
                expect(stored == all, || format!("{series} is {stored}, not {all}"))
            })
        });
        let to = now();
        let heard = |outcome: &str| answer.value(&format!("onescrape_last_words_total{{outcome=\"{outcome}\"}}")).unwrap();
        eprintln!("{} workers were heard", heard("ok"));
        // Those that live have counted fewer.
        assert!(heard("ok") + workers as f64 >= (requests / REQUESTS_OF_A_WORKER) as f64, "fewer ended than must have");
        assert_eq!(["repeated", "late", "unknown", "refused", "too_large", "invalid"].map(heard), [0.0; 6]);

        for series in COUNTS {
            let [with, without] = [0, 1].map(|job| prometheus.stored_one(&of(JOBS[job], series), Span { from: since[job], to }));
            assert!(with.never_fell() && without.never_fell(), "{series}");
            let (grown, lost) = (with.growth(), requests as f64 - without.growth());
            let share = 100.0 * lost / requests as f64;
            eprintln!("{series}: growth {grown} with last words, {} without: {lost} lost, {share:.1} %", without.growth());
            assert_eq!(grown, requests as f64, "{series} grew by exactly what was sent");
            assert!(lost > 0.0, "without last words nothing is lost: the run shows nothing");
        }
    }
}

/// Waits until Prometheus has stored through a proxy that all workers are up and have counted what was sent so far; gives the time of
/// that sample.
fn wait_stored(prometheus: &Prometheus, job: &str, workers: usize) -> f64 {
    wait_for("Prometheus to have stored the beginning", || {
        let up = prometheus.value(&format!("sum(onescrape_worker_up{{job=\"{job}\"}})"))?;
        expect(up == workers as f64, || format!("{up} workers are up"))?;
        COUNTS.iter().try_for_each(|series| {
            let stored = prometheus.value(&of(job, series))?;
            expect(stored == WARM_UP as f64, || format!("{series} is {stored}"))
        })
    });
    prometheus.value(&format!("timestamp({})", of(job, COUNTS[0]))).unwrap()
}

/// A series as it is among those of a job.
fn of(job: &str, series: &str) -> String {
    match series.split_once('{') {
        Some((name, labels)) => format!("{name}{{job=\"{job}\",{labels}"),
        None => format!("{series}{{job=\"{job}\"}}"),
    }
}

fn written(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// Whole milliseconds, which is how Prometheus keeps time.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as f64 / 1000.0
}
