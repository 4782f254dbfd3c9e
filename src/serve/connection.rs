use super::app::App;
use super::patience::Patient;
use super::socket::Socket;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::timeout;

/// Longest request head, in bytes; beyond it 431.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// How long a client may leave an answer unread before its connection is closed.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long writing the answer to one connection too many may take; a fresh socket takes it at once.
const TURN_AWAY_TIMEOUT: Duration = Duration::from_millis(50);
/// That answer.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\
    Content-Length: 51\r\n\r\ntoo many open connections (limits.connections_max)\n";

/// The open connections.
pub(super) struct Connections {
    app: Arc<App>,
    /// Connections watch it; so it also tells how many there are, and when the last one has gone.
    draining: watch::Sender<bool>,
}

impl Connections {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self { app, draining: watch::Sender::new(false) }
    }

    /// Serves a connection in a task of its own, unless there are too many.
    pub(super) async fn take(&self, mut socket: Socket) {
        if self.draining.receiver_count() >= self.app.connections_max() {
            self.app.turned_away();
            // Best effort: the client may have gone, and the next one waits.
            let _ = timeout(TURN_AWAY_TIMEOUT, socket.write_all(FULL)).await;
            return;
        }
        let (app, draining) = (self.app.clone(), self.draining.subscribe());
        tokio::spawn(async move {
            let limit = app.header_timeout();
            let gate = app.gate();
            match gate.secure(socket, limit).await {
                Ok(socket) => serve(socket, app, draining).await,
                Err(error) => {
                    if error.kind() == ErrorKind::TimedOut {
                        app.head_too_slow();
                    }
                    tracing::debug!(%error, "a connection did not become a secure one");
                }
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

async fn serve(socket: Socket, app: Arc<App>, mut draining: watch::Receiver<bool>) {
    let (header_timeout, peer) = (app.header_timeout(), socket.peer());
    let requests = AtomicUsize::new(0);
    let service = service_fn(|mut request: Request<Incoming>| {
        requests.fetch_add(1, Ordering::Relaxed);
        request.extensions_mut().insert(peer);
        let app = app.clone();
        async move { Ok::<_, std::convert::Infallible>(app.handle(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_header_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(Patient::new(socket, WRITE_TIMEOUT)), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told_to_drain(&mut draining) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // An idle connection ends by the same timeout; only a first head that never came is a client's fault.
        if error.is_timeout() && requests.load(Ordering::Relaxed) == 0 {
            app.head_too_slow();
        }
        tracing::debug!(%error, "a connection ended early");
    }
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
