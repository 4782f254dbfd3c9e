//! The program itself, as it is released.

use super::child::{cpu, memory};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_onescrape");
/// A request joins a round that has just begun, so scrapes to be measured keep this far apart.
pub const APART: Duration = onescrape::round::JOIN_WINDOW.saturating_add(Duration::from_millis(10));
/// Longest time it may take to be ready.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks whether it is.
const PAUSE: Duration = Duration::from_millis(10);

/// One flag for each worker.
pub fn flags(ports: &[u16]) -> Vec<String> {
    ports.iter().map(|port| format!("--workers=127.0.0.1:{port}")).collect()
}

/// A running proxy; ended when dropped.
pub struct Proxy {
    process: Child,
    address: String,
    workers: usize,
}

impl Proxy {
    /// Starts one over workers on these ports, and waits until it is ready.
    pub fn start(ports: &[u16]) -> Self {
        Self::with_flags(&flags(ports), ports.len())
    }

    /// Starts one with these flags, which give it so many workers, and waits until it is ready.
    pub fn with_flags(flags: &[String], workers: usize) -> Self {
        Self::of(PROGRAM.as_ref(), flags, workers)
    }

    /// The same of another build of the program.
    pub fn of(program: &Path, flags: &[String], workers: usize) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("no free port");
        let address = free.to_string();
        let mut command = Command::new(program);
        command.env_clear().arg(format!("--web.listen-address={address}")).arg("--log.level=error").stderr(Stdio::null());
        command.args(flags);
        let proxy = Self { process: command.spawn().expect("cannot start the program"), address, workers };
        let until = Instant::now() + PATIENCE;
        while !proxy.get("/-/ready").is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 200")) {
            assert!(Instant::now() < until, "the program was not ready after {PATIENCE:?}");
            std::thread::sleep(PAUSE);
        }
        std::thread::sleep(APART);
        proxy
    }

    /// Wall time and CPU of one scrape of everything. Comes back when the next one makes a round of its own.
    pub fn scrape(&self) -> (Duration, Duration) {
        self.scrape_with(self.workers)
    }

    /// The same where only so many workers answer.
    pub fn scrape_with(&self, answering: usize) -> (Duration, Duration) {
        let (began, before) = (Instant::now(), cpu(self.process.id()));
        let answer = self.get("/metrics").expect("the program does not answer");
        let wall = began.elapsed();
        std::thread::sleep(APART.saturating_sub(wall));
        let spent = cpu(self.process.id()) - before;
        let text = String::from_utf8_lossy(&answer);
        let up = text.lines().filter(|line| line.starts_with("onescrape_worker_up{") && line.ends_with(" 1")).count();
        assert_eq!(up, answering, "other workers were read than answer");
        (wall, spent)
    }

    /// An answer, head and all.
    pub fn get(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(&self.address)?;
        let accept = "Accept: text/plain;version=0.0.4";
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n{accept}\r\nConnection: close\r\n\r\n", self.address)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }

    /// Resident memory in MiB: all of it, and what is its own (neither program nor libraries).
    pub fn memory(&self) -> (f64, f64) {
        (memory(self.process.id(), "VmRSS"), memory(self.process.id(), "RssAnon"))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
