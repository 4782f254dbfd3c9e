//! The program's own endpoint behind TLS and logins, with curl and a real Prometheus as clients; and Python's own metrics server over
//! TLS as target.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]

mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::certificates::{Authority, Pair, Validity};
use support::curl::{Curled, curl};
use support::fake_worker::{Answer, FakeWorker};
use support::port::Port;
use support::process::Process;
use support::prometheus::Prometheus;
use support::proxy::{Proxy, command, run};
use support::{expect, installed, wait_for};
use tempfile::TempDir;

const LOCAL: &[&str] = &["127.0.0.1", "localhost"];
/// Rounds of bcrypt as a power of two: the fewest there are.
const COST: u32 = 4;
/// Costly enough that a check takes a moment, in a build without optimisation too.
const COST_OF_FLOOD: u32 = 8;

/// A worker, and the program over it with this web configuration.
struct Protected {
    proxy: Proxy,
    dir: TempDir,
    web: PathBuf,
    authority: Authority,
    _worker: FakeWorker,
}

impl Protected {
    /// Starts it; the file named `server.crt` and its key are there, and `ca.crt`.
    fn start(web_config: &str) -> Self {
        let (dir, authority) = (tempfile::tempdir().unwrap(), Authority::new());
        authority.sign(LOCAL, Validity::Good).write(dir.path(), "server");
        authority.write(dir.path(), "ca.crt");
        let web = dir.path().join("web.yml");
        std::fs::write(&web, web_config).unwrap();
        let worker = FakeWorker::answering(Answer::text("# TYPE c_total counter\nc_total 3\n"));
        let flags = [format!("--workers={}", worker.id()), format!("--web.config.file={}", web.display())];
        let mut proxy = Proxy::start_unready(&flags);
        proxy.process().wait_until("has made a round", || expect(worker.scrapes() > 0, || "no scrape yet".into()));
        let address = proxy.address();
        proxy.process().wait_listening(address);
        Self { proxy, dir, web, authority, _worker: worker }
    }

    fn rewrite(&self, web_config: &str) {
        std::fs::write(&self.web, web_config).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// curl over TLS, trusting our authority.
    fn curl(&self, path: &str, arguments: &[&str]) -> Curled {
        let (url, ca) = (format!("https://{}{path}", self.proxy.address()), self.path("ca.crt"));
        curl(&[&["--cacert", &ca, &url], arguments].concat())
    }

    fn identity(&self, name: &str, pair: &Pair) -> [String; 4] {
        let (cert, key) = pair.write(self.dir.path(), name);
        ["--cert".into(), cert.display().to_string(), "--key".into(), key.display().to_string()]
    }
}

const TLS: &str = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n";

fn users(pairs: &[(&str, &str)], cost: u32) -> String {
    pairs.iter().fold("basic_auth_users:\n".to_string(), |mut yaml, (user, password)| {
        writeln!(yaml, "  {user}: {}", bcrypt::hash(password, cost).unwrap()).unwrap();
        yaml
    })
}

#[test]
fn tls_and_a_certificate_replaced_while_running() {
    let server = Protected::start(&format!("{TLS}http_server_config: {{headers: {{X-Frame-Options: deny}}}}\n"));
    let answer = server.curl("/metrics", &[]);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.contains("\nc_total 3") && answer.body.to_lowercase().contains("x-frame-options: deny"), "{answer:?}");
    for version in ["--tls-max=1.2", "--tlsv1.3"] {
        let arguments: Vec<_> = version.split('=').collect();
        assert_eq!(server.curl("/metrics", &arguments).status, 200, "{version}");
    }
    let plain = curl(&[&format!("http://{}/metrics", server.proxy.address())]);
    assert!(plain.status == 400 && plain.body.contains("HTTPS"), "{plain:?}");
    assert!(server.proxy.log().contains("https://127.0.0.1"), "{}", server.proxy.log());

    // Signed by another now: who trusts only the first one sees it at the next connection.
    let other = Authority::new();
    let new = other.sign(LOCAL, Validity::Good);
    std::fs::write(server.path("server.key"), &new.key).unwrap();
    assert_eq!(server.curl("/metrics", &[]).status, 200, "half replaced: the old pair stays in force");
    assert!(server.proxy.log().contains("does not go with its key"), "{}", server.proxy.log());
    std::fs::write(server.path("server.crt"), &new.cert).unwrap();
    let refused = server.curl("/metrics", &[]);
    assert_eq!(refused.status, 0, "{refused:?}");
    other.write(server.dir.path(), "ca.crt");
    assert_eq!(server.curl("/metrics", &[]).status, 200);
}

#[test]
fn client_certificates() {
    let tls = |policy: &str, more: &str| {
        format!(
            "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  client_auth_type: {policy}\n  \
             client_ca_file: ca.crt\n{more}"
        )
    };
    let server = Protected::start(&tls("RequireAndVerifyClientCert", ""));
    let ours = server.identity("ours", &server.authority.sign(&["prometheus.example"], Validity::Good));
    let other = server.identity("other", &server.authority.sign(&["other.example", "10.1.2.3"], Validity::Good));
    let over = server.identity("over", &server.authority.sign(&["prometheus.example"], Validity::Over));
    let foreign = server.identity("foreign", &Authority::new().sign(&["prometheus.example"], Validity::Good));
    let status = |identity: &[String]| server.curl("/metrics", &identity.iter().map(String::as_str).collect::<Vec<_>>()).status;
    let all = || [status(&[]), status(&ours), status(&other), status(&over), status(&foreign)];
    assert_eq!(all(), [0, 200, 200, 0, 0]);
    server.rewrite(&tls("RequireAndVerifyClientCert", "  client_allowed_sans: [prometheus.example]\n"));
    assert_eq!(all(), [0, 200, 0, 0, 0]);
    server.rewrite(&tls("RequireAndVerifyClientCert", "  client_allowed_sans: [10.1.2.3]\n"));
    assert_eq!(all(), [0, 0, 200, 0, 0]);
    server.rewrite(&tls("VerifyClientCertIfGiven", ""));
    assert_eq!(all(), [200, 200, 200, 0, 0]);
    server.rewrite(&tls("RequireAnyClientCert", ""));
    assert_eq!(all(), [0, 200, 200, 200, 200]);
    server.rewrite(&tls("RequestClientCert", ""));
    assert_eq!(all(), [200; 5]);

    // Health is asked by who has no certificate: that one is asked for is answer enough.
    server.rewrite(&tls("RequireAndVerifyClientCert", ""));
    let address = format!("--web.listen-address={}", server.proxy.address());
    let web = format!("--web.config.file={}", server.web.display());
    let output = run(&["healthcheck", &address, &web]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn users_changed_while_running_and_health_without_a_login() {
    let server = Protected::start(&format!("{TLS}{}", users(&[("alice", "one"), ("bob", "two")], COST)));
    let login = |login: &str| server.curl("/metrics", &["--user", login]).status;
    assert_eq!(["alice:one", "bob:two", "alice:two", "carol:one", "alice:"].map(login), [200, 200, 401, 401, 401]);
    let refused = server.curl("/metrics", &[]);
    assert!(refused.status == 401 && refused.body.to_lowercase().contains("www-authenticate: basic"), "{refused:?}");
    for (path, want) in [("/", 401), ("/api/v1/targets", 401), ("/nothing", 401), ("/-/healthy", 200), ("/-/ready", 200)] {
        assert_eq!(server.curl(path, &[]).status, want, "{path}");
    }
    let address = format!("--web.listen-address={}", server.proxy.address());
    let output = run(&["healthcheck", &address, &format!("--web.config.file={}", server.web.display())]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    server.rewrite(&format!("{TLS}{}", users(&[("alice", "new")], COST)));
    assert_eq!(["alice:one", "bob:two", "alice:new"].map(login), [401, 401, 200]);
    server.rewrite("basic_auth_users: {alice: new}\n");
    assert_eq!(["alice:new", "alice:one"].map(login), [200, 401], "a file that can't be used changes nothing");
    let told = |log: String| log.lines().filter(|line| line.contains("not a bcrypt hash")).count();
    assert_eq!(told(server.proxy.log()), 1, "and is told once: {}", server.proxy.log());
}

#[test]
fn explain_and_top_log_in_over_tls() {
    let server = Protected::start(&format!("{TLS}{}", users(&[("alice", "s3cret")], COST)));
    let address = format!("--web.listen-address={}", server.proxy.address());
    std::fs::write(server.path("password"), "s3cret\n").unwrap();
    let client = Path::new(&server.path("client.yml")).to_path_buf();
    let ask = |yaml: &str, arguments: &[&str]| {
        std::fs::write(&client, yaml).unwrap();
        let output = command()
            .env("ONESCRAPE_HTTP_CONFIG_FILE", if yaml.is_empty() { "" } else { client.to_str().unwrap() })
            .args(arguments)
            .arg(&address)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("s3cret"), "{said}");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), said)
    };
    let login = "basic_auth: {username: alice, password_file: password}\n";
    let trust = "tls_config: {ca_file: ca.crt}\n";
    let (code, out, said) = ask(&format!("{login}{trust}"), &["explain", "c_total"]);
    assert!(code == Some(0) && out.contains("\n  c_total = 3\n"), "{out} {said}");
    let (code, out, said) = ask(&format!("{login}{trust}"), &["top"]);
    assert!(code == Some(0) && out.contains("workers (workers): 1 of 1 up"), "{out} {said}");

    let web = format!("--web.config.file={}", server.web.display());
    for (yaml, arguments, want) in [
        ("", &["top"] as &[&str], "speaks TLS: give its --web.config.file"),
        ("", &["top", &web], "asks for a login: give --http.config.file"),
        (trust, &["explain", "c_total"], "asks for a login: give --http.config.file"),
        (
            "basic_auth: {username: alice, password: s3cretly}\ntls_config: {ca_file: ca.crt}\n",
            &["explain", "c_total"],
            "refuses the login in the file of --http.config.file",
        ),
        // A password goes to nobody whose certificate isn't known.
        (login, &["top", &web], "set tls_config: {ca_file: …}"),
        ("basic_auth: {user: alice}\n", &["top"], "client.yml:1:14: basic_auth.user: unknown key"),
    ] {
        let (code, out, said) = ask(yaml, arguments);
        assert!(code == Some(1) && out.is_empty() && said.contains(want), "{yaml:?} {arguments:?}: {code:?} {out} {said}");
    }
    let (code, _, said) = ask("", &["top", "--http.config.file=/nonexistent/x.yml"]);
    assert!(code == Some(1) && said.contains("/nonexistent/x.yml: no such file"), "{said}");
}

#[test]
fn a_flood_of_wrong_passwords_does_not_stall_who_is_in() {
    const FLOODERS: usize = 8;
    let server = Protected::start(&users(&[("alice", "right")], COST_OF_FLOOD));
    let url = format!("http://{}/metrics", server.proxy.address());
    assert_eq!(curl(&["--user", "alice:right", &url]).status, 200);
    let flooding = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        for flooder in 0..FLOODERS {
            let (flooding, url) = (&flooding, &url);
            scope.spawn(move || {
                let mut n = 0;
                while flooding.load(std::sync::atomic::Ordering::Relaxed) {
                    n += 1;
                    let status = curl(&["--user", &format!("alice:{flooder}-{n}"), url]).status;
                    assert!(matches!(status, 401 | 503), "{status}");
                }
            });
        }
        let good: Vec<_> = (0..20).map(|_| curl(&["--user", "alice:right", &url]).status).collect();
        flooding.store(false, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(good, [200; 20]);
    });
}

#[test]
fn a_rate_limit() {
    let server = Protected::start("rate_limit: {interval: 1h, burst: 3}\n");
    let get = |path: &str| curl(&[&format!("http://{}{path}", server.proxy.address())]).status;
    assert_eq!(["/", "/", "/", "/", "/-/healthy"].map(get), [200, 200, 200, 429, 200]);
}

#[test]
fn what_cannot_be_protected_is_not_served() {
    let (dir, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let web = dir.path().join("web.yml");
    let ended = |yaml: &str| {
        std::fs::write(&web, yaml).unwrap();
        let output = run(&[
            "serve",
            "--workers=127.0.0.1:1",
            "--web.listen-address=127.0.0.1:0",
            &format!("--web.config.file={}", web.display()),
        ]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = ended("tls_server_config: {cert_file: x}\nbogus: 1\n");
    assert!(code == Some(2) && said.contains("web.yml:2:1") && said.contains("key_file"), "{code:?} {said}");
    let (code, said) = ended(TLS);
    assert!(code == Some(1) && said.contains("server.crt: no such file"), "{code:?} {said}");
    let (one, two) = (authority.sign(LOCAL, Validity::Good), authority.sign(LOCAL, Validity::Good));
    Pair { cert: one.cert, key: two.key }.write(dir.path(), "server");
    let (code, said) = ended(TLS);
    assert!(code == Some(1) && said.contains("does not go with its key"), "{code:?} {said}");
}

#[test]
fn prometheus_scrapes_over_tls_with_a_password() {
    let server = Protected::start(&format!("{TLS}{}", users(&[("prometheus", "s3cret")], COST)));
    let dir = tempfile::tempdir().unwrap();
    let how = format!(
        "scheme: https, basic_auth: {{username: prometheus, password: s3cret}}, tls_config: {{ca_file: {}}}",
        server.path("ca.crt")
    );
    let prometheus = Prometheus::start_job("onescrape", server.proxy.address(), &how, dir.path());
    wait_for("a good scrape", || {
        expect(prometheus.value("up")? == 1.0 && prometheus.value("c_total")? == 3.0, || "not yet".into())
    });
}

/// Python's own metrics server, as workers run it, over TLS and asking for a certificate.
fn python(dir: &Path, port: &Port) -> Process {
    let script = format!(
        "import prometheus_client as p, threading\nc = p.Counter('jobs', 'Jobs.')\nc.inc(7)\n\
         p.start_http_server({port}, addr='127.0.0.1', certfile='server.crt', keyfile='server.key', client_cafile='ca.crt', \
         client_auth_required=True)\nthreading.Event().wait()\n",
        port = port.number()
    );
    let mut command = Command::new(installed("python"));
    command.current_dir(dir).args(["-c", &script]);
    let mut process = Process::spawn("python", command, dir);
    process.wait_listening(port.address());
    process
}

#[test]
fn pythons_metrics_server_over_tls() {
    let (dir, authority, port) = (tempfile::tempdir().unwrap(), Authority::new(), Port::reserve());
    authority.write(dir.path(), "ca.crt");
    authority.sign(LOCAL, Validity::Good).write(dir.path(), "server");
    authority.sign(&["onescrape"], Validity::Good).write(dir.path(), "client");
    let _python = python(dir.path(), &port);
    let config = |tls: &str| {
        let file = dir.path().join("onescrape.yml");
        let yaml = format!(
            "sources:\n  - {{name: django, kind: workers, scheme: https, targets: [\"127.0.0.1:{}\"], tls_config: {{{tls}}}}}\n",
            port.number()
        );
        std::fs::write(&file, yaml).unwrap();
        format!("--config.file={}", file.display())
    };
    let output = run(&["scrape", &config("ca_file: ca.crt, cert_file: client.crt, key_file: client.key")]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("\njobs_total 7"), "{}", String::from_utf8_lossy(&output.stderr));

    let output = run(&["check", &config("ca_file: ca.crt")]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && text.contains("cert_file"), "asks for our certificate: {text}");
    let output = run(&["check", &config("")]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && text.contains("ca_file"), "{text}");
}

#[test]
fn a_unix_socket_and_one_of_systemd() {
    let (dir, worker) = (tempfile::tempdir().unwrap(), FakeWorker::answering(Answer::text("c_total 3\n")));
    let socket = dir.path().join("x.sock");
    let mut own = command();
    own.args(["serve", &format!("--workers={}", worker.id()), &format!("--web.listen-address=unix://{}", socket.display())]);
    let mut process = Process::spawn("onescrape", own, dir.path());
    let ask = || curl(&["--unix-socket", &socket.display().to_string(), "http://localhost/metrics"]);
    process.wait_until("answers", || expect(ask().status == 200, || process_state(&ask())));
    let output = run(&["healthcheck", &format!("--web.listen-address=unix://{}", socket.display())]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    process.stop();
    assert!(!socket.exists(), "the file goes with it");

    // As systemd does it: the socket is descriptor 3, and the process is told so by name.
    let port = Port::reserve();
    let listener = port.listen();
    let script = format!(
        "import os, socket, sys\ns = socket.socket(fileno=0)\nos.dup2(0, 3, True)\nos.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))\n\
         os.execv({program:?}, [{program:?}, 'serve', '--workers={worker}'])\n",
        program = env!("CARGO_BIN_EXE_onescrape"),
        worker = worker.id()
    );
    let mut handing = Command::new(installed("python"));
    handing.args(["-c", &script]);
    let mut process = Process::spawn_with_input("handed", handing, dir.path(), std::os::fd::OwnedFd::from(listener).into());
    process.wait_until("answers on what it was handed", || {
        let answer = curl(&[&format!("http://{}/metrics", port.address())]);
        expect(answer.status == 200, || process_state(&answer))
    });
}

fn process_state(answer: &Curled) -> String {
    format!("{answer:?}")
}
