//! Families that one label makes large. Where nobody asks by it, `aggregate` shrinks them before they are stored. Code of the finding:
//! `wide_family`.

use super::diagnose::{Finding, Severity};
use super::observe::Observation;
use crate::config::SourceConfig;
use crate::merge::rules::matches;
use crate::model::{Family, Role};
use crate::parse::Exposition;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Series of one family at one worker from which on it is worth a word.
const WIDE_SERIES: usize = 500;
/// A label is to blame where so many times fewer series are left without it.
const TIMES_FEWER: usize = 4;

/// A family that one label makes large.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WideFamily {
    /// Its series.
    pub series: usize,
    /// Those that would be left without the label.
    pub left: usize,
    /// Its name.
    pub name: String,
    /// The label.
    pub label: String,
}

/// The families of a worker that are large by one label, and not aggregated yet.
pub fn wide_families(exposition: &Exposition<'_>, source: &SourceConfig) -> Vec<WideFamily> {
    let is_aggregated = |name: &str| source.merge.aggregate.iter().any(|rule| matches(&rule.pattern, name));
    let large = exposition.families.iter().filter(|family| family.samples.len() >= WIDE_SERIES && !is_aggregated(&family.name));
    large.filter_map(widest).collect()
}

/// The family with the label without which the fewest series are left, if that is worth it.
fn widest(family: &Family<'_>) -> Option<WideFamily> {
    let labels: BTreeSet<&str> = family.samples.iter().flat_map(|s| &s.labels).map(|(name, _)| name.as_ref()).collect();
    let (left, label) = labels.into_iter().map(|label| (series_without(family, label), label)).min()?;
    let series = family.samples.len();
    (left * TIMES_FEWER <= series).then(|| WideFamily { series, left, name: family.name.to_string(), label: label.to_string() })
}

fn series_without(family: &Family<'_>, label: &str) -> usize {
    let part = |role| match role {
        Role::Bucket(bound) => (1, bound.to_bits()),
        Role::Quantile(quantile) => (2, quantile.to_bits()),
        Role::Value => (0, 0),
        Role::Count => (3, 0),
        Role::Sum => (4, 0),
        Role::Created => (5, 0),
    };
    let series = family.samples.iter().map(|sample| {
        let others: Vec<_> = sample.labels.iter().filter(|(name, _)| name != label).collect();
        (others, part(sample.role))
    });
    series.collect::<HashSet<_>>().len()
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
    findings.extend(families.into_values().map(|WideFamily { series, left, name, label }| Finding {
        severity: Severity::Note,
        code: "wide_family",
        source: pool.source.name.clone(),
        targets: Vec::new(),
        text: format!("{name} has {series} series in one worker; without the label {label} it would have {left}"),
        fix: Some(format!("if nobody asks by it: aggregate: [{{match: \"{name}\", without: [{label}]}}]")),
    }));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::AggregateRule;
    use crate::parse::text;

    #[test]
    fn one_label_makes_a_family_large() {
        let mut body = String::from("# TYPE wide_total counter\n");
        for template in 0..WIDE_SERIES {
            body.push_str(&format!("wide_total{{method=\"{}\",template=\"t{template}\"}} 1\n", template % 3));
        }
        let exposition = text(body.as_bytes()).unwrap();
        let kind = crate::source::KINDS.first().unwrap();
        let mut source = SourceConfig::new("django", kind, Vec::new());
        let want = WideFamily { series: WIDE_SERIES, left: 3, name: "wide_total".into(), label: "template".into() };
        assert_eq!(wide_families(&exposition, &source), [want]);
        source.merge.aggregate.push(AggregateRule { pattern: "wide_*".into(), without: vec!["template".into()] });
        assert!(wide_families(&exposition, &source).is_empty());
        assert!(wide_families(&text(b"narrow{a=\"1\"} 1\n").unwrap(), &source).is_empty());
    }
}
