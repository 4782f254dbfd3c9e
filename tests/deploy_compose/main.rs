//! What deploy/ ships for compose, Django, nginx and WSL 2: files checked by their own tools, and every stack run on this machine from its
//! own compose file (what differs from containers: [`native`]).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]

mod address;
mod channels;
mod files;
mod gunicorn;
mod model;
mod native;
mod scripts;
mod settings;
#[path = "../support/mod.rs"]
mod support;
mod uwsgi;
mod wsl2;

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use support::curl::curl;
use support::{expect, http, wait_for};

/// Another address of this machine than the one that nginx' configurations let in.
const PUBLIC: &str = "127.0.0.2";

/// The status that a request gets which comes from elsewhere.
fn status_for_public(method: &str, to: SocketAddr, path: &str) -> u16 {
    let answer = curl(&["--interface", PUBLIC, "--request", method, &format!("http://{to}{path}")]);
    assert!(answer.status != 0, "{method} {path}: {}", answer.said);
    answer.status
}

/// Waits until a GET is answered with 200.
fn wait_ok(what: &str, to: SocketAddr, path: &str) {
    wait_for(what, || {
        let status = http::get(to, path, &[]).map_err(|error| error.to_string())?.status;
        expect(status == 200, || format!("status {status}"))
    });
}

/// Waits until an expression has this value in a Prometheus.
fn wait_value(prometheus: SocketAddr, expression: &str, expected: f64) {
    wait_for(&format!("{expression} to be {expected}"), || {
        let value = support::prometheus::value_of(prometheus, expression)?;
        expect(value == expected, || format!("it is {value}"))
    });
}

/// Writes a script that can be run.
fn executable(file: &Path, text: &str) {
    std::fs::write(file, text).expect("cannot write a script");
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).expect("cannot make it executable");
}
