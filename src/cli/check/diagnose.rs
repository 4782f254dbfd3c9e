//! Observations → findings, the worst first. Pure: what was seen is all it knows.

use super::finding::Finding;
use super::observe::Observation;
use super::surroundings::Surroundings;
use super::{clock, directory, families, missed, pool, processes, wide};

/// Draws the conclusions, the worst first.
pub fn diagnose(observations: &[Observation<'_>], around: &Surroundings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for observation in observations {
        missed::diagnose(observation, around, &mut findings);
        if observation.is_pool() {
            pool::diagnose(observation, observations, around, &mut findings);
            processes::diagnose(observation, observations, &mut findings);
            families::diagnose(observation, &mut findings);
            wide::diagnose(observation, &mut findings);
        }
        directory::diagnose(observation, &mut findings);
        clock::diagnose(observation, &mut findings);
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}
