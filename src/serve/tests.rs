use super::*;
use crate::config::{Config, Limit};
use crate::encode::Format;
use crate::round::{Proxy, Query, TargetState};
use crate::scrape::Missed;
use crate::testing::{self, Server as Target, pool};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A running server over one target.
struct Running {
    target: Target,
    proxy: Proxy,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<()>,
}

async fn start(body: &'static str, change: impl FnOnce(&mut Config)) -> Running {
    let target = Target::start(body).await;
    let mut config = testing::config(vec![pool("w", vec![target.target()])]);
    change(&mut config);
    let proxy = Proxy::start(&config).unwrap();
    let listeners = bind(&config.web.listen_addresses).await.unwrap();
    let Some(Listener::Tcp(listener)) = listeners.first() else { panic!("TCP") };
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let app = App::new(proxy.clone(), &config);
    let ended = tokio::spawn(run(listeners, app, async move { stopped.await.unwrap_or_default() }));
    Running { target, proxy, address, stop: Some(stop), ended }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends a request with these further header lines; returns the whole answer.
    async fn ask(&self, line: &str, headers: &str) -> String {
        let mut socket = self.connect().await;
        send(&mut socket, line, &format!("Connection: close\r\n{headers}")).await;
        rest(&mut socket).await
    }

    async fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path}"), "").await
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }
}

async fn send(socket: &mut TcpStream, line: &str, headers: &str) {
    socket.write_all(format!("{line} HTTP/1.1\r\nHost: x\r\n{headers}\r\n").as_bytes()).await.unwrap();
}

async fn rest(socket: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _reset = socket.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn code(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no status in {answer:?}"))
}

fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let head = answer.split("\r\n\r\n").next().unwrap();
    head.lines().filter_map(|l| l.split_once(": ")).find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or("", |(_, v)| v)
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

#[tokio::test]
async fn metrics_are_a_round_and_its_answer() {
    let server = start("a 1\n", |_| {}).await;
    assert_eq!(code(&server.get("/-/ready").await), 503);
    server.target.release(1);
    let answer = server.get("/metrics").await;
    assert_eq!((code(&answer), server.target.count()), (200, 1));
    assert_eq!(header(&answer, "vary"), "Accept, Accept-Encoding");
    assert!(header(&answer, "content-type").starts_with("text/plain"), "{answer}");
    assert_eq!(code(&server.get("/-/ready").await), 200);
    server.target.release(1);
    let head = server.ask("HEAD /metrics", "").await;
    let whole = server.proxy.peek(&Query::default(), Format::Text004).unwrap();
    assert_eq!((code(&head), body(&head)), (200, ""));
    assert_eq!(header(&head, "content-length"), whole.len().to_string());
}

#[cfg(feature = "protobuf")]
#[tokio::test]
async fn who_asks_for_protobuf_gets_it() {
    let server = start("a 1\n", |_| {}).await;
    server.target.release(1);
    let accept = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=values";
    let answer = server.ask("GET /metrics", &format!("Accept: {accept},*/*;q=0.1\r\n")).await;
    let content_type = header(&answer, "content-type");
    assert_eq!(content_type.replace("; ", ";"), accept);
    let whole = server.proxy.peek(&Query::default(), Format::Protobuf(crate::encode::Escaping::Values)).unwrap();
    let exposition = crate::parse::parse(Some(content_type), &whole).unwrap();
    assert!(exposition.families.iter().any(|family| family.name == "onescrape_build_info"));
}

#[tokio::test]
async fn nothing_good_is_503_and_a_wrong_query_400() {
    let server = start("", |config| config.sources[0].targets.clear()).await;
    let answer = server.get("/metrics").await;
    assert_eq!(code(&answer), 503);
    assert!(body(&answer).contains("no target"), "{answer}");
    assert_eq!(code(&server.get("/metrics?source=nobody").await), 400);
    assert_eq!(code(&server.get("/metrics?merge=all").await), 400);
}

#[cfg(feature = "pages")]
#[tokio::test]
async fn other_paths_and_methods() {
    let server = start("a 1\n", |_| {}).await;
    for (line, want) in [
        ("GET /-/healthy", 200),
        ("HEAD /-/healthy", 200),
        ("GET /", 200),
        ("GET /api/v1/targets", 200),
        ("GET /other", 404),
        ("POST /other", 404),
        ("POST /metrics", 405),
        ("DELETE /", 405),
    ] {
        let answer = server.ask(line, "Content-Length: 4\r\n\r\nbody").await;
        assert_eq!(code(&answer), want, "{line}");
        assert_eq!(header(&answer, "allow"), if want == 405 { "GET, HEAD" } else { "" }, "{line}");
    }
    assert_eq!(server.target.count(), 0, "only metrics make a round");
}

#[tokio::test]
async fn a_loop_is_seen() {
    let server = start("a 1\n", |_| {}).await;
    let guard = |id: &str| format!("X-Onescrape-Id: {id}\r\n");
    let own = server.proxy.id().header().to_str().unwrap().to_string();
    assert_eq!(code(&server.ask("GET /metrics", &guard(&own)).await), 508);
    assert_eq!(code(&server.ask("GET /-/healthy", &guard("another")).await), 200);
}

#[tokio::test]
async fn the_scraper_may_wait_less_than_we_would() {
    let server = start("", |_| {}).await;
    assert_eq!(code(&server.ask("GET /metrics", "X-Prometheus-Scrape-Timeout-Seconds: 0.4\r\n").await), 503);
    let status = &server.proxy.report()[0].targets[0].status;
    assert_eq!(status.state, Some(TargetState::Stuck));
    assert!(matches!(status.last_error, Some(Missed::Timeout { after }) if after < Duration::from_secs(20)));
}

#[tokio::test]
async fn one_connection_too_many_takes_the_place_of_an_idle_one_or_is_turned_away() {
    let server = start("", |config| config.limits.connections_max = 1).await;
    let mut idle = server.connect().await;
    send(&mut idle, "GET /-/healthy", "").await;
    idle.readable().await.unwrap();
    let mut busy = server.connect().await;
    send(&mut busy, "GET /metrics", "Connection: close\r\n").await;
    assert_eq!(rest(&mut idle).await.matches("200 OK").count(), 1, "it had its answer, and gave way");
    server.target.asked(1).await;
    let answer = rest(&mut server.connect().await).await;
    assert_eq!((code(&answer), server.proxy.limit_hits(Limit::ConnectionsMax)), (503, 2), "none is idle");
}

#[tokio::test]
async fn a_client_that_never_asks_is_hung_up_on() {
    let server = start("a 1\n", |config| config.limits.client_header_timeout = Duration::from_millis(30)).await;
    let mut socket = server.connect().await;
    socket.write_all(b"GET / HTTP/1.1\r\nHos").await.unwrap();
    rest(&mut socket).await;
    assert_eq!(server.proxy.limit_hits(Limit::ClientHeaderTimeout), 1);
}

#[tokio::test]
async fn a_head_too_large_is_refused() {
    let server = start("a 1\n", |_| {}).await;
    let answer = server.ask("GET /-/healthy", &format!("X: {}\r\n", "x".repeat(20_000))).await;
    assert_eq!(code(&answer), 431);
}

#[tokio::test]
async fn a_fault_costs_its_request_only() {
    let server = start("panic when shown", |_| {}).await;
    server.target.release(2);
    assert_eq!(code(&server.get("/metrics").await), 500);
    assert_eq!(code(&server.get("/-/healthy").await), 200);
    assert_eq!(code(&server.get("/metrics").await), 500);
}

#[tokio::test]
async fn ending_lets_a_request_under_way_finish_and_idle_connections_go() {
    let mut server = start("a 1\n", |_| {}).await;
    let mut idle = server.connect().await;
    send(&mut idle, "GET /-/healthy", "").await;
    idle.readable().await.unwrap();
    let mut busy = server.connect().await;
    send(&mut busy, "GET /metrics", "").await;
    server.target.asked(1).await;
    server.stop();
    assert_eq!(code(&rest(&mut idle).await), 200);
    assert!(TcpStream::connect(server.address).await.is_err(), "nothing new is accepted");
    assert!(!server.ended.is_finished());
    server.target.release(1);
    let answer = rest(&mut busy).await;
    assert_eq!(code(&answer), 200);
    server.ended.await.unwrap();
}

#[cfg(not(feature = "pages"))]
#[tokio::test]
async fn pages_that_were_left_out_say_so() {
    let server = start("a 1\n", |_| {}).await;
    for path in ["/", "/explain?name=a", "/api/v1/targets"] {
        let answer = server.get(path).await;
        assert!(code(&answer) == 404 && answer.contains("use one with the cargo feature pages"), "{answer}");
    }
    let answer = server.get("/other").await;
    assert!(answer.contains("there are /metrics, /-/healthy, /-/ready"), "{answer}");
}

#[cfg(feature = "pages")]
#[tokio::test]
async fn page_and_api_show_how_targets_stand() {
    let server = start("a 1\n", |config| {
        config.sources[0].expect = Some(4);
        config.sources[0].targets[0].text = "<b>&\"".into();
    })
    .await;
    let targets = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["data"]["activeTargets"].clone();
    assert_eq!(targets(body(&server.get("/api/v1/targets").await))[0]["health"], "unknown");
    server.target.release(1);
    server.get("/metrics").await;
    let answer = server.get("/api/v1/targets").await;
    assert_eq!(header(&answer, "content-type"), "application/json");
    let target = &targets(body(&answer))[0];
    for (key, want) in [("scrapePool", "w"), ("health", "up"), ("state", "up"), ("lastError", "")] {
        assert_eq!(target[key], want, "{key}");
    }
    assert_eq!((target["samples"].as_u64(), target["labels"]["source"].as_str()), (Some(4), Some("w")));
    assert!(target["lastScrape"].as_str().unwrap().starts_with("20"), "{target}");
    let page = server.get("/").await;
    assert!(header(&page, "content-type").starts_with("text/html"));
    assert!(page.contains("&lt;b&gt;&amp;&quot;") && !page.contains("<b>") && page.contains("4 expected"), "{page}");
}
