//! Clients that do everything wrong, by accident or on purpose. Meanwhile a healthy one is served, and served right.

use crate::support::fake_worker::{Answer, FakeWorker};
use crate::support::http::{Response, get, request};
use crate::support::proxy::{Proxy, workers_flag};
use crate::support::{expect, wait_for};
use crate::worker;
use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for an answer; only decides how long a failure takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Descriptors beside those of clients: listener, timers, log, scrapes.
const OTHER_FILES: usize = 64;

/// An answer of the worker with these lines is more than what the kernel takes for a socket that nobody reads.
const LINES: usize = 320;
const LINE_BYTES: usize = 16_000;
/// And one without.
const SMALL: &str = "# TYPE c_total counter\nc_total 3\n# TYPE g gauge\n";

/// A proxy over one good worker, with these settings added.
struct Site {
    proxy: Proxy,
    worker: FakeWorker,
}

impl Site {
    fn start(settings: &str) -> Self {
        let worker = worker(3);
        let source = format!("sources:\n  - {{name: w, kind: workers, targets: [\"{}\"]}}\n", worker.id());
        Self { proxy: Proxy::with_config(&format!("{source}{settings}")), worker }
    }

    fn address(&self) -> SocketAddr {
        self.proxy.address()
    }

    /// A scrape by a client that does everything right.
    fn serves(&self) {
        assert_eq!(self.proxy.scrape().value("c_total"), Some(3.0), "{}", self.proxy.log());
    }

    fn hits(&self, limit: &str) -> f64 {
        self.proxy.scrape().value(&format!("onescrape_limit_hits_total{{limit=\"{limit}\"}}")).unwrap()
    }

    /// Lets the worker's answer, and so the proxy's, be a large one.
    fn answers_much(&self) {
        let long = "x".repeat(LINE_BYTES);
        let large: String = (0..LINES).map(|n| format!("g{{l=\"{n}{long}\"}} 1\n")).collect();
        self.worker.set(Answer::text(&format!("{SMALL}{large}")));
        wait_for("a large answer", || {
            let length = self.proxy.get("/metrics").body.len();
            expect(length > LINES * LINE_BYTES, || format!("{length} bytes"))
        });
    }

    /// A client that is being answered, and takes only the first byte.
    fn asks_and_reads_nothing(&self) -> TcpStream {
        let mut stream = connect(self.address());
        set_socket_recv_buffer_size(&stream, 4096).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        stream.read_exact(&mut [0]).unwrap();
        stream
    }

    fn open_files(&mut self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.proxy.process().pid().as_raw_nonzero())).unwrap().count()
    }
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&to, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends these bytes and reads until the other side closes, which it may do before they are all sent.
fn exchange(to: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(to);
    let _ = stream.write_all(bytes);
    rest(&mut stream)
}

fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "it neither answers nor hangs up");
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> Option<u16> {
    answer.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

/// Lets this process open so many more files than most are allowed at first.
fn allow_files(count: u64) {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    assert!(maximum.is_none_or(|most| most >= count), "{maximum:?} open files are too few for this test");
    setrlimit(Resource::Nofile, Rlimit { current: Some(count), maximum }).unwrap();
}

#[test]
fn a_thousand_idle_connections() {
    allow_files(4096);
    let mut site = Site::start("");
    let idle: Vec<_> = (0..1000).map(|_| connect(site.address())).collect();
    (0..5).for_each(|_| site.serves());
    assert!(site.open_files() < 256 + OTHER_FILES);
    assert!(site.hits("connections_max") >= 700.0);
    drop(idle);
    wait_for("their files to be closed", || {
        let open = site.open_files();
        expect(open < OTHER_FILES, || format!("{open} are open"))
    });
}

#[test]
fn a_flood_of_connections() {
    let mut site = Site::start("");
    for _ in 0..20 {
        (0..100).for_each(|_| drop(connect(site.address())));
        site.serves();
    }
    wait_for("their files to be closed", || {
        let open = site.open_files();
        expect(open < OTHER_FILES, || format!("{open} are open"))
    });
}

#[test]
fn clients_that_write_slowly() {
    let site = Site::start("limits: {client_header_timeout: 200ms}\n");
    let mut slow: Vec<_> = (0..300).map(|_| connect(site.address())).collect();
    for byte in b"GET /metrics HTTP/1.1\r\nHost" {
        // Those that had to give way, or were too slow, are closed.
        slow.iter_mut().for_each(|stream| drop(stream.write(&[*byte])));
    }
    site.serves();
    for stream in &mut slow {
        let answer = rest(stream);
        assert!(status(&answer).is_none_or(|code| code == 408), "{answer}");
    }
    assert!(site.hits("client_header_timeout") + site.hits("connections_max") >= 300.0);
    site.serves();
}

#[test]
fn clients_that_read_slowly_or_not_at_all() {
    const SLOW: usize = 12;
    let site = Site::start("scrape_timeout: 10m\nlimits: {client_write_timeout: 500ms}\n");
    site.answers_much();
    let slow: Vec<_> = (0..SLOW).map(|_| site.asks_and_reads_nothing()).collect();
    site.worker.set(Answer::text(SMALL));
    site.serves();
    wait_for("those that don't read to be given up", || {
        let given_up = site.hits("client_write_timeout");
        expect(given_up >= SLOW as f64, || format!("{given_up} are"))
    });
    drop(slow);
    site.serves();
}

#[test]
fn clients_that_take_a_little_all_the_time() {
    let site = Site::start("scrape_timeout: 10m\nlimits: {client_write_timeout: 10m, client_response_timeout: 500ms}\n");
    site.answers_much();
    let mut slow = site.asks_and_reads_nothing();
    site.worker.set(Answer::text(SMALL));
    wait_for("the one that never ends to be given up", || {
        // It does take something, so it is the whole answer that takes too long.
        slow.read_exact(&mut [0; 512]).unwrap();
        let given_up = site.hits("client_response_timeout");
        expect(given_up == 1.0, || format!("{given_up} are"))
    });
    assert_eq!(site.hits("client_write_timeout"), 0.0);
    // Who takes what there is isn't cut off.
    site.serves();
    assert_eq!(site.hits("client_response_timeout"), 1.0);
}

#[test]
fn heads_too_large_and_heads_without_end() {
    let mut site = Site::start("");
    for head in [
        format!("GET /metrics HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(17 << 10)),
        format!("GET /metrics HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(101)),
        format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(17 << 10)),
        format!("{} /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "G".repeat(17 << 10)),
    ] {
        let before = site.hits("client_header_bytes_max");
        let answer = exchange(site.address(), head.as_bytes());
        assert!(matches!(status(&answer), None | Some(400 | 414 | 431)), "{answer}");
        if status(&answer) != Some(400) {
            assert!(site.hits("client_header_bytes_max") > before, "{answer}");
        }
    }
    // Far more than is ever held of one.
    let mut endless: Vec<_> = (0..16).map(|_| connect(site.address())).collect();
    for stream in &mut endless {
        let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\n");
        let line = [b"X-Long: ".as_slice(), &[b'x'; 8 << 10], b"\r\n"].concat();
        while stream.write_all(&line).is_ok() {}
    }
    site.serves();
    drop(endless);
    wait_for("their files to be closed", || {
        let open = site.open_files();
        expect(open < OTHER_FILES, || format!("{open} are open"))
    });
}

#[test]
fn paths_that_try_to_lead_elsewhere() {
    let site = Site::start("");
    let code =
        |path: &str| status(&exchange(site.address(), format!("GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n").as_bytes()));
    for path in [
        "//metrics",
        "/metrics/",
        "/./metrics",
        "/../metrics",
        "/..",
        "/metrics/..",
        "/%2e%2e/metrics",
        "/%6detrics",
        "/metrics%00",
        "/metrics%2f",
        "/METRICS",
        "/metrics;x",
        "/-/healthy/../../metrics",
        "/-/healthy/",
        "/..%2f..%2fetc/passwd",
        "/\\metrics",
    ] {
        assert_eq!(code(path), Some(404), "{path}");
    }
    assert_eq!(code(&format!("/{}", "a/".repeat(4000))), Some(404), "a long one");
    for path in ["/metrics\0", "metrics", "/met\x01rics", "\0", "http://"] {
        assert!(matches!(code(path), Some(400 | 404)), "{path:?}");
    }
    for path in ["/metrics", "/metrics?", "/metrics?x=%zz&&=", "http://elsewhere.example/metrics"] {
        assert_eq!(code(path), Some(200), "{path}");
    }
    let named: Response = site.proxy.get(&format!("/metrics?source={}", "x".repeat(8000)));
    assert_eq!(named.status, 400);
    site.serves();
}

#[test]
fn old_and_pipelined_and_odd_but_legal_requests() {
    let site = Site::start("");
    let old = exchange(site.address(), b"GET /metrics HTTP/1.0\r\n\r\n");
    assert!(status(&old) == Some(200) && old.contains("\nc_total 3"), "closed after the answer: {old}");
    let kept =
        exchange(site.address(), b"GET /-/healthy HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /-/healthy HTTP/1.0\r\n\r\n");
    assert_eq!(kept.matches("200 OK").count(), 2, "{kept}");

    let last = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let many = "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n".repeat(99) + last;
    let answers = exchange(site.address(), many.as_bytes());
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 100);
    assert!(answers.rfind("healthy\n") < answers.rfind("c_total 3"), "in their order");

    let head = request("HEAD", site.address(), "/metrics", &[]).unwrap();
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert!(head.header("content-length").is_some_and(|length| length.parse::<usize>().unwrap() > 0));

    // Bodies are nobody's business here: announced and not sent, or sent and not asked for.
    for (request, code) in [
        ("GET /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\n", 200),
        ("GET /metrics HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", 200),
        ("GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 200),
        ("POST /metrics HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\nhello", 405),
    ] {
        let answer = exchange(site.address(), request.as_bytes());
        assert_eq!(status(&answer), Some(code), "{request}: {answer}");
    }
    // A request hidden in the body of another must not be answered as one.
    let hidden =
        "POST /metrics HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n";
    let answer = exchange(site.address(), hidden.as_bytes());
    assert!(!answer.contains("c_total"), "{answer}");
    site.serves();
}

#[test]
fn garbage() {
    let mut site = Site::start("");
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        // Xorshift: the same bytes in every run.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random.to_le_bytes()
    };
    for round in 0..200 {
        let mut bytes: Vec<u8> = if round % 2 == 0 { Vec::new() } else { b"GET /metrics HTTP/1.1\r\n".to_vec() };
        (0..round).for_each(|_| bytes.extend(next()));
        bytes.extend(b"\r\n\r\n");
        let answer = exchange(site.address(), &bytes);
        assert!(matches!(status(&answer), None | Some(200 | 400 | 431)), "{answer}");
    }
    for bytes in [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(),
        b"GET / HTTP/9.9\r\n\r\n",
        b"\n\n\n\n\r\n",
        b"GET  /metrics  HTTP/1.1\r\n\r\n",
    ] {
        let answer = exchange(site.address(), bytes);
        assert!(status(&answer) != Some(200), "{answer}");
    }
    site.serves();
    assert!(site.open_files() < OTHER_FILES);
}

/// A proxy with this web configuration.
fn protected(web: &str, dir: &tempfile::TempDir, worker: &FakeWorker) -> Proxy {
    let file = dir.path().join("web.yml");
    fs::write(&file, web).unwrap();
    let mut flags = workers_flag(&[worker]);
    flags.push(format!("--web.config.file={}", file.display()));
    Proxy::start_unready(&flags)
}

#[test]
fn a_flood_of_wrong_passwords_at_once() {
    /// Costly enough that checks pile up.
    const COST: u32 = 8;
    const RIGHT: (&str, &str) = ("Authorization", "Basic YWxpY2U6cmlnaHQ="); // alice:right
    let (dir, worker) = (tempfile::tempdir().unwrap(), worker(3));
    let users = format!("basic_auth_users:\n  alice: {}\n", bcrypt::hash("right", COST).unwrap());
    let proxy = protected(&users, &dir, &worker);
    wait_for("a good login", || match proxy.try_get("/metrics", &[RIGHT]) {
        Ok(answer) => expect(answer.status == 200, || format!("{}", answer.status)),
        Err(error) => Err(error.to_string()),
    });
    let threads =
        |proxy: &mut Proxy| fs::read_dir(format!("/proc/{}/task", proxy.process().pid().as_raw_nonzero())).unwrap().count();
    let mut proxy = proxy;
    let before = threads(&mut proxy);
    let mut flood: Vec<_> = (0..100).map(|_| connect(proxy.address())).collect();
    for (n, stream) in flood.iter_mut().enumerate() {
        // 45 characters of base64 each, so another password each: any text will do.
        write!(stream, "GET /metrics HTTP/1.1\r\nAuthorization: Basic YWxpY2U6{n:04}\r\nConnection: close\r\n\r\n").unwrap();
    }
    for _ in 0..5 {
        assert_eq!(proxy.get_with("/metrics", &[RIGHT]).status, 200);
        assert!(threads(&mut proxy) <= before + 1, "checks run one at a time");
    }
    let codes: Vec<_> = flood.iter_mut().map(|stream| status(&rest(stream))).collect();
    assert!(codes.iter().all(|code| matches!(code, Some(401 | 503))), "{codes:?}");
    for path in ["//-/healthy", "/-/healthy/../../metrics", "/-/healthy?/metrics", "/metrics?/-/healthy"] {
        let answer = get(proxy.address(), path, &[]).unwrap();
        assert!(answer.status == 401 || answer.text() == "healthy\n", "{path}: {}", answer.text());
    }
}

#[cfg(feature = "tls")]
#[test]
fn bad_handshakes() {
    use crate::support::certificates::{Authority, Validity};
    use crate::support::curl::curl;
    let (dir, worker, authority) = (tempfile::tempdir().unwrap(), worker(3), Authority::new());
    authority.sign(&["127.0.0.1"], Validity::Good).write(dir.path(), "server");
    let ca = authority.write(dir.path(), "ca.crt");
    let proxy = protected("tls_server_config: {cert_file: server.crt, key_file: server.key}\n", &dir, &worker);
    let url = format!("https://{}/metrics", proxy.address());
    let scrape = || curl(&["--cacert", &ca.display().to_string(), &url]);
    wait_for("TLS", || expect(scrape().status == 200, || "no answer yet".into()));

    // The first record of a handshake announces more than comes.
    let mut stalled: Vec<_> = (0..300).map(|_| connect(proxy.address())).collect();
    stalled.iter_mut().for_each(|stream| stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").unwrap_or_default());
    for bytes in [
        b"\x16\x03\x01\x00\x05garbage garbage".as_slice(),
        b"\x16\xff\xff\xff\xff",
        b"\x80\x2e\x01\x00\x02", // SSL 2
        &[0; 1000],
    ] {
        exchange(proxy.address(), &[bytes, &[0x16; 20_000]].concat());
    }
    let plain = exchange(proxy.address(), b"GET /metrics HTTP/1.1\r\n\r\n");
    assert_eq!(status(&plain), Some(400), "{plain}");
    let answer = scrape();
    assert!(answer.status == 200 && answer.body.contains("c_total 3"), "{answer:?}");
    drop(stalled);
}
