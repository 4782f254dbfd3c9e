//! New sources in the place of old ones, between two rounds. What stays under its name goes on: totals, status, counts.

use super::state::{Entry, State};
use super::status::{SourceStatus, Status};
use crate::config::{Config, SourceConfig};
use crate::scrape::BadHeader;
use crate::source::{Source, build};
use crate::state::{Parts, Saved};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why sources stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReconfigureError {
    /// A header of the configuration.
    #[error(transparent)]
    Header(#[from] BadHeader),
    /// A source that can't be made so that it goes on from what it counted.
    #[error("source {source_name:?} cannot go on from its totals: {why}; restart onescrape, and please report it")]
    Totals {
        /// The source's name.
        source_name: String,
        /// What went wrong.
        why: String,
    },
    /// No more rounds are made.
    #[error(transparent)]
    Stopped(#[from] super::RoundError),
}

impl State {
    /// Whether the sources are those of `config` as they stand.
    pub(super) fn has_sources_of(&self, config: &Config) -> bool {
        self.sources.iter().map(|entry| &entry.config).eq(&config.sources)
    }

    /// Puts the sources of `config` in the place of those there are: all of them or, where that fails, none. Returns by new source the
    /// index of the old one, where nothing has changed about it.
    pub(super) fn exchange(&mut self, config: &Config) -> Result<Vec<Option<usize>>, ReconfigureError> {
        let old = |new: &SourceConfig| self.sources.iter().position(|old| old.is_of(new));
        let olds: Vec<Option<usize>> = config.sources.iter().map(old).collect();
        let with_old = || config.sources.iter().zip(&olds).map(|(new, old)| (new, old.and_then(|old| self.sources.get(old))));
        let unchanged = with_old().zip(&olds).map(|((new, entry), old)| old.filter(|_| entry.is_some_and(|e| e.config == *new)));
        let unchanged: Vec<Option<usize>> = unchanged.collect();
        // All are built before any is let go.
        let built = with_old().map(|(new, old)| successor(new, old)).collect::<Result<Vec<_>, _>>()?;
        self.openmetrics_created = config.web.openmetrics_created;
        self.cache.clear();
        if self.has_sources_of(config) {
            return Ok(unchanged);
        }
        let mut leaving: Vec<Option<Entry>> = std::mem::take(&mut self.sources).into_iter().map(Some).collect();
        for ((new, old), built) in config.sources.iter().zip(&olds).zip(built) {
            let old = old.and_then(|old| leaving.get_mut(old)?.take());
            self.sources.extend(match (old, built) {
                (Some(old), Some(source)) => Some(old.succeeded_by(new, source)),
                (Some(old), None) => Some(Entry { config: new.clone(), ..old }),
                (None, source) => source.map(|source| Entry::new(new, source)),
            });
        }
        let names = self.sources.iter().map(|entry| entry.config.name.clone()).collect();
        self.join = std::mem::take(&mut self.join).goes_on(names);
        let count = self.sources.len();
        self.keeper.iter_mut().for_each(|keeper| keeper.note_exchange(count));
        self.exchanged = true;
        Ok(unchanged)
    }
}

/// The source for a configuration, gone on from the old one; `None` where that stays as it is.
fn successor(new: &SourceConfig, old: Option<&Entry>) -> Result<Option<Box<dyn Source>>, ReconfigureError> {
    let Some(old) = old else { return Ok(Some(build(new))) };
    if old.config.builds_the_same(new) {
        return Ok(None);
    }
    let failed = |why: String| ReconfigureError::Totals { source_name: new.name.clone(), why };
    let going_on = || {
        let mut saved = Vec::new();
        let mut parts = Parts::new(&mut saved);
        old.source.save(&mut parts);
        parts.finish().map_err(|error| error.to_string())?;
        let mut source = build(new);
        source.load(Saved::new(&saved)).map_err(|error| error.to_string())?;
        Ok(source)
    };
    let source = catch_unwind(AssertUnwindSafe(going_on)).unwrap_or_else(|_panic| Err("a fault in onescrape itself".into()));
    source.map(Some).map_err(failed)
}

impl Entry {
    /// Whether a source of that configuration is this one: name and kind tell.
    fn is_of(&self, config: &SourceConfig) -> bool {
        self.config.name == config.name && self.config.kind == config.kind
    }

    /// The same with another configuration; `source` has gone on from this one's.
    fn succeeded_by(mut self, config: &SourceConfig, source: Box<dyn Source>) -> Self {
        let place = |old: usize| {
            let old = self.config.targets.get(old)?;
            config.targets.iter().position(|target| target.id == old.id)
        };
        let before = self.tally().counts(place);
        let mut targets = vec![Status::default(); config.targets.len()];
        for (old, status) in self.status.targets.iter_mut().enumerate() {
            if let Some(kept) = place(old).and_then(|new| targets.get_mut(new)) {
                *kept = std::mem::take(status);
            }
        }
        let status = SourceStatus { targets, durations: self.status.durations };
        Self { config: config.clone(), source, status, before }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::super::{Proxy, Query, TargetState, lock};
    use super::*;
    use crate::encode::Format;
    use crate::source::KINDS;
    use crate::target::Target;
    use crate::testing::{self, Server};
    use std::time::Duration;
    use tokio::time::Instant;

    /// A real pool of workers.
    fn workers(servers: &[&Server]) -> SourceConfig {
        let kind = KINDS.iter().find(|kind| kind.name == "workers").unwrap();
        SourceConfig::new("django", kind, servers.iter().map(|server| server.target()).collect())
    }

    fn far() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    async fn scrape(proxy: &Proxy) -> String {
        proxy.round(far()).await.unwrap();
        String::from_utf8(proxy.answer(&Query::default(), Format::Text004).unwrap().to_vec()).unwrap()
    }

    fn value(body: &str, series: &str) -> Option<f64> {
        body.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
    }

    async fn worker(requests: u32) -> Server {
        let server = Server::start(format!("# TYPE r_total counter\nr_total {requests}\n")).await;
        server.release(1000);
        server
    }

    fn good_scrapes(body: &str, server: &Server) -> Option<f64> {
        let Target { id, .. } = server.target();
        value(body, &format!("onescrape_worker_scrapes_total{{outcome=\"ok\",source=\"django\",worker=\"{id}\"}}"))
    }

    #[tokio::test]
    async fn totals_and_counts_go_on_whoever_comes_and_leaves() {
        let (a, b, c) = (worker(100).await, worker(20).await, worker(3).await);
        let proxy = Proxy::start(&testing::config(vec![workers(&[&a, &b])])).unwrap();
        assert_eq!(value(&scrape(&proxy).await, "r_total "), Some(120.0));
        // One leaves and one comes, whose past was never shown.
        proxy.reconfigure(&testing::config(vec![workers(&[&c, &b])])).await.unwrap();
        let body = scrape(&proxy).await;
        assert_eq!(value(&body, "r_total "), Some(120.0), "{body}");
        assert_eq!((good_scrapes(&body, &a), good_scrapes(&body, &b), good_scrapes(&body, &c)), (None, Some(2.0), Some(1.0)));
        // Back again, having counted on.
        a.set("# TYPE r_total counter\nr_total 107\n");
        c.set("# TYPE r_total counter\nr_total 5\n");
        proxy.reconfigure(&testing::config(vec![workers(&[&a, &b, &c])])).await.unwrap();
        let body = scrape(&proxy).await;
        assert_eq!((value(&body, "r_total "), good_scrapes(&body, &b)), (Some(129.0), Some(3.0)), "{body}");
    }

    #[tokio::test]
    async fn what_has_not_changed_is_not_touched() {
        let a = worker(1).await;
        let config = testing::config(vec![testing::pool("w", vec![a.target()])]);
        let proxy = Proxy::start(&config).unwrap();
        proxy.round(far()).await.unwrap();
        proxy.reconfigure(&config).await.unwrap();
        let mut patient = config.clone();
        patient.sources[0].scrape_timeout = Some(Duration::from_secs(9));
        proxy.reconfigure(&patient).await.unwrap();
        // A fake has nothing to save: its rounds would begin anew.
        assert!(scrape(&proxy).await.contains("fake_rounds 2\n"));
        let other = testing::config(vec![testing::pool("w", vec![a.target(), testing::http_target(1)])]);
        proxy.reconfigure(&other).await.unwrap();
        assert_eq!(proxy.report()[0].targets[0].status.state, Some(TargetState::Up), "until it is tried again");
        assert!(scrape(&proxy).await.contains("fake_rounds 1\n"));
    }

    #[tokio::test]
    async fn all_or_nothing() {
        let a = worker(1).await;
        let proxy = Proxy::start(&testing::config(vec![workers(&[&a])])).unwrap();
        scrape(&proxy).await;
        let mut bad = testing::config(vec![workers(&[&a]), testing::pool("new", vec![a.target()])]);
        bad.sources[1].http_headers.0.insert("a b".into(), "c".into());
        assert!(matches!(proxy.reconfigure(&bad).await, Err(ReconfigureError::Header(_))));
        assert_eq!(lock(&proxy.state).sources.len(), 1);
        assert_eq!(value(&scrape(&proxy).await, "r_total "), Some(1.0));
    }

    /// The target at the place of the one whose read is still open is another one afterwards.
    #[tokio::test]
    async fn an_open_read_writes_into_no_other_source() {
        let (slow, other) = (Server::start("# TYPE r_total counter\nr_total 1000\n").await, worker(7).await);
        let proxy = Proxy::start(&testing::config(vec![workers(&[&slow])])).unwrap();
        for _ in 0..2 {
            let _ = proxy.round(Instant::now() + Duration::from_millis(50)).await;
        }
        let reading = proxy.clone();
        let round = tokio::spawn(async move { reading.round(far()).await });
        slow.asked(3).await;
        round.await.unwrap().unwrap();
        proxy.reconfigure(&testing::config(vec![workers(&[&other])])).await.unwrap();
        slow.release(1000);
        let body = scrape(&proxy).await;
        assert_eq!((value(&body, "r_total "), slow.count()), (Some(7.0), 3), "{body}");
    }
}
