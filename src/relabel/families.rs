//! Whole bodies: families go in, families come out.

use super::{Relabelled, Relabelling};
use crate::model::{Family, Labels, MetricType, NativeSample, Role, Sample, child_head};
use foldhash::{HashMap, HashMapExt};
use std::borrow::Cow;

impl Relabelling {
    /// Families as the rules make them, and how many samples had to be left out: they fell out of their family, or fell on a child
    /// that another one had become before (never are two mixed; the first stays).
    ///
    /// A family that a rule made has the type of its samples and no HELP. Families that lost all samples stay, empty.
    pub fn families<'a>(&self, families: Vec<Family<'a>>) -> (Vec<Family<'a>>, usize) {
        self.families_where(families, |_, _, _| true)
    }

    /// The same, where only samples enter their new family (by name, with their new labels) that `may_enter`.
    pub fn families_where<'a>(
        &self,
        families: Vec<Family<'a>>,
        mut may_enter: impl FnMut(&str, Role, &Labels<'_>) -> bool,
    ) -> (Vec<Family<'a>>, usize) {
        if self.is_empty() {
            return (families, 0);
        }
        let mut new = Sorted { families: Vec::with_capacity(families.len()), index: HashMap::new(), owners: HashMap::new() };
        let mut left_out = 0;
        let contents: Vec<_> = families.into_iter().map(|family| new.declare(family)).collect();
        for (name, kind, samples, natives) in contents {
            // Natives first: whose child it is decides whose start times stay.
            for native in natives {
                match self.child(&name, kind, &native.labels) {
                    Relabelled::Kept { family, labels } => {
                        left_out += usize::from(!new.put_native(&name, family, labels, kind, native));
                    }
                    Relabelled::Dropped => {}
                    Relabelled::Odd => left_out += 1,
                }
            }
            let mut before: Option<(Labels<'a>, Relabelled<'a>)> = None;
            for sample in samples {
                let known = before.take().filter(|(labels, _)| *labels == sample.labels);
                let (labels, child) = known.unwrap_or_else(|| (sample.labels.clone(), self.child(&name, kind, &sample.labels)));
                match self.sample_of(&child, &name, kind, sample.role, &sample.labels) {
                    Relabelled::Kept { family, labels } if may_enter(&family, sample.role, &labels) => {
                        left_out += usize::from(!new.put(&name, family, labels, kind, sample));
                    }
                    Relabelled::Kept { .. } | Relabelled::Dropped => {}
                    Relabelled::Odd => left_out += 1,
                }
                before = Some((labels, child));
            }
        }
        (new.families, left_out)
    }
}

/// Families under construction.
struct Sorted<'a> {
    families: Vec<Family<'a>>,
    index: HashMap<(String, MetricType), usize>,
    /// By new child (with the index of its family) the one it was.
    owners: HashMap<(usize, String), String>,
}

impl<'a> Sorted<'a> {
    /// A family as the body has it, without what is in it. Those that rules make come after all of these.
    fn declare(&mut self, mut family: Family<'a>) -> (Cow<'a, str>, MetricType, Vec<Sample<'a>>, Vec<NativeSample<'a>>) {
        let (samples, natives) = (std::mem::take(&mut family.samples), std::mem::take(&mut family.natives));
        let (name, kind) = (family.name.clone(), family.kind);
        self.index.insert((name.to_string(), kind), self.families.len());
        self.families.push(family);
        (name, kind, samples, natives)
    }

    fn family(&mut self, name: &str, kind: MetricType) -> usize {
        *self.index.entry((name.to_string(), kind)).or_insert_with(|| {
            self.families.push(Family::new(Cow::Owned(name.to_string()), kind, ""));
            self.families.len() - 1
        })
    }

    /// Whether `family{labels}` may take samples of the child `was`.
    fn claim(&mut self, at: usize, family: &str, labels: &Labels<'_>, was: String) -> bool {
        *self.owners.entry((at, child_head(family, labels))).or_insert_with(|| was.clone()) == was
    }

    fn put(&mut self, from: &str, name: String, labels: Labels<'a>, kind: MetricType, sample: Sample<'a>) -> bool {
        let at = self.family(&name, kind);
        let was = child_head(from, &sample.labels);
        let claimed = match sample.role {
            // A start time says nothing about who it is that counts here: that of another child is passed over.
            Role::Created => match self.owners.get(&(at, child_head(&name, &labels))) {
                Some(owner) if *owner != was => return true,
                _ => true,
            },
            _ => self.claim(at, &name, &labels, was),
        };
        if let Some(family) = self.families.get_mut(at).filter(|_| claimed) {
            family.samples.push(Sample { labels, ..sample });
        }
        claimed
    }

    fn put_native(&mut self, from: &str, name: String, labels: Labels<'a>, kind: MetricType, native: NativeSample<'a>) -> bool {
        let at = self.family(&name, kind);
        let claimed = self.claim(at, &name, &labels, child_head(from, &native.labels));
        if let Some(family) = self.families.get_mut(at).filter(|_| claimed) {
            family.natives.push(NativeSample { labels, ..native });
        }
        claimed
    }
}
