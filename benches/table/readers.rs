//! What our scrape is measured beside: a process that reads every worker, all at once, and does little or much with what it reads.

use super::child::{Child, answer, cpu};
use super::prometheus_parse_way::Sums;
use onescrape::config::SourceConfig;
use onescrape::scrape::{Part, ProcessId, Receipt, Request, scrape_into};
use onescrape::source::KINDS;
use onescrape::target::http_targets;
use std::cell::RefCell;
use std::io;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// What is read at once.
const BUFFER_BYTES: usize = 64 << 10;
/// Longer than any read takes.
const DEADLINE: Duration = Duration::from_secs(60);
/// Reads every worker once.
const SCRAPE: &str = "scrape";

/// What is done with the bodies.
#[derive(Clone, Copy)]
pub enum Way {
    /// Nothing: the least that a scrape can cost.
    Discard,
    /// Nothing either, but read by our own scrape: HTTP by a library, a deadline, typed outcomes.
    Library,
    /// What a program around `prometheus-parse` does: parse, sum in a map, print.
    PrometheusParse,
}

/// A reader as seen from outside.
pub struct Reader(Child);

impl Reader {
    /// Starts a process in the role of one, for workers on these ports.
    pub fn start(role: &str, ports: &[u16]) -> Self {
        let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
        Self(Child::start(role, &ports).0)
    }

    /// Wall time and CPU of one scrape.
    pub fn scrape(&mut self) -> (Duration, Duration) {
        let before = cpu(self.0.id());
        let wall = self.0.ask(SCRAPE).parse().expect("not a number");
        (Duration::from_nanos(wall), cpu(self.0.id()) - before)
    }
}

/// The role: arguments are the ports of the workers.
pub fn run(arguments: &[String], way: Way) {
    let ports: Vec<u16> = arguments.iter().map(|a| a.parse().expect("not a port")).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("no runtime");
    println!("ready");
    answer(|_| {
        let began = Instant::now();
        let bytes = runtime.block_on(scrape(&ports, way)).expect("a worker could not be read");
        assert!(bytes > 0, "nothing was read");
        began.elapsed().as_nanos().to_string()
    });
}

/// Returns how much was read, or printed.
async fn scrape(ports: &[u16], way: Way) -> io::Result<usize> {
    match way {
        Way::Discard => {
            let total = RefCell::new(0);
            let buffer = RefCell::new(vec![0; BUFFER_BYTES]);
            let each = ports.iter().map(|port| get(*port, &buffer, |bytes| *total.borrow_mut() += bytes.len()));
            futures::future::try_join_all(each).await?;
            Ok(total.into_inner())
        }
        Way::Library => {
            let targets: Vec<_> = ports
                .iter()
                .map(|port| http_targets(&format!("127.0.0.1:{port}"), "/metrics").expect("no target").remove(0))
                .collect();
            let source = SourceConfig::new("workers", KINDS[0], Vec::new());
            let how = Request::new(&source, &ProcessId::random()).expect("no request");
            let deadline = tokio::time::Instant::now() + DEADLINE;
            let each = targets.iter().map(async |target| {
                let mut sink = |_: Part<'_>| Ok(Receipt::Taken);
                let body = scrape_into(target, &how, deadline, &mut sink).await.result.map_err(io::Error::other)?;
                Ok::<_, io::Error>(body.streamed.unwrap_or(0))
            });
            Ok(futures::future::try_join_all(each).await?.iter().sum())
        }
        Way::PrometheusParse => {
            let sums = RefCell::new(Sums::default());
            let buffer = RefCell::new(vec![0; BUFFER_BYTES]);
            let each = ports.iter().map(async |port| {
                let mut answer = Vec::new();
                get(*port, &buffer, |bytes| answer.extend_from_slice(bytes)).await?;
                let head = answer.windows(4).position(|w| w == b"\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
                sums.borrow_mut().add(&String::from_utf8_lossy(&answer[head + 4..]));
                Ok::<_, io::Error>(())
            });
            futures::future::try_join_all(each).await?;
            Ok(sums.into_inner().print().len())
        }
    }
}

/// One connection per scrape, as workers want it; the buffer is shared, since nothing is held over an await.
async fn get(port: u16, buffer: &RefCell<Vec<u8>>, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").await?;
    loop {
        stream.readable().await?;
        let mut buffer = buffer.borrow_mut();
        match stream.try_read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => each(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
