//! Relabelling: series renamed, given other labels or left out, by the rules and with the words of Prometheus'
//! `metric_relabel_configs`. Pure: label sets in, label sets out.
//!
//! As in Prometheus the static labels of a source are there before its rules look, and rules see every *sample* on its own, its name
//! as the label `__name__`, bounds and quantiles as `le` and `quantile` (spelled `1.0`, as Prometheus 3 does). What a rule makes must
//! still hang together: see [`sample`](Relabelling::sample).
//!
//! Labels that begin with `__` are for the use between rules: once the last one has run they are gone. (Prometheus promises that for
//! targets only, but no series should carry one.)

mod expression;
mod families;
mod label_set;
mod pattern;
mod rule;
mod sample;
mod template;
#[cfg(test)]
#[cfg(feature = "relabel")]
mod tests;

pub use rule::{Action, Rule, RuleError, RuleSpec};
pub use sample::Relabelled;

/// What becomes of the series of a source: static labels, then rules.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Relabelling {
    /// Labels added to every series; a series' own of the same name becomes `exported_…`.
    pub labels: Vec<(String, String)>,
    /// The rules, in order.
    pub rules: Vec<Rule>,
}

impl Relabelling {
    /// Whether every series stays as it is.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.rules.is_empty()
    }

    /// Whether different series may become one. Rules that only keep or drop never do that.
    pub fn may_merge(&self) -> bool {
        self.rules.iter().any(|rule| !rule.only_chooses())
    }
}
