//! Families → an exposition in the format asked for.
//!
//! In the text formats a sample costs a copy of its head and the printing of a number; names are looked at once per family. Only names
//! outside the legacy character set take a slower way, in `escape`. Protobuf takes the heads apart again, once a child.

mod escape;
mod exemplar;
mod format;
mod kinds;
#[cfg(feature = "protobuf")]
mod protobuf;
mod rendered;
#[cfg(test)]
mod tests;
mod writer;

pub use format::{Escaping, Format, Style};
pub use rendered::Rendered;

use crate::model::{Exemplar, MetricType, NativeHistogram, Role};
use std::cmp::Ordering;

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
    /// Native parts of histograms, in the order of their children, at most one a child.
    pub natives: Vec<NativeView<'a>>,
}

impl FamilyView<'_> {
    /// The order of families in an exposition.
    pub(crate) fn by_name(a: &Self, b: &Self) -> Ordering {
        a.name.cmp(b.name)
    }
}

/// The native part of a histogram, ready to be written.
#[derive(Debug, Clone, Copy)]
pub struct NativeView<'a> {
    /// The canonical head of its child ([`crate::model::child_head`]).
    pub head: &'a str,
    /// The histogram.
    pub histogram: &'a NativeHistogram,
    /// Its exemplars.
    pub exemplars: &'a [Exemplar<'a>],
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

/// What could not be written as it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EncodeReport {
    /// Samples left out since another family or series took their name after escaping.
    pub escape_collisions: usize,
}

/// Appends `families`, in the order given, to `out`. Exemplars and times of creation go where the format has them, `# EOF` where it
/// wants it; a family without a sample that the format can show is left out. Sample timestamps are never written.
pub fn encode(families: &[FamilyView<'_>], style: impl Into<Style>, out: &mut Vec<u8>) -> EncodeReport {
    let mut writer = writer::Writer::new(families, style.into(), out);
    for family in families {
        writer.family(family);
    }
    writer.finish()
}
