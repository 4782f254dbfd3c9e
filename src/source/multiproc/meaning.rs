//! What a key means in a file of its kind.

use super::column::Fold;
use crate::model::{Labels, MetricType, Role, parse_number};
use crate::multiproc::{FileKind, FileName, GaugeFold, Key};
use std::borrow::Cow;

/// The label of gauges of single processes.
const PID: &str = "pid";
/// The label of a bucket's bound.
const BOUND: &str = "le";
/// Labels that begin so belong to Prometheus; the client refuses them.
const RESERVED_LABELS: &str = "__";

/// A series, as a key and its file describe it.
#[derive(Debug)]
pub(super) struct Meaning {
    /// Canonical name.
    pub(super) family: String,
    pub(super) kind: MetricType,
    pub(super) help: String,
    pub(super) role: Role,
    pub(super) labels: Labels<'static>,
    pub(super) fold: Fold,
}

impl FileName<'_> {
    /// Whether what the file holds becomes series of its process alone.
    pub(super) fn is_of_single_processes(&self) -> bool {
        matches!(self.kind, FileKind::Gauge { fold: GaugeFold::All, .. })
    }
}

/// What a key means; `None` if its value is computed from others.
///
/// # Errors
/// Why it means nothing.
pub(super) fn meaning(file: &FileName<'_>, key: Key) -> Result<Option<Meaning>, &'static str> {
    let Key { family, sample, mut labels, help } = key;
    if family.is_empty() || sample.is_empty() {
        return Err("it has no name");
    }
    let suffix = sample.strip_prefix(family.as_str()).unwrap_or_default();
    let (family, kind, role, fold) = match file.kind {
        FileKind::Counter => (sample, MetricType::Counter, Role::Value, Fold::Sum),
        FileKind::Gauge { fold, .. } => {
            if fold == GaugeFold::All {
                labels.insert(PID.into(), file.process.into());
            }
            (sample, MetricType::Gauge, Role::Value, fold.into())
        }
        FileKind::Summary if labels.contains_key("quantile") => return Err("a summary of Python has no quantiles"),
        FileKind::Summary => match suffix {
            "_count" => (family, MetricType::Summary, Role::Count, Fold::Sum),
            "_sum" => (family, MetricType::Summary, Role::Sum, Fold::Sum),
            _ => return Err("a summary has a _count and a _sum"),
        },
        FileKind::Histogram => match (labels.remove(BOUND), suffix) {
            (Some(bound), _) => {
                let bound = parse_number(&bound).filter(|bound| !bound.is_nan()).ok_or("its le is no number")?;
                // There is one zero among bounds.
                (family, MetricType::Histogram, Role::Bucket(bound + 0.0), Fold::Sum)
            }
            (None, "_sum") => (family, MetricType::Histogram, Role::Sum, Fold::Sum),
            (None, "_count") => return Ok(None),
            (None, _) => return Err("a histogram has buckets and a _sum"),
        },
    };
    if labels.keys().any(|name| name.is_empty() || name.starts_with(RESERVED_LABELS)) {
        return Err("it has a label that cannot be");
    }
    let labels = labels.into_iter().filter(|(_, value)| !value.is_empty()).map(|(n, v)| (Cow::Owned(n), Cow::Owned(v))).collect();
    Ok(Some(Meaning { family, kind, help, role, labels, fold }))
}
