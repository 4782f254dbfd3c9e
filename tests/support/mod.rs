//! What the integration tests share: fake workers, the program as a child, an HTTP client, a reader of expositions of its own, and
//! the real servers. Nothing here uses the crate under test: what is checked must not check itself.
#![allow(dead_code, reason = "every test binary compiles this module and uses a part of it")]

pub mod alertmanager;
pub mod case;
pub mod certificates;
pub mod compare;
pub mod curl;
pub mod dns;
pub mod exposition;
pub mod fake_worker;
pub mod http;
pub mod lives;
pub mod load;
pub mod port;
pub mod process;
pub mod prometheus;
pub mod proxy;
pub mod stack;
pub mod webhook;
pub mod yaml;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Pause between two looks at a condition.
const POLL_PAUSE: Duration = Duration::from_millis(20);

/// How long a condition may take. Generous: it only decides how long a failure takes, never whether a test passes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `look` gives a value; panics with `what` and the last reason after [`PATIENCE`].
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        match look() {
            Ok(value) => return value,
            Err(why) if Instant::now() > until => panic!("waited {PATIENCE:?} in vain for {what}: {why}"),
            Err(_) => std::thread::sleep(POLL_PAUSE),
        }
    }
}

/// `Ok` if the condition holds, else what there is instead: the short form for [`wait_for`].
pub fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// Directory of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A program of the virtual environment that `tests/stack/install.sh` makes.
pub fn installed(program: &str) -> PathBuf {
    let stack = std::env::var_os("ONESCRAPE_STACK").map_or_else(|| repository().join(".stack"), PathBuf::from);
    let path = stack.join("venv/bin").join(program);
    assert!(path.exists(), "{} is missing: run tests/stack/install.sh first (make test does)", path.display());
    path
}
