//! A child in a process group of its own, ended with everything it started.

use super::{expect, wait_for};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// Lines of a log shown when a test fails.
const LOG_LINES_SHOWN: usize = 20;

/// A running program. Dropped, its whole group is killed; in a failing test its log is shown.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it, with stdout and stderr going to `NAME.log` in `dir` (appended to).
    pub fn spawn(name: &str, command: Command, dir: &Path) -> Self {
        Self::spawn_with_input(name, command, dir, Stdio::null())
    }

    /// The same with something as its standard input.
    pub fn spawn_with_input(name: &str, mut command: Command, dir: &Path, input: Stdio) -> Self {
        let log = dir.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log).expect("cannot open the log");
        let child = command
            .stdin(input)
            .stdout(file.try_clone().expect("cannot share the log"))
            .stderr(file)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error} ({command:?})"));
        Self { name: name.to_string(), child, log }
    }

    /// Its process id, which is also that of its group.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal to the process, not to its children.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap_or_else(|error| panic!("cannot signal {}: {error}", self.name));
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("cannot wait for a child")
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> ExitStatus {
        let name = self.name.clone();
        wait_for(&format!("{name} to end"), || self.ended().ok_or_else(|| "it runs".to_string()))
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        if self.ended().is_none() {
            self.signal(Signal::TERM);
        }
        self.wait()
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.wait();
    }

    /// Waits until `look` is content, and fails at once should the process end.
    pub fn wait_until(&mut self, what: &str, mut look: impl FnMut() -> Result<(), String>) {
        let name = self.name.clone();
        wait_for(&format!("{name}: {what}"), || {
            if let Some(status) = self.ended() {
                panic!("{name} ended with {status} before: {what}");
            }
            look()
        });
    }

    /// Waits until something accepts connections at `address`.
    pub fn wait_listening(&mut self, address: std::net::SocketAddr) {
        self.wait_until("listens", || std::net::TcpStream::connect(address).map(drop).map_err(|error| error.to_string()));
    }

    /// All it has written.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The group may outlive its leader, and may be gone already.
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let shown = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
            eprintln!("--- end of the log of {}\n{}\n---", self.name, shown.join("\n"));
        }
    }
}

/// Sends a signal to a process that the test's servers started.
pub fn signal_pid(pid: i32, signal: Signal) {
    let pid = Pid::from_raw(pid).expect("0 is no process");
    kill_process(pid, signal).unwrap_or_else(|error| panic!("cannot signal {pid:?}: {error}"));
}

/// Waits until a process that isn't our child has gone.
pub fn wait_gone(pid: i32) {
    let stat = PathBuf::from(format!("/proc/{pid}/stat"));
    wait_for(&format!("process {pid} to go"), || expect(!stat.exists(), || "it is there".into()));
}
