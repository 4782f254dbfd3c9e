//! Last words of real workers: gunicorn that ends each after a few requests, under load without a pause, scraped once a second by a real
//! Prometheus through two proxies. One of them hears last words, the other doesn't.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]

mod support;

use std::time::{SystemTime, UNIX_EPOCH};
use support::port::Port;
use support::prometheus::{Prometheus, Span};
use support::proxy::Proxy;
use support::stack::{Gunicorn, METRICS_PORTS, WORKERS, migrate};
use support::{expect, load, wait_for};

/// Requests before counting begins, so that every series is there.
const WARM_UP: usize = 20;
/// Requests that are counted.
const REQUESTS: usize = 2000;
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

/// What the names of series become among those of a job.
fn of(job: &str, series: &str) -> String {
    match series.split_once('{') {
        Some((name, labels)) => format!("{name}{{job=\"{job}\",{labels}"),
        None => format!("{series}{{job=\"{job}\"}}"),
    }
}

#[test]
fn with_last_words_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    migrate(dir.path());
    let metrics = Port::reserve_range(METRICS_PORTS);
    let range = format!("{}-{}", metrics[0].address(), metrics[metrics.len() - 1].number());
    let token_file = dir.path().join("token");
    std::fs::write(&token_file, "a token of this test\n").unwrap();
    let config = |last_words: &str| {
        format!(
            "scrape_timeout: 1s\nsources:\n  - {{name: django, kind: workers, targets: [\"{range}\"], last_words: {last_words}}}\n"
        )
    };
    let hearing = Proxy::with_config(&config(&format!("{{enabled: true, token_file: {}}}", token_file.display())));
    let deaf = Proxy::with_config(&config("{enabled: false}"));
    let to = format!("http://{}", hearing.address());
    let variables = [
        ("ONESCRAPE_LAST_WORDS", to.as_str()),
        ("ONESCRAPE_LAST_WORDS_SOURCE", "django"),
        ("ONESCRAPE_LAST_WORDS_TOKEN_FILE", token_file.to_str().unwrap()),
    ];
    let gunicorn = Gunicorn::recycling(REQUESTS_OF_A_WORKER, metrics, &variables, dir.path());
    let prometheus = Prometheus::start(&[(JOBS[0], hearing.address()), (JOBS[1], deaf.address())], dir.path());
    let since = warm_up(&gunicorn, &prometheus);

    let begun = std::time::Instant::now();
    load::send(gunicorn.address(), "/", REQUESTS);
    eprintln!("{REQUESTS} requests took {:.1?}", begun.elapsed());

    let all = (WARM_UP + REQUESTS) as f64;
    let answer = hearing.wait_scrape("every request to be counted", |answer| {
        COUNTS
            .iter()
            .try_for_each(|series| expect(answer.value(series) == Some(all), || format!("{series} is {:?}", answer.value(series))))
    });
    wait_for("Prometheus to have stored it", || {
        let stored = prometheus.value(&of(JOBS[0], COUNTS[0]))?;
        expect(stored == all, || format!("{stored}, not {all}"))
    });
    let heard =
        |outcome: &str| answer.value(&format!("onescrape_last_words_total{{source=\"django\",outcome=\"{outcome}\"}}")).unwrap();
    let ended = gunicorn.exports().len() - WORKERS;
    eprintln!("{} workers ended, {} were heard, {} posts came late", ended, heard("ok"), heard("late"));
    assert!(heard("ok") + WORKERS as f64 >= (REQUESTS / REQUESTS_OF_A_WORKER) as f64, "so many must have ended");
    assert_eq!(["late", "unknown", "refused", "too_large", "invalid"].map(heard), [0.0; 5]);

    let to = now();
    for series in COUNTS {
        let [with, without] = [0, 1].map(|job| prometheus.stored_one(&of(JOBS[job], series), Span { from: since[job], to }));
        assert!(with.never_fell() && without.never_fell(), "{series}");
        let lost = REQUESTS as f64 - without.growth();
        eprintln!(
            "{series}: growth {} with last words; {} without: {lost} lost, {:.1} %",
            with.growth(),
            without.growth(),
            100.0 * lost / REQUESTS as f64
        );
        assert_eq!(with.growth(), REQUESTS as f64, "{series} grew by exactly what was sent");
        assert!(lost > 0.0, "without last words nothing is lost: the run shows nothing");
    }
}

/// Has every series be there, and every worker be known; gives the time of a sample that Prometheus stored of each proxy then.
fn warm_up(gunicorn: &Gunicorn, prometheus: &Prometheus) -> [f64; 2] {
    load::send(gunicorn.address(), "/", WARM_UP);
    let stored = |job| {
        wait_for("Prometheus to have stored the beginning", || {
            let up = prometheus.value(&format!("sum(onescrape_worker_up{{job=\"{job}\"}})"))?;
            expect(up == WORKERS as f64, || format!("{up} workers are up"))?;
            for series in COUNTS.map(|series| of(job, series)) {
                let stored = prometheus.value(&series)?;
                expect(stored == WARM_UP as f64, || format!("{series} is {stored}"))?;
            }
            Ok(())
        });
        prometheus.value(&format!("timestamp({})", of(job, COUNTS[0]))).unwrap()
    };
    JOBS.map(stored)
}

/// Whole milliseconds, which is how Prometheus keeps time.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as f64 / 1000.0
}
