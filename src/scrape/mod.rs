//! Reading targets: every target of a round at once, one deadline, one typed outcome each.
//!
//! One connection per scrape, closed after: the metrics server of a Python worker serves one connection at a time, so an idle one
//! would block it. That no target is read twice at once is the business of the caller ([`crate::round`] does rounds one by one).

mod accept;
#[cfg(test)]
mod access_tests;
mod connect;
mod credentials;
mod directory;
mod error;
mod file;
mod guard;
mod hint;
mod http;
mod redirect;
mod request;
#[cfg(feature = "tls")]
mod secure;
#[cfg(test)]
#[cfg(feature = "tls")]
mod secure_tests;
mod stream;
#[cfg(test)]
mod tests;

pub use directory::{DirectoryFile, Owner, replay};
#[cfg(feature = "tools")]
pub(crate) use directory::{directory_contents, list_directory};
pub use error::{Body, Missed, Part, Receipt, Scraped, Sink, TlsFault};
pub use guard::{GUARD_HEADER, ProcessId};
pub use hint::hint;
pub use request::{BadHeader, Request};

use crate::config::Limit;
use crate::target::{Address, Target};
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use tokio::time::Instant;

/// Sent as `User-Agent`.
const USER_AGENT: &str = concat!("onescrape/", env!("CARGO_PKG_VERSION"));

/// Scrapes one target. Always comes back by `deadline` with a typed outcome; a panic on the way is an outcome too.
pub async fn scrape(target: &Target, how: &Request, deadline: Instant) -> Scraped {
    scrape_into(target, how, deadline, &mut |_| Ok(Receipt::Whole)).await
}

/// The same; the body goes to `sink` as it comes, if that takes it. One that must be seen whole after all is read again.
pub async fn scrape_into(target: &Target, how: &Request, deadline: Instant, sink: &mut Sink<'_>) -> Scraped {
    let began = Instant::now();
    let reading = async {
        match read(&target.address, how, deadline, sink).await {
            Err(Ended::Again) => match read(&target.address, how, deadline, &mut |_| Ok(Receipt::Whole)).await {
                Err(Ended::Again | Ended::Moved { .. }) => Err(Missed::fault()),
                Err(Ended::Missed(missed)) => Err(missed),
                Ok(body) => Ok(body),
            },
            Err(Ended::Moved { code, to }) => Err(http::moved(code, &to)),
            Err(Ended::Missed(missed)) => Err(missed),
            Ok(body) => Ok(body),
        }
    };
    let reading = AssertUnwindSafe(reading).catch_unwind();
    let result = match tokio::time::timeout_at(deadline, reading).await {
        Ok(Ok(result)) => result,
        Ok(Err(_panic)) => Err(Missed::fault()),
        Err(_elapsed) => Err(Missed::Timeout { after: began.elapsed() }),
    };
    Scraped { result, duration: began.elapsed() }
}

/// How a read ended early.
enum Ended {
    Missed(Missed),
    Again,
    /// A redirect that may be followed.
    Moved {
        code: u16,
        to: String,
    },
}

impl From<crate::compression::UnpackError> for Ended {
    fn from(error: crate::compression::UnpackError) -> Self {
        Self::Missed(error.into())
    }
}

impl From<Missed> for Ended {
    fn from(missed: Missed) -> Self {
        Self::Missed(missed)
    }
}

/// Reads a target, through redirects where the source follows them.
async fn read(address: &Address, how: &Request, deadline: Instant, sink: &mut Sink<'_>) -> Result<Body, Ended> {
    let mut at = address.clone();
    let mut left = how.redirects_max();
    loop {
        match read_one(&at, how, deadline, sink).await {
            Err(Ended::Moved { code, to }) if left > 0 => {
                left -= 1;
                at = redirect::next(&at, how.host(), &to).ok_or_else(|| http::moved(code, &to))?;
            }
            Err(Ended::Moved { code, to }) => {
                let what = format!("{}; that is one redirect too many", http::moved(code, &to));
                return Err(Missed::OverLimit { limit: Limit::RedirectsMax, what }.into());
            }
            ended => return ended,
        }
    }
}

async fn read_one(address: &Address, how: &Request, deadline: Instant, sink: &mut Sink<'_>) -> Result<Body, Ended> {
    Ok(match address {
        Address::File(path) => file::read(path, how.body_bytes_max()).await?,
        Address::Directory(path) => directory::reading(path, how, sink).await?,
        Address::Tcp { host, port } => {
            stream::read(Box::new(connect::tcp(host, *port).await?), how, stream::Speak::WhenSilent, deadline).await?
        }
        Address::Unix(path) => stream::read(Box::new(connect::unix(path).await?), how, stream::Speak::WhenSilent, deadline).await?,
        Address::Http { tls: true, host, port, path } => {
            #[cfg(feature = "tls")]
            {
                let socket = connect::tcp(host, *port).await?;
                let socket = how.secure().connect(socket, host).await?;
                http::get(Box::new(socket), &connect::authority(host, *port), path, how, deadline, sink).await?
            }
            #[cfg(not(feature = "tls"))]
            {
                let _ = (host, port, path);
                return Err(Missed::Tls { fault: TlsFault::Setup, why: crate::config::NO_TLS.into() }.into());
            }
        }
        Address::Http { tls: false, host, port, path } => {
            let socket = connect::tcp(host, *port).await?;
            let host = connect::authority(host, *port);
            if how.is_stream() {
                stream::read(Box::new(socket), how, stream::Speak::AtOnce { host: &host, path }, deadline).await?
            } else {
                http::get(Box::new(socket), &host, path, how, deadline, sink).await?
            }
        }
        Address::HttpUnix { socket, path } => {
            let socket = connect::unix(socket).await?;
            if how.is_stream() {
                stream::read(Box::new(socket), how, stream::Speak::AtOnce { host: connect::UNIX_HOST, path }, deadline).await?
            } else {
                http::get(Box::new(socket), connect::UNIX_HOST, path, how, deadline, sink).await?
            }
        }
    })
}
