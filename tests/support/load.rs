//! Sends requests and counts what came of them.

use super::http;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// As many as the workers of the stack.
const SENDERS: usize = 4;

/// Sends `count` GETs of `path` and returns once all were answered with status 200, which is the test's own truth: the application has
/// counted a request before its answer goes out.
pub fn send(to: SocketAddr, path: &str, count: usize) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..SENDERS.min(count) {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < count {
                    let response = http::get(to, path, &[]).unwrap_or_else(|error| panic!("GET {path} from {to}: {error}"));
                    assert_eq!(response.status, 200, "GET {path} from {to}: {}", response.text());
                }
            });
        }
    });
}
