//! Kind `workers`: per-worker Prometheus ports of one application, merged by [`Pool`].

use super::{Endpoints, Kind, Source};
use crate::config::SourceConfig;
use crate::encode::{FamilyView, Rendered};
use crate::merge::{Attempt, Now, Pool, Tally};
use crate::parse::parse;
use crate::scrape::{Missed, Scraped};
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
}

impl Workers {
    fn new(config: &SourceConfig) -> Self {
        let ids = config.targets.iter().map(|t| t.id.clone()).collect();
        Self { pool: Pool::new(ids, config.merge.clone(), config.limits) }
    }
}

impl Source for Workers {
    fn apply(&mut self, round: &[Option<Scraped>], now: Now) -> Vec<Option<Result<usize, Missed>>> {
        let mut results = Vec::with_capacity(round.len());
        let mut attempts = Vec::with_capacity(round.len());
        for scraped in round {
            let Some(scraped) = scraped else {
                results.push(None);
                attempts.push(None);
                continue;
            };
            let parsed = match &scraped.result {
                Ok(body) => parse(body.content_type.as_deref(), &body.bytes).map_err(Missed::from),
                Err(missed) => Err(missed.clone()),
            };
            match parsed {
                Ok(exposition) => {
                    results.push(Some(Ok(exposition.families.iter().map(|f| f.samples.len()).sum())));
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

    fn families(&self) -> Vec<FamilyView<'_>> {
        self.pool.families()
    }

    fn unmerged(&self) -> Option<Rendered> {
        Some(self.pool.unmerged())
    }

    fn mark_served(&mut self, now: Now) {
        self.pool.mark_served(now);
    }

    fn tally(&self) -> &Tally {
        self.pool.tally()
    }

    fn is_retired(&self, target: usize) -> bool {
        self.pool.is_retired(target)
    }
}
