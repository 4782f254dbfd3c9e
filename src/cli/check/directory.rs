//! What can be wrong with a directory of multiprocess files although it can be read. Codes of the findings: `no_files`, `bad_files`,
//! `no_live_process`, `liveness_unknown`, `many_files`.

use super::code::Code;
use super::finding::{Finding, Severity};
use super::observe::Observation;
use super::read::DirectoryFacts;

/// From so many files of ended processes on it is worth folding them.
const MANY_FILES: usize = 1000;

/// Adds the findings about the directories of one source.
pub(super) fn diagnose(observation: &Observation<'_>, findings: &mut Vec<Finding>) {
    for (target, facts) in observation.directories() {
        let mut add = |severity, code, text: String, fix: &str| {
            let finding = Finding::new(severity, code, &observation.source.name, text);
            findings.push(finding.at(vec![target.id.clone()]).fix(fix));
        };
        let DirectoryFacts { live, unknown, dead, bad, faults } = facts;
        if live + unknown + dead + bad == 0 {
            add(
                Severity::Warning,
                Code::NoFiles,
                "it holds no multiprocess files".into(),
                "set PROMETHEUS_MULTIPROC_DIR to this directory in the application's environment, before Python starts; in a pod, mount \
                 one volume in both containers",
            );
        }
        if *bad > 0 {
            add(
                Severity::Warning,
                Code::BadFiles,
                format!("left out: {}", faults.join("; ")),
                "files cut short or broken are left by a crash or a full disk: remove them while the application is stopped",
            );
        }
        if *live == 0 && *unknown > 0 {
            add(
                Severity::Note,
                Code::LivenessUnknown,
                "which of its processes run cannot be seen from here".into(),
                "so gauges of mode live* count until mark_process_dead removes them, and every file is read in every scrape; share the \
                 process namespace (shareProcessNamespace) and run under the application's user to have it known",
            );
        } else if *live == 0 && *dead > 0 {
            add(
                Severity::Warning,
                Code::NoLiveProcess,
                format!("all of its {dead} files are of processes that have ended"),
                "start the application, or compare this directory with its PROMETHEUS_MULTIPROC_DIR",
            );
        }
        if *dead >= MANY_FILES {
            add(
                Severity::Note,
                Code::ManyFiles,
                format!("{dead} files are of processes that have ended"),
                "they cost the proxy nothing, but prometheus_client's own collector reads them all; onescrape multiproc compact folds them \
                 while the application is stopped",
            );
        }
    }
}
