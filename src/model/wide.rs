//! Families that one label makes large: where nobody asks by it, they can be aggregated before they are stored.

use super::{Labels, Role};
use std::collections::{BTreeSet, HashSet};

/// Series of one family from which on it is worth a word.
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

impl WideFamily {
    /// The family with the label without which the fewest series are left; `None` where that is not worth it. `series` are its
    /// samples, with their labels but for `le` and `quantile`.
    pub fn of(name: &str, series: &[(Labels<'_>, Role)]) -> Option<Self> {
        if series.len() < WIDE_SERIES {
            return None;
        }
        let labels: BTreeSet<&str> = series.iter().flat_map(|(labels, _)| labels).map(|(name, _)| name.as_ref()).collect();
        let (left, label) = labels.into_iter().map(|label| (without(series, label), label)).min()?;
        (left * TIMES_FEWER <= series.len()).then(|| Self {
            series: series.len(),
            left,
            name: name.to_string(),
            label: label.to_string(),
        })
    }

    /// The setting that leaves the label out.
    pub fn setting(&self) -> String {
        format!("aggregate: [{{match: \"{}\", without: [{}]}}]", self.name, self.label)
    }
}

fn without(series: &[(Labels<'_>, Role)], label: &str) -> usize {
    let part = |role| match role {
        Role::Bucket(bound) => (1, bound.to_bits()),
        Role::Quantile(quantile) => (2, quantile.to_bits()),
        Role::Value => (0, 0),
        Role::Count => (3, 0),
        Role::Sum => (4, 0),
        Role::Created => (5, 0),
    };
    let others = series.iter().map(|(labels, role)| {
        let others: Vec<_> = labels.iter().filter(|(name, _)| name != label).collect();
        (others, part(*role))
    });
    others.collect::<HashSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_label_makes_a_family_large() {
        let series = |at: usize| {
            let labels = vec![("method".into(), (at % 3).to_string().into()), ("template".into(), format!("t{at}").into())];
            (labels, Role::Value)
        };
        let wide: Vec<_> = (0..WIDE_SERIES).map(series).collect();
        let want = WideFamily { series: WIDE_SERIES, left: 3, name: "wide_total".into(), label: "template".into() };
        assert_eq!(want.setting(), "aggregate: [{match: \"wide_total\", without: [template]}]");
        assert_eq!(WideFamily::of("wide_total", &wide), Some(want));
        assert_eq!(WideFamily::of("wide_total", &wide[1..]), None);
        let square = |at: usize| {
            (vec![("a".into(), (at % 23).to_string().into()), ("b".into(), (at / 230).to_string().into())], Role::Value)
        };
        let even: Vec<_> = (0..WIDE_SERIES).map(square).collect();
        assert!(WideFamily::of("even", &even[..]).is_none_or(|wide| wide.left * TIMES_FEWER <= WIDE_SERIES));
    }
}
