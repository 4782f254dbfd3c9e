//! Spans and deltas → the buckets of a native histogram.
//!
//! What Prometheus would not store is refused here: it drops the whole answer it finds it in, with the data of every other target.

use super::metric::{Why, count_of};
use crate::model::{NativeBuckets, NativeHistogram};
use crate::protobuf::messages::{BucketSpan, Histogram};
use std::ops::RangeInclusive;

/// Resolutions there are. −53 stands for custom bounds, which this exposition never has.
const SCHEMAS: RangeInclusive<i32> = -4..=8;
/// No number lies in a bucket beyond this index: at schema 8 the exponents of an f64, −1074 … 1024, are 256 buckets each.
const INDEX_MAX: i64 = 1 << 19;

/// The native part. `None` if there is none: no span, no zero bucket.
pub(super) fn native_of(message: &Histogram) -> Result<Option<NativeHistogram>, Why> {
    // A float above 0 wins over the integer beside it, and says what the other counts are.
    let is_float = is_positive(message.sample_count_float) || is_positive(message.zero_count_float);
    let (positive, negative) = if is_float {
        (
            buckets(&message.positive_span, message.positive_count.iter().copied().map(Ok))?,
            buckets(&message.negative_span, message.negative_count.iter().copied().map(Ok))?,
        )
    } else {
        (
            buckets(&message.positive_span, absolute(&message.positive_delta))?,
            buckets(&message.negative_span, absolute(&message.negative_delta))?,
        )
    };
    let zero_threshold = message.zero_threshold.unwrap_or_default();
    if !zero_threshold.is_finite() || zero_threshold < 0.0 {
        return Err("a zero threshold that is no width".into());
    }
    let zero_count = count_of(message.zero_count, message.zero_count_float).unwrap_or_default();
    let has_spans = !message.positive_span.is_empty() || !message.negative_span.is_empty();
    if !has_spans && zero_threshold == 0.0 && zero_count == 0.0 {
        return Ok(None);
    }
    let schema = message.schema.unwrap_or_default();
    if !SCHEMAS.contains(&schema) {
        return Err(format!("schema {schema} of a native histogram is not from {} to {}", SCHEMAS.start(), SCHEMAS.end()).into());
    }
    let count = count_of(message.sample_count, message.sample_count_float).unwrap_or_default();
    let sum = message.sample_sum.unwrap_or_default();
    let histogram = NativeHistogram { schema, zero_threshold, zero_count, count, sum, positive, negative, is_float };
    check_count(&histogram)?;
    Ok(Some(histogram))
}

fn is_positive(count: Option<f64>) -> bool {
    count.is_some_and(|count| count > 0.0)
}

/// The counts of integer buckets, each given as what it is above the one before.
fn absolute(deltas: &[i64]) -> impl ExactSizeIterator<Item = Result<f64, Why>> {
    let mut count = 0_i64;
    deltas.iter().map(move |delta| {
        count = count.checked_add(*delta).ok_or("a bucket count out of range")?;
        Ok(count as f64)
    })
}

/// Every populated bucket with its index.
fn buckets(spans: &[BucketSpan], mut counts: impl ExactSizeIterator<Item = Result<f64, Why>>) -> Result<NativeBuckets, Why> {
    let covered: u64 = spans.iter().map(|span| u64::from(span.length.unwrap_or_default())).sum();
    let given = counts.len();
    // From here on the lengths of spans are backed by as many counts: nothing is walked or held that the body doesn't have.
    if u64::try_from(given) != Ok(covered) {
        return Err(format!("the spans of a native histogram cover {covered} buckets, {given} are given").into());
    }
    let mut populated = NativeBuckets::new();
    let mut next = 0_i64;
    for (at, span) in spans.iter().enumerate() {
        let offset = i64::from(span.offset.unwrap_or_default());
        if at > 0 && offset < 0 {
            return Err("a span of a native histogram that begins before the end of the one before".into());
        }
        next += offset;
        for count in counts.by_ref().take(span.length.unwrap_or_default() as usize) {
            let count = count?;
            if !count.is_finite() || count < 0.0 {
                return Err("a bucket of a native histogram with a count that is none".into());
            }
            if count > 0.0 {
                let index = i32::try_from(next).ok().filter(|_| next.abs() <= INDEX_MAX);
                populated.push((index.ok_or("a bucket of a native histogram where no number lies")?, count));
            }
            next += 1;
        }
    }
    Ok(populated)
}

/// Whether the buckets make up the count; only NaN observations, which make the sum NaN, are in no bucket. Float counts may be rounded.
fn check_count(histogram: &NativeHistogram) -> Result<(), Why> {
    let in_buckets: f64 =
        histogram.zero_count + histogram.positive.iter().chain(&histogram.negative).map(|(_, count)| count).sum::<f64>();
    let right = histogram.is_float
        || in_buckets == histogram.count
        || (histogram.sum.is_nan() && in_buckets < histogram.count)
        // Beyond this f64s don't tell neighbours apart.
        || in_buckets >= INTEGERS_EXACT_BELOW;
    let count = histogram.count;
    if right { Ok(()) } else { Err(format!("a native histogram of {count} observations has {in_buckets} in its buckets").into()) }
}

/// Whole numbers below this are exact as f64: 2^53.
const INTEGERS_EXACT_BELOW: f64 = 9_007_199_254_740_992.0;
