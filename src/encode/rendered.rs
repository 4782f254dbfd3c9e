use super::{FamilyView, NativeView, SampleView};
use crate::model::{Family, Labels, Role, Sample, child_head, sample_head};
use foldhash::{HashMap, HashMapExt};

/// Families with their heads rendered: what sources without a merge keep between rounds, and our own metrics.
#[derive(Debug, Clone, Default)]
pub struct Rendered<'a> {
    families: Vec<Family<'a>>,
    heads: Vec<Heads>,
}

/// The heads of a family, as its samples and natives stand.
#[derive(Debug, Clone)]
struct Heads {
    samples: Vec<String>,
    natives: Vec<String>,
}

impl<'a> Rendered<'a> {
    /// Brings the samples into the order of a [`FamilyView`] and renders the head of each.
    pub fn new(mut families: Vec<Family<'a>>) -> Self {
        for family in &mut families {
            sort_children(&mut family.samples);
        }
        let heads = |f: &Family<'_>| Heads {
            samples: f.samples.iter().map(|s| sample_head(&f.name, f.kind, s.role, &s.labels)).collect(),
            natives: f.natives.iter().map(|n| child_head(&f.name, &n.labels)).collect(),
        };
        Self { heads: families.iter().map(heads).collect(), families }
    }

    /// The families, samples in the order in which they are written.
    pub fn families(&self) -> &[Family<'a>] {
        &self.families
    }

    /// The families as views.
    pub fn views(&self) -> Vec<FamilyView<'_>> {
        self.families
            .iter()
            .zip(&self.heads)
            .map(|(f, heads)| FamilyView {
                name: &f.name,
                kind: f.kind,
                help: &f.help,
                unit: &f.unit,
                samples: f
                    .samples
                    .iter()
                    .zip(&heads.samples)
                    .map(|(s, head)| SampleView { head, role: s.role, value: s.value, exemplar: s.exemplar.as_ref() })
                    .collect(),
                natives: f
                    .natives
                    .iter()
                    .zip(&heads.natives)
                    .map(|(n, head)| NativeView { head, histogram: &n.histogram, exemplars: &n.exemplars })
                    .collect(),
            })
            .collect()
    }
}

/// Puts the samples of a child together, in the order in which the children first appear; buckets and quantiles rise.
fn sort_children(samples: &mut Vec<Sample<'_>>) {
    let mut child_by_labels: HashMap<&Labels<'_>, usize> = HashMap::with_capacity(samples.len());
    let mut order = Vec::with_capacity(samples.len());
    for (at, sample) in samples.iter().enumerate() {
        let next = child_by_labels.len();
        let child = *child_by_labels.entry(&sample.labels).or_insert(next);
        order.push((child, rank(sample.role), at));
    }
    let key = |a: &(usize, (u8, f64), usize), b: &(usize, (u8, f64), usize)| {
        a.0.cmp(&b.0).then(a.1.0.cmp(&b.1.0)).then(a.1.1.total_cmp(&b.1.1)).then(a.2.cmp(&b.2))
    };
    if order.is_sorted_by(|a, b| key(a, b).is_le()) {
        return;
    }
    order.sort_unstable_by(key);
    let mut unsorted: Vec<Option<Sample<'_>>> = std::mem::take(samples).into_iter().map(Some).collect();
    samples.extend(order.into_iter().filter_map(|(_, _, at)| unsorted.get_mut(at)?.take()));
}

/// Where a part stands within its child.
fn rank(role: Role) -> (u8, f64) {
    match role {
        Role::Value => (0, 0.0),
        Role::Quantile(quantile) => (0, quantile),
        Role::Bucket(bound) => (1, bound),
        Role::Count => (2, 0.0),
        Role::Sum => (3, 0.0),
        Role::Created => (4, 0.0),
    }
}
