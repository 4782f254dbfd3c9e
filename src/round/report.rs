use super::state::State;
use super::status::Status;
use crate::encode::SampleView;
use crate::model::{Labels, Role, WideFamily, split_head};
use crate::scrape::hint;
use crate::source::Endpoints;
use crate::target::Target;

/// How a source stands.
#[derive(Debug, Clone)]
pub struct SourceReport {
    /// Its name.
    pub name: String,
    /// Its kind's name.
    pub kind: &'static str,
    /// Workers of a pool or targets of their own.
    pub endpoints: Endpoints,
    /// How many endpoints should be up.
    pub expect: Option<u32>,
    /// How many are.
    pub up: usize,
    /// What is wrong with the lookup of its targets, one line each.
    pub notes: Vec<String>,
    /// Its targets, in order.
    pub targets: Vec<TargetReport>,
}

/// How a target stands.
#[derive(Debug, Clone)]
pub struct TargetReport {
    /// As configured.
    pub target: Target,
    /// What is known of it.
    pub status: Status,
    /// Where the latest scrape was missed: the likely cause and what to do.
    pub hint: Option<String>,
}

impl State {
    /// Families of workers that one label makes large, with their sources; the largest first.
    pub(super) fn wide_families(&self) -> Vec<(String, WideFamily)> {
        let mut wide = Vec::new();
        for entry in self.sources.iter().filter(|s| s.is_workers()) {
            for family in entry.source.families() {
                let series: Vec<_> = family.samples.iter().filter(|s| s.role != Role::Created).map(child_labels).collect();
                wide.extend(WideFamily::of(family.name, &series).map(|found| (entry.config.name.clone(), found)));
            }
        }
        wide.sort_by(|a, b| b.1.cmp(&a.1));
        wide
    }

    pub(super) fn report(&self) -> Vec<SourceReport> {
        let target = |(target, status): (&Target, &Status), kind| TargetReport {
            target: target.clone(),
            hint: status.last_error.as_ref().and_then(|missed| hint(kind, missed, target)),
            status: status.clone(),
        };
        self.sources
            .iter()
            .map(|s| SourceReport {
                name: s.config.name.clone(),
                kind: s.config.kind.name,
                endpoints: s.config.kind.endpoints,
                expect: s.config.expect,
                up: s.status.up(),
                notes: self.discovery.get(&s.config.name).cloned().unwrap_or_default(),
                targets: s.config.targets.iter().zip(&s.status.targets).map(|t| target(t, s.config.kind.name)).collect(),
            })
            .collect()
    }
}

/// The labels of a sample's child, and what it is of it.
fn child_labels<'a>(sample: &SampleView<'a>) -> (Labels<'a>, Role) {
    let own = match sample.role {
        Role::Bucket(_) => "le",
        Role::Quantile(_) => "quantile",
        _ => "",
    };
    let mut labels = split_head(sample.head).map(|(_, labels)| labels).unwrap_or_default();
    labels.retain(|(name, _)| name != own);
    (labels, sample.role)
}
