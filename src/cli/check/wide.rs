//! Families that one label makes large. Code of the finding: `wide_family`.

use super::code::Code;
use super::finding::{Finding, Place, Severity};
use super::observe::Observation;
use crate::config::SourceConfig;
use crate::merge::rules::matches;
use crate::model::WideFamily;
use crate::parse::Exposition;
use std::collections::BTreeMap;

/// The families of a worker that are large by one label, and not aggregated yet.
pub fn wide_families(exposition: &Exposition<'_>, source: &SourceConfig) -> Vec<WideFamily> {
    let is_aggregated = |name: &str| source.merge.aggregate.iter().any(|rule| matches(&rule.pattern, name));
    let families = exposition.families.iter().filter(|family| !is_aggregated(&family.name));
    families
        .filter_map(|family| {
            let series: Vec<_> = family.samples.iter().map(|sample| (sample.labels.clone(), sample.role)).collect();
            WideFamily::of(&family.name, &series)
        })
        .collect()
}

/// Adds a finding for each such family of a pool, as its largest worker has it.
pub(super) fn diagnose(pool: &Observation<'_>, findings: &mut Vec<Finding>) {
    let mut families: BTreeMap<&str, &WideFamily> = BTreeMap::new();
    for family in pool.workers().flat_map(|(_, facts)| &facts.wide) {
        let held = families.entry(&family.name).or_insert(family);
        if held.series < family.series {
            *held = family;
        }
    }
    findings.extend(families.into_values().map(|family| {
        let text = format!(
            "{} has {} series in one worker; without the label {} it would have {}",
            family.name, family.series, family.label, family.left
        );
        let finding = Finding::new(Severity::Note, Code::WideFamily, &pool.source.name, text);
        let fix = format!("if nobody asks by {}, add the workers up without it before Prometheus stores them", family.label);
        finding.fix(fix).paste(Place::Source, family.setting())
    }));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::AggregateRule;
    use crate::parse::text;

    #[test]
    fn what_is_aggregated_already_is_not_suggested() {
        let line = |at: usize| format!("wide_total{{template=\"t{at}\"}} 1\n");
        let body: String = std::iter::once("# TYPE wide_total counter\n".to_string()).chain((0..600).map(line)).collect();
        let exposition = text(body.as_bytes()).unwrap();
        let kind = crate::source::KINDS.first().unwrap();
        let mut source = SourceConfig::new("django", kind, Vec::new());
        assert_eq!(wide_families(&exposition, &source).len(), 1);
        source.merge.aggregate.push(AggregateRule { pattern: "wide_*".into(), without: vec!["template".into()] });
        assert!(wide_families(&exposition, &source).is_empty());
    }
}
