//! Families of several sources under one TYPE line each. Nothing is summed between sources.
//!
//! A clash of identical series is decided once per family and kept: all series of that family from the later source (in the order
//! of configuration) carry `source="<name>"` from then on, whoever is up. Where types differ, the later source's family is left out.

use super::catalog::with_label;
use crate::encode::{FamilyView, NativeView, SampleView};
use crate::model::{MetricType, Role, child_head, child_labels, sample_head, split_head};
use crate::state::Apart;
use foldhash::{HashMap, HashSet};
use std::borrow::Cow;

/// The label that tells sources apart where their series clash.
const SOURCE_LABEL: &str = "source";

/// What was decided between sources so far.
#[derive(Debug, Default)]
pub struct Join {
    names: Vec<String>,
    /// Families that carry the source label, by source.
    apart: Vec<HashSet<String>>,
    /// Heads with the source label, by source and plain head.
    heads: Vec<HashMap<String, String>>,
    dropped: Vec<u64>,
    conflicts: usize,
}

impl Join {
    /// For sources of these names, in the order of configuration.
    pub fn new(names: Vec<String>) -> Self {
        let n = names.len();
        Self { names, apart: vec![HashSet::default(); n], heads: vec![HashMap::default(); n], dropped: vec![0; n], conflicts: 0 }
    }

    /// What was decided and counted goes on for sources of these names; what is of others is forgotten.
    #[must_use]
    pub fn goes_on(mut self, names: Vec<String>) -> Self {
        let mut next = Self::new(names);
        for (new, name) in next.names.iter().enumerate() {
            if let Some(old) = self.names.iter().position(|known| known == name) {
                next.apart[new] = std::mem::take(&mut self.apart[old]);
                next.heads[new] = std::mem::take(&mut self.heads[old]);
                next.dropped[new] = self.dropped[old];
            }
        }
        next
    }

    /// Joins the sources' families, sorted by name. Call [`settle`](Self::settle) on the same families first.
    pub fn join<'a>(&'a self, sources: &[(usize, Vec<FamilyView<'a>>)]) -> Vec<FamilyView<'a>> {
        let mut joined: Vec<FamilyView<'a>> = Vec::new();
        let mut sorted: Vec<(usize, &FamilyView<'a>)> = sources.iter().flat_map(|(i, f)| f.iter().map(|f| (*i, f))).collect();
        sorted.sort_by(|a, b| a.1.name.cmp(b.1.name).then(a.0.cmp(&b.0)));
        for (source, family) in sorted {
            let own = self.labelled(source, family);
            let own_natives = self.labelled_natives(source, family);
            match joined.last_mut() {
                Some(before) if before.name == family.name => {
                    if before.kind != family.kind {
                        continue;
                    }
                    if before.help.is_empty() {
                        before.help = family.help;
                    }
                    before.samples.extend(own);
                    before.natives.extend(own_natives);
                }
                _ => joined.push(FamilyView { samples: own, natives: own_natives, ..*family }),
            }
        }
        joined.iter_mut().filter(|family| family.kind == MetricType::StateSet).for_each(group_states);
        joined
    }

    fn labelled<'a>(&'a self, source: usize, family: &FamilyView<'a>) -> Vec<SampleView<'a>> {
        if !self.apart[source].contains(family.name) {
            return family.samples.clone();
        }
        family.samples.iter().map(|s| SampleView { head: self.head(source, s.head), ..*s }).collect()
    }

    fn labelled_natives<'a>(&'a self, source: usize, family: &FamilyView<'a>) -> Vec<NativeView<'a>> {
        if !self.apart[source].contains(family.name) {
            return family.natives.clone();
        }
        family.natives.iter().map(|n| NativeView { head: self.head(source, n.head), ..*n }).collect()
    }

    fn head<'a>(&'a self, source: usize, plain: &'a str) -> &'a str {
        self.heads[source].get(plain).map_or(plain, String::as_str)
    }

    /// Looks for clashes between the sources' families and decides them for good.
    pub fn settle(&mut self, sources: &[(usize, Vec<FamilyView<'_>>)]) {
        let mut first: HashMap<&str, (usize, MetricType)> = HashMap::default();
        let mut seen: HashMap<&str, HashSet<Cow<'_, str>>> = HashMap::default();
        self.conflicts = 0;
        let shared = names_of_several(sources);
        for (source, families) in sources {
            for family in families.iter().filter(|f| shared.contains(f.name)) {
                let (owner, kind) = *first.entry(family.name).or_insert((*source, family.kind));
                if kind != family.kind {
                    self.conflicts += 1;
                    self.dropped[*source] += series(family) as u64;
                    continue;
                }
                let heads = seen.entry(family.name).or_default();
                let clash = owner != *source && identities(family).any(|identity| heads.contains(&identity));
                heads.extend(identities(family));
                if clash {
                    self.apart[*source].insert(family.name.to_string());
                }
            }
            for family in families.iter().filter(|f| self.apart[*source].contains(f.name)) {
                let known = &mut self.heads[*source];
                for sample in &family.samples {
                    if !known.contains_key(sample.head) {
                        known.insert(sample.head.to_string(), with_source(family, sample, &self.names[*source]));
                    }
                }
                for native in &family.natives {
                    if !known.contains_key(native.head) {
                        known.insert(native.head.to_string(), native_with_source(family, native, &self.names[*source]));
                    }
                }
                // Heads of series that are gone must not pile up.
                if known.len() > 2 * families.iter().map(series).sum::<usize>() {
                    let live: HashSet<&str> = families.iter().flat_map(heads_of).collect();
                    known.retain(|head, _| live.contains(head.as_str()));
                }
            }
        }
    }

    /// What was decided, by source.
    pub fn apart(&self) -> impl Iterator<Item = Apart> {
        let decided = self.names.iter().zip(&self.apart).filter(|(_, families)| !families.is_empty());
        decided.map(|(source, families)| Apart { source: source.clone(), families: families.iter().cloned().collect() })
    }

    /// Takes back what was decided; a source that is no more is passed over.
    pub fn restore(&mut self, decided: Apart) {
        let place = self.names.iter().zip(&mut self.apart).find(|(name, _)| **name == decided.source);
        place.into_iter().for_each(|(_, families)| families.extend(decided.families.iter().cloned()));
    }

    /// Samples left out so far, by source: families whose type another source has otherwise.
    pub fn dropped(&self) -> &[u64] {
        &self.dropped
    }

    /// Families whose type differs between sources now.
    pub fn conflicts(&self) -> usize {
        self.conflicts
    }
}

/// Puts the states of one child side by side: a child of a stateset is its labels without the state's own, which is named like the
/// family, and OpenMetrics forbids that children interleave. Sorted by all labels, one state of every worker would follow another.
fn group_states(family: &mut FamilyView<'_>) {
    let name = family.name;
    family.samples.sort_by_cached_key(|sample| {
        let (_, mut labels) = split_head(sample.head).unwrap_or_default();
        labels.retain(|(label, _)| label != name);
        labels
    });
}

/// Names of families that more than one source has.
fn names_of_several<'a>(sources: &[(usize, Vec<FamilyView<'a>>)]) -> HashSet<&'a str> {
    let mut once = HashSet::default();
    sources.iter().flat_map(|(_, families)| families).map(|f| f.name).filter(|name| !once.insert(*name)).collect()
}

/// How many series a family has; a native part is one.
fn series(family: &FamilyView<'_>) -> usize {
    family.samples.len() + family.natives.len()
}

/// What tells the series of a family apart: the heads; of histograms the children's labels, since a child is one and the same whether
/// its buckets are classic or native.
fn identities<'a>(family: &FamilyView<'a>) -> impl Iterator<Item = Cow<'a, str>> {
    let by_child = matches!(family.kind, MetricType::Histogram | MetricType::GaugeHistogram);
    let samples = family.samples.iter().map(move |s| if by_child { child_labels(s.head, s.role) } else { Cow::Borrowed(s.head) });
    samples.chain(family.natives.iter().map(|n| child_labels(n.head, Role::Value)))
}

fn heads_of<'a>(family: &FamilyView<'a>) -> impl Iterator<Item = &'a str> {
    family.samples.iter().map(|s| s.head).chain(family.natives.iter().map(|n| n.head))
}

fn native_with_source(family: &FamilyView<'_>, native: &NativeView<'_>, source: &str) -> String {
    let Some((_, labels)) = split_head(native.head) else { return native.head.to_string() };
    child_head(family.name, &with_label(labels, SOURCE_LABEL, source))
}

fn with_source(family: &FamilyView<'_>, sample: &SampleView<'_>, source: &str) -> String {
    let Some((_, mut labels)) = split_head(sample.head) else { return sample.head.to_string() };
    match sample.role {
        Role::Bucket(_) => labels.retain(|(k, _)| k != "le"),
        Role::Quantile(_) => labels.retain(|(k, _)| k != "quantile"),
        _ => {}
    }
    sample_head(family.name, family.kind, sample.role, &with_label(labels, SOURCE_LABEL, source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NativeHistogram;

    const COUNT: &str = "h_count{x=\"1\"}";
    const CHILD: &str = "h{x=\"1\"}";

    fn family<'a>(samples: &[&'a str], natives: &[&'a str], histogram: &'a NativeHistogram) -> FamilyView<'a> {
        let sample = |head: &&'a str| SampleView { head, role: Role::Count, value: 1.0, exemplar: None };
        let native = |head: &&'a str| NativeView { head, histogram, exemplars: &[] };
        let (samples, natives) = (samples.iter().map(sample).collect(), natives.iter().map(native).collect());
        FamilyView { name: "h", kind: MetricType::Histogram, help: "", unit: "", samples, natives }
    }

    /// A child is told from that of another source whichever part of it each of them has.
    #[test]
    fn natives_that_clash_carry_the_source() {
        let histogram = NativeHistogram::default();
        for (first, second) in [((&[][..], &[CHILD][..]), (&[][..], &[CHILD][..])), ((&[COUNT], &[]), (&[], &[CHILD]))] {
            let sources = [(0, vec![family(first.0, first.1, &histogram)]), (1, vec![family(second.0, second.1, &histogram)])];
            let mut join = Join::new(vec!["a".into(), "b".into()]);
            join.settle(&sources);
            let joined = join.join(&sources);
            let natives: Vec<_> = joined[0].natives.iter().map(|native| native.head).collect();
            assert_eq!(natives.last(), Some(&"h{source=\"b\",x=\"1\"}"));
            assert_eq!((joined.len(), natives.len() + joined[0].samples.len()), (1, 2));
        }
    }

    #[test]
    fn natives_that_do_not_clash_stay_as_they_are() {
        let histogram = NativeHistogram::default();
        let sources = [(0, vec![family(&[], &[CHILD], &histogram)]), (1, vec![family(&[], &["h{x=\"2\"}"], &histogram)])];
        let mut join = Join::new(vec!["a".into(), "b".into()]);
        join.settle(&sources);
        let heads: Vec<_> = join.join(&sources)[0].natives.iter().map(|native| native.head).collect();
        assert_eq!(heads, [CHILD, "h{x=\"2\"}"]);
    }
}
