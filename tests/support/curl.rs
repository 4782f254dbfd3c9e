//! curl: a client that knows nothing of the program.

use std::process::{Command, Output};

/// What curl says of a URL: the status (0 where there was none), the body, and its own words about what went wrong.
#[derive(Debug)]
pub struct Curled {
    pub status: u16,
    pub body: String,
    pub said: String,
}

/// Runs it with these arguments.
pub fn curl(arguments: &[&str]) -> Curled {
    let output: Output = Command::new("curl")
        .args(["--silent", "--show-error", "--include", "--max-time", "60", "--noproxy", "*", "--write-out", "\n%{http_code}"])
        .args(arguments)
        .output()
        .expect("cannot start curl: run tests/stack/install.sh first (make test does)");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').unwrap_or(("", &text));
    Curled {
        status: status.parse().unwrap_or_default(),
        body: body.to_string(),
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
