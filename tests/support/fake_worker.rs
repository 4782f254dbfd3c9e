//! A stand-in for a worker's metrics server: answers what the test says, goes away and comes back on its port, hangs, cuts.

use super::port::Port;
use rustix::net::{Shutdown, shutdown};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often a request that waits looks whether its client is still there.
const LOOK_FOR_CLIENT: Duration = Duration::from_millis(10);

/// What writes an answer by itself.
type Writing = dyn Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync;

/// What the worker does with a request.
#[derive(Clone)]
pub enum Answer {
    /// Sends these bytes, head and all, and closes.
    Bytes(Vec<u8>),
    /// Makes the bytes when asked.
    Made(Arc<dyn Fn() -> Vec<u8> + Send + Sync>),
    /// Accepts and never answers.
    Hang,
    /// Sends the first bytes, and the others once told to go on ([`FakeWorker::release`]).
    Halves(Vec<u8>, Vec<u8>),
    /// Writes by itself, as much and as slowly as it likes, until it returns.
    Written(Arc<Writing>),
}

/// Content-Type of client_python's text output.
pub const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Content-Type of client_python's OpenMetrics output.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

impl Answer {
    /// [`Answer::Written`] by this.
    pub fn written(write: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> Self {
        Self::Written(Arc::new(write))
    }

    /// A status 200 as Python's metrics server sends it: HTTP/1.0, no Content-Length.
    pub fn ok(content_type: &str, body: &str) -> Self {
        Self::ok_bytes(content_type, body.as_bytes())
    }

    /// The same with a body that is no text.
    pub fn ok_bytes(content_type: &str, body: &[u8]) -> Self {
        let head = format!("HTTP/1.0 200 OK\r\nContent-Type: {content_type}\r\n\r\n");
        Self::Bytes([head.as_bytes(), body].concat())
    }

    /// A text exposition.
    pub fn text(body: &str) -> Self {
        Self::ok(TEXT, body)
    }

    /// Another status.
    pub fn status(code: u16) -> Self {
        Self::Bytes(format!("HTTP/1.0 {code} Because\r\nContent-Type: text/plain\r\n\r\nstatus {code}\n").into_bytes())
    }

    /// A text exposition with this Content-Encoding, its body as it goes over the wire.
    pub fn encoded(encoding: &str, body: &[u8]) -> Self {
        let head = format!("HTTP/1.0 200 OK\r\nContent-Type: {TEXT}\r\nContent-Encoding: {encoding}\r\n\r\n");
        Self::Bytes([head.as_bytes(), body].concat())
    }

    /// A text exposition whose connection ends before the announced length.
    pub fn cut(body: &str) -> Self {
        let announced = body.len() + 1;
        Self::Bytes(format!("HTTP/1.1 200 OK\r\nContent-Type: {TEXT}\r\nContent-Length: {announced}\r\n\r\n{body}").into_bytes())
    }
}

/// The worker. Listens from the start; see [`FakeWorker::down`].
pub struct FakeWorker {
    port: Port,
    shared: Arc<Shared>,
    listening: Option<(Arc<TcpListener>, JoinHandle<()>)>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    answer: Option<Answer>,
    held: bool,
    releases: usize,
    requests: Vec<String>,
    open: usize,
    open_max: usize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("a fake worker's thread panicked")
    }
}

impl FakeWorker {
    /// Starts one that answers an empty exposition.
    pub fn start() -> Self {
        Self::answering(Answer::text(""))
    }

    /// Starts one with an answer.
    pub fn answering(answer: Answer) -> Self {
        let shared = Arc::new(Shared::default());
        shared.lock().answer = Some(answer);
        let mut worker = Self { port: Port::reserve(), shared, listening: None };
        worker.up();
        worker
    }

    /// What it answers from now on.
    pub fn set(&self, answer: Answer) {
        self.shared.lock().answer = Some(answer);
    }

    /// Nothing listens any more: connections are refused.
    pub fn down(&mut self) {
        if let Some((listener, thread)) = self.listening.take() {
            // Wakes the thread out of accept(); the socket is no longer listening from here on.
            shutdown(&*listener, Shutdown::Both).expect("cannot shut a listener down");
            thread.join().expect("a fake worker's thread panicked");
        }
    }

    /// Listens (again), on the same port as before.
    pub fn up(&mut self) {
        if self.listening.is_none() {
            let listener = Arc::new(self.port.listen());
            let (accepting, shared) = (Arc::clone(&listener), Arc::clone(&self.shared));
            let thread = std::thread::spawn(move || {
                while let Ok((stream, _)) = accepting.accept() {
                    let shared = Arc::clone(&shared);
                    // An error is the client's: it went away.
                    std::thread::spawn(move || shared.serve(stream).ok());
                }
            });
            self.listening = Some((listener, thread));
        }
    }

    /// Requests wait from now on, until [`FakeWorker::release`].
    pub fn hold(&self) {
        self.shared.lock().held = true;
    }

    /// Answers what waits.
    pub fn release(&self) {
        let mut state = self.shared.lock();
        state.held = false;
        state.releases += 1;
        drop(state);
        self.shared.changed.notify_all();
    }

    /// How many requests came.
    pub fn scrapes(&self) -> usize {
        self.shared.lock().requests.len()
    }

    /// The heads of the requests that came, each as text.
    pub fn requests(&self) -> Vec<String> {
        self.shared.lock().requests.clone()
    }

    /// How many requests are open.
    pub fn open(&self) -> usize {
        self.shared.lock().open
    }

    /// The most requests that were ever open at once.
    pub fn open_max(&self) -> usize {
        self.shared.lock().open_max
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// `127.0.0.1:PORT` as text: the id of the worker.
    pub fn id(&self) -> String {
        self.address().to_string()
    }
}

impl Drop for FakeWorker {
    fn drop(&mut self) {
        self.release();
        self.down();
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let head = read_head(&mut stream)?;
        {
            let mut state = self.lock();
            state.requests.push(head);
            state.open += 1;
            state.open_max = state.open_max.max(state.open);
        }
        let sent = self.answer(&mut stream);
        self.lock().open -= 1;
        sent
    }

    fn answer(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        self.wait_while(stream, |state| state.held)?;
        let answer = self.lock().answer.clone();
        match answer {
            Some(Answer::Bytes(bytes)) => stream.write_all(&bytes),
            Some(Answer::Made(make)) => stream.write_all(&make()),
            Some(Answer::Written(write)) => write(stream),
            Some(Answer::Halves(first, rest)) => stream.write_all(&first).and_then(|()| {
                let before = self.lock().releases;
                self.wait_while(stream, |state| state.releases == before)?;
                stream.write_all(&rest)
            }),
            // Until the client gives up.
            Some(Answer::Hang) | None => stream.read(&mut [0]).map(drop),
        }
    }

    /// Waits as long as that is so, or until the client has gone.
    fn wait_while(&self, stream: &TcpStream, mut is_so: impl FnMut(&mut State) -> bool) -> std::io::Result<()> {
        stream.set_nonblocking(true)?;
        loop {
            let waited = self.changed.wait_timeout_while(self.lock(), LOOK_FOR_CLIENT, &mut is_so);
            if !waited.expect("a fake worker's thread panicked").1.timed_out() {
                return stream.set_nonblocking(false);
            }
            match stream.peek(&mut [0]) {
                Err(silent) if silent.kind() == ErrorKind::WouldBlock => {}
                _ => return Err(ErrorKind::ConnectionAborted.into()),
            }
        }
    }
}

fn read_head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
