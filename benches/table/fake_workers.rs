//! Made-up workers on real sockets, in a process of their own. Bodies are made when told, never while a scrape is being timed.

use super::child::{Child, WORKERS, answer};
use super::support::django::{Spec, Worker};
use bytes::Bytes;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Moves every worker's values on.
const ADVANCE: &str = "advance";
/// The next so many workers are ended, and others take their places.
const RECYCLE: &str = "recycle";
/// The first worker accepts from now on and doesn't answer.
const HANG: &str = "hang";
/// A request's head is shorter than this.
const HEAD_BYTES_MAX: usize = 4096;

/// Workers as other processes see them.
pub struct Workers {
    child: Child,
    /// One of each.
    pub ports: Vec<u16>,
}

impl Workers {
    /// Starts so many with so many series each.
    pub fn start(workers: usize, series: usize) -> Self {
        let (child, ports) = Child::start(WORKERS, &[workers.to_string(), series.to_string()]);
        Self { child, ports: ports.split(' ').map(|port| port.parse().expect("not a port")).collect() }
    }

    /// Moves every worker's values on.
    pub fn advance(&mut self) {
        self.child.ask(ADVANCE);
    }

    /// The first worker hangs from now on.
    pub fn hang_one(&mut self) {
        self.child.ask(HANG);
    }

    /// The next `count` workers are replaced.
    pub fn recycle(&mut self, count: usize) {
        self.child.ask(&format!("{RECYCLE} {count}"));
    }
}

/// The role: arguments are the number of workers and of series each.
pub fn serve(arguments: &[String]) {
    let mut numbers = arguments.iter().map(|a| a.parse().expect("not a number"));
    let (count, series) = (numbers.next().expect("no number of workers"), numbers.next().expect("no number of series"));
    let mut workers = Worker::pool(count, Spec { series, ..Spec::default() });
    let answers: Vec<_> = workers.iter().map(|w| Arc::new(Mutex::new(http(&w.body())))).collect();
    let hanging = Arc::new(AtomicBool::new(false));
    let listeners: Vec<_> = answers.iter().map(|_| std::net::TcpListener::bind("127.0.0.1:0").expect("no free port")).collect();
    let ports: Vec<_> = listeners.iter().map(|l| l.local_addr().expect("no address").port().to_string()).collect();
    let served = listeners.into_iter().zip(answers.clone()).collect();
    let hangs = hanging.clone();
    std::thread::spawn(move || listen(served, &hangs));
    println!("{}", ports.join(" "));
    let mut next = 0;
    answer(|line| {
        match line.split_once(' ') {
            None if line == ADVANCE => workers.iter_mut().for_each(Worker::advance),
            None if line == HANG => hanging.store(true, Ordering::Relaxed),
            Some((RECYCLE, count)) => {
                for _ in 0..count.parse().expect("not a number") {
                    let at = next % workers.len();
                    workers[at].recycle();
                    next += 1;
                }
            }
            _ => panic!("unknown order {line}"),
        }
        workers.iter().zip(&answers).for_each(|(worker, answer)| *answer.lock().unwrap() = http(&worker.body()));
        "done".into()
    });
}

fn http(body: &Bytes) -> Bytes {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat().into()
}

fn listen(served: Vec<(std::net::TcpListener, Arc<Mutex<Bytes>>)>, first_hangs: &Arc<AtomicBool>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("no runtime");
    runtime.block_on(async {
        for (i, (listener, answer)) in served.into_iter().enumerate() {
            let hangs = Some(first_hangs.clone()).filter(|_| i == 0);
            listener.set_nonblocking(true).expect("a socket that blocks");
            let listener = TcpListener::from_std(listener).expect("not a socket");
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let hangs = hangs.as_ref().is_some_and(|hangs| hangs.load(Ordering::Relaxed));
                    tokio::spawn(respond(stream, answer.lock().unwrap().clone(), hangs));
                }
            });
        }
        std::future::pending::<()>().await;
    });
}

async fn respond(mut stream: TcpStream, answer: Bytes, hangs: bool) -> std::io::Result<()> {
    let mut head = Vec::with_capacity(HEAD_BYTES_MAX);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    if hangs {
        // Until the client gives up.
        return stream.read_u8().await.map(drop);
    }
    stream.write_all(&answer).await?;
    stream.shutdown().await
}
