//! A receiver of notifications: keeps what Alertmanager posts.

use super::port::Port;
use rustix::net::{Shutdown, shutdown};
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// One notification: the path it was posted to, and its body.
pub type Notification = (String, Value);

/// The receiver.
pub struct Webhook {
    port: Port,
    listener: Arc<TcpListener>,
    thread: Option<JoinHandle<()>>,
    received: Arc<Mutex<Vec<Notification>>>,
}

impl Webhook {
    /// Listens from now on.
    pub fn start() -> Self {
        let port = Port::reserve();
        let listener = Arc::new(port.listen());
        let received = Arc::new(Mutex::new(Vec::new()));
        let (accepting, keeping) = (Arc::clone(&listener), Arc::clone(&received));
        let thread = std::thread::spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                // An error is the client's: it went away.
                if let Ok(notification) = receive(stream) {
                    keeping.lock().expect("a test's thread panicked").push(notification);
                }
            }
        });
        Self { port, listener, thread: Some(thread), received }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// What has come, in order.
    pub fn received(&self) -> Vec<Notification> {
        self.received.lock().expect("the receiving thread panicked").clone()
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        // Wakes the thread out of accept().
        if shutdown(&*self.listener, Shutdown::Both).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

/// Reads a POST with a Content-Length, which is how Alertmanager sends, and answers it.
fn receive(stream: TcpStream) -> io::Result<Notification> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let path = request.split(' ').nth(1).unwrap_or_default().to_string();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    Ok((path, serde_json::from_slice(&body)?))
}
