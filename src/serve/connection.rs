use super::app::App;
use super::patience::{Patience, Patient, TooSlow};
use super::place::{Place, Places, Taken};
use super::socket::Socket;
use crate::config::Limit;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::error::Error as _;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::timeout;

/// Most lines of the head of a request; beyond them 431, as beyond `limits.client_header_bytes_max`.
const HEAD_LINES_MAX: usize = 100;
/// How long writing the answer to one connection too many may take; a fresh socket takes it at once.
const TURN_AWAY_TIMEOUT: Duration = Duration::from_millis(50);
/// That answer.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\
    Content-Length: 51\r\n\r\ntoo many open connections (limits.connections_max)\n";

/// The open connections.
pub(super) struct Connections {
    app: Arc<App>,
    places: Places,
    /// Connections watch it; so it also tells when the last one has gone.
    draining: watch::Sender<bool>,
}

impl Connections {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self { app, places: Places::default(), draining: watch::Sender::new(false) }
    }

    /// Serves a connection in a task of its own, unless there are too many and all are at work.
    pub(super) async fn take(&self, mut socket: Socket) {
        let taken = self.places.take(self.app.limits().connections_max);
        if !matches!(taken, Taken::Free(_)) {
            self.app.proxy.count_limit(Limit::ConnectionsMax);
        }
        let place = match taken {
            Taken::Free(place) => Arc::new(place),
            Taken::InTurn(place) => {
                // The one that gives way goes first.
                yield_now().await;
                Arc::new(place)
            }
            Taken::No => {
                // Best effort: the client may have gone, and the next one waits.
                let _ = timeout(TURN_AWAY_TIMEOUT, socket.write_all(FULL)).await;
                return;
            }
        };
        let (app, draining) = (self.app.clone(), self.draining.subscribe());
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = place.given_up() => tracing::debug!("a connection gave way to another one"),
                () = serve(socket, place.clone(), app, draining) => {}
            }
        });
    }

    /// Ends every connection after its request under way, or after `limit`.
    pub(super) async fn drain(&self, limit: Duration) {
        self.draining.send_replace(true);
        if timeout(limit, self.draining.closed()).await.is_err() {
            tracing::warn!(connections = self.draining.receiver_count(), "requests still under way were cut off");
        }
    }
}

async fn serve(socket: Socket, place: Arc<Place>, app: Arc<App>, draining: watch::Receiver<bool>) {
    let gate = app.gate();
    match gate.secure(socket, app.limits().client_header_timeout).await {
        Ok(socket) => answer(socket, place, app, draining).await,
        Err(error) => {
            if error.kind() == ErrorKind::TimedOut {
                app.proxy.count_limit(Limit::ClientHeaderTimeout);
            }
            tracing::debug!(%error, "a connection did not become a secure one");
        }
    }
}

async fn answer(socket: Socket, place: Arc<Place>, app: Arc<App>, mut draining: watch::Receiver<bool>) {
    let (limits, peer) = (app.limits(), socket.peer());
    let patience = Patience { stall: limits.client_write_timeout, answer: limits.client_response_timeout };
    let requests = AtomicUsize::new(0);
    let service = service_fn(|mut request: Request<Incoming>| {
        requests.fetch_add(1, Ordering::Relaxed);
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(place.clone());
        place.asked();
        let (app, place) = (app.clone(), place.clone());
        async move {
            let answer = app.handle(request).await;
            place.answered();
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.client_header_timeout)
        .max_header_size(limits.client_header_bytes_max)
        // What is held of a head that has no end.
        .max_buf_size(limits.client_header_bytes_max)
        .max_headers(HEAD_LINES_MAX)
        .serve_connection(TokioIo::new(Patient::new(socket, place.clone(), patience)), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told_to_drain(&mut draining) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        let is_first = requests.load(Ordering::Relaxed) == 0;
        limit_hit(&error, is_first).into_iter().for_each(|limit| app.proxy.count_limit(limit));
        tracing::debug!(%error, "a connection ended early");
    }
}

/// The limit that ended a connection, if it was one.
fn limit_hit(error: &hyper::Error, is_first: bool) -> Option<Limit> {
    let io = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
    if let Some(TooSlow(limit)) = io.and_then(|io| io.get_ref()).and_then(|inner| inner.downcast_ref()) {
        return Some(*limit);
    }
    if error.is_parse_too_large() {
        return Some(Limit::ClientHeaderBytesMax);
    }
    // An idle connection ends by the same timeout; only a first head that never came is a client's fault.
    (error.is_timeout() && is_first).then_some(Limit::ClientHeaderTimeout)
}

async fn told_to_drain(draining: &mut watch::Receiver<bool>) {
    // An error means that the server is gone, which ends its connections too.
    let _ = draining.wait_for(|draining| *draining).await;
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_answer_to_one_too_many_has_the_length_it_says() {
        let text = String::from_utf8_lossy(super::FULL);
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        assert!(text.contains(&format!("Content-Length: {}\r\n", body.len())), "{}", body.len());
    }
}
