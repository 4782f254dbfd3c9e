use super::{Exemplar, Labels};
use std::borrow::Cow;

/// A native (sparse, exponential) histogram. Only protobuf carries them.
///
/// Bucket `i` of the positive side covers `(base^(i-1), base^i]` with `base = 2^(2^-schema)`; the negative side is its mirror image.
/// Source: the Prometheus data model for native histograms.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NativeHistogram {
    /// Resolution, −4 … 8.
    pub schema: i32,
    /// Observations whose magnitude is at most this are in the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// All observations: zero bucket, all buckets, and those that were NaN.
    pub count: f64,
    /// Sum of all observations.
    pub sum: f64,
    /// Buckets above zero.
    pub positive: NativeBuckets,
    /// Buckets below zero, by the index of their mirror image.
    pub negative: NativeBuckets,
    /// Counts are floats, so that encoders write them as such.
    pub is_float: bool,
}

/// Populated (or explicitly empty) buckets: index and absolute count, by rising index.
pub type NativeBuckets = Vec<(i32, f64)>;

/// A native histogram as one child of its family.
#[derive(Debug, Clone, PartialEq)]
pub struct NativeSample<'a> {
    /// The child's labels, sorted by name, without empty values.
    pub labels: Labels<'a>,
    /// Explicit timestamp in Unix seconds.
    pub timestamp: Option<f64>,
    /// The histogram itself. If it has classic buckets, too, they stand among the family's samples, with count and sum; a child that
    /// is only native has no samples there, or only that of its creation.
    pub histogram: Cow<'a, NativeHistogram>,
    /// Exemplars of the native part; each has a timestamp.
    pub exemplars: Vec<Exemplar<'a>>,
}
