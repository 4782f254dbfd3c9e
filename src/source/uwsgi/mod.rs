//! uWSGI's stats server: its JSON → series under the names of the known uWSGI exporter, with counters that survive its restarts.
//!
//! Every series carries `stats_uri`, the target as configured; `uwsgi_up` too, since a source may have several targets.

mod counters;
mod entity;
mod life;
mod persist;
mod series;
mod stats;
mod table;

use super::joined::{joined, share};
use super::{Endpoints, Kind, Source};
use crate::config::{ColdStart, Limits, SourceConfig};
use crate::encode::{FamilyView, Rendered};
use crate::merge::{DropReason, Now, Tally};
use crate::scrape::{Body, Missed, Scraped};
use crate::state::{Parts, Saved, Unreadable};
use counters::Ledger;

pub(super) static KIND: Kind = Kind {
    name: "uwsgi",
    about: "uWSGI's stats server: tcp://, http://, unix:// or file://",
    endpoints: Endpoints::Targets,
    default_path: "/",
    targets: crate::target::stats_targets,
    accept: "application/json",
    may_stream: true,
    build: |config| Box::new(Uwsgi::new(config)),
};

struct Uwsgi {
    targets: Vec<Server>,
    cores: bool,
    limits: Limits,
    /// Series of one target.
    max_series: usize,
    tally: Tally,
}

/// One uWSGI server.
struct Server {
    stats_uri: String,
    ledger: Ledger,
    shown: Rendered<'static>,
}

impl Uwsgi {
    fn new(config: &SourceConfig) -> Self {
        let ledger = match config.cold_start {
            ColdStart::Full => Ledger::default,
            ColdStart::Zero => Ledger::cold,
        };
        let server = |stats_uri: String| Server { stats_uri, ledger: ledger(), shown: Rendered::default() };
        Self {
            targets: config.targets.iter().map(|target| server(target.text.clone())).collect(),
            cores: config.cores,
            limits: config.limits,
            max_series: share(&config.limits, config.targets.len()),
            tally: Tally::default(),
        }
    }

    fn read(&mut self, index: usize, body: &Body) -> Result<usize, Missed> {
        let stats = stats::read(&body.bytes, self.max_series)?;
        let mut rows = entity::rows(&stats, self.cores);
        rows.retain(|entity, row| {
            let unfit = DropReason::of_labels(&self.limits, entity.labels().iter().map(|(_, value)| value.as_ref()));
            if let Some(reason) = unfit {
                self.tally.drop(reason, (row.counters().len() + row.gauges().len()) as u64);
            }
            unfit.is_none()
        });
        let Some(server) = self.targets.get_mut(index) else { return Ok(0) };
        server.ledger.apply(&stats, &rows, self.max_series, index, &mut self.tally);
        let families = series::families(&server.stats_uri, &stats, &rows, &server.ledger, self.max_series, &mut self.tally);
        let samples = families.iter().map(|family| family.samples.len()).sum();
        server.shown = Rendered::new(families);
        Ok(samples)
    }
}

impl Source for Uwsgi {
    fn apply(&mut self, round: &[Option<Scraped>], _now: Now) -> Vec<Option<Result<usize, Missed>>> {
        let outcomes = round.iter().enumerate().map(|(index, scraped)| {
            let outcome = match &scraped.as_ref()?.result {
                Ok(body) => self.read(index, body),
                Err(missed) => Err(missed.clone()),
            };
            if let (Err(_), Some(server)) = (&outcome, self.targets.get_mut(index)) {
                server.ledger.miss();
                server.shown = Rendered::new(series::down(&server.stats_uri));
            }
            Some(outcome)
        });
        let outcomes = outcomes.collect();
        self.tally.retained_series = self.targets.iter().map(|server| server.ledger.retained()).sum();
        outcomes
    }

    fn families(&self) -> Vec<FamilyView<'_>> {
        joined(self.targets.iter().map(|server| &server.shown))
    }

    fn save(&self, to: &mut Parts<'_>) {
        self.targets.iter().for_each(|server| persist::save(&server.stats_uri, &server.ledger, to));
    }

    fn load(&mut self, saved: Saved<'_>) -> Result<(), Unreadable> {
        for (stats_uri, ledger) in persist::load(saved)? {
            if let Some(server) = self.targets.iter_mut().find(|server| server.stats_uri == stats_uri) {
                server.ledger = ledger;
            }
        }
        Ok(())
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}

#[cfg(test)]
mod tests;
