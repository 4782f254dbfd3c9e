//! The real servers: Django under gunicorn and uWSGI, and nginx. Each is a child with ports of its own and ends with its value.

use super::exposition::{Exposition, parse};
use super::http;
use super::port::Port;
use super::process::Process;
use super::{installed, repository};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Workers of gunicorn.
pub const WORKERS: usize = 4;
/// Ports for their metrics: twice as many, since a reload runs two generations at once.
pub const METRICS_PORTS: u16 = 8;
/// Workers of each uWSGI.
pub const UWSGI_WORKERS: usize = 2;
/// How long a worker may take to be counted by [`read_workers`].
const WORKER_PATIENCE: Duration = Duration::from_millis(300);

/// Variables the application reads; `metrics_start` 0: no metrics ports.
fn application_env(command: &mut Command, dir: &Path, metrics_start: u16) {
    command
        .env("PYTHONPATH", repository().join("tests/stack/app"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("DJANGO_SETTINGS_MODULE", "demo.settings")
        .env("DEMO_DB", dir.join("shop.sqlite3"))
        .env("WEB_CONCURRENCY", WORKERS.to_string())
        .env("METRICS_START_PORT", metrics_start.to_string())
        .env("METRICS_PORTS", METRICS_PORTS.to_string())
        .env_remove("PROMETHEUS_MULTIPROC_DIR");
}

/// The module that sends last words can be imported, and knows where they go. Its workers have time for them: how long that takes says
/// how busy the machine is, not whether they are right.
fn last_words_env(command: &mut Command, variables: &[(&str, &str)]) {
    let path = [repository().join("tests/stack/app"), repository().join("deploy/last-words")];
    command.env("PYTHONPATH", std::env::join_paths(path).expect("a path with a colon"));
    command.env("ONESCRAPE_LAST_WORDS_SECONDS", "30").envs(variables.iter().copied());
}

/// Makes the application's database.
pub fn migrate(dir: &Path) {
    let mut command = Command::new(installed("python"));
    application_env(&mut command, dir, 0);
    let output = command.args(["-m", "django", "migrate", "-v0"]).output().expect("cannot start python");
    assert!(output.status.success(), "migrate: {}", String::from_utf8_lossy(&output.stderr));
}

/// gunicorn with [`WORKERS`] sync workers.
pub struct Gunicorn {
    process: Process,
    http: Port,
    metrics: Vec<Port>,
}

impl Gunicorn {
    /// Starts it and waits until every worker exports.
    pub fn start(dir: &Path) -> Self {
        let (http, metrics) = (Port::reserve(), Port::reserve_range(METRICS_PORTS));
        let process = Self::spawn(&http, &metrics, dir);
        let mut gunicorn = Self { process, http, metrics };
        gunicorn.wait_exports(WORKERS);
        gunicorn
    }

    fn spawn(http: &Port, metrics: &[Port], dir: &Path) -> Process {
        let mut command = Command::new(installed("gunicorn"));
        application_env(&mut command, dir, metrics[0].number());
        command.arg("-c").arg(repository().join("tests/stack/gunicorn.conf.py"));
        command.args(["--bind", &http.address().to_string(), "demo.wsgi"]);
        Process::spawn("gunicorn", command, dir)
    }

    /// Stops it with all its workers; its ports stay its own.
    pub fn stop(&mut self) {
        self.process.stop();
    }

    /// Starts it again on its ports, as [`Gunicorn::start`] does, and waits until every worker exports.
    pub fn start_again(&mut self, dir: &Path) {
        let exports = self.exports().len();
        self.process = Self::spawn(&self.http, &self.metrics, dir);
        self.wait_exports(exports + WORKERS);
    }

    /// Starts it on these metrics ports as it is documented for last words, with workers that end after so many requests each. The
    /// variables say where those go.
    pub fn recycling(requests: usize, metrics: Vec<Port>, variables: &[(&str, &str)], dir: &Path) -> Self {
        let http = Port::reserve();
        let mut command = Command::new(installed("gunicorn"));
        application_env(&mut command, dir, metrics[0].number());
        last_words_env(&mut command, variables);
        command.arg("-c").arg(repository().join("deploy/gunicorn/gunicorn.conf.py"));
        command.args(["--no-control-socket", "--worker-tmp-dir=/dev/shm", "--timeout=300"]);
        command.args([format!("--max-requests={requests}"), format!("--bind={}", http.address()), "demo.wsgi".into()]);
        let mut gunicorn = Self { process: Process::spawn("gunicorn", command, dir), http, metrics };
        gunicorn.wait_exports(WORKERS);
        gunicorn
    }

    /// Where requests go.
    pub fn address(&self) -> SocketAddr {
        self.http.address()
    }

    /// The master.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The range of metrics ports as a target: `127.0.0.1:FIRST-LAST`.
    pub fn range(&self) -> String {
        format!("{}-{}", self.metrics[0].address(), self.metrics[self.metrics.len() - 1].number())
    }

    /// Metrics port and pid of every export there ever was, in order; by the log.
    pub fn exports(&self) -> Vec<(u16, i32)> {
        let export = |line: &str| {
            let (pid, rest) = line.strip_prefix('[')?.split_once(']')?;
            let (_, port) = rest.split_once("Exporting Prometheus /metrics/ on port ")?;
            Some((port.trim().parse().ok()?, pid.parse().ok()?))
        };
        self.process.log().lines().filter_map(export).collect()
    }

    /// Waits until that many workers have begun to export since the start.
    pub fn wait_exports(&mut self, count: usize) {
        let log = self.process.log();
        assert!(!log.contains("Cannot export"), "a worker found no port in the range");
        super::wait_for(&format!("export number {count}"), || {
            super::expect(self.exports().len() >= count, || format!("there were {}", self.exports().len()))
        });
    }

    /// Pid by metrics port, of the workers that live.
    pub fn workers(&self) -> BTreeMap<u16, i32> {
        let alive = |pid: &i32| Path::new(&format!("/proc/{pid}")).exists();
        self.exports().into_iter().filter(|(_, pid)| alive(pid)).collect()
    }

    /// The addresses of the metrics ports.
    pub fn metrics_addresses(&self) -> Vec<SocketAddr> {
        self.metrics.iter().map(Port::address).collect()
    }
}

/// Reads the exposition of each that answers at once.
pub fn read_workers(addresses: &[SocketAddr]) -> Vec<Exposition> {
    let read = |to: &SocketAddr| parse(http::request_within(WORKER_PATIENCE, "GET", *to, "/metrics", &[]).ok()?.text()).ok();
    addresses.iter().filter_map(read).collect()
}

/// How a uWSGI serves its statistics.
#[derive(Debug)]
pub enum Stats {
    Tcp(Port),
    Http(Port),
    Unix(PathBuf),
}

/// uWSGI with the application and a stats server.
pub struct Uwsgi {
    process: Process,
    http: Port,
    stats: Stats,
}

impl Uwsgi {
    /// Starts it and waits until it listens. `name` tells it from its like.
    pub fn start(name: &str, stats: Stats, dir: &Path) -> Self {
        let http = Port::reserve();
        let mut command = Command::new(installed("uwsgi"));
        application_env(&mut command, dir, 0);
        command
            .args(["--master", "--die-on-term", "--need-app", "--lazy-apps", "--enable-threads", "--memory-report"])
            .args(["--disable-logging", "--module", "demo.wsgi:application"])
            .args(["--processes", &UWSGI_WORKERS.to_string(), "--http-socket", &http.address().to_string()])
            .arg("--virtualenv")
            .arg(installed("python").with_file_name(".."))
            .arg("--pythonpath")
            .arg(repository().join("tests/stack/app"));
        match &stats {
            Stats::Tcp(port) => command.args(["--stats", &port.address().to_string()]),
            Stats::Http(port) => command.args(["--stats", &port.address().to_string(), "--stats-http"]),
            Stats::Unix(path) => command.arg("--stats").arg(path),
        };
        let mut process = Process::spawn(name, command, dir);
        process.wait_listening(http.address());
        let mut uwsgi = Self { process, http, stats };
        super::wait_for("the stats server", || uwsgi.try_read_stats().map(drop));
        uwsgi.process.wait_until("all workers accept", || match http::get(uwsgi.http.address(), "/pid", &[]) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        });
        uwsgi
    }

    /// Starts it with metrics ports, as it is documented for last words, with workers that end after so many requests each. The
    /// variables say where those go.
    pub fn recycling(requests: usize, metrics: &[Port], variables: &[(&str, &str)], dir: &Path) -> Self {
        // As the lines in a site's own wsgi.py.
        std::fs::write(dir.join("recycled.py"), "from demo.wsgi import application\nimport last_words\n")
            .expect("cannot write a module");
        let (http, stats) = (Port::reserve(), Port::reserve());
        let mut command = Command::new(installed("uwsgi"));
        application_env(&mut command, dir, metrics[0].number());
        last_words_env(&mut command, variables);
        command
            .args(["--master", "--die-on-term", "--need-app", "--lazy-apps", "--enable-threads", "--disable-logging"])
            .args(["--worker-reload-mercy=60", "--min-worker-lifetime=0", &format!("--max-requests={requests}")])
            .args(["--processes", &UWSGI_WORKERS.to_string(), "--http-socket", &http.address().to_string()])
            .args(["--module", "recycled:application", "--stats", &stats.address().to_string()])
            .arg("--virtualenv")
            .arg(installed("python").with_file_name(".."));
        for path in
            [repository().join("tests/stack/app"), repository().join("deploy/last-words"), repository().join("deploy/uwsgi")]
        {
            command.arg("--pythonpath").arg(path);
        }
        command.arg("--pythonpath").arg(dir);
        let mut process = Process::spawn("uwsgi", command, dir);
        process.wait_listening(http.address());
        Self { process, http, stats: Stats::Tcp(stats) }
    }

    /// Where requests go.
    pub fn address(&self) -> SocketAddr {
        self.http.address()
    }

    /// The stats server as a target.
    pub fn target(&self) -> String {
        match &self.stats {
            Stats::Tcp(port) => format!("tcp://{}", port.address()),
            Stats::Http(port) => format!("http://{}", port.address()),
            Stats::Unix(path) => format!("unix://{}", path.display()),
        }
    }

    /// Reads the statistics, past the proxy.
    pub fn stats(&self) -> Value {
        self.try_read_stats().unwrap_or_else(|why| panic!("stats at {}: {why}", self.target()))
    }

    fn try_read_stats(&self) -> Result<Value, String> {
        let mut bytes = Vec::new();
        match &self.stats {
            Stats::Tcp(port) => TcpStream::connect(port.address()).and_then(|mut stream| stream.read_to_end(&mut bytes)),
            Stats::Unix(path) => UnixStream::connect(path).and_then(|mut stream| stream.read_to_end(&mut bytes)),
            Stats::Http(port) => http::get(port.address(), "/", &[]).map(|response| {
                bytes = response.body;
                bytes.len()
            }),
        }
        .map_err(|error| error.to_string())?;
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())
    }

    /// Sum of a number over the workers in a stats document.
    pub fn sum_over_workers(stats: &Value, key: &str) -> f64 {
        stats["workers"].as_array().into_iter().flatten().filter_map(|worker| worker[key].as_f64()).sum()
    }

    /// The master.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// nginx in front of the application, with `stub_status`.
pub struct Nginx {
    process: Process,
    port: Port,
    dir: PathBuf,
}

/// The numbers of `stub_status` that the tests compare.
#[derive(Debug, Clone, Copy)]
pub struct StubStatus {
    pub accepts: f64,
    pub handled: f64,
    pub requests: f64,
}

impl Nginx {
    /// Starts it in front of `upstream`.
    pub fn start(upstream: SocketAddr, dir: &Path) -> Self {
        let dir = dir.join("nginx");
        std::fs::create_dir_all(&dir).expect("cannot make a directory");
        let port = Port::reserve();
        let template = std::fs::read_to_string(repository().join("tests/stack/nginx.conf")).expect("tests/stack/nginx.conf");
        let config = template
            .replace("@DIR@", &dir.display().to_string())
            .replace("@LISTEN@", &port.address().to_string())
            .replace("@UPSTREAM@", &upstream.to_string());
        std::fs::write(dir.join("nginx.conf"), config).expect("cannot write nginx.conf");
        let process = Self::spawn(&dir);
        let mut nginx = Self { process, port, dir };
        nginx.process.wait_listening(nginx.port.address());
        nginx
    }

    fn spawn(dir: &Path) -> Process {
        let found = Path::new("/usr/sbin/nginx");
        let mut command = Command::new(if found.exists() { found } else { Path::new("nginx") });
        command.arg("-c").arg(dir.join("nginx.conf")).arg("-e").arg(dir.join("error.log")).args(["-g", "daemon off;"]);
        Process::spawn("nginx", command, dir)
    }

    /// Stops it; its port stays its own.
    pub fn stop(&mut self) {
        self.process.stop();
    }

    /// Starts it again where it was.
    pub fn start_again(&mut self) {
        self.process = Self::spawn(&self.dir);
        self.process.wait_listening(self.port.address());
    }

    /// Where requests go.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The status page as a target.
    pub fn target(&self) -> String {
        format!("http://{}/nginx/status", self.port.address())
    }

    /// Reads the status page, past the proxy.
    pub fn status(&self) -> StubStatus {
        let response = http::get(self.port.address(), "/nginx/status", &[]).expect("nginx' status page");
        let third_line = response.text().lines().nth(2).expect("a line of counters");
        let numbers: Vec<f64> = third_line.split_whitespace().map(|number| number.parse().expect("a number")).collect();
        StubStatus { accepts: numbers[0], handled: numbers[1], requests: numbers[2] }
    }
}
