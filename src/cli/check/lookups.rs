//! What is wrong with the lookup of targets. Codes of the findings: `discovery`, `no_targets`.

use super::diagnose::{Finding, Severity};
use crate::discovery::Filled;

/// Adds what went wrong, and sources for which nothing was found at all.
pub(super) fn diagnose(filled: &Filled, findings: &mut Vec<Finding>) {
    for (source, notes) in filled.config.sources.iter().zip(&filled.notes) {
        let finding = |severity, code, text: String, fix: Option<&str>| Finding {
            severity,
            code,
            source: source.name.clone(),
            targets: Vec::new(),
            text,
            fix: fix.map(str::to_string),
        };
        findings.extend(notes.iter().map(|note| finding(Severity::Warning, "discovery", note.clone(), None)));
        if source.targets.is_empty() {
            let fix = "see whether the names have records now (dig NAME), and whether the files name targets";
            findings.push(finding(Severity::Error, "no_targets", "nothing to scrape was found".into(), Some(fix)));
        }
    }
}
