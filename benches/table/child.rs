//! Other processes: this program in another role, told what to do line by line; and what `/proc` says of any of them.

use super::{fake_workers, readers};
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// First argument of a process that plays a role.
pub const ROLE: &str = "role";
/// Serves made-up workers.
pub const WORKERS: &str = "workers";
/// Reads every worker and throws all away.
pub const DISCARD: &str = "discard";
/// Reads every worker as we do, through the HTTP library, and throws all away.
pub const LIBRARY: &str = "library";
/// Reads every worker as a program around `prometheus-parse` would.
pub const PARSE: &str = "prometheus-parse";

/// Plays the role that `arguments` say.
pub fn play(arguments: &[String]) {
    let (role, arguments) = arguments.split_first().expect("no role");
    match role.as_str() {
        WORKERS => fake_workers::serve(arguments),
        DISCARD => readers::run(arguments, readers::Way::Discard),
        LIBRARY => readers::run(arguments, readers::Way::Library),
        PARSE => readers::run(arguments, readers::Way::PrometheusParse),
        unknown => panic!("unknown role {unknown}"),
    }
}

/// Answers every line of standard input with one of standard output.
pub fn answer(mut how: impl FnMut(&str) -> String) {
    for line in std::io::stdin().lines() {
        println!("{}", how(&line.expect("no line")));
    }
}

/// A process in a role; ended when dropped.
pub struct Child {
    process: std::process::Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Child {
    /// Starts it; returns the line it begins with.
    pub fn start(role: &str, arguments: &[String]) -> (Self, String) {
        let mut command = Command::new(std::env::current_exe().expect("no path of this program"));
        command.arg(ROLE).arg(role).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("cannot start this program again");
        let (input, output) = (process.stdin.take().expect("no input"), process.stdout.take().expect("no output"));
        let mut child = Self { process, input, output: BufReader::new(output) };
        let first = child.line();
        (child, first)
    }

    /// Says a line, waits for the answer.
    pub fn ask(&mut self, what: &str) -> String {
        writeln!(self.input, "{what}").expect("a child has gone");
        self.line()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a child has gone");
        assert!(!line.is_empty(), "a child has ended");
        line.trim_end().to_owned()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Time on a CPU, in user mode and in the kernel together, of all threads of a process.
pub fn cpu(process: u32) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("a process has gone");
    let nanos = threads.flatten().filter_map(|thread| {
        let schedstat = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        schedstat.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

/// A field of `/proc/PID/status` that counts kB, in MiB.
pub fn memory(process: u32, field: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a process has gone");
    let of = |line: &str| line.strip_prefix(field)?.strip_prefix(':')?.trim().strip_suffix(" kB")?.parse::<f64>().ok();
    status.lines().find_map(of).expect("no such field in a process' status") / 1024.0
}
