//! Paths, methods, status codes, formats, query parameters.

use crate::support::exposition::parse;
use crate::support::fake_worker::{Answer, FakeWorker};
use crate::support::http::{get, request};
use crate::support::proxy::{Proxy, workers_flag};
use crate::{exposition, worker};

#[test]
fn methods_and_paths() {
    let worker = worker(3);
    let proxy = Proxy::of(&[&worker]);
    let answer = proxy.get("/metrics");
    let head = request("HEAD", proxy.address(), "/metrics", &[]).unwrap();
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-type"), answer.header("content-type"));
    for method in ["POST", "PUT", "DELETE"] {
        let refused = request(method, proxy.address(), "/metrics", &[]).unwrap();
        assert_eq!(refused.status, 405, "{method}");
        assert!(refused.header("allow").is_some_and(|allow| allow.contains("GET") && allow.contains("HEAD")), "{refused:?}");
    }
    for path in ["/nothing", "/metrics/", "/metricsx", "/-/", "/api/v1/nothing"] {
        assert_eq!(proxy.get(path).status, 404, "{path}");
    }
    let vary = answer.header("vary").unwrap_or_default().to_ascii_lowercase();
    assert!(vary.contains("accept"), "Vary: {vary}");
}

#[test]
fn another_telemetry_path() {
    let worker = worker(3);
    let mut flags = workers_flag(&[&worker]);
    flags.push("--web.telemetry-path=/prom".into());
    let proxy = Proxy::start(&flags);
    assert_eq!(proxy.get("/metrics").status, 404);
    assert_eq!(parse(proxy.get("/prom").text()).unwrap().value("c_total"), Some(3.0));
}

/// The Accept headers that Prometheus servers send, and what they get.
#[test]
fn formats_are_negotiated() {
    const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
    const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores";
    let worker = worker(3);
    let proxy = Proxy::of(&[&worker]);
    for (accept, content_type) in [
        (None, TEXT),
        (Some("*/*"), TEXT),
        (Some("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"), TEXT),
        (Some("text/plain;version=0.0.4"), TEXT),
        (Some("application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"), TEXT),
        (Some("application/openmetrics-text;version=1.0.0"), OPENMETRICS),
        (
            Some(
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            ),
            OPENMETRICS,
        ),
        (Some("application/openmetrics-text;version=1.0.0;q=0.1,text/plain;version=0.0.4;q=0.5"), TEXT),
    ] {
        let headers: Vec<_> = accept.iter().map(|accept| ("Accept", *accept)).collect();
        let answer = proxy.get_with("/metrics", &headers);
        let sent = answer.header("content-type").unwrap_or_default();
        if accept.is_some_and(|accept| accept.contains("version=0.0.1") && !accept.contains("1.0.0")) {
            // OpenMetrics 0.0.1 alone: its successor or text, both are read by those servers.
            assert!(sent.starts_with("text/plain") || sent.starts_with("application/openmetrics-text"), "{accept:?}: {sent}");
        } else {
            assert_eq!(sent, content_type, "{accept:?}");
        }
        assert_eq!(answer.text().ends_with("# EOF\n"), sent.starts_with("application/openmetrics-text"), "{accept:?}");
        assert_eq!(parse(answer.text()).unwrap().value("c_total"), Some(3.0));
    }
}

#[test]
fn only_some_sources() {
    let (a, b) = (worker(3), FakeWorker::answering(Answer::text("# TYPE d_total counter\nd_total 5\n")));
    let proxy = Proxy::start(&[format!("--workers=a={}", a.id()), format!("--workers=b={}", b.id())]);
    let counters = |path: &str| {
        let answer = proxy.scrape_path(path);
        (answer.value("c_total"), answer.value("d_total"))
    };
    assert_eq!(counters("/metrics"), (Some(3.0), Some(5.0)));
    assert_eq!(counters("/metrics?source=a"), (Some(3.0), None));
    assert_eq!(counters("/metrics?source=b"), (None, Some(5.0)));
    assert_eq!(counters("/metrics?source=a&source=b"), (Some(3.0), Some(5.0)));
    let unknown = proxy.get("/metrics?source=c");
    assert_eq!(unknown.status, 400);
    assert!(unknown.text().contains('c') && unknown.text().contains('a'), "names the known ones: {}", unknown.text());
}

#[test]
fn workers_apart_for_debugging() {
    let (a, b) = (worker(3), worker(4));
    let proxy = Proxy::of(&[&a, &b]);
    assert_eq!(proxy.scrape().value("c_total"), Some(7.0));
    let apart = proxy.scrape_path("/metrics?merge=none");
    for (worker, requests) in [(&a, 3.0), (&b, 4.0)] {
        assert_eq!(apart.value(&format!("c_total{{worker=\"{}\"}}", worker.id())), Some(requests));
        assert_eq!(apart.value(&format!("g{{worker=\"{}\"}}", worker.id())), Some(requests));
    }
    assert_eq!(apart.select("c_total").len(), 2);
    assert_eq!(proxy.scrape().value("c_total"), Some(7.0), "looking changes nothing");
}

#[test]
fn only_some_names() {
    let worker = worker(3);
    let proxy = Proxy::of(&[&worker]);
    for query in ["name[]=c_total", "name%5B%5D=c_total"] {
        let answer = proxy.scrape_path(&format!("/metrics?{query}"));
        let names: Vec<_> = answer.samples.iter().map(|sample| sample.name.as_str()).collect();
        assert_eq!(names, ["c_total"], "{query}");
    }
}

#[test]
fn not_ready_to_serve_before_anything_was_good() {
    let mut worker = worker(3);
    worker.down();
    let proxy = Proxy::of(&[&worker]);
    assert_eq!(proxy.get("/-/healthy").status, 200);
    assert_eq!(proxy.get("/-/ready").status, 200, "a first round was made, though nothing was good");
    assert_eq!(proxy.get("/metrics").status, 503);
    worker.up();
    assert_eq!(proxy.scrape().value("c_total"), Some(3.0));
    worker.down();
    let carried = proxy.scrape();
    assert_eq!(carried.value("c_total"), Some(3.0), "a counter is carried");
    assert_eq!(carried.select("g").len(), 0, "a gauge isn't");
    assert_eq!(carried.value("onescrape_source_up{source=\"workers\"}"), Some(0.0));
    worker.set(exposition(1));
    worker.up();
    assert_eq!(proxy.scrape().value("c_total"), Some(4.0), "a restart while it was away");
}

#[test]
fn a_required_source() {
    let (mut needed, other) = (worker(3), FakeWorker::answering(Answer::text("# TYPE d_total counter\nd_total 5\n")));
    let source = |name: &str, worker: &FakeWorker, required: bool| {
        format!("  - {{name: {name}, kind: workers, targets: [\"{}\"], required: {required}}}\n", worker.id())
    };
    let proxy = Proxy::with_config(&format!("sources:\n{}{}", source("a", &needed, true), source("b", &other, false)));
    assert_eq!(proxy.get("/metrics").status, 200);
    needed.down();
    let answer = proxy.wait_status(503);
    assert!(answer.text().contains('a'), "names the source: {}", answer.text());
    needed.up();
    proxy.wait_status(200);
}

#[test]
fn targets_as_json() {
    let (good, bad) = (worker(3), FakeWorker::answering(Answer::status(500)));
    let proxy = Proxy::of(&[&good, &bad]);
    let answer: serde_json::Value = serde_json::from_slice(&proxy.get("/api/v1/targets").body).unwrap();
    assert_eq!(answer["status"], "success");
    let targets = answer["data"]["activeTargets"].as_array().unwrap();
    let of = |worker: &FakeWorker| targets.iter().find(|target| target["labels"]["worker"] == worker.id()).unwrap();
    assert_eq!(targets.len(), 2);
    assert_eq!((&of(&good)["health"], &of(&good)["lastError"]), (&"up".into(), &"".into()));
    assert_eq!(of(&bad)["health"], "down");
    assert!(of(&bad)["lastError"].as_str().unwrap().contains("500"), "{answer}");
}

#[test]
fn a_page_for_people() {
    let (good, bad) = (worker(3), FakeWorker::answering(Answer::status(500)));
    let proxy = Proxy::of(&[&good, &bad]);
    let page = proxy.get("/");
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
    for shown in [good.id(), bad.id(), "500".into(), "/metrics".into()] {
        assert!(page.text().contains(&shown), "{shown} isn't on the page");
    }
}

#[test]
fn a_loop_is_refused() {
    let worker = worker(3);
    let proxy = Proxy::of(&[&worker]);
    let head = worker.requests().remove(0);
    let id = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("x-onescrape-id: ").map(str::to_string));
    let id = id.unwrap_or_else(|| panic!("a scrape carries the proxy's id: {head}"));
    assert_eq!(proxy.get_with("/metrics", &[("X-Onescrape-Id", &id)]).status, 508);
    assert_eq!(proxy.get_with("/metrics", &[("X-Onescrape-Id", "another")]).status, 200);
}

#[test]
fn what_is_no_http_costs_nothing() {
    use std::io::{Read, Write};
    let worker = worker(3);
    let proxy = Proxy::of(&[&worker]);
    for bad in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"GET\r\n\r\n", b"\0\0\0\0", &[b'a'; 200_000]] {
        let mut stream = std::net::TcpStream::connect(proxy.address()).unwrap();
        // The proxy may hang up in the middle.
        let _ = stream.write_all(bad);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(get(proxy.address(), "/metrics", &[]).unwrap().status, 200);
}

/// What one label makes large is shown with the setting that helps; what is in the label can't break the page.
#[test]
fn the_page_names_large_families() {
    let line = |at: usize| format!("wide_total{{method=\"get\",template=\"<script>{at}\"}} 1\n");
    let body: String = std::iter::once("# TYPE wide_total counter\n".to_string()).chain((0..600).map(line)).collect();
    let worker = FakeWorker::answering(Answer::text(&body));
    let proxy = Proxy::of(&[&worker]);
    proxy.get("/metrics");
    let page = proxy.get("/");
    assert!(page.text().contains("<td class=\"n\">600<td>1 without <bdi>template</bdi>"), "{}", page.text());
    assert!(page.text().contains("aggregate: [{match: &quot;wide_total&quot;, without: [template]}]"), "{}", page.text());
    assert!(!page.text().contains("<script>"));
}
