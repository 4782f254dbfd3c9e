//! What happens to totals when the proxy is restarted. Code of the finding: `no_state_file`.

use super::diagnose::{Finding, Severity};
use crate::config::{ColdStart, Config};
use crate::source::Endpoints;

/// A note where totals of workers would fall with a restart of the proxy. No problem: a restart is rare, and Prometheus sees one reset.
pub(super) fn diagnose(config: &Config) -> Option<Finding> {
    let pools: Vec<&str> =
        config.sources.iter().filter(|s| s.kind.endpoints == Endpoints::Workers).map(|s| s.name.as_str()).collect();
    let falls = config.state.file.is_none() && config.state.cold_start == ColdStart::Full;
    (falls && !pools.is_empty()).then(|| Finding {
        severity: Severity::Note,
        code: "no_state_file",
        source: pools.join(", "),
        targets: Vec::new(),
        text:
            "no state file: when onescrape itself is restarted, totals fall to what the living workers show, and Prometheus counts \
               that once more"
                .into(),
        fix: Some(
            "set --state.file to a file that outlives the container (in a pod: an emptyDir), or state: {cold_start: zero}".into(),
        ),
    })
}
