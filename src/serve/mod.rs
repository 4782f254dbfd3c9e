//! HTTP toward the scraper: endpoints, negotiation, deadlines, drain.

mod accept_encoding;
mod app;
mod browser;
mod connection;
#[cfg(feature = "pages")]
mod explain;
mod gate;
mod last_words;
mod lifecycle;
mod listen;
mod metrics;
pub mod negotiate;
#[cfg(feature = "pages")]
mod page;
mod paths;
mod patience;
mod place;
mod query;
mod respond;
#[cfg(feature = "pages")]
mod site;
#[cfg(not(feature = "pages"))]
#[path = "no_site.rs"]
mod site;
mod socket;
#[cfg(feature = "pages")]
mod targets;
#[cfg(test)]
mod tests;

pub use app::App;
pub use gate::{Gate, GateError};
pub use lifecycle::{Lifecycle, Orders, Outcome};
pub use listen::{ListenError, bind, inherited};
pub use socket::Listener;

use connection::Connections;
use std::sync::Arc;
use std::time::Duration;

/// How long to wait after a connection could not be accepted: most likely there are no file descriptors left, and trying at once
/// would only burn time.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Serves until `shutdown` comes; then accepts no more, lets requests under way finish, no longer than `limits.drain_timeout`, and returns.
pub async fn run(listeners: Vec<Listener>, app: impl Into<Arc<App>>, shutdown: impl Future<Output = ()>) {
    let app = app.into();
    let connections = Arc::new(Connections::new(app.clone()));
    let mut accepting: tokio::task::JoinSet<()> =
        listeners.into_iter().map(|listener| accept(listener, connections.clone())).collect();
    shutdown.await;
    accepting.shutdown().await;
    connections.drain(app.limits().drain_timeout).await;
}

async fn accept(listener: Listener, connections: Arc<Connections>) {
    loop {
        match listener.accept().await {
            Ok(socket) => connections.take(socket).await,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}
