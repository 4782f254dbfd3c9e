//! Clocks of targets, by the Date of their answers. Code: `clock_differs`.

use super::code::Code;
use super::finding::{Finding, Severity};
use super::observe::Observation;

/// Difference from which on it is told; a Date has whole seconds, and an answer takes its time.
const CLOCK_DIFFERENCE_SECONDS: f64 = 5.0;
/// Differences below are told in seconds, others in minutes.
const SHOWN_IN_SECONDS: f64 = 120.0;

/// Adds targets whose clock is not ours.
pub(super) fn diagnose(observation: &Observation<'_>, findings: &mut Vec<Finding>) {
    for observed in &observation.targets {
        let Some(ahead) = observed.last().and_then(|read| read.clock_ahead) else { continue };
        if ahead.abs() < CLOCK_DIFFERENCE_SECONDS {
            continue;
        }
        let way = if ahead > 0.0 { "ahead of" } else { "behind" };
        let by =
            if ahead.abs() < SHOWN_IN_SECONDS { format!("{:.0} s", ahead.abs()) } else { format!("{:.0} min", ahead.abs() / 60.0) };
        let text = format!("its clock is {by} {way} the one here");
        let fix = "start times, timestamps and certificates are judged by the wrong time: keep both machines in step (timedatectl set-ntp \
                   true, chronyc makestep); under WSL2 after a sleep of the machine: wsl --shutdown";
        let finding = Finding::new(Severity::Warning, Code::ClockDiffers, &observation.source.name, text);
        findings.push(finding.at(vec![observed.target.id.clone()]).fix(fix));
    }
}
