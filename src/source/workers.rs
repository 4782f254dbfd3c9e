//! Kind `workers`: per-worker Prometheus ports of one application, merged by [`Pool`].

use super::{Endpoints, Kind, Source};
use crate::config::{ColdStart, SourceConfig};
use crate::encode::{FamilyView, Rendered};
use crate::merge::{Attempt, Explanation, FeedError, LastWords, Life, Now, Pool, Reset, Tally, Window};
use crate::parse::parse;
use crate::scrape::{Missed, Part, Receipt, Scraped};
use crate::state::{Parts, Saved, Unreadable};
use crate::target::http_targets;

pub(super) static KIND: Kind = Kind {
    name: "workers",
    about: "per-worker Prometheus ports of one application; a port range is one pool",
    endpoints: Endpoints::Workers,
    default_path: "/metrics",
    targets: http_targets,
    // OpenMetrics first: its `# EOF` is the only proof that an answer without Content-Length is whole.
    accept: "application/openmetrics-text;version=1.0.0,text/plain;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1",
    may_stream: false,
    build: |config| Box::new(Workers::new(config)),
};

struct Workers {
    pool: Pool,
    /// By slot: the samples of the body that was streamed last.
    samples: Vec<usize>,
}

impl Workers {
    fn new(config: &SourceConfig) -> Self {
        let ids = config.targets.iter().map(|t| t.id.clone()).collect();
        let pool = Pool::new(ids, config.merge.clone(), config.limits);
        let mut pool = if config.cold_start == ColdStart::Zero { pool.cold() } else { pool };
        if config.last_words.enabled {
            pool = pool.hearing_last_words(config.last_words.growth_max);
        }
        pool.set_relabelling(config.relabelling.clone());
        Self { samples: vec![0; config.targets.len()], pool }
    }
}

impl Source for Workers {
    fn apply(&mut self, round: &[Option<Scraped>], now: Now) -> Vec<Option<Result<usize, Missed>>> {
        let mut results = Vec::with_capacity(round.len());
        let mut attempts = Vec::with_capacity(round.len());
        for (slot, scraped) in round.iter().enumerate() {
            let Some(scraped) = scraped else {
                results.push(None);
                attempts.push(None);
                continue;
            };
            if matches!(&scraped.result, Ok(body) if body.streamed.is_some()) {
                attempts.push(Some(Attempt::Streamed));
                results.push(Some(Ok(self.samples.get(slot).copied().unwrap_or_default())));
                continue;
            }
            let parsed = match &scraped.result {
                Ok(body) => parse(body.content_type.as_deref(), &body.bytes).map_err(Missed::from),
                Err(missed) => Err(missed.clone()),
            };
            match parsed {
                Ok(exposition) => {
                    results.push(Some(Ok(exposition.families.iter().map(|f| f.samples.len() + f.natives.len()).sum())));
                    attempts.push(Some(Attempt::Good(exposition)));
                }
                Err(missed) => {
                    attempts.push(Some(Attempt::Missed { refused: missed == Missed::Refused }));
                    results.push(Some(Err(missed)));
                }
            }
        }
        self.pool.apply(attempts, now);
        results
    }

    fn receive(&mut self, target: usize, part: Part<'_>) -> Result<Receipt, Missed> {
        let done = match part {
            Part::Begin(content_type) => {
                return Ok(if self.pool.begin_body(target, content_type) { Receipt::Taken } else { Receipt::Whole });
            }
            Part::Listed(_) | Part::Contents(..) | Part::OverLimit(_) => return Ok(Receipt::Whole),
            Part::Bytes(bytes) => self.pool.feed(target, bytes),
            Part::End => self.pool.end_body(target).map(|samples| {
                if let Some(slot) = self.samples.get_mut(target) {
                    *slot = samples;
                }
            }),
        };
        match done {
            Ok(()) => Ok(Receipt::Taken),
            Err(FeedError::SecondLook) => Ok(Receipt::Again),
            Err(FeedError::Rejected(error)) => Err(error.into()),
        }
    }

    fn families(&self) -> Vec<FamilyView<'_>> {
        self.pool.families()
    }

    fn unmerged(&self) -> Option<Rendered<'static>> {
        Some(self.pool.unmerged())
    }

    fn mark_served(&mut self, now: Now) {
        self.pool.mark_served(now);
    }

    fn last_words(&mut self, target: usize, content_type: Option<&str>, body: &[u8], now: Now) -> LastWords {
        match parse(content_type, body) {
            Ok(exposition) => self.pool.last_words(target, &exposition, now),
            Err(error) => LastWords::Invalid(error.to_string()),
        }
    }

    fn explain(&self, family: &str, window: Window) -> Option<Explanation> {
        // `cfg!` and no attribute: both builds compile the same, and what nobody asks for is left out with the pages.
        if cfg!(feature = "pages") { self.pool.explain(family, window) } else { None }
    }

    fn resets(&self, most: usize) -> Vec<Reset> {
        self.pool.resets().take(most).cloned().collect()
    }

    fn lives(&self, target: usize) -> Vec<Life> {
        self.pool.lives(target).copied().collect()
    }

    fn tally(&self) -> &Tally {
        self.pool.tally()
    }

    fn save(&self, to: &mut Parts<'_>) {
        self.pool.save(to);
    }

    fn load(&mut self, saved: Saved<'_>) -> Result<(), Unreadable> {
        self.pool.load(saved)
    }

    fn is_retired(&self, target: usize) -> bool {
        self.pool.is_retired(target)
    }
}
