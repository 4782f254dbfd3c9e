use super::state::State;
use super::status::Status;
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
                targets: s.config.targets.iter().zip(&s.status.targets).map(|t| target(t, s.config.kind.name)).collect(),
            })
            .collect()
    }
}
