use super::observe::{Observation, Observed};
use super::{directory, pool, wide};
use crate::round::TargetState;
use crate::scrape::Missed;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// Data is wrong or missing in silence, or will be.
    Warning,
    /// Data is missing now.
    Error,
}

impl Severity {
    /// The severity in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One conclusion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// A stable name for programs: an outcome of a scrape (`refused`, `timeout`, …), or one of the words listed in
    /// `pool.rs`, `wide.rs` and `directory.rs`.
    pub code: &'static str,
    /// Name of the source.
    pub source: String,
    /// The target ids concerned; empty: the source as a whole.
    pub targets: Vec<String>,
    /// What is the matter.
    pub text: String,
    /// What to do.
    pub fix: Option<String>,
}

/// Draws the conclusions, the worst first.
pub fn diagnose(observations: &[Observation<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for observation in observations {
        missed(observation, &mut findings);
        if observation.is_pool() {
            pool::diagnose(observation, observations, &mut findings);
            wide::diagnose(observation, &mut findings);
        }
        directory::diagnose(observation, &mut findings);
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// Targets that gave nothing, those with the same reason as one finding.
fn missed(observation: &Observation<'_>, findings: &mut Vec<Finding>) {
    let source = observation.source;
    if observation.targets.len() > 1 && observation.targets.iter().all(|t| observation.state(t) == TargetState::Vacant) {
        findings.push(Finding {
            severity: Severity::Error,
            code: "refused",
            source: source.name.clone(),
            targets: Vec::new(),
            text: format!("nothing listens on any of the {} ports", observation.targets.len()),
            fix: Some(
                "start the application; if it runs, compare the range with its PROMETHEUS_METRICS_EXPORT_PORT_RANGE and look for \
                 \"Cannot export Prometheus /metrics/\" in its log"
                    .into(),
            ),
        });
        return;
    }
    let failed = observation.targets.iter().filter(|t| matches!(observation.state(t), TargetState::Stuck | TargetState::Down));
    let mut groups: Vec<(&Missed, Vec<&Observed<'_>>)> = Vec::new();
    for (observed, why) in failed.filter_map(|t| t.missed().map(|why| (t, why))) {
        match groups.iter_mut().find(|(known, _)| known.outcome() == why.outcome() && known.to_string() == why.to_string()) {
            Some((_, members)) => members.push(observed),
            None => groups.push((why, vec![observed])),
        }
    }
    for (why, members) in groups {
        findings.push(Finding {
            severity: Severity::Error,
            code: why.outcome(),
            source: source.name.clone(),
            targets: members.iter().map(|t| t.target.id.clone()).collect(),
            text: why.to_string(),
            fix: members.first().and_then(|t| t.hint(source.kind.name)),
        });
    }
}
