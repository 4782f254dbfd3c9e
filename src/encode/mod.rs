//! Families → an exposition in the format asked for.

use crate::model::{Exemplar, MetricType, Role};

/// A family ready to be written.
#[derive(Debug, Clone)]
pub struct FamilyView<'a> {
    /// Canonical name.
    pub name: &'a str,
    /// Type.
    pub kind: MetricType,
    /// HELP, unescaped; empty = none.
    pub help: &'a str,
    /// UNIT; empty = none. Printed only where the family name ends in it.
    pub unit: &'a str,
    /// The samples, child by child: all of a child stand together, buckets by rising bound, then count and sum.
    pub samples: Vec<SampleView<'a>>,
}

/// A sample ready to be written.
#[derive(Debug, Clone, Copy)]
pub struct SampleView<'a> {
    /// The canonical head ([`crate::model::sample_head`]): what text and OpenMetrics print before the value.
    pub head: &'a str,
    /// Its part within the child.
    pub role: Role,
    /// The value.
    pub value: f64,
    /// The exemplar; the text formats have none.
    pub exemplar: Option<&'a Exemplar<'a>>,
}

/// How names outside the legacy character set are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Escaping {
    /// As they are, quoted.
    AllowUtf8,
    /// Every illegal character becomes `_`.
    Underscores,
    /// Reversible, dots become `_dot_`.
    Dots,
    /// Reversible, `U__` and hexadecimal code points.
    Values,
}

/// An exposition format as negotiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text 0.0.4; names are escaped with underscores.
    Text004,
    /// Prometheus text 1.0.0.
    Text100(Escaping),
    /// OpenMetrics 0.0.1 as old servers ask for; names are escaped with underscores.
    OpenMetrics001,
    /// OpenMetrics 1.0.0.
    OpenMetrics100(Escaping),
}

/// What could not be written as it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EncodeReport {
    /// Samples left out since another family took their name after escaping.
    pub escape_collisions: usize,
}

/// Appends `families`, in the order given, to `out`. Exemplars go where the format has them, `# EOF` where it wants it.
pub fn encode(_families: &[FamilyView<'_>], _format: Format, _out: &mut Vec<u8>) -> EncodeReport {
    EncodeReport::default()
}

/// Families that own their text, with their heads rendered: what sources without a merge keep between rounds.
#[derive(Debug, Clone, Default)]
pub struct Rendered {
    families: Vec<crate::model::Family<'static>>,
    heads: Vec<Vec<String>>,
}

impl Rendered {
    /// Renders the head of every sample.
    pub fn new(families: Vec<crate::model::Family<'static>>) -> Self {
        let heads = families
            .iter()
            .map(|f| f.samples.iter().map(|s| crate::model::sample_head(&f.name, f.kind, s.role, &s.labels)).collect())
            .collect();
        Self { families, heads }
    }

    /// The families as they were given.
    pub fn families(&self) -> &[crate::model::Family<'static>] {
        &self.families
    }

    /// The families as views, samples in their order.
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
                    .zip(heads)
                    .map(|(s, head)| SampleView { head, role: s.role, value: s.value, exemplar: s.exemplar.as_ref() })
                    .collect(),
            })
            .collect()
    }
}
