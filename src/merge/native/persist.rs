//! Native parts as messages of the state file.

use super::Contribution;
use super::arithmetic::{SCHEMA_MAX, SCHEMA_MIN};
use super::sum::Total;
use crate::model::{NativeBuckets, NativeHistogram};
use prost::Message;

/// A histogram.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct HistogramPart {
    #[prost(sint32, tag = "1")]
    schema: i32,
    #[prost(double, tag = "2")]
    zero_threshold: f64,
    #[prost(double, tag = "3")]
    zero_count: f64,
    #[prost(double, tag = "4")]
    count: f64,
    #[prost(double, tag = "5")]
    sum: f64,
    #[prost(sint32, repeated, tag = "6")]
    positive_at: Vec<i32>,
    #[prost(double, repeated, tag = "7")]
    positive: Vec<f64>,
    #[prost(sint32, repeated, tag = "8")]
    negative_at: Vec<i32>,
    #[prost(double, repeated, tag = "9")]
    negative: Vec<f64>,
    #[prost(bool, tag = "10")]
    is_float: bool,
}

/// The native part of a child over all workers.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TotalPart {
    #[prost(message, optional, tag = "1")]
    offset: Option<HistogramPart>,
    #[prost(bool, tag = "2")]
    lost: bool,
    #[prost(message, optional, tag = "3")]
    out: Option<HistogramPart>,
}

/// The native part of a child in a record.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ContributionPart {
    #[prost(message, optional, tag = "1")]
    last: Option<HistogramPart>,
    #[prost(message, optional, tag = "2")]
    base: Option<HistogramPart>,
}

impl From<&NativeHistogram> for HistogramPart {
    fn from(histogram: &NativeHistogram) -> Self {
        let split = |buckets: &NativeBuckets| buckets.iter().copied().unzip();
        let ((positive_at, positive), (negative_at, negative)) = (split(&histogram.positive), split(&histogram.negative));
        let NativeHistogram { schema, zero_threshold, zero_count, count, sum, is_float, .. } = *histogram;
        Self { schema, zero_threshold, zero_count, count, sum, positive_at, positive, negative_at, negative, is_float }
    }
}

impl From<HistogramPart> for NativeHistogram {
    fn from(part: HistogramPart) -> Self {
        let joined = |at: Vec<i32>, counts: Vec<f64>| {
            let mut buckets: NativeBuckets = at.into_iter().zip(counts).collect();
            buckets.sort_unstable_by_key(|(index, _)| *index);
            buckets
        };
        let HistogramPart { schema, zero_threshold, zero_count, count, sum, is_float, .. } = part;
        Self {
            schema: schema.clamp(SCHEMA_MIN, SCHEMA_MAX),
            zero_threshold,
            zero_count,
            count,
            sum,
            positive: joined(part.positive_at, part.positive),
            negative: joined(part.negative_at, part.negative),
            is_float,
        }
    }
}

impl From<&Total> for TotalPart {
    fn from(total: &Total) -> Self {
        let part = |histogram: &Option<NativeHistogram>| histogram.as_ref().map(HistogramPart::from);
        Self { offset: part(&total.offset), lost: total.lost, out: part(&total.out) }
    }
}

impl From<TotalPart> for Total {
    fn from(part: TotalPart) -> Self {
        let mut total = Self::new(part.lost);
        (total.offset, total.out) = (part.offset.map(Into::into), part.out.map(Into::into));
        total
    }
}

impl From<&Contribution> for ContributionPart {
    fn from(contribution: &Contribution) -> Self {
        Self { last: Some((&contribution.last).into()), base: contribution.base.as_ref().map(HistogramPart::from) }
    }
}

impl ContributionPart {
    /// The contribution, if it is whole.
    pub(in super::super) fn restored(self) -> Option<Contribution> {
        let base = self.base.map(Into::into);
        Some(Contribution { last: self.last?.into(), base, exemplars: Vec::new() })
    }
}
