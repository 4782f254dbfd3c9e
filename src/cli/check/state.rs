//! What happens to totals when the proxy is restarted. Code of the finding: `no_state_file`.

use super::code::Code;
use super::finding::{Finding, Place, Severity};
use crate::config::{ColdStart, Config};
use crate::source::Endpoints;

/// A note where totals of workers would fall with a restart of the proxy. No problem: a restart is rare, and Prometheus sees one reset.
pub(super) fn diagnose(config: &Config) -> Option<Finding> {
    let pools: Vec<&str> =
        config.sources.iter().filter(|s| s.kind.endpoints == Endpoints::Workers).map(|s| s.name.as_str()).collect();
    let falls = config.state.file.is_none() && config.state.cold_start == ColdStart::Full;
    let text = "no state file: when onescrape itself is restarted, totals fall to what the living workers show, and Prometheus counts \
                that once more";
    let fix = "set --state.file to a file that outlives the container (in a pod: an emptyDir), or state: {cold_start: zero}";
    (falls && !pools.is_empty()).then(|| {
        let finding = Finding::new(Severity::Note, Code::NoStateFile, &pools.join(", "), text);
        finding.fix(fix).paste(Place::File, "state: {file: /var/lib/onescrape/state}")
    })
}
