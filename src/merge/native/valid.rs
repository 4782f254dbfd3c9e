//! What a native histogram must keep to be counted.

use super::super::RepairKind;
use super::super::commit::{Unusable, why_uncountable};
use super::BUCKETS_MAX;
use super::arithmetic::{Grid, SCHEMA_MAX, SCHEMA_MIN, fit, in_buckets};
use crate::model::{NativeBuckets, NativeHistogram};

/// Brings a histogram with too many buckets to a coarser schema; the reason if it can't be used: a count that is none, buckets out of
/// order, or a count that isn't that of its buckets. Only observations of NaN are in no bucket, and they make the sum one; of float
/// histograms that can't be asked, since their counts are rounded.
pub(super) fn unusable(histogram: &mut NativeHistogram) -> Option<Unusable> {
    let broken = Some(Unusable::Broken(RepairKind::NotCumulative));
    let sides = || histogram.positive.iter().chain(&histogram.negative);
    let counts = sides().map(|(_, count)| *count).chain([histogram.count, histogram.zero_count]);
    if let Some(reason) = counts.into_iter().find_map(why_uncountable) {
        return Some(Unusable::Dropped(reason));
    }
    let rising = |side: &NativeBuckets| side.is_sorted_by(|a, b| a.0 < b.0);
    let threshold = histogram.zero_threshold;
    let on_a_grid = (SCHEMA_MIN..=SCHEMA_MAX).contains(&histogram.schema) && threshold.is_finite() && threshold >= 0.0;
    if !(on_a_grid && rising(&histogram.positive) && rising(&histogram.negative)) {
        return broken;
    }
    let in_buckets = in_buckets(histogram);
    let counted = if histogram.sum.is_nan() { in_buckets <= histogram.count } else { in_buckets == histogram.count };
    if !histogram.is_float && !counted {
        return broken;
    }
    while sizes(histogram) > BUCKETS_MAX && histogram.schema > SCHEMA_MIN {
        *histogram = fit(histogram, Grid::of(histogram).coarser(&[histogram]));
    }
    if sizes(histogram) > BUCKETS_MAX { broken } else { None }
}

/// Buckets of both sides.
pub(super) fn sizes(histogram: &NativeHistogram) -> usize {
    histogram.positive.len() + histogram.negative.len()
}

#[cfg(test)]
mod tests {
    use super::super::super::DropReason;
    use super::*;

    fn histogram() -> NativeHistogram {
        NativeHistogram { zero_count: 1.0, count: 4.0, sum: 5.0, positive: vec![(1, 1.0), (3, 2.0)], ..NativeHistogram::default() }
    }

    #[test]
    fn what_can_not_be_counted_is_left_out() {
        assert!(unusable(&mut histogram()).is_none());
        let broken = |spoil: fn(&mut NativeHistogram)| {
            let mut h = histogram();
            spoil(&mut h);
            matches!(unusable(&mut h), Some(Unusable::Broken(RepairKind::NotCumulative)))
        };
        assert!(broken(|h| h.count = 5.0), "more than in its buckets");
        assert!(broken(|h| (h.count, h.sum) = (3.0, f64::NAN)), "less than in its buckets");
        assert!(!broken(|h| (h.count, h.sum) = (5.0, f64::NAN)), "one was NaN");
        assert!(!broken(|h| (h.count, h.is_float) = (5.0, true)));
        assert!(broken(|h| h.schema = 9) && broken(|h| h.schema = -53));
        assert!(broken(|h| h.zero_threshold = -1.0) && broken(|h| h.zero_threshold = f64::NAN));
        assert!(broken(|h| h.positive.reverse()) && broken(|h| h.positive[1].0 = 1));
        let mut h = histogram();
        h.positive[0].1 = -1.0;
        assert!(matches!(unusable(&mut h), Some(Unusable::Dropped(DropReason::Negative))));
        h.positive[0].1 = f64::INFINITY;
        assert!(matches!(unusable(&mut h), Some(Unusable::Dropped(DropReason::NotFinite))));
    }

    #[test]
    fn with_too_many_buckets_it_becomes_coarser() {
        let mut h = NativeHistogram { schema: 8, count: 3000.0, ..NativeHistogram::default() };
        h.positive = (0..3000).map(|i| (i, 1.0)).collect();
        assert!(unusable(&mut h).is_none());
        assert_eq!((h.schema, sizes(&h), h.positive[1]), (6, 751, (1, 4.0)));
        // Indices far beyond all numbers can't be brought together by any schema.
        let mut h = NativeHistogram { schema: -4, count: 3000.0, ..NativeHistogram::default() };
        h.positive = (0..3000).map(|i| (i * 1000, 1.0)).collect();
        assert!(unusable(&mut h).is_some());
    }
}
