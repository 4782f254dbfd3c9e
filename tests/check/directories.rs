//! Directories of multiprocess files.

use crate::case::Case;
use crate::support::repository;

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
    case.finds("no_live_process");
    std::fs::write(file(NOBODY + 1), b"short").unwrap();
    case.finds("bad_files");
    for id in NOBODY..NOBODY + MANY {
        std::fs::write(file(id), &counter).unwrap();
    }
    case.finds("many_files");
}
