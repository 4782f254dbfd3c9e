//! The crate as benches drive it: the one place to change when its interface does.

use bytes::Bytes;
use onescrape::config::SourceConfig;
use onescrape::encode::{FamilyView, Format, encode};
use onescrape::merge::Now;
use onescrape::scrape::{Body, Scraped};
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

/// What a round of scrapes brought.
pub struct Round(Vec<Option<Scraped>>);

impl Round {
    /// Every worker answered.
    pub fn new(bodies: impl IntoIterator<Item = Bytes>) -> Self {
        Self(bodies.into_iter().map(|bytes| Some(scraped(bytes))).collect())
    }

    /// Only the worker `index` was asked, and answered.
    pub fn of_one(index: usize, bytes: Bytes) -> Self {
        let mut round: Vec<_> = (0..index).map(|_| None).collect();
        round.push(Some(scraped(bytes)));
        Self(round)
    }
}

fn scraped(bytes: Bytes) -> Scraped {
    Scraped { result: Ok(Body { content_type: Some(CONTENT_TYPE.into()), bytes }), duration: Duration::ZERO }
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
        let outcomes = self.source.apply(&round.0, self.now);
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
