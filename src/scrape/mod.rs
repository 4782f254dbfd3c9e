//! Reading targets: every target of a round at once, one deadline, one typed outcome each.
//!
//! One connection per scrape, closed after: the metrics server of a Python worker serves one connection at a time, so an idle one
//! would block it. That no target is read twice at once is the business of the caller ([`crate::round`] does rounds one by one).

mod connect;
mod error;
mod file;
mod guard;
mod hint;
mod http;
mod request;
mod stream;
#[cfg(test)]
mod tests;

pub use error::{Body, Missed, Scraped};
pub use guard::{GUARD_HEADER, ProcessId};
pub use hint::hint;
pub use request::{BadHeader, Request};

use crate::target::{Address, Target};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use tokio::time::Instant;

/// Sent as `User-Agent`.
const USER_AGENT: &str = concat!("onescrape/", env!("CARGO_PKG_VERSION"));

/// Scrapes one target. Always comes back by `deadline` with a typed outcome; a panic on the way is an outcome too.
pub async fn scrape(target: &Target, how: &Request, deadline: Instant) -> Scraped {
    let began = Instant::now();
    let reading = AssertUnwindSafe(read(&target.address, how, deadline)).catch_unwind();
    let result = match tokio::time::timeout_at(deadline, reading).await {
        Ok(Ok(result)) => result,
        Ok(Err(_panic)) => Err(Missed::fault()),
        Err(_elapsed) => Err(Missed::Timeout { after: began.elapsed() }),
    };
    Scraped { result, duration: began.elapsed() }
}

async fn read(address: &Address, how: &Request, deadline: Instant) -> Result<Body, Missed> {
    match address {
        Address::File(path) => file::read(path, how.body_bytes_max()).await,
        Address::Tcp { host, port } => {
            stream::read(connect::tcp(host, *port).await?, how, stream::Speak::WhenSilent, deadline).await
        }
        Address::Unix(path) => stream::read(connect::unix(path).await?, how, stream::Speak::WhenSilent, deadline).await,
        Address::Http { host, port, path } => {
            let socket = connect::tcp(host, *port).await?;
            let host = connect::authority(host, *port);
            if how.is_stream() {
                stream::read(socket, how, stream::Speak::AtOnce { host: &host, path }, deadline).await
            } else {
                http::get(socket, &host, path, how, deadline).await
            }
        }
        Address::HttpUnix { socket, path } => {
            let socket = connect::unix(socket).await?;
            if how.is_stream() {
                stream::read(socket, how, stream::Speak::AtOnce { host: connect::UNIX_HOST, path }, deadline).await
            } else {
                http::get(socket, connect::UNIX_HOST, path, how, deadline).await
            }
        }
    }
}
