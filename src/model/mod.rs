//! What an exposition holds, whatever format it came in: families of samples.
//!
//! Parsers and converters produce these types, borrowed from the body where they can; encoders and the merge consume them.
//! Nothing here knows of a format, a socket or a clock.
//!
//! Invariants every producer keeps:
//! - a family's [`name`](Family::name) is its *canonical* name, the one its plain samples carry: a counter `foo_total` is
//!   `foo_total` whether it came as text (`TYPE foo_total counter`) or OpenMetrics (`TYPE foo counter`); an info is `foo_info`;
//!   a histogram, gauge histogram or summary has the name without `_bucket`, `_count`, `_sum`, …;
//! - a sample's labels are sorted by name, have no empty values, no `le` of a bucket and no `quantile`: those are in its [`Role`];
//! - no label name stands twice.

mod family;
mod head;
mod native;
mod number;
mod wide;

pub(crate) use family::sort_labels;
pub use family::{Exemplar, Family, Labels, MetricType, Role, Sample};
pub use head::{child_head, is_legacy_label_name, is_legacy_metric_name, sample_head, sample_name, split_head};
pub(crate) use head::{child_labels, push_escaped, push_label_name, push_quoted};
pub use native::{NativeBuckets, NativeHistogram, NativeSample};
pub use number::{TextSink, parse_number, push_bound, push_number};
pub use wide::WideFamily;
