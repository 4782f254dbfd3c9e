//! The pages and the API behind them, as they are served: what they say, and that nothing of a target's is markup.

use crate::support::fake_worker::{Answer, FakeWorker};
use crate::support::http::Response;
use crate::support::proxy::{Proxy, command};
use crate::worker;
use serde_json::Value;

fn explained(proxy: &Proxy, query: &str) -> Value {
    serde_json::from_str(proxy.get(&format!("/api/v1/explain?{query}")).text()).unwrap()
}

fn counter(requests: u32, started: u32) -> Answer {
    let start = format!("# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {started}\n");
    Answer::text(&format!("# TYPE c_total counter\nc_total {requests}\n# TYPE q_active gauge\nq_active 2\n{start}"))
}

/// All that a page may load is its own.
fn is_strict(page: &Response) {
    let policy = page.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe") && !policy.contains("http"), "{policy}");
}

#[test]
fn a_total_can_be_checked_by_hand() {
    let (mut one, two) = (FakeWorker::answering(counter(1010, 1_700_000_000)), FakeWorker::answering(counter(500, 1_700_000_000)));
    let proxy = Proxy::of(&[&one, &two]);
    proxy.scrape();
    one.set(counter(5, 1_700_000_100));
    proxy.scrape();
    one.down();
    assert_eq!(proxy.scrape().value("c_total"), Some(1515.0));
    let found = explained(&proxy, "name=c_total")["data"][0].clone();
    let series = &found["series"][0];
    assert_eq!(
        (series["served"].as_f64(), series["sum"].as_f64(), series["floor"].as_bool()),
        (Some(1515.0), Some(1515.0), Some(false))
    );
    let part = &series["parts"][0];
    assert_eq!((part["offset"].as_f64(), part["contributions"].as_array().map(Vec::len)), (Some(1010.0), Some(2)));
    let first = &part["contributions"][0];
    assert_eq!(
        (first["worker"].as_str(), first["last"].as_f64(), first["live"].as_bool()),
        (Some(&*one.id()), Some(5.0), Some(false))
    );
    let reset = &found["resets"][0];
    assert_eq!((reset["cause"].as_str(), reset["to_start"].as_f64()), (Some("start_time"), Some(1_700_000_100.0)));
    assert_eq!(explained(&proxy, "name=q_active")["data"][0]["rule"]["mode"], "sum");

    let page = proxy.get("/explain?name=c_total");
    is_strict(&page);
    for said in ["offset", "1010", "1515", &one.id(), "carried", "start_time"] {
        assert!(page.text().contains(said), "{said}: {}", page.text());
    }
    let status = proxy.get("/");
    is_strict(&status);
    for said in ["vacant", "1 of 2 up", "Processes of", "Latest resets (1)", "explain?name=c_total", "q_active", "gauge_default"] {
        assert!(status.text().contains(said), "{said}: {}", status.text());
    }
    assert!(!proxy.get("/?q=active").text().contains("explain?name=c_total"));
}

#[test]
fn a_name_that_stands_for_nothing_is_answered_with_near_ones() {
    let worker = worker(3);
    let proxy = Proxy::of(&[&worker]);
    let answer = proxy.get("/api/v1/explain?name=c_totl");
    assert_eq!((answer.status, explained(&proxy, "name=c_totl")["near"][0].as_str()), (404, Some("c_total")));
    let page = proxy.get("/explain?name=c_totl%3Cscript%3E");
    assert_eq!(page.status, 404);
    assert!(page.text().contains("c_totl&lt;script&gt;") && !page.text().contains("totl<script"));
    assert_eq!(proxy.get("/explain").status, 404);
}

#[test]
fn the_command_line_asks_the_running_proxy() {
    let worker = worker(3);
    let proxy = Proxy::of(&[&worker]);
    proxy.scrape();
    let explain = |family: &str| {
        let listen = format!("--web.listen-address={}", proxy.address());
        command().args(["explain", family, &listen]).output().unwrap()
    };
    let told = explain("c_total{a=\"b\"}");
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(told.status.success() && text.contains("c_total = 3") && text.contains(&worker.id()), "{text}");
    let told = explain("c_totla");
    let text = String::from_utf8(told.stderr).unwrap();
    assert!(told.status.code() == Some(1) && text.contains("did you mean c_total"), "{text}");
}

#[test]
fn targets_are_shown_in_a_terminal() {
    let worker = worker(3);
    let proxy = Proxy::of(&[&worker]);
    let told = command().args(["top", &format!("--web.listen-address={}", proxy.address())]).output().unwrap();
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(told.status.success() && text.contains("workers (workers): 1 of 1 up") && text.contains(&worker.id()), "{text}");
}

#[test]
fn what_targets_say_is_never_markup() {
    let long = format!("long_{}_total", "x".repeat(10 << 10));
    let evil = "\u{202e}<script>alert(1)</script><img src=x onerror=alert(1)>\"'";
    let escaped = evil.replace('"', "\\\"");
    let body = format!(
        "# HELP c_total {evil}\n# TYPE c_total counter\nc_total{{a=\"{escaped}\"}} 1\n# TYPE {long} counter\n{long} 1\n\
         # TYPE \"<b>\" gauge\n{{\"<b>\",a=\"{escaped}\"}} 1\n"
    );
    let (hostile, broken) = (FakeWorker::answering(Answer::text(&body)), FakeWorker::answering(Answer::ok("text/html", evil)));
    let proxy = Proxy::of(&[&hostile, &broken]);
    proxy.scrape();
    for path in ["/", "/?q=%3Cscript%3E%22", "/explain?name=c_total", "/explain?name=%3Cb%3E", &format!("/explain?name={long}")] {
        let page = proxy.get(path);
        let text = page.text();
        for raw in ["<script>", "<img", "<b>\"", "\u{202e}"] {
            assert!(!text.contains(raw), "{path}: {raw}: {text}");
        }
        assert!(text.len() < 60 << 10, "{path}: {}", text.len());
    }
    assert!(proxy.get("/explain?name=c_total").text().contains("&lt;script&gt;alert(1)"));
}

#[test]
fn very_many_series_are_shown_in_parts() {
    const SERIES: usize = 100_000;
    let lines: String = (0..SERIES).map(|i| format!("c_total{{i=\"{i:06}\"}} 1\n")).collect();
    let worker = FakeWorker::answering(Answer::text(&format!("# TYPE c_total counter\n{lines}")));
    let proxy = Proxy::of(&[&worker]);
    proxy.scrape();
    let found = explained(&proxy, "name=c_total&limit=100000");
    let data = &found["data"][0];
    assert_eq!((data["series_total"].as_u64(), data["series"].as_array().map(Vec::len)), (Some(SERIES as u64), Some(1000)));
    let page = proxy.get("/explain?name=c_total&from=99990");
    assert!(
        page.text().contains("Series 99991 to 100000 of 100000") && page.text().contains("i=&quot;099999&quot;"),
        "{}",
        page.text()
    );
    assert!(proxy.get("/").text().len() < 100 << 10);
}

#[test]
fn who_sees_the_pages_is_a_setting() {
    let worker = worker(3);
    let config =
        |pages: &str| format!("sources: [{{name: w, kind: workers, targets: [\"{}\"]}}]\nweb: {{pages: {pages}}}\n", worker.id());
    let off = Proxy::with_config(&config("off"));
    for path in ["/", "/explain?name=c_total", "/api/v1/targets", "/api/v1/explain?name=c_total", "/page.js"] {
        assert_eq!(off.get(path).status, 403, "{path}");
    }
    assert_eq!((off.get("/metrics").status, off.get("/-/healthy").status), (200, 200));
    let loopback = Proxy::with_config(&config("loopback"));
    assert_eq!(loopback.get("/").status, 200);
    assert_eq!(loopback.get_with("/", &[("Host", "evil.example")]).status, 403);
}
