//! What the series of a pool's workers are like, beside each other. Codes: `type_conflict`, `buckets_differ`, `gauges_without_rule`.

use super::code::Code;
use super::finding::{Finding, Place, Severity};
use super::observe::Observation;
use crate::config::BoundsPolicy;
use std::collections::BTreeMap;

/// Names listed in a sentence; the rest is counted.
const NAMES_SHOWN: usize = 6;

/// Adds the findings about the families of one pool.
pub(super) fn diagnose(pool: &Observation<'_>, findings: &mut Vec<Finding>) {
    let name = pool.source.name.as_str();
    let types = pool.workers().flat_map(|(target, facts)| facts.types.iter().map(|(family, kind)| (family, kind, &*target.id)));
    for (family, by_type) in disagreeing(types) {
        let said: Vec<String> = by_type.iter().map(|(kind, at)| format!("{kind} at {}", at.join(", "))).collect();
        let text = format!("{family} has several types: {}", said.join("; "));
        let fix = "only the type that was there first is served, the other's samples are dropped (type_conflict): two releases of the \
                   application run side by side, or two libraries share a name; restart the older workers, or rename one of the metrics";
        findings.push(Finding::new(Severity::Warning, Code::TypeConflict, name, text).fix(fix));
    }
    // Kept apart or left out on purpose.
    if pool.source.merge.histograms == BoundsPolicy::Union {
        differing_buckets(pool, findings);
    }
    gauges(pool, findings);
}

fn differing_buckets(pool: &Observation<'_>, findings: &mut Vec<Finding>) {
    let buckets = pool.workers().flat_map(|(target, facts)| facts.buckets.iter().map(|(family, le)| (family, le, &*target.id)));
    for (family, by_bounds) in disagreeing(buckets) {
        let said: Vec<String> = by_bounds.iter().map(|(le, at)| format!("{le} at {}", at.join(", "))).collect();
        let text = format!("the buckets of {family} differ: le {}", said.join("; le "));
        let fix = "quantiles over such a sum are coarse: give every worker the same buckets (PROMETHEUS_LATENCY_BUCKETS; during a rollout it \
                   passes by itself), or keep the workers apart until then";
        let finding = Finding::new(Severity::Warning, Code::BucketsDiffer, &pool.source.name, text);
        findings.push(finding.fix(fix).paste(Place::Source, "histograms: label"));
    }
}

/// The families about which the workers say different things, with who says what.
fn disagreeing<'o, T: Ord>(
    said: impl Iterator<Item = (&'o String, T, &'o str)>,
) -> impl Iterator<Item = (&'o String, BTreeMap<T, Vec<&'o str>>)> {
    let mut families: BTreeMap<&String, BTreeMap<T, Vec<&str>>> = BTreeMap::new();
    for (family, what, at) in said {
        families.entry(family).or_default().entry(what).or_default().push(at);
    }
    families.into_iter().filter(|(_, by_what)| by_what.len() > 1)
}

/// A note with the gauges whose mode nobody chose, as rules to change.
fn gauges(pool: &Observation<'_>, findings: &mut Vec<Finding>) {
    let all = pool.workers().flat_map(|(_, facts)| &facts.gauges).filter(|(_, gauge)| !gauge.has_rule);
    let gauges: BTreeMap<&str, &str> = all.map(|(family, gauge)| (family.as_str(), gauge.mode)).collect();
    if gauges.is_empty() {
        return;
    }
    let shown: Vec<String> = gauges.iter().take(NAMES_SHOWN).map(|(family, mode)| format!("{family} ({mode})")).collect();
    let more = gauges.len().saturating_sub(NAMES_SHOWN);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let text = format!("no rule says how to merge {}{rest}", shown.join(", "));
    let rules: Vec<String> = gauges.iter().map(|(family, mode)| format!("\n  - {{match: \"{family}\", mode: {mode}}}")).collect();
    let fix =
        "mode all keeps one series per worker; say sum for work under way, max or min for the worst, mostrecent for the latest";
    let finding = Finding::new(Severity::Note, Code::GaugesWithoutRule, &pool.source.name, text);
    findings.push(finding.fix(fix).paste(Place::Source, format!("gauges:{}", rules.concat())));
}
