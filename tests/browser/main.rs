//! The pages in a real browser: Debian's Chromium, driven by `driver.mjs`. Screenshots are left in `target/screenshots`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]

mod chromium;
#[path = "../support/mod.rs"]
mod support;

use chromium::{Browser, Look};
use support::fake_worker::{Answer, FakeWorker};
use support::proxy::Proxy;

/// A process of django-prometheus in small.
fn django(requests: u32, started: u32) -> Answer {
    let views: String =
        (0..40).map(|i| format!("django_http_requests_total_by_view_total{{view=\"shop.view_{i}\"}} {requests}\n")).collect();
    Answer::text(&format!(
        "# HELP django_http_requests_before_middlewares_total Total count of requests before middlewares run.\n\
         # TYPE django_http_requests_before_middlewares_total counter\n\
         django_http_requests_before_middlewares_total {requests}\n\
         # TYPE django_http_requests_total_by_view_total counter\n{views}\
         # TYPE requests_in_flight gauge\nrequests_in_flight 2\n\
         # TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {started}\n"
    ))
}

const STARTED: u32 = 1_700_000_000;
const REQUESTS: &str = "django_http_requests_before_middlewares_total";

fn pod() -> (Proxy, [FakeWorker; 2]) {
    let workers = [FakeWorker::answering(django(1010, STARTED)), FakeWorker::answering(django(500, STARTED))];
    let proxy = Proxy::of(&[&workers[0], &workers[1]]);
    proxy.scrape();
    (proxy, workers)
}

#[test]
fn a_worker_that_dies_and_comes_back_is_shown_while_somebody_looks() {
    let (proxy, [mut one, _two]) = pod();
    let mut browser = Browser::start();
    assert_eq!(browser.open(&proxy, "/", Look::default()), 200);
    browser.see("2 of 2 up");
    browser.shoot("status");
    one.down();
    proxy.scrape();
    browser.see("1 of 2 up");
    browser.see("vacant");
    one.set(django(5, STARTED + 100));
    one.up();
    proxy.scrape();
    browser.see("2 of 2 up");
    browser.see("Latest resets (1)");
    assert!(browser.count("svg.lives rect") >= 3, "two processes of one worker, one of the other");
    assert_eq!(browser.errors(), [""; 0]);
}

#[test]
fn a_family_is_found_and_explained() {
    let (proxy, [one, _two]) = pod();
    one.set(django(5, STARTED + 100));
    proxy.scrape();
    let mut browser = Browser::start();
    browser.open(&proxy, "/", Look::default());
    browser.search("before middlewares");
    assert!(!browser.text().contains("by_view"), "only what was searched for");
    browser.follow(REQUESTS);
    assert!(browser.heading().contains(REQUESTS));
    let text = browser.text();
    for said in ["= 1515", "1010", "start_time", &one.id()] {
        assert!(text.contains(said), "{said}: {text}");
    }
    browser.shoot("explanation");
    assert_eq!(browser.errors(), [""; 0]);
}

#[test]
fn it_is_readable_without_scripts_in_the_dark_and_on_a_telephone() {
    let (proxy, _workers) = pod();
    let mut browser = Browser::start();
    browser.open(&proxy, "/", Look { scripts: false, ..Look::default() });
    assert!(browser.text().contains("2 of 2 up") && browser.count("button") == 1, "nothing that needs a script");
    browser.search("in_flight");
    assert!(browser.text().contains("requests_in_flight"));
    let light = browser.background();
    browser.open(&proxy, "/", Look { dark: true, ..Look::default() });
    assert_ne!(browser.background(), light);
    browser.shoot("dark");
    for path in ["/", &format!("/explain?name={REQUESTS}"), "/explain?name=nothing"] {
        browser.open(&proxy, path, Look { width: 360, ..Look::default() });
        assert_eq!(browser.excess(), 0, "{path} is wider than a telephone");
    }
    browser.open(&proxy, "/", Look { width: 360, ..Look::default() });
    browser.shoot("narrow");
}

#[test]
fn it_is_accessible() {
    let (proxy, [_one, mut two]) = pod();
    two.down();
    proxy.scrape();
    let mut browser = Browser::start();
    let family = format!("/explain?name={REQUESTS}");
    for (path, dark) in [("/", false), ("/", true), (&*family, false), (&*family, true), ("/explain?name=requests_in_flght", false)]
    {
        browser.open(&proxy, path, Look { dark, ..Look::default() });
        assert_eq!(browser.violations(), [""; 0], "{path}, dark: {dark}");
    }
    browser.open(&proxy, "/", Look::default());
    assert_eq!(browser.tab(1), "Skip to content");
}

/// What targets say is shown, and does nothing.
#[test]
fn hostile_targets_change_nothing() {
    let evil = "</code><script>alert(1)</script><img src=x onerror=alert(2)>\u{202e}";
    let body = format!("# HELP c_total {evil}\n# TYPE c_total counter\nc_total{{a=\"{evil}\"}} 1\n");
    let worker = FakeWorker::answering(Answer::text(&body));
    let broken = FakeWorker::answering(Answer::ok("text/html", evil));
    let proxy = Proxy::of(&[&worker, &broken]);
    proxy.scrape();
    let mut browser = Browser::start();
    for path in ["/", "/explain?name=c_total", "/?q=%22%3E%3Cscript%3Ealert(3)%3C/script%3E"] {
        browser.open(&proxy, path, Look::default());
        assert_eq!((browser.count("img"), browser.count("script")), (0, 1), "{path}");
        browser.refreshed(1);
        assert_eq!((browser.count("img"), browser.errors()), (0, vec![]), "{path}");
    }
}
