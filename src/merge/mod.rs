//! Families of many workers → one set, with counters that never go back. Pure: rounds go in, totals come out.

mod beginning;
mod catalog;
mod column;
mod commit;
mod enter;
mod explain;
mod groups;
mod heads;
mod history;
mod join;
mod last_words;
mod layout;
mod native;
mod output;
mod persist;
mod pool;
mod relabelled;
mod retire;
mod room;
pub mod rules;
mod shape;
mod slot;
mod stage;
mod stream;
mod tally;
#[cfg(test)]
mod tests;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests_aggregate;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests_explain;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests_last_words;
mod totals;
mod types;

pub use explain::{Contribution, Explanation, Part, Rule, SeriesExplained, Window};
pub use history::{Fall, Life, Reset};
pub use join::Join;
pub use last_words::{Doubt, LastWords, Stranger};
pub use pool::{Attempt, Pool};
pub(crate) use stage::is_reserved;
pub use stream::FeedError;
pub use tally::{DropReason, RepairKind, ResetCause, Tally};

use std::time::Duration;

/// A point in time, given to the merge by its caller.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Now {
    /// Monotonic clock that also counts suspended time, since an arbitrary start. All ages are differences of this.
    pub elapsed: Duration,
    /// Unix seconds of the wall clock at the same moment. Compared only with start times that workers report.
    pub unix: f64,
}
