//! The buckets of a native histogram → spans and deltas.

use super::child::{count_fields, integer};
use crate::model::{NativeBuckets, NativeHistogram};
use crate::protobuf::messages::{BucketSpan, Histogram};

/// Up to so many empty buckets in a row are written as such: they take less than a new span.
const EMPTY_RUN_MAX: i64 = 2;

/// Whole numbers below this are exact as f64, and sums of them, too: 2^53.
const INTEGERS_EXACT_BELOW: f64 = 9_007_199_254_740_992.0;

/// The native part with count and sum.
pub(super) fn message(native: &NativeHistogram) -> Histogram {
    let mut message = Histogram {
        sample_sum: Some(native.sum),
        schema: Some(native.schema),
        zero_threshold: Some(native.zero_threshold),
        ..Default::default()
    };
    let (positive, negative) = (Dense::new(&native.positive), Dense::new(&native.negative));
    if is_written_as_float(native) {
        // Readers know a float histogram by these.
        (message.sample_count_float, message.zero_count_float) = (Some(native.count), Some(native.zero_count));
        (message.positive_count, message.negative_count) = (positive.counts, negative.counts);
    } else {
        let count = |count| count_fields(count).and_then(|(integer, _)| integer).unwrap_or_default();
        (message.sample_count, message.zero_count) = (Some(count(native.count)), Some(count(native.zero_count)));
        (message.positive_delta, message.negative_delta) = (deltas(&positive.counts), deltas(&negative.counts));
    }
    (message.positive_span, message.negative_span) = (positive.spans, negative.spans);
    let has_spans = !message.positive_span.is_empty() || !message.negative_span.is_empty();
    if !has_spans && native.zero_threshold == 0.0 && native.zero_count == 0.0 {
        // Without anything that only native histograms have it would be read as a classic one.
        message.positive_span.push(BucketSpan { offset: Some(0), length: Some(0) });
    }
    message
}

/// Float counts, unless there are none: a float that is 0 doesn't say of which kind it is. Integers that f64 can't hold exactly are
/// written as floats, whose buckets need not make up the count to the last one.
fn is_written_as_float(native: &NativeHistogram) -> bool {
    let whole = |count: f64| integer(count).is_some() && count < INTEGERS_EXACT_BELOW;
    let buckets = || native.positive.iter().chain(&native.negative).map(|(_, count)| *count);
    let says_so = native.count > 0.0 || native.zero_count > 0.0;
    says_so && (native.is_float || !whole(native.count) || !whole(native.zero_count) || !buckets().all(whole))
}

/// Buckets in runs.
#[derive(Default)]
struct Dense {
    spans: Vec<BucketSpan>,
    counts: Vec<f64>,
}

impl Dense {
    fn new(buckets: &NativeBuckets) -> Self {
        let mut dense = Self::default();
        let mut next = 0_i64;
        for (index, count) in buckets.iter().filter(|(_, count)| *count > 0.0) {
            let gap = i64::from(*index) - next;
            match dense.spans.last_mut() {
                Some(span) if (0..=EMPTY_RUN_MAX).contains(&gap) => {
                    // At most EMPTY_RUN_MAX, so it fits.
                    span.length = span.length.map(|length| length + gap as u32 + 1);
                    dense.counts.extend((0..gap).map(|_| 0.0));
                }
                _ => {
                    // The indices of all numbers there are lie far closer together than this clamps.
                    let offset = gap.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
                    dense.spans.push(BucketSpan { offset: Some(offset), length: Some(1) });
                }
            }
            dense.counts.push(*count);
            next = i64::from(*index) + 1;
        }
        dense
    }
}

/// Each count less the one before it.
fn deltas(counts: &[f64]) -> Vec<i64> {
    let mut before = 0;
    let delta = |count: &f64| {
        // Whole and below 2^53.
        let count = *count as i64;
        count - std::mem::replace(&mut before, count)
    };
    counts.iter().map(delta).collect()
}
