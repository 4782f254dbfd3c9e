//! Native histograms onto one grid, and what is added, compared and held there. Pure: every function says what it needs of its input.
//!
//! Rules: the Prometheus specification of native histograms, <https://prometheus.io/docs/specs/native_histograms/>. Buckets of two
//! histograms are the same only where the schema is the same and neither has its zero bucket end inside a bucket of the other.

use crate::model::{NativeBuckets, NativeHistogram};

/// The coarsest schema.
pub(crate) const SCHEMA_MIN: i32 = -4;
/// The finest schema.
pub(crate) const SCHEMA_MAX: i32 = 8;
/// A threshold this near to a bucket's bound, as a part of the bucket's width, is that bound: the tables of clients differ in the last
/// digits.
const SAME_BOUND: f64 = 1e-6;
/// The upper bound of the last bucket of finite numbers has this power of two, which no `f64` holds.
const LAST_EXPONENT: f64 = 1024.0;

/// What buckets of histograms must share to be the same: the resolution, and where the zero bucket ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Grid {
    pub schema: i32,
    pub zero_threshold: f64,
}

impl Grid {
    /// That of one histogram.
    pub fn of(histogram: &NativeHistogram) -> Self {
        Self { schema: histogram.schema, zero_threshold: histogram.zero_threshold }
    }

    /// The finest grid onto which all can be brought: the coarsest schema, the widest zero bucket, which swallows whole the populated
    /// bucket it would end in. `None` without histograms.
    pub fn common(histograms: &[&NativeHistogram]) -> Option<Self> {
        let schema = histograms.iter().map(|h| h.schema).min()?;
        let zero_threshold = histograms.iter().map(|h| h.zero_threshold).fold(0.0, f64::max);
        Some(Self { schema, zero_threshold }.uncut(histograms))
    }

    /// The same with a lower schema. `histograms` are all that will be brought onto it.
    pub fn coarser(self, histograms: &[&NativeHistogram]) -> Self {
        Self { schema: self.schema - 1, ..self }.uncut(histograms)
    }

    /// Raises the threshold to the outer bound of the bucket it cuts, if that is populated. A bound cuts no bucket, so once is enough.
    fn uncut(self, histograms: &[&NativeHistogram]) -> Self {
        match self.cut() {
            Some(cut) if histograms.iter().any(|h| populates(h, self.schema, cut)) => {
                Self { zero_threshold: bound(cut, self.schema), ..self }
            }
            _ => self,
        }
    }

    /// Where the threshold stands among the bounds: a whole number is a bound.
    fn position(self) -> f64 {
        let position = self.zero_threshold.log2() * f64::from(self.schema).exp2();
        let nearest = position.round();
        if (position - nearest).abs() <= SAME_BOUND { nearest } else { position }
    }

    /// The last bucket that lies within the zero bucket.
    fn swallowed(self) -> i32 {
        self.position().floor() as i32 // saturates, and so does −∞ of a threshold of 0
    }

    /// The bucket in which the zero bucket ends, unless it ends at a bound.
    fn cut(self) -> Option<i32> {
        (self.position() != self.position().floor()).then(|| self.swallowed().saturating_add(1))
    }
}

/// The upper bound of a positive bucket.
pub(crate) fn bound(index: i32, schema: i32) -> f64 {
    let exponent = f64::from(index) * f64::from(-schema).exp2();
    if exponent == LAST_EXPONENT { f64::MAX } else { exponent.exp2() }
}

/// The index of a bucket after so many steps to the next lower schema, each of which makes one bucket of two: ⌈i / 2⌉.
fn reduced(index: i32, steps: u32) -> i32 {
    (((i64::from(index) - 1) >> steps) + 1) as i32 // nearer to zero than `index`
}

fn steps_down(from: i32, to: i32) -> u32 {
    u32::try_from(i64::from(from) - i64::from(to)).unwrap_or_default()
}

/// Whether observations fell into the bucket that has this index at `schema`.
fn populates(histogram: &NativeHistogram, schema: i32, index: i32) -> bool {
    let steps = steps_down(histogram.schema, schema);
    let mut buckets = histogram.positive.iter().chain(&histogram.negative);
    buckets.any(|(i, count)| *count > 0.0 && reduced(*i, steps) == index)
}

/// The histogram on a grid at least as coarse as its own. Buckets without observations are left out.
pub(crate) fn fit(histogram: &NativeHistogram, grid: Grid) -> NativeHistogram {
    let steps = steps_down(histogram.schema, grid.schema);
    let swallowed = grid.swallowed();
    let mut zero_count = histogram.zero_count;
    let mut side = |buckets: &NativeBuckets| {
        let mut fitted = NativeBuckets::with_capacity(buckets.len());
        for (index, count) in buckets.iter().filter(|(_, count)| *count != 0.0) {
            let index = reduced(*index, steps);
            match fitted.last_mut() {
                _ if index <= swallowed => zero_count += count,
                Some((last, sum)) if *last == index => *sum += count,
                _ => fitted.push((index, *count)),
            }
        }
        fitted
    };
    let (positive, negative) = (side(&histogram.positive), side(&histogram.negative));
    NativeHistogram {
        schema: grid.schema,
        zero_threshold: grid.zero_threshold,
        zero_count,
        count: histogram.count,
        sum: histogram.sum,
        positive,
        negative,
        is_float: histogram.is_float,
    }
}

/// Whether `new` can't be `last` having counted on: a count fell, or the histogram became finer. Becoming coarser is none: clients do
/// so when they run out of buckets.
pub(crate) fn fell(last: &NativeHistogram, new: &NativeHistogram) -> bool {
    if new.schema > last.schema || new.zero_threshold < last.zero_threshold {
        return true;
    }
    // A client widens its zero bucket by whole buckets.
    let widened = Grid { schema: last.schema, zero_threshold: new.zero_threshold };
    if widened != Grid::of(last) && widened.cut().is_some_and(|cut| populates(last, last.schema, cut)) {
        return true;
    }
    let last = fit(&fit(last, widened), Grid::of(new));
    let new = fit(new, Grid::of(new));
    let side = |last: &NativeBuckets, new: &NativeBuckets| pairs(last, new).any(|(_, last, new)| new < last);
    new.count < last.count
        || new.zero_count < last.zero_count
        || side(&last.positive, &new.positive)
        || side(&last.negative, &new.negative)
}

/// Adds a histogram on the same grid.
pub(crate) fn add(into: &mut NativeHistogram, other: &NativeHistogram) {
    into.zero_count += other.zero_count;
    into.count += other.count;
    into.sum += other.sum;
    into.positive = combined(&into.positive, &other.positive, |a, b| a + b);
    into.negative = combined(&into.negative, &other.negative, |a, b| a + b);
    into.is_float |= other.is_float;
}

/// Takes off a histogram on the same grid that came before in the same life. Nothing becomes negative; a sum that was no number then
/// counts as 0, as it does in classic histograms.
pub(crate) fn subtract(from: &mut NativeHistogram, base: &NativeHistogram) {
    let left = |a: f64, b: f64| (a - b).max(0.0);
    from.zero_count = left(from.zero_count, base.zero_count);
    from.count = left(from.count, base.count);
    from.sum -= if base.sum.is_finite() { base.sum } else { 0.0 };
    from.positive = combined(&from.positive, &base.positive, left);
    from.negative = combined(&from.negative, &base.negative, left);
    from.is_float |= base.is_float;
}

/// Holds every count at what it was before, on the same grid. The sum may fall with negative observations and isn't held.
pub(crate) fn hold(out: &mut NativeHistogram, before: &NativeHistogram) {
    out.zero_count = out.zero_count.max(before.zero_count);
    out.count = out.count.max(before.count);
    out.positive = combined(&out.positive, &before.positive, f64::max);
    out.negative = combined(&out.negative, &before.negative, f64::max);
    out.is_float |= before.is_float;
}

/// Observations in the zero bucket and all others; the rest of the count were NaN.
pub(crate) fn in_buckets(histogram: &NativeHistogram) -> f64 {
    histogram.zero_count + histogram.positive.iter().chain(&histogram.negative).map(|(_, count)| count).sum::<f64>()
}

/// Index by index, 0 where one side has no bucket.
fn pairs<'a>(a: &'a NativeBuckets, b: &'a NativeBuckets) -> impl Iterator<Item = (i32, f64, f64)> {
    let (mut a, mut b) = (a.iter().copied().peekable(), b.iter().copied().peekable());
    std::iter::from_fn(move || {
        let index = match (a.peek(), b.peek()) {
            (Some((i, _)), Some((j, _))) => *i.min(j),
            (Some((i, _)), None) | (None, Some((i, _))) => *i,
            (None, None) => return None,
        };
        let own = a.next_if(|(i, _)| *i == index).map_or(0.0, |(_, count)| count);
        let other = b.next_if(|(i, _)| *i == index).map_or(0.0, |(_, count)| count);
        Some((index, own, other))
    })
}

fn combined(a: &NativeBuckets, b: &NativeBuckets, how: impl Fn(f64, f64) -> f64) -> NativeBuckets {
    pairs(a, b).map(|(index, a, b)| (index, how(a, b))).filter(|(_, count)| *count != 0.0).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn native(schema: i32, zero: (f64, f64), positive: &[(i32, f64)], negative: &[(i32, f64)]) -> NativeHistogram {
        let mut h = NativeHistogram {
            schema,
            zero_threshold: zero.0,
            zero_count: zero.1,
            positive: positive.to_vec(),
            negative: negative.to_vec(),
            ..NativeHistogram::default()
        };
        h.count = in_buckets(&h);
        h.sum = h.count * 2.0;
        h
    }

    fn sum(all: &[&NativeHistogram]) -> NativeHistogram {
        let grid = Grid::common(all).unwrap();
        let mut total = fit(all[0], grid);
        all[1..].iter().for_each(|h| add(&mut total, &fit(h, grid)));
        total
    }

    #[test]
    fn bounds_and_indices() {
        assert_eq!((bound(0, 3), bound(8, 3), bound(-1, 0), bound(1, -2), bound(-128, 0)), (1.0, 2.0, 0.5, 16.0, 2f64.powi(-128)));
        assert_eq!((bound(1024, 0), bound(64, -4), bound(1025, 0)), (f64::MAX, f64::MAX, f64::INFINITY));
        assert!((bound(1, 1) - std::f64::consts::SQRT_2).abs() < 1e-15);
        // ⌈i / 2⌉: buckets −1 and 0 become 0, 1 and 2 become 1, 3 and 4 become 2.
        assert_eq!([-3, -2, -1, 0, 1, 2, 3, 4].map(|i| reduced(i, 1)), [-1, -1, 0, 0, 1, 1, 2, 2]);
        assert_eq!([-4, -3, 0, 1, 4, 5, i32::MIN, i32::MAX].map(|i| reduced(i, 2)), [-1, 0, 0, 1, 1, 2, -(1 << 29), 1 << 29]);
    }

    /// Schema 3 and schema 1: two steps, so the buckets 1 … 4 of the finer one are bucket 1, 5 … 8 bucket 2.
    #[test]
    fn schema_3_and_1() {
        let fine = native(3, (0.0, 0.0), &[(-3, 1.0), (1, 2.0), (4, 3.0), (5, 4.0), (9, 5.0)], &[(2, 7.0)]);
        let coarse = native(1, (0.0, 1.0), &[(0, 10.0), (2, 20.0)], &[]);
        let total = sum(&[&fine, &coarse]);
        assert_eq!((total.schema, total.zero_count, total.count, total.sum), (1, 1.0, 53.0, 106.0));
        assert_eq!(total.positive, [(0, 11.0), (1, 5.0), (2, 24.0), (3, 5.0)]);
        assert_eq!(total.negative, [(1, 7.0)]);
    }

    /// The threshold 3 of one ends inside (2, 4] of the other, which is populated: the zero bucket grows to 4 and swallows all below.
    #[test]
    fn a_threshold_inside_a_bucket() {
        let wide = native(0, (3.0, 5.0), &[(3, 1.0)], &[]);
        let other = native(0, (0.001, 1.0), &[(0, 1.0), (2, 2.0), (3, 4.0)], &[(1, 8.0), (4, 16.0)]);
        let total = sum(&[&wide, &other]);
        assert_eq!((total.zero_threshold, total.zero_count), (4.0, 17.0));
        assert_eq!((total.positive, total.negative, total.count), (vec![(3, 5.0)], vec![(4, 16.0)], 38.0));
        // Not populated: the threshold stays, what is wholly within it goes.
        let sparse = native(0, (0.001, 1.0), &[(0, 1.0), (3, 4.0)], &[]);
        let total = sum(&[&wide, &sparse]);
        assert_eq!((total.zero_threshold, total.zero_count, total.positive), (3.0, 7.0, vec![(3, 5.0)]));
        // Its own bucket is cut once the schema falls: (1, 2] of schema 0 is part of (1, 4] of schema −1.
        let wide = native(0, (2.0, 5.0), &[(2, 1.0)], &[]);
        let total = sum(&[&wide, &native(-1, (0.0, 0.0), &[(2, 3.0)], &[])]);
        assert_eq!((total.zero_threshold, total.zero_count, total.positive), (4.0, 6.0, vec![(2, 3.0)]));
    }

    /// The threshold 2^(1/8) is the bound of bucket 1 at schema 3, however the client rounded it.
    #[test]
    fn a_threshold_at_a_bound_cuts_nothing() {
        for nudge in [-3i64, 0, 3] {
            let bound = f64::from_bits(bound(1, 3).to_bits().wrapping_add_signed(nudge));
            let wide = native(3, (bound, 5.0), &[], &[]);
            let total = sum(&[&wide, &native(3, (0.0, 0.0), &[(1, 1.0), (2, 2.0)], &[])]);
            assert_eq!((total.zero_threshold, total.zero_count, total.positive), (bound, 6.0, vec![(2, 2.0)]));
        }
    }

    #[test]
    fn disjoint_buckets_and_floats() {
        let mut float = native(2, (0.5, 0.25), &[(10, 1.5)], &[(-3, 0.5)]);
        float.is_float = true;
        let integer = native(2, (0.5, 1.0), &[(100, 2.0), (101, 0.0)], &[(90, 4.0)]);
        for total in [sum(&[&float, &integer]), sum(&[&integer, &float])] {
            assert!(total.is_float);
            assert_eq!(total.positive, [(10, 1.5), (100, 2.0)], "a bucket that was never filled is none");
            assert_eq!((total.negative, total.zero_count, total.count), (vec![(-3, 0.5), (90, 4.0)], 1.25, 9.25));
        }
    }

    #[test]
    fn falling_and_coarsening() {
        let last = native(3, (0.001, 1.0), &[(1, 2.0), (2, 3.0), (9, 1.0)], &[]);
        assert!(!fell(&last, &last));
        assert!(!fell(&last, &native(3, (0.001, 1.0), &[(1, 2.0), (2, 3.0), (9, 1.0)], &[(5, 1.0)])));
        let coarser = native(2, (0.001, 1.0), &[(1, 5.0), (5, 1.0)], &[]);
        assert!(!fell(&last, &coarser), "buckets 1 and 2 became one");
        assert!(fell(&last, &native(2, (0.001, 1.0), &[(1, 4.0), (5, 100.0)], &[])), "less than the two had together");
        assert!(fell(&coarser, &last), "the schema rose");
        assert!(fell(&last, &native(3, (0.0, 1.0), &[(1, 2.0), (2, 3.0), (9, 1.0)], &[])), "the threshold fell");
        assert!(!fell(&last, &native(3, (bound(1, 3), 3.0), &[(2, 3.0), (9, 1.0)], &[])), "the zero bucket took one in");
        assert!(fell(&last, &native(3, (1.05, 3.0), &[(2, 3.0), (9, 1.0)], &[])), "no client ends it inside a bucket");
        assert!(fell(&last, &native(3, (0.001, 0.0), &[(1, 20.0), (2, 30.0), (9, 10.0)], &[])), "the zero bucket fell");
        let mut fewer = native(3, (0.001, 2.0), &[(1, 2.0), (2, 3.0), (9, 1.0)], &[]);
        fewer.count = 6.0;
        assert!(fell(&last, &fewer), "the count fell");
    }

    #[test]
    fn a_base_is_taken_off_on_the_common_grid() {
        let base = native(3, (0.0, 0.0), &[(1, 2.0), (2, 3.0)], &[]);
        let last = native(2, (0.0, 1.0), &[(1, 9.0), (2, 1.0)], &[]);
        let grid = Grid::common(&[&base, &last]).unwrap();
        let mut grown = fit(&last, grid);
        subtract(&mut grown, &fit(&base, grid));
        assert_eq!((grown.positive, grown.zero_count, grown.count, grown.sum), (vec![(1, 4.0), (2, 1.0)], 1.0, 6.0, 12.0));
    }

    #[test]
    fn holding_keeps_every_count() {
        let mut out = native(0, (0.0, 1.0), &[(1, 1.0), (2, 5.0)], &[]);
        hold(&mut out, &native(0, (0.0, 2.0), &[(1, 3.0), (3, 1.0)], &[]));
        assert_eq!((out.zero_count, out.positive, out.count), (2.0, vec![(1, 3.0), (2, 5.0), (3, 1.0)], 7.0));
    }
}
