//! Directories of multiprocess files.

use crate::case::Case;
use crate::support::process::Process;
use crate::support::{expect, installed, repository};
use std::process::Command;

/// An id that no process has: Linux' are smaller.
const NOBODY: u32 = 99_990_000;
/// As many files of ended processes as are worth folding.
const MANY: u32 = 1000;

#[test]
fn files() {
    let case = Case::new("multiproc", "/nowhere");
    let dir = case.dir().join("multiproc");
    std::fs::create_dir(&dir).unwrap();
    let case = case.with("targets", &format!("[\"{}\"]", dir.display()));
    let counter = std::fs::read(repository().join("tests/fixtures/multiproc/counter.db")).unwrap();
    let file = |id: u32| dir.join(format!("counter_{id}.db"));
    case.finds("no_files");
    std::fs::write(file(NOBODY), &counter).unwrap();
    case.finds("liveness_unknown");
    std::fs::write(file(NOBODY), b"short").unwrap();
    case.finds("bad_files");
    // Where one process is seen to run, others are seen to have ended.
    let script = "import prometheus_client as p, signal; p.Counter('jobs', 'Jobs.').inc(); print('up', flush=True); signal.pause()";
    let mut command = Command::new(installed("python"));
    command.env("PROMETHEUS_MULTIPROC_DIR", &dir).args(["-c", script]);
    let mut worker = Process::spawn("worker", command, case.dir());
    let log = case.dir().join("worker.log");
    worker.wait_until("counts", || expect(std::fs::read_to_string(&log).is_ok_and(|log| log.contains("up")), || "not yet".into()));
    for id in NOBODY..NOBODY + MANY {
        std::fs::write(file(id), &counter).unwrap();
    }
    case.finds("many_files");
}
