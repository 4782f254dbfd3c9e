use super::{http_target, read_head};
use crate::target::Target;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// An HTTP target that counts its requests and answers each only when released.
pub(crate) struct Server {
    port: u16,
    counts: watch::Receiver<Counts>,
    released: Arc<Semaphore>,
    most_at_once: Arc<AtomicUsize>,
    body: Arc<Mutex<String>>,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    asked: usize,
    open: usize,
}

impl Server {
    pub(crate) async fn start(body: impl Into<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (changes, counts) = watch::channel(Counts::default());
        let (released, most_at_once) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let body = Arc::new(Mutex::new(body.into()));
        let (permits, most, shown) = (released.clone(), most_at_once.clone(), body.clone());
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let (changes, permits, most, shown) = (changes.clone(), permits.clone(), most.clone(), shown.clone());
                tokio::spawn(async move {
                    read_head(&mut socket).await;
                    changes.send_modify(|c| {
                        c.asked += 1;
                        c.open += 1;
                        most.fetch_max(c.open, Ordering::Relaxed);
                    });
                    // Until it may answer, or the client hangs up.
                    let released = tokio::select! {
                        permit = permits.acquire() => permit.map(|p| p.forget()).is_ok(),
                        _ = socket.read_u8() => false,
                    };
                    changes.send_modify(|c| c.open -= 1);
                    if released {
                        let body = shown.lock().unwrap().clone();
                        let _ = socket.write_all(format!("HTTP/1.0 200 OK\r\n\r\n{body}").as_bytes()).await;
                    }
                });
            }
        });
        Self { port, counts, released, most_at_once, body }
    }

    pub(crate) fn target(&self) -> Target {
        http_target(self.port)
    }

    /// What it answers from now on.
    pub(crate) fn set(&self, body: &str) {
        *self.body.lock().unwrap() = body.into();
    }

    /// Lets this many requests be answered.
    pub(crate) fn release(&self, n: usize) {
        self.released.add_permits(n);
    }

    /// Hangs up on every request, open ones and those to come.
    pub(crate) fn end(&self) {
        self.released.close();
    }

    /// Waits until this many requests have come.
    pub(crate) async fn asked(&self, n: usize) {
        self.counts.clone().wait_for(|c| c.asked >= n).await.unwrap();
    }

    /// Waits until no request is open.
    pub(crate) async fn hang_up(&self) {
        self.counts.clone().wait_for(|c| c.open == 0).await.unwrap();
    }

    pub(crate) fn count(&self) -> usize {
        self.counts.borrow().asked
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.most_at_once.load(Ordering::Relaxed)
    }
}
