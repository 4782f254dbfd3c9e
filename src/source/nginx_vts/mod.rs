//! nginx-module-vts: its JSON status → the names of its own Prometheus output, with correct types. Values pass through with nginx' own
//! resets.
//!
//! JSON is read, not the module's own exposition: that scatters its families, leaves bytes in it that no parser takes, and calls
//! counters gauges. With several targets in the source, series carry `target`.

mod families;
mod status;
mod zone;

use super::joined::{joined, share};
use super::{Endpoints, Kind, Source};
use crate::config::{Limits, SourceConfig};
use crate::encode::{FamilyView, Rendered};
use crate::merge::{Now, Tally};
use crate::scrape::{Body, Missed, Scraped};
use families::Sheet;

pub(super) static KIND: Kind = Kind {
    name: "nginx_vts",
    about: "JSON status of nginx' VTS module: http:// or unix:///path:/uri",
    endpoints: Endpoints::Targets,
    default_path: "/status/format/json",
    targets: crate::target::http_or_unix_targets,
    accept: "application/json",
    may_stream: false,
    build: |config| Box::new(NginxVts::new(config)),
};

struct NginxVts {
    targets: Vec<Server>,
    limits: Limits,
    /// Series of one target.
    max_series: usize,
    tally: Tally,
}

/// One nginx.
struct Server {
    /// The `target` label, if there are several in the source.
    label: Option<String>,
    shown: Rendered<'static>,
}

impl NginxVts {
    fn new(config: &SourceConfig) -> Self {
        let several = config.targets.len() > 1;
        let server = |id: &String| Server { label: several.then(|| id.clone()), shown: Rendered::default() };
        Self {
            targets: config.targets.iter().map(|target| server(&target.id)).collect(),
            limits: config.limits,
            max_series: share(&config.limits, config.targets.len()),
            tally: Tally::default(),
        }
    }

    fn read(&mut self, index: usize, body: &Body) -> Result<usize, Missed> {
        let status = status::read(&body.bytes, self.max_series)?;
        let Some(server) = self.targets.get_mut(index) else { return Ok(0) };
        let sheet = Sheet::new(server.label.as_deref(), &self.limits, self.max_series, &mut self.tally);
        let families = families::families(status, sheet);
        let samples = families.iter().map(|family| family.samples.len()).sum();
        server.shown = Rendered::new(families);
        Ok(samples)
    }
}

impl Source for NginxVts {
    fn apply(&mut self, round: &[Option<Scraped>], _now: Now) -> Vec<Option<Result<usize, Missed>>> {
        let outcomes = round.iter().enumerate().map(|(index, scraped)| {
            let outcome = match &scraped.as_ref()?.result {
                Ok(body) => self.read(index, body),
                Err(missed) => Err(missed.clone()),
            };
            if let (Err(_), Some(server)) = (&outcome, self.targets.get_mut(index)) {
                server.shown = Rendered::default();
            }
            Some(outcome)
        });
        outcomes.collect()
    }

    fn families(&self) -> Vec<FamilyView<'_>> {
        joined(self.targets.iter().map(|server| &server.shown))
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}

#[cfg(test)]
mod tests;
