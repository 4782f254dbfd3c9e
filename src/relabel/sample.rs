//! One sample: what the rules make of it, and whether that still hangs together with the rest of its child.

use super::Relabelling;
use super::label_set::{LabelSet, NAME};
use crate::model::{Labels, MetricType, Role, parse_number, push_bound, sample_name};

const BOUND: &str = "le";
const QUANTILE: &str = "quantile";

/// What becomes of a sample or a child.
#[derive(Debug, Clone, PartialEq)]
pub enum Relabelled<'a> {
    /// It belongs to a child of this name and these labels now.
    Kept {
        /// The family.
        family: String,
        /// Labels without `le` and `quantile`.
        labels: Labels<'a>,
    },
    /// A rule dropped it.
    Dropped,
    /// It fell out of its family: a bucket without its bound, a part of a histogram under another name than the others.
    Odd,
}

impl Relabelling {
    /// What becomes of a sample of the family `family` with the labels of its child.
    ///
    /// All samples of a child must end in one child. Where count, sum and the `+Inf` bucket don't, the child as a whole is odd. A
    /// bucket or quantile of its own way is odd alone; one that a rule drops is just gone. Start times (`_created` of a counter,
    /// histogram or summary) are no series here: they go with their child.
    pub fn sample<'a>(&self, family: &str, kind: MetricType, role: Role, labels: &Labels<'a>) -> Relabelled<'a> {
        self.sample_of(&self.child(family, kind, labels), family, kind, role, labels)
    }

    /// The same where it is known what becomes of the child.
    pub(super) fn sample_of<'a>(
        &self,
        child: &Relabelled<'a>,
        family: &str,
        kind: MetricType,
        role: Role,
        labels: &Labels<'a>,
    ) -> Relabelled<'a> {
        if matches!(role, Role::Created | Role::Value) {
            return child.clone();
        }
        match (self.alone(family, kind, role, labels), child) {
            (Relabelled::Dropped, _) => Relabelled::Dropped,
            // Only buckets or quantiles are left of it.
            (alone, Relabelled::Dropped) => alone,
            (alone, child) if alone == *child => alone,
            _ => Relabelled::Odd,
        }
    }

    /// What becomes of a child: what its samples, bounds and quantiles apart, agree on.
    pub(super) fn child<'a>(&self, family: &str, kind: MetricType, labels: &Labels<'a>) -> Relabelled<'a> {
        let parts: &[Role] = match kind {
            MetricType::Histogram | MetricType::GaugeHistogram => &[Role::Bucket(f64::INFINITY), Role::Count, Role::Sum],
            MetricType::Summary => &[Role::Count, Role::Sum],
            _ => &[Role::Value],
        };
        let kept = parts.iter().map(|role| self.alone(family, kind, *role, labels)).filter(|r| *r != Relabelled::Dropped);
        kept.reduce(|first, other| if first == other { first } else { Relabelled::Odd }).unwrap_or(Relabelled::Dropped)
    }

    /// What becomes of a sample on its own.
    fn alone<'a>(&self, family: &str, kind: MetricType, role: Role, labels: &Labels<'a>) -> Relabelled<'a> {
        let mut set = LabelSet::new(labels.clone());
        self.labels.iter().for_each(|(name, value)| set.attach(name, value));
        let name = sample_name(family, kind, role);
        set.set(NAME.into(), name.to_string());
        let bound = match role {
            Role::Bucket(bound) => Some((BOUND, bound)),
            Role::Quantile(quantile) => Some((QUANTILE, quantile)),
            _ => None,
        };
        if let Some((label, bound)) = bound {
            let mut text = String::new();
            push_bound(&mut text, bound);
            set.set(label.into(), text);
        }
        // Without that feature no rule gets so far.
        if cfg!(feature = "relabel") && !self.rules.iter().all(|rule| rule.apply(&mut set)) {
            return Relabelled::Dropped;
        }
        let (new_name, mut labels) = set.finish();
        let suffix = name.strip_prefix(family).unwrap_or_default();
        let Some(new_family) = new_name.strip_suffix(suffix).filter(|name| !name.is_empty()) else { return Relabelled::Odd };
        if let Some((label, bound)) = bound {
            let Some(at) = labels.iter().position(|(name, _)| name == label) else { return Relabelled::Odd };
            let (_, text) = labels.remove(at);
            if parse_number(&text) != Some(bound) {
                return Relabelled::Odd;
            }
        }
        // The label that holds a state is called like its family.
        if kind == MetricType::StateSet && new_family != family && !labels.iter().any(|(name, _)| name == new_family) {
            return Relabelled::Odd;
        }
        Relabelled::Kept { family: new_family.to_string(), labels }
    }
}
