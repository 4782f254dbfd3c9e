//! The name of a sample → its family and its part there.

use super::{Dialect, Families, Metadata};
use crate::model::MetricType;
use std::borrow::Cow;

/// Where samples of one name belong.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place<'a> {
    /// Canonical name of the family.
    pub(super) family: Cow<'a, str>,
    /// Its type.
    pub(super) kind: MetricType,
    /// What the sample is there.
    pub(super) part: Part,
    /// The metadata that says so: its index.
    pub(super) metadata: Option<usize>,
    /// Whether the type does not have samples of this name.
    pub(super) irregular: bool,
}

/// A [`Role`](crate::model::Role) whose bound or quantile has not been looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Value,
    Bucket,
    Quantile,
    Count,
    Sum,
    Created,
}

/// Suffixes with the types that have them, and what they mean there.
type Suffixes = &'static [(&'static str, &'static [MetricType], Part)];

const TEXT_SUFFIXES: Suffixes = &[
    ("_bucket", &[MetricType::Histogram], Part::Bucket),
    ("_count", &[MetricType::Histogram, MetricType::Summary], Part::Count),
    ("_sum", &[MetricType::Histogram, MetricType::Summary], Part::Sum),
];

const OPENMETRICS_SUFFIXES: Suffixes = &[
    ("_total", &[MetricType::Counter], Part::Value),
    ("_created", &[MetricType::Counter, MetricType::Histogram, MetricType::Summary], Part::Created),
    ("_bucket", &[MetricType::Histogram, MetricType::GaugeHistogram], Part::Bucket),
    ("_count", &[MetricType::Histogram, MetricType::Summary], Part::Count),
    ("_sum", &[MetricType::Histogram, MetricType::Summary], Part::Sum),
    ("_gcount", &[MetricType::GaugeHistogram], Part::Count),
    ("_gsum", &[MetricType::GaugeHistogram], Part::Sum),
    ("_info", &[MetricType::Info], Part::Value),
];

impl<'a> Families<'a> {
    /// Where samples called `name` belong: to the typed family of that very name, else to one of a type that has the suffix, else to a
    /// family of their own without a type.
    pub(super) fn place(&self, name: &Cow<'a, str>) -> Place<'a> {
        let own = self.metadata_by_name.get(name).copied();
        let exact = own.and_then(|index| self.metadata.get(index)?.kind);
        if let Some(kind) = exact {
            return self.exact(name, kind, own);
        }
        self.by_suffix(name).unwrap_or_else(|| Place {
            family: name.clone(),
            kind: MetricType::Unknown,
            part: Part::Value,
            metadata: own,
            irregular: false,
        })
    }

    fn exact(&self, name: &Cow<'a, str>, kind: MetricType, metadata: Option<usize>) -> Place<'a> {
        let openmetrics = self.dialect == Dialect::OpenMetrics;
        let (kind, part, irregular) = match kind {
            MetricType::Gauge | MetricType::Unknown | MetricType::StateSet => (kind, Part::Value, false),
            MetricType::Counter => (kind, Part::Value, openmetrics),
            MetricType::Summary => (kind, Part::Quantile, false),
            MetricType::Info if name.ends_with("_info") => (kind, Part::Value, true),
            MetricType::Histogram | MetricType::GaugeHistogram | MetricType::Info => (MetricType::Unknown, Part::Value, true),
        };
        Place { family: name.clone(), kind, part, metadata, irregular }
    }

    fn by_suffix(&self, name: &Cow<'a, str>) -> Option<Place<'a>> {
        let suffixes = if self.dialect == Dialect::Text { TEXT_SUFFIXES } else { OPENMETRICS_SUFFIXES };
        suffixes.iter().find_map(|(suffix, kinds, part)| {
            let stem = name.strip_suffix(suffix)?;
            let index = *self.metadata_by_name.get(stem)?;
            let metadata = self.metadata.get(index)?;
            let kind = metadata.kind.filter(|kind| kinds.contains(kind))?;
            let family = if *part == Part::Value { name.clone() } else { self.canonical_name(metadata, kind) };
            Some(Place { family, kind, part: *part, metadata: Some(index), irregular: false })
        })
    }

    /// The name that plain samples of the family carry.
    pub(super) fn canonical_name(&self, metadata: &Metadata<'a>, kind: MetricType) -> Cow<'a, str> {
        match (self.dialect, kind) {
            (Dialect::OpenMetrics, MetricType::Counter) => Cow::Owned(format!("{}_total", metadata.name)),
            (Dialect::OpenMetrics, MetricType::Info) => Cow::Owned(format!("{}_info", metadata.name)),
            _ => metadata.name.clone(),
        }
    }
}
