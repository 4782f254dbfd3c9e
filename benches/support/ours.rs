//! The crate as benches drive it: the one place to change when its interface does.

use bytes::Bytes;
use onescrape::config::SourceConfig;
use onescrape::encode::{FamilyView, Format, encode};
use onescrape::merge::Now;
use onescrape::scrape::{Body, Part, Receipt, Scraped};
use onescrape::source::{KINDS, Source};
use onescrape::target::Target;
use std::time::Duration;

/// What a plain Prometheus server is answered with.
pub const FORMAT: Format = Format::Text004;
/// What prometheus_client sends with the text format.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Time between two rounds, on the clock given to the merge.
const INTERVAL: Duration = Duration::from_secs(15);
/// Port of the first worker. Nothing is connected to: the bodies are in memory.
const FIRST_PORT: usize = 5_001;

/// Bytes that come at once from a socket.
const CHUNK_BYTES: usize = 64 << 10;

/// What a round of scrapes brought, by worker.
pub struct Round(Vec<Option<Bytes>>);

impl Round {
    /// Every worker answered.
    pub fn new(bodies: impl IntoIterator<Item = Bytes>) -> Self {
        Self(bodies.into_iter().map(Some).collect())
    }

    /// Only the worker `index` was asked, and answered.
    pub fn of_one(index: usize, bytes: Bytes) -> Self {
        Self((0..index).map(|_| None).chain([Some(bytes)]).collect())
    }
}

/// Hands a body to its source as a scrape does: in chunks, or whole if it wants that.
fn scraped(source: &mut dyn Source, target: usize, bytes: &Bytes) -> Scraped {
    let whole = Body { content_type: Some(CONTENT_TYPE.into()), bytes: bytes.clone(), streamed: None, date: None };
    let mut receive = |part| source.receive(target, part).expect("a body was refused") == Receipt::Taken;
    let streamed = receive(Part::Begin(Some(CONTENT_TYPE)))
        && bytes.chunks(CHUNK_BYTES).all(|chunk| receive(Part::Bytes(chunk)))
        && receive(Part::End);
    let body = if streamed { Body { bytes: Bytes::new(), streamed: Some(bytes.len()), ..whole } } else { whole };
    Scraped { result: Ok(body), duration: Duration::ZERO }
}

/// One source of workers.
pub struct Pool {
    source: Box<dyn Source>,
    now: Now,
}

impl Pool {
    /// Has seen nothing yet.
    pub fn new(workers: usize) -> Self {
        let kind = KINDS.iter().find(|kind| kind.name == "workers").expect("no source kind called workers");
        let target = |i| (kind.targets)(&format!("127.0.0.1:{}", FIRST_PORT + i), kind.default_path).expect("a target refused");
        let targets: Vec<Target> = (0..workers).flat_map(target).collect();
        Self { source: (kind.build)(&SourceConfig::new("bench", kind, targets)), now: Now { elapsed: INTERVAL, unix: 1.8e9 } }
    }

    /// Reads and merges; returns the number of samples taken in.
    pub fn apply(&mut self, round: &Round) -> usize {
        self.now.elapsed += INTERVAL;
        self.now.unix += INTERVAL.as_secs_f64();
        let source = self.source.as_mut();
        let bodies = round.0.iter().enumerate();
        let scrapes: Vec<Option<Scraped>> = bodies.map(|(i, body)| body.as_ref().map(|b| scraped(source, i, b))).collect();
        let outcomes = self.source.apply(&scrapes, self.now);
        let samples = outcomes.into_iter().flatten().map(|outcome| outcome.expect("a body was refused")).sum();
        assert!(samples > 0, "nothing was read");
        samples
    }

    /// The families as they stand.
    pub fn families(&self) -> Vec<FamilyView<'_>> {
        self.source.families()
    }

    /// Writes the exposition anew.
    pub fn expose(&mut self, out: &mut Vec<u8>) {
        out.clear();
        write(&self.source.families(), out);
        self.source.mark_served(self.now);
    }
}

/// Encodes.
pub fn write(families: &[FamilyView<'_>], out: &mut Vec<u8>) {
    encode(families, FORMAT, out);
}
