//! New sources in the place of old ones, between two rounds. What stays under its name goes on: totals, status, counts.

use super::RoundError;
use super::progress::Key;
use super::state::{Entry, State};
use super::status::{SourceStatus, Status};
use crate::config::{Config, SourceConfig};
use crate::merge::Tally;
use crate::scrape::BadHeader;
use crate::source::{Source, build};
use crate::state::{Parts, Saved};
use std::collections::HashMap;
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
    /// A source that a panic kept from being made.
    #[error("source {source_name:?} cannot be made, by a fault in onescrape itself; please report it with its log")]
    Fault {
        /// The source's name.
        source_name: String,
    },
    /// A fault ended it, or no more rounds are made.
    #[error(transparent)]
    Round(#[from] RoundError),
}

/// What a new source goes on from.
pub(super) struct Predecessor {
    /// Index of the old source.
    pub(super) source: usize,
    /// Nothing has changed about it.
    pub(super) is_unchanged: bool,
    /// By old target its index now; `None`: it is no longer there.
    places: Vec<Option<usize>>,
}

/// Where a source that stays is now; by new source, what it goes on from.
fn source_now(predecessors: &[Option<Predecessor>], source: usize) -> Option<(usize, &Predecessor)> {
    let now = predecessors.iter().enumerate();
    now.filter_map(|(now, before)| Some((now, before.as_ref()?))).find(|(_, before)| before.source == source)
}

/// The same for a target.
pub(super) fn place_now(predecessors: &[Option<Predecessor>], (source, target): Key) -> Option<Key> {
    let (now, before) = source_now(predecessors, source)?;
    Some((now, before.place(target)?))
}

impl State {
    /// Whether the sources are those of `config` as they stand.
    pub(super) fn has_sources_of(&self, config: &Config) -> bool {
        self.sources.iter().map(|entry| &entry.config).eq(&config.sources)
    }

    /// Puts the sources of `config` in the place of those there are: all of them or, where that fails, none. Returns by new source what
    /// it goes on from.
    pub(super) fn exchange(&mut self, config: &Config) -> Result<Vec<Option<Predecessor>>, ReconfigureError> {
        let predecessors: Vec<_> = config.sources.iter().map(|new| self.predecessor(new)).collect();
        // All are built before any is let go.
        let make = |(new, before): (&SourceConfig, &Option<Predecessor>)| {
            let old = before.as_ref().and_then(|before| Some((self.sources.get(before.source)?, before)));
            successor(new, old)
        };
        let built = config.sources.iter().zip(&predecessors).map(make).collect::<Result<Vec<_>, _>>()?;
        self.openmetrics_created = config.web.openmetrics_created;
        self.cache.clear();
        if self.has_sources_of(config) {
            return Ok(predecessors);
        }
        let mut leaving: Vec<Option<Entry>> = std::mem::take(&mut self.sources).into_iter().map(Some).collect();
        for ((new, before), built) in config.sources.iter().zip(&predecessors).zip(built) {
            let old = before.as_ref().and_then(|before| Some((leaving.get_mut(before.source)?.take()?, before)));
            self.sources.extend(match (old, built) {
                (Some((old, before)), Some(built)) => Some(old.succeeded_by(new, built, before)),
                (Some((old, _)), None) => Some(Entry { config: new.clone(), ..old }),
                (None, built) => built.map(|Successor { source, .. }| Entry::new(new, source)),
            });
        }
        let counted = std::mem::take(&mut self.ledger.last_words).into_iter();
        self.ledger.last_words =
            counted.filter_map(|((source, outcome), n)| Some(((source_now(&predecessors, source)?.0, outcome), n))).collect();
        let names = self.sources.iter().map(|entry| entry.config.name.clone()).collect();
        self.join = std::mem::take(&mut self.join).goes_on(names);
        let count = self.sources.len();
        self.keeper.iter_mut().for_each(|keeper| keeper.note_exchange(count));
        self.exchanged = true;
        Ok(predecessors)
    }

    fn predecessor(&self, new: &SourceConfig) -> Option<Predecessor> {
        let (source, old) = self.sources.iter().enumerate().find(|(_, old)| old.is_of(new))?;
        let now: HashMap<&str, usize> = new.targets.iter().enumerate().map(|(i, target)| (target.id.as_str(), i)).collect();
        let places = old.config.targets.iter().map(|target| now.get(target.id.as_str()).copied());
        Some(Predecessor { source, is_unchanged: old.config == *new, places: places.collect() })
    }
}

impl Predecessor {
    /// Where the target at that index is now.
    fn place(&self, target: usize) -> Option<usize> {
        self.places.get(target).copied().flatten()
    }
}

/// A source that is made for a configuration.
struct Successor {
    source: Box<dyn Source>,
    /// What those before it have counted, of the targets that stay.
    before: Tally,
}

/// The source for a configuration, gone on from the old one; `None` where that stays as it is. A fault in one keeps all as they are.
fn successor(new: &SourceConfig, old: Option<(&Entry, &Predecessor)>) -> Result<Option<Successor>, ReconfigureError> {
    if old.is_some_and(|(old, _)| old.config.builds_the_same(new)) {
        return Ok(None);
    }
    let make = || {
        let mut source = build(new);
        let Some((old, places)) = old else { return Ok(Successor { source, before: Tally::default() }) };
        let mut saved = Vec::new();
        let mut parts = Parts::new(&mut saved);
        old.source.save(&mut parts);
        parts.finish().map_err(|error| error.to_string())?;
        source.load(Saved::new(&saved)).map_err(|error| error.to_string())?;
        Ok(Successor { source, before: old.tally().counts(|target| places.place(target)) })
    };
    let source_name = || new.name.clone();
    match catch_unwind(AssertUnwindSafe(make)) {
        Ok(Ok(successor)) => Ok(Some(successor)),
        Ok(Err(why)) => Err(ReconfigureError::Totals { source_name: source_name(), why }),
        Err(_panic) => Err(ReconfigureError::Fault { source_name: source_name() }),
    }
}

impl Entry {
    /// Whether a source of that configuration is this one: name and kind tell.
    fn is_of(&self, config: &SourceConfig) -> bool {
        self.config.name == config.name && self.config.kind == config.kind
    }

    /// The same with another configuration.
    fn succeeded_by(mut self, config: &SourceConfig, Successor { source, before }: Successor, places: &Predecessor) -> Self {
        let mut targets = vec![Status::default(); config.targets.len()];
        for (old, status) in self.status.targets.iter_mut().enumerate() {
            if let Some(kept) = places.place(old).and_then(|new| targets.get_mut(new)) {
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
    use crate::config::Limit;
    use crate::encode::Format;
    use crate::scrape::Missed;
    use crate::source::{Endpoints, KINDS};
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
        let mut other = testing::config(vec![testing::pool("w", vec![a.target(), testing::http_target(1)])]);
        proxy.reconfigure(&other).await.unwrap();
        assert_eq!(proxy.report()[0].targets[0].status.state, Some(TargetState::Up), "until it is tried again");
        assert!(scrape(&proxy).await.contains("fake_rounds 1\n"));
        // A limit of the whole is in force at once, and no source's business.
        other.limits.scrapes_max = 1;
        assert!(lock(&proxy.state).has_sources_of(&other));
        proxy.reconfigure(&other).await.unwrap();
        // Those that come soon still share the round before.
        let mut body = scrape(&proxy).await;
        while body.contains("fake_rounds 1\n") {
            body = scrape(&proxy).await;
        }
        assert!(body.contains("fake_rounds 2\n"), "{body}");
        assert_eq!(proxy.limit_hits(Limit::ScrapesMax), 1);
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

    #[tokio::test]
    async fn counts_of_last_words_go_with_their_source() {
        let a = worker(1).await;
        let hearing = |name: &str| {
            let mut source = workers(&[&a]);
            source.name = name.into();
            source.last_words.enabled = true;
            source
        };
        let proxy = Proxy::start(&testing::config(vec![hearing("first"), hearing("second")])).unwrap();
        (0..3).for_each(|_| proxy.count_last_words("second", "invalid"));
        proxy.count_last_words("first", "invalid");
        proxy.reconfigure(&testing::config(vec![hearing("second"), hearing("new")])).await.unwrap();
        let body = scrape(&proxy).await;
        let heard = |source: &str| value(&body, &format!("onescrape_last_words_total{{outcome=\"invalid\",source=\"{source}\"}}"));
        assert_eq!((heard("second"), heard("new")), (Some(3.0), Some(0.0)), "{body}");
    }

    #[tokio::test]
    async fn a_fault_leaves_all_as_it_was() {
        let (a, b) = (Server::start("panic when saved").await, worker(1).await);
        a.release(1000);
        let config = testing::config(vec![testing::pool("w", vec![a.target()])]);
        let proxy = Proxy::start(&config).unwrap();
        proxy.round(far()).await.unwrap();
        let fault = |source: &str| Err(ReconfigureError::Fault { source_name: source.into() });
        let other = testing::config(vec![testing::pool("w", vec![a.target(), b.target()])]);
        assert_eq!(proxy.reconfigure(&other).await, fault("w"), "one that should go on");
        let mut more = config.clone();
        more.sources.push(testing::source_of(testing::kind("new", Endpoints::Workers, |_| panic!("as asked")), vec![b.target()]));
        assert_eq!(proxy.reconfigure(&more).await, fault("new"), "one that should be made");
        assert_eq!((proxy.check_alive(), lock(&proxy.state).sources.len()), (Ok(()), 1));
        assert!(scrape(&proxy).await.contains("fake_rounds 2\n"));
    }

    /// Who hung is read behind the rounds at once after a change, wherever its target stands now.
    #[tokio::test]
    async fn that_a_target_hangs_is_not_forgotten() {
        let (hanging, other) = (Server::start("r_total 1000\n").await, worker(7).await);
        let proxy = Proxy::start(&testing::config(vec![workers(&[&hanging])])).unwrap();
        for _ in 0..2 {
            let _ = proxy.round(Instant::now() + Duration::from_millis(50)).await;
        }
        let mut first = workers(&[&other]);
        first.name = "first".into();
        let config = testing::config(vec![first, workers(&[&other, &hanging])]);
        proxy.reconfigure(&config).await.unwrap();
        let body = scrape(&proxy).await;
        assert_eq!(value(&body, "r_total{source=\"django\"} "), Some(7.0), "{body}");
        hanging.asked(3).await;
        // A round that waited for it would have done so up to its deadline.
        let missed = proxy.report()[1].targets[1].status.last_error.clone();
        assert!(matches!(missed, Some(Missed::Timeout { after }) if after < config.scrape_timeout), "{missed:?}");
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
