//! Any other exporter: its series pass through as they are, its resets are its own.
//!
//! With several targets in the source, series carry `target` (one of their own becomes `exported_target`).

mod pass;

use super::joined::{joined, share};
use super::{Endpoints, Kind, Source};
use crate::config::{Limits, SourceConfig};
use crate::encode::{FamilyView, Rendered};
use crate::merge::{DropReason, Now, Tally};
use crate::model::{Family, MetricType};
use crate::parse::parse;
use crate::scrape::{Body, Missed, Scraped};
use pass::Pass;
use std::collections::{BTreeMap, BTreeSet};

pub(super) static KIND: Kind = Kind {
    name: "exporter",
    about: "any other exporter, its series passed through as they are",
    endpoints: Endpoints::Targets,
    default_path: "/metrics",
    targets: crate::target::http_or_unix_targets,
    // Protobuf first: nothing else has native histograms, and exporters that have it say there when their counters began.
    accept: "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
             application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
    may_stream: false,
    build: |config| Box::new(Exporters::new(config)),
};

struct Exporters {
    targets: Vec<Exporter>,
    limits: Limits,
    /// Series of one target.
    max_series: usize,
    tally: Tally,
}

struct Exporter {
    /// The `target` label, if there are several in the source.
    label: Option<String>,
    shown: Rendered<'static>,
    /// Names of families left out in its last body since a target before it has them with another type.
    conflicts: Vec<String>,
}

/// Type and HELP of the families that the targets before this one show.
type Established = BTreeMap<String, (MetricType, String)>;

impl Exporters {
    fn new(config: &SourceConfig) -> Self {
        let several = config.targets.len() > 1;
        let exporter =
            |id: &String| Exporter { label: several.then(|| id.clone()), shown: Rendered::default(), conflicts: Vec::new() };
        Self {
            targets: config.targets.iter().map(|target| exporter(&target.id)).collect(),
            limits: config.limits,
            max_series: share(&config.limits, config.targets.len()),
            tally: Tally::default(),
        }
    }

    /// Holds what a body brings to target `index`, after those before it.
    fn read(&mut self, index: usize, body: &Body, established: &Established) -> Result<usize, Missed> {
        let exposition = parse(body.content_type.as_deref(), &body.bytes).map_err(|error| {
            if error.truncated {
                Missed::Truncated(error.to_string())
            } else if body.bytes.trim_ascii_start().starts_with(b"<") {
                Missed::Parse("an HTML page where metrics should be: check the path".into())
            } else {
                Missed::Parse(error.to_string())
            }
        })?;
        Ok(self.hold(index, exposition.families, established))
    }

    fn hold(&mut self, index: usize, families: Vec<Family<'_>>, established: &Established) -> usize {
        let Some(exporter) = self.targets.get_mut(index) else { return 0 };
        let mut pass = Pass::new(exporter.label.as_deref(), &self.limits, self.max_series, &mut self.tally);
        let mut passed: Vec<Family<'static>> = Vec::with_capacity(families.len());
        let mut kinds: BTreeMap<String, MetricType> = BTreeMap::new();
        exporter.conflicts.clear();
        for family in families.into_iter().filter(|family| !family.samples.is_empty() || !family.natives.is_empty()) {
            let kind = established.get(&*family.name).map(|(kind, _)| *kind).or_else(|| kinds.get(&*family.name).copied());
            if kind.is_some_and(|kind| kind != family.kind) {
                pass.drop(DropReason::TypeConflict, series(&family));
                exporter.conflicts.push(family.name.into_owned());
            } else if let Some(family) = pass.family(family) {
                kinds.insert(family.name.to_string(), family.kind);
                passed.push(family);
            }
        }
        exporter.shown = Rendered::new(passed);
        exporter.shown.families().iter().map(series).sum()
    }
}

/// How many series a family has; a native part is one.
fn series(family: &Family<'_>) -> usize {
    family.samples.len() + family.natives.len()
}

impl Source for Exporters {
    fn apply(&mut self, round: &[Option<Scraped>], _now: Now) -> Vec<Option<Result<usize, Missed>>> {
        let mut established = Established::new();
        let (mut types_differ, mut helps_differ) = (BTreeSet::new(), BTreeSet::new());
        let mut outcomes = Vec::with_capacity(round.len());
        for (index, scraped) in round.iter().enumerate() {
            let outcome = scraped.as_ref().map(|scraped| match &scraped.result {
                Ok(body) => self.read(index, body, &established),
                Err(missed) => Err(missed.clone()),
            });
            if let Some(exporter) = self.targets.get_mut(index) {
                if matches!(outcome, Some(Err(_))) {
                    exporter.shown = Rendered::default();
                    exporter.conflicts.clear();
                }
                types_differ.extend(exporter.conflicts.iter().cloned());
                // Only targets after this one ask what is established.
                for family in exporter.shown.families().iter().filter(|_| exporter.label.is_some()) {
                    let (_, help) =
                        established.entry(family.name.to_string()).or_insert_with(|| (family.kind, family.help.to_string()));
                    if *help != family.help {
                        helps_differ.insert(family.name.to_string());
                    }
                }
            }
            outcomes.push(outcome);
        }
        self.tally.type_conflicts = types_differ.len();
        self.tally.help_conflicts = helps_differ.len();
        outcomes
    }

    fn families(&self) -> Vec<FamilyView<'_>> {
        joined(self.targets.iter().map(|exporter| &exporter.shown))
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}

#[cfg(test)]
mod tests;
