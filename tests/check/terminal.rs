//! What a terminal shows, and what a pipe gets.

use crate::support::fake_worker::{Answer, FakeWorker};
use crate::support::port::Port;
use crate::support::proxy::{command, run};
use crate::support::wait_for;
use std::process::{Command, Stdio};

/// Runs its arguments in a pseudo-terminal and prints what that showed.
const IN_A_TERMINAL: &str = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";
/// What every colour begins with.
const ESCAPE: char = '\u{1b}';

fn in_a_terminal(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let mut terminal = Command::new("python3");
    terminal.args(["-c", IN_A_TERMINAL]).arg(command().get_program()).args(arguments);
    terminal.env_remove("NO_COLOR").env("TERM", "xterm").envs(variables.iter().copied()).stdin(Stdio::null());
    String::from_utf8(terminal.output().unwrap().stdout).unwrap()
}

#[test]
fn colours_only_on_a_terminal() {
    let worker = FakeWorker::answering(Answer::text("# TYPE c counter\nc_total 1\n"));
    let workers = format!("--workers={}", worker.id());
    let arguments = ["check", workers.as_str(), "--expect=1"];
    let shown = in_a_terminal(&arguments, &[]);
    assert!(shown.contains("\u{1b}[32mup\u{1b}[0m") && shown.contains("All is well."), "{shown}");
    for variable in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let shown = in_a_terminal(&arguments, &[variable]);
        assert!(shown.contains("All is well.") && !shown.contains(ESCAPE), "{variable:?}: {shown}");
    }
    let piped = String::from_utf8(run(&arguments).stdout).unwrap();
    assert!(piped.contains("All is well.") && !piped.contains(ESCAPE), "{piped}");
}

#[test]
fn waits_and_says_for_what() {
    let mut worker = FakeWorker::answering(Answer::text("# TYPE c counter\nc_total 1\n"));
    worker.down();
    let mut waiting = command();
    // In a pod, or what is waited for depends on whether this runs in a container.
    waiting.env("KUBERNETES_SERVICE_HOST", "127.0.0.1");
    waiting.args(["check", "--quiet", "--wait=1m", &format!("--workers={}", worker.id()), "--expect=1"]);
    let dir = tempfile::tempdir().unwrap();
    let mut waiting = crate::support::process::Process::spawn("check", waiting, dir.path());
    wait_for("what is waited for", || {
        let log = waiting.log();
        crate::support::expect(log == "waiting for workers: nothing_listens\n", || log)
    });
    worker.up();
    assert!(waiting.wait().success(), "{}", waiting.log());

    let port = Port::reserve();
    let workers = format!("--workers={}", port.address());
    let arguments = ["check", "--quiet", "--wait=1s", workers.as_str()];
    let shown = in_a_terminal(&arguments, &[]);
    assert!(shown.contains("\r\u{1b}[Kwaiting ") && shown.contains("error"), "{shown}");
}
