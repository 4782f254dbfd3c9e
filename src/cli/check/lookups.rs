//! What is wrong with the lookup of targets. Codes of the findings: `discovery`, `no_targets`.

use super::code::Code;
use super::finding::{Finding, Severity};
use crate::discovery::Filled;

/// Adds what went wrong, and sources for which nothing was found at all.
pub(super) fn diagnose(filled: &Filled, findings: &mut Vec<Finding>) {
    for (source, notes) in filled.config.sources.iter().zip(&filled.notes) {
        findings.extend(notes.iter().map(|note| Finding::new(Severity::Warning, Code::Discovery, &source.name, note)));
        if source.targets.is_empty() {
            let fix = "see whether the names have records now (dig NAME), and whether the files name targets";
            findings.push(Finding::new(Severity::Error, Code::NoTargets, &source.name, "nothing to scrape was found").fix(fix));
        }
    }
}
