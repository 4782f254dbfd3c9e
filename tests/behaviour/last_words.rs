//! Who may bring last words, in what form, what is answered, and that what was taken is on disk by then.

use super::support::curl::curl;
use super::support::fake_worker::{Answer, FakeWorker, OPENMETRICS, TEXT};
use super::support::http::{Response, post, request};
use super::support::proxy::Proxy;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const PATH: &str = "/api/v1/last-words";
const TOKEN: &str = "s3cret-token";
/// Of some password: nobody logs in here.
const HASH: &str = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";
/// Open connections that the proxy allows.
const CONNECTIONS_MAX: usize = 4;
/// When the worker's process began, Unix seconds.
const START: f64 = 1.7e9;

/// A proxy that hears the last words of one worker, over TCP with a token and over a unix socket.
struct Pod {
    worker: FakeWorker,
    proxy: Proxy,
    dir: TempDir,
}

impl Pod {
    fn start() -> Self {
        let pod = Self::start_with("");
        assert_eq!(pod.proxy.scrape().value("c_total"), Some(10.0));
        pod
    }

    /// With this web configuration.
    fn start_with(web: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("web.yml"), web).unwrap();
        std::fs::write(dir.path().join("token"), format!("{TOKEN}\n")).unwrap();
        let worker = FakeWorker::answering(Answer::text(&text(10)));
        let source =
            format!("{{name: w, kind: workers, targets: [\"{}\"], last_words: {{enabled: true, token_file: token}}}}", worker.id());
        let other = "{name: deaf, kind: workers, targets: [\"127.0.0.1:1\"]}";
        let config = format!(
            "sources: [{source}, {other}]\nlimits: {{body_bytes_max: 4KiB, connections_max: {CONNECTIONS_MAX}}}\nstate: {{file: {}}}\nweb: {{config_file: web.yml}}\n",
            file(dir.path())
        );
        std::fs::write(dir.path().join("onescrape.yml"), config).unwrap();
        let proxy = Self::proxy(dir.path());
        Self { worker, proxy, dir }
    }

    fn proxy(dir: &Path) -> Proxy {
        let dir = dir.display();
        Proxy::start(&[format!("--config.file={dir}/onescrape.yml"), format!("--web.listen-address=unix://{dir}/socket")])
    }

    fn query(&self) -> String {
        format!("{PATH}?source=w&worker={}", self.worker.id())
    }

    fn post(&self, headers: &[(&str, &str)], body: &str) -> Response {
        post(self.proxy.address(), &self.query(), headers, body.as_bytes()).unwrap()
    }

    fn heard(&self, outcome: &str) -> Option<f64> {
        self.proxy.scrape().value(&format!("onescrape_last_words_total{{source=\"w\",outcome=\"{outcome}\"}}"))
    }
}

fn file(dir: &Path) -> String {
    let path: PathBuf = dir.join("state");
    path.display().to_string()
}

fn text(count: u32) -> String {
    format!(
        "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {START}\n# TYPE c_total counter\nc_total {count}\n"
    )
}

fn openmetrics(count: u32) -> String {
    format!("{}# EOF\n", text(count).replace("# TYPE c_total", "# TYPE c"))
}

fn with_token(token: &str) -> [(&'static str, String); 2] {
    [("Authorization", format!("Bearer {token}")), ("Content-Type", OPENMETRICS.into())]
}

#[test]
fn what_was_taken_outlives_a_kill_right_after_the_answer() {
    let mut pod = Pod::start();
    let headers = with_token(TOKEN);
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let answer = pod.post(&headers, &openmetrics(15));
    assert_eq!((answer.status, answer.text().split(':').next()), (200, Some("ok")));
    pod.worker.down();
    pod.proxy.kill();
    pod.proxy = Pod::proxy(pod.dir.path());
    assert_eq!(pod.proxy.scrape().value("c_total"), Some(15.0));
    let answer = pod.post(&headers, &openmetrics(15));
    assert_eq!((answer.status, answer.text().split(':').next()), (200, Some("repeated")));
    assert_eq!((pod.heard("ok"), pod.heard("repeated")), (Some(0.0), Some(1.0)));
    assert_eq!(pod.proxy.scrape().value("c_total"), Some(15.0));
    assert_eq!(pod.proxy.scrape().value("onescrape_slots{source=\"w\",state=\"up\"}"), Some(0.0));
}

#[test]
fn only_who_has_the_token_is_heard() {
    let pod = Pod::start();
    let plain = [("Content-Type", OPENMETRICS)];
    for (headers, status) in [
        (vec![], 401),
        (vec![("Authorization", "Bearer wrong")], 401),
        (vec![("Authorization", "Basic czNjcmV0LXRva2Vu")], 401),
        (vec![("Authorization", "Bearer s3cret-token"), ("Origin", "http://localhost")], 403),
        (vec![("Authorization", "Bearer s3cret-token"), ("Sec-Fetch-Site", "same-origin")], 403),
    ] {
        let headers: Vec<_> = headers.into_iter().chain(plain).collect();
        let answer = pod.post(&headers, &openmetrics(15));
        assert_eq!(answer.status, status, "{headers:?}: {}", answer.text());
        assert!(!answer.text().contains(TOKEN));
    }
    // A token that was changed is the one that counts.
    std::fs::write(pod.dir.path().join("token"), "another").unwrap();
    let [old, new] = [TOKEN, "another"].map(|token| {
        let headers = with_token(token);
        pod.post(&headers.each_ref().map(|(name, value)| (*name, value.as_str())), &openmetrics(11)).status
    });
    assert_eq!((old, new), (401, 200));
    std::fs::write(pod.dir.path().join("token"), "").unwrap();
    let answer = pod.post(&[("Authorization", "Bearer "), plain[0]], &openmetrics(12));
    assert_eq!(answer.status, 503, "an empty token is none: {}", answer.text());
    assert!(!pod.proxy.log().contains(TOKEN));
}

#[test]
fn over_a_unix_socket_no_token_is_needed() {
    let pod = Pod::start();
    let body = pod.dir.path().join("body");
    std::fs::write(&body, openmetrics(17)).unwrap();
    let said = |host: &str| {
        let (socket, data) = (format!("{}/socket", pod.dir.path().display()), format!("@{}", body.display()));
        let (url, media) = (format!("http://{host}{}", pod.query()), format!("Content-Type: {OPENMETRICS}"));
        curl(&["--unix-socket", &socket, "--header", &media, "--data-binary", &data, &url])
    };
    assert_eq!(said("evil.example").status, 403);
    let answer = said("localhost");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(pod.proxy.scrape().value("c_total"), Some(17.0));
}

/// Who brings last words has no login, but is no less limited than others.
#[test]
fn the_rate_limit_holds_without_a_login() {
    const BURST: usize = 4;
    let pod = Pod::start_with(&format!("rate_limit: {{interval: 1h, burst: {BURST}}}\nbasic_auth_users: {{prometheus: {HASH}}}\n"));
    let headers = with_token(TOKEN);
    let speak = || pod.post(&headers.each_ref().map(|(name, value)| (*name, value.as_str())), &openmetrics(15)).status;
    let stranger = || pod.post(&[("Authorization", "Bearer wrong"), ("Content-Type", OPENMETRICS)], &openmetrics(15)).status;
    let get = |path: &str| pod.proxy.get(path).status;
    // One who may not speak is like any other that may not come in, and takes no turn of those that may.
    assert_eq!([(); BURST].map(|()| stranger()), [401; BURST]);
    assert_eq!((stranger(), get("/metrics"), get("/-/healthy")), (429, 429, 200));
    assert_eq!([(); BURST].map(|()| speak()), [200; BURST]);
    assert_eq!((speak(), get("/-/healthy")), (429, 200));
}

/// Over the unix socket anybody who may open it may send the head of a message: that alone keeps no place. There is room for all of them.
#[test]
fn who_announces_a_message_and_sends_none_keeps_nobody_out() {
    let pod = Pod::start_with("");
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {OPENMETRICS}\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n",
        pod.query()
    );
    let silent: Vec<_> = (0..CONNECTIONS_MAX)
        .map(|_| {
            let mut stream = UnixStream::connect(pod.dir.path().join("socket")).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            // That it is to go on says that the head was read, and the body is waited for.
            stream.read_exact(&mut [0; "HTTP/1.1 100".len()]).unwrap();
            stream
        })
        .collect();
    let answers: Vec<_> = (0..2 * CONNECTIONS_MAX).map(|_| pod.proxy.get("/metrics").status).collect();
    assert_eq!(answers, [200; 2 * CONNECTIONS_MAX]);
    drop(silent);
}

#[test]
fn what_makes_no_sense_is_refused_and_counted() {
    let pod = Pod::start();
    let headers = with_token(TOKEN);
    let [authorization, media] = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let too_long = format!("{}# EOF\n", "# HELP c x\n".repeat(1000));
    let unknown = openmetrics(15).replace("process_start", "start");
    let (whole, cut, rising) = (openmetrics(15), text(15), openmetrics(2_000_000_000));
    for (media, body, status, outcome) in [
        (("Content-Type", TEXT), whole.as_str(), 415, "invalid"),
        (media, &cut, 400, "invalid"),
        (media, &too_long, 413, "too_large"),
        (media, &unknown, 404, "unknown"),
        (media, &rising, 422, "too_large"),
    ] {
        let before = pod.heard(outcome).unwrap();
        let answer = pod.post(&[authorization, media], body);
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().starts_with(&format!("{outcome}: ")), "{}", answer.text());
        assert_eq!(pod.heard(outcome), Some(before + 1.0));
    }
    let to = pod.proxy.address();
    for (path, status) in [
        (format!("{PATH}?source=deaf&worker=127.0.0.1:1"), 404),
        (format!("{PATH}?source=nobody&worker=x"), 404),
        (format!("{PATH}?source=w&worker=127.0.0.1:1"), 404),
        (format!("{PATH}?source=w"), 400),
        (format!("{PATH}?source=w&source=w&worker=x"), 400),
    ] {
        let answer = post(to, &path, &[authorization, media], openmetrics(15).as_bytes()).unwrap();
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
    let answer = request("GET", to, &pod.query(), &[authorization]).unwrap();
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    assert_eq!(pod.proxy.scrape().value("c_total"), Some(10.0), "nothing of all this counts");
    assert!(pod.proxy.scrape().select("onescrape_last_words_total{source=\"deaf\"}").is_empty());
}

#[test]
fn where_nothing_is_enabled_there_is_nothing() {
    let worker = super::worker(1);
    let proxy = Proxy::of(&[&worker]);
    let answer = post(
        proxy.address(),
        &format!("{PATH}?source=workers&worker={}", worker.id()),
        &[("Content-Type", OPENMETRICS)],
        b"# EOF\n",
    );
    assert_eq!(answer.unwrap().status, 404);
}
