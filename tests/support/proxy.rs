//! The program itself, as users run it.

use super::exposition::{Exposition, parse};
use super::fake_worker::FakeWorker;
use super::http::{self, Response};
use super::port::Port;
use super::process::Process;
use super::{expect, wait_for};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Output};
use tempfile::TempDir;

/// A running proxy.
pub struct Proxy {
    process: Process,
    port: Port,
    dir: TempDir,
}

/// The program, without anything of this process' environment that could steer it.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onescrape"));
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

/// Runs it to its end.
pub fn run(arguments: &[&str]) -> Output {
    command().args(arguments).output().expect("cannot start the program")
}

/// `--workers` for these.
pub fn workers_flag(workers: &[&FakeWorker]) -> Vec<String> {
    workers.iter().map(|worker| format!("--workers={}", worker.id())).collect()
}

impl Proxy {
    /// Starts `onescrape serve` with these flags, on a port of its own, and waits until it is ready.
    pub fn start(flags: &[impl AsRef<str>]) -> Self {
        let mut proxy = Self::start_unready(flags);
        proxy.wait_ready();
        proxy
    }

    /// The same without waiting for its first round.
    pub fn start_unready(flags: &[impl AsRef<str>]) -> Self {
        let dir = tempfile::tempdir().expect("no temporary directory");
        Self::launch(command(), flags, dir)
    }

    /// Starts it on this configuration, as text (YAML, so JSON too).
    pub fn with_config(config: &str) -> Self {
        let dir = tempfile::tempdir().expect("no temporary directory");
        let file = dir.path().join("onescrape.yml");
        std::fs::write(&file, config).expect("cannot write the configuration");
        let mut proxy = Self::launch(command(), &[format!("--config.file={}", file.display())], dir);
        proxy.wait_ready();
        proxy
    }

    /// Scrapes these workers as one source named `workers`.
    pub fn of(workers: &[&FakeWorker]) -> Self {
        Self::start(&workers_flag(workers))
    }

    /// Starts it with variables of the environment.
    pub fn with_environment(variables: &[(&str, &str)]) -> Self {
        let mut command = command();
        command.envs(variables.iter().copied());
        let mut proxy = Self::launch(command, &[] as &[&str], tempfile::tempdir().expect("no temporary directory"));
        proxy.wait_ready();
        proxy
    }

    /// Starts this program, made by [`command`], with these flags.
    pub fn with_command(command: Command, flags: &[impl AsRef<str>]) -> Self {
        let mut proxy = Self::launch(command, flags, tempfile::tempdir().expect("no temporary directory"));
        proxy.wait_ready();
        proxy
    }

    fn launch(mut command: Command, flags: &[impl AsRef<str>], dir: TempDir) -> Self {
        let port = Port::reserve();
        command.arg("serve").args(flags.iter().map(AsRef::as_ref)).arg(format!("--web.listen-address={}", port.address()));
        let process = Process::spawn("onescrape", command, dir.path());
        Self { process, port, dir }
    }

    fn wait_ready(&mut self) {
        let address = self.address();
        self.process.wait_until("is ready", || match http::get(address, "/-/ready", &[]) {
            Ok(response) => expect(response.status == 200, || format!("status {}", response.status)),
            Err(error) => Err(error.to_string()),
        });
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// GET, whatever comes.
    pub fn try_get(&self, path: &str, headers: &[(&str, &str)]) -> io::Result<Response> {
        http::get(self.address(), path, headers)
    }

    /// GET.
    pub fn get(&self, path: &str) -> Response {
        self.get_with(path, &[])
    }

    /// GET with headers.
    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        self.try_get(path, headers).unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// GET /metrics as text 0.0.4, which must be there and well formed: as things stand now.
    pub fn scrape(&self) -> Exposition {
        self.scrape_path("/metrics")
    }

    /// The same for another path or query.
    pub fn scrape_path(&self, path: &str) -> Exposition {
        self.wait_new_round();
        read(&self.get(path)).unwrap_or_else(|why| panic!("GET {path}: {why}"))
    }

    /// Waits until a round has begun after the call. A GET alone may share one that began a moment ago, and then doesn't show what a
    /// test has changed meanwhile.
    pub fn wait_new_round(&self) {
        let before = self.scrapes().unwrap_or(0.0);
        wait_for("a new round", || {
            let scrapes = self.scrapes()?;
            expect(scrapes > before, || format!("still {scrapes} scrapes"))
        });
    }

    /// How many scrapes of targets the last round's answer counts.
    fn scrapes(&self) -> Result<f64, String> {
        let answer = read(&self.get("/metrics"))?;
        Ok(answer.sum("onescrape_worker_scrapes_total") + answer.sum("onescrape_target_scrapes_total"))
    }

    /// GETs /metrics until `look` is content with an answer.
    pub fn wait_scrape(&self, what: &str, mut look: impl FnMut(&Exposition) -> Result<(), String>) -> Exposition {
        wait_for(what, || {
            let answer = read(&self.get("/metrics"))?;
            look(&answer).map(|()| answer)
        })
    }

    /// GETs /metrics until it has this status.
    pub fn wait_status(&self, status: u16) -> Response {
        wait_for(&format!("status {status}"), || {
            let response = self.get("/metrics");
            if response.status == status { Ok(response) } else { Err(format!("status {}", response.status)) }
        })
    }

    /// The child.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// SIGKILL: it has no time for anything.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// A directory of its own.
    pub fn dir(&self) -> PathBuf {
        self.dir.path().to_path_buf()
    }

    /// SIGTERM, and how it ended.
    pub fn stop(&mut self) -> ExitStatus {
        self.process.stop()
    }
}

/// Reads a good answer.
fn read(response: &Response) -> Result<Exposition, String> {
    expect(response.status == 200, || format!("status {}: {}", response.status, response.text()))?;
    parse(response.text()).map_err(|why| format!("{why}\n{}", response.text()))
}
