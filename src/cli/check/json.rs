//! The same for programs. Names are stable, new ones may come; `docs/troubleshooting.md` lists them.

use super::finding::{Finding, Severity};
use super::observe::{Observation, Observed};
use super::table::gauges;
use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes one JSON object; quiet leaves out notes.
pub(super) fn write(observations: &[Observation<'_>], findings: &[Finding], quiet: bool, out: &mut dyn Write) -> io::Result<()> {
    let shown = findings.iter().filter(|finding| !quiet || finding.severity > Severity::Note);
    let document = json!({
        "ok": super::is_well(findings),
        "sources": observations.iter().map(source).collect::<Vec<_>>(),
        "findings": shown.map(finding).collect::<Vec<_>>(),
    });
    writeln!(out, "{document:#}")
}

fn source(observation: &Observation<'_>) -> Value {
    json!({
        "name": observation.source.name,
        "kind": observation.source.kind.name,
        "expect": observation.source.expect,
        "up": observation.up().count(),
        "targets": observation.targets.iter().map(|observed| target(observation, observed)).collect::<Vec<_>>(),
        "gauges": gauges(observation),
    })
}

fn target(observation: &Observation<'_>, observed: &Observed<'_>) -> Value {
    let last = observed.last();
    let answer = last.and_then(|read| read.answer.as_ref().ok());
    json!({
        "id": observed.target.id,
        "url": observed.target.address.to_string(),
        "state": observation.state(observed).as_str(),
        "outcome": observed.missed().map_or("ok", |missed| missed.outcome()),
        "error": observed.missed().map(ToString::to_string),
        "hint": observed.hint(observation.source.kind.name),
        "format": answer.map(|answer| answer.format.as_str()),
        "samples": answer.map(|answer| answer.samples),
        "duration_seconds": last.map(|read| read.duration.as_secs_f64()),
        "clock_ahead_seconds": last.and_then(|read| read.clock_ahead),
        "reads": observed.reads.len(),
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "severity": finding.severity.as_str(),
        "code": finding.code.as_str(),
        "source": finding.source,
        "targets": finding.targets,
        "text": finding.text,
        "fix": finding.fix,
        "paste": finding.pastes.iter().map(|paste| json!({"place": paste.place.as_str(), "text": paste.text})).collect::<Vec<_>>(),
    })
}
