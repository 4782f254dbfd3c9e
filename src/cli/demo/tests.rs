use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Fast enough for a test to see several generations.
const FAST: Pace = Pace { tick: Duration::from_millis(2), recycle_ticks: 10, gap_ticks: 2 };

async fn exchange(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// The start times the ports show now; a refused port has none.
async fn start_times(demo: &Demo) -> Vec<String> {
    let mut times = Vec::new();
    for port in &demo.ports {
        let body = http::get(port, "/metrics").await.unwrap_or_default();
        times.extend(body.lines().filter(|l| l.starts_with("process_start_time_seconds ")).map(String::from));
    }
    times
}

#[tokio::test]
async fn workers_speak_like_the_python_client() {
    let demo = start_at(Pace { recycle_ticks: u32::MAX, ..FAST }).await.unwrap();
    let text = exchange(&demo.ports[0], "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200 OK\r\n") && !head.to_ascii_lowercase().contains("content-length"), "{head}");
    assert!(head.contains("Content-Type: text/plain; version=0.0.4"), "{head}");
    assert!(body.contains("# TYPE django_http_requests_before_middlewares_total counter\n"), "{body}");
    assert!(body.contains("# TYPE django_http_requests_before_middlewares_created gauge\n"), "{body}");

    let open = exchange(&demo.ports[0], "GET / HTTP/1.0\r\naccept: application/openmetrics-text; version=1.0.0\r\n\r\n").await;
    assert!(open.contains("Content-Type: application/openmetrics-text; version=1.0.0"), "{open}");
    assert!(open.contains("# TYPE django_http_requests_before_middlewares counter\n"), "{open}");
    assert!(open.ends_with("# EOF\n"), "{open}");

    for answer in [&text, &open] {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let content_type = head.lines().find_map(|line| line.strip_prefix("Content-Type: "));
        let exposition = crate::parse::parse(content_type, body.as_bytes()).unwrap();
        assert_eq!((exposition.irregular_samples, exposition.repeated_metadata), (0, 0), "{body}");
        let requests = exposition.families.iter().find(|f| f.name == "django_http_requests_before_middlewares_total").unwrap();
        assert_eq!(requests.kind, crate::model::MetricType::Counter);
        assert!(requests.samples.iter().any(|sample| sample.role == crate::model::Role::Created), "{requests:?}");
    }

    assert_eq!(start_times(&demo).await.len(), WORKERS);
    assert!(TcpStream::connect(&demo.ports[WORKERS]).await.is_err(), "the rest of the range refuses");
}

#[tokio::test]
async fn recycling_replaces_workers_and_the_truth_only_grows() {
    let demo = start_at(FAST).await.unwrap();
    // Read from the pool, not over a socket: nothing has been recycled before the first await.
    let first = (0..WORKERS).filter_map(|slot| Some(lock(&demo.pool).worker(slot)?.started));
    let before: Vec<String> = first.map(|started| format!("process_start_time_seconds {started:?}")).collect();
    assert_eq!(before.len(), WORKERS);
    let mut truth = 0;
    for generation in 1..=WORKERS as u64 {
        demo.recycled(generation).await;
        assert!(demo.truth() > truth, "{} after {truth}", demo.truth());
        truth = demo.truth();
    }
    let after = start_times(&demo).await;
    assert!(!after.is_empty() && after.iter().all(|time| !before.contains(time)), "{before:?} {after:?}");
}

#[tokio::test]
async fn uwsgi_and_nginx_answer() {
    let demo = start_at(FAST).await.unwrap();
    let mut stats = String::new();
    let address = demo.uwsgi.strip_prefix("tcp://").unwrap();
    TcpStream::connect(address).await.unwrap().read_to_string(&mut stats).await.unwrap();
    let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
    assert_eq!(stats["workers"].as_array().unwrap().len(), WORKERS);

    let (address, path) = demo.nginx.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let status = http::get(address, &format!("/{path}")).await.unwrap();
    assert!(status.starts_with("Active connections: ") && status.lines().count() == 4, "{status}");
}

#[tokio::test]
async fn two_demos_do_not_meet() {
    let (one, two) = (start_at(FAST).await.unwrap(), start_at(FAST).await.unwrap());
    assert!(one.ports.iter().all(|port| !two.ports.contains(port)));
}

#[tokio::test]
async fn says_where_to_look_and_compares() {
    /// Keeps what is written, and fails once it has a line of numbers: the only way to end the comparison.
    struct Page(String);
    impl Write for Page {
        fn write(&mut self, part: &[u8]) -> io::Result<usize> {
            self.0.push_str(&String::from_utf8_lossy(part));
            Ok(part.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            if self.0.contains(" 0 s ") { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
        }
    }
    let demo = start_at(FAST).await.unwrap();
    demo.recycled(1).await;
    // One of the workers stands in for the proxy.
    let mut ports = Vec::new();
    for port in &demo.ports {
        if http::get(port, "/").await.is_ok() {
            ports.push(port.parse().unwrap());
        }
    }
    let mut page = Page(String::new());
    assert_eq!(watch(&demo, ports[0], "/metrics", &mut page).await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    for part in [&demo.workers, &demo.uwsgi, &demo.nginx, &format!("http://{}/metrics", ports[0]), "is taken"] {
        assert!(page.0.contains(part), "{part} in {}", page.0);
    }
}
