//! How the series of workers become one.

use std::time::Duration;

/// How the series of workers are merged.
#[derive(Debug, Clone, PartialEq)]
pub struct MergeConfig {
    /// Label that tells workers apart where series stay per worker. Default `worker`.
    pub worker_label: String,
    /// Configured gauge rules: first match wins, before the built-in ones.
    pub gauges: Vec<GaugeRule>,
    /// Labels that are summed over, by family: first match wins.
    pub aggregate: Vec<AggregateRule>,
    /// Mode of gauges that no rule matches. Default `all`.
    pub gauge_default: GaugeMode,
    /// How long a missed worker that still listens keeps its gauges. Default 0.
    pub gauge_hold: Duration,
    /// What to do with histograms whose bounds differ. Default `union`.
    pub histograms: BoundsPolicy,
    /// What to do with quantiles, which can't be merged. Default: drop.
    pub quantiles: QuantilePolicy,
    /// Failed attempts must add up to this before a slot is retired. Default 1 h.
    pub retire_after: Duration,
    /// How long a shared slot remembers its instances without another flip. Default 5 min.
    pub instance_memory: Duration,
}

impl Default for MergeConfig {
    fn default() -> Self {
        Self {
            worker_label: "worker".into(),
            gauges: Vec::new(),
            aggregate: Vec::new(),
            gauge_default: GaugeMode::All,
            gauge_hold: Duration::ZERO,
            histograms: BoundsPolicy::Union,
            quantiles: QuantilePolicy::Drop,
            retire_after: Duration::from_secs(3600),
            instance_memory: Duration::from_secs(300),
        }
    }
}

/// A gauge rule.
#[derive(Debug, Clone, PartialEq)]
pub struct GaugeRule {
    /// Family name, `*` matches any run of characters.
    pub pattern: String,
    /// The mode.
    pub mode: GaugeMode,
}

/// Labels that a family's series are summed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AggregateRule {
    /// Family name, `*` matches any run of characters.
    pub pattern: String,
    /// The labels that are not served; never `le` or `quantile`.
    pub without: Vec<String>,
}

/// How gauges of several workers become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GaugeMode {
    /// One series per worker, with the worker label.
    All,
    /// The sum over workers.
    Sum,
    /// The mean over workers.
    Avg,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The one with the largest explicit timestamp.
    MostRecent,
    /// One series; where values differ, the lowest slot's.
    Same,
    /// For families without a type: merge as a counter.
    Counter,
}

impl GaugeMode {
    /// Every mode with its name in configuration.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::All, "all"),
        (Self::Sum, "sum"),
        (Self::Avg, "avg"),
        (Self::Min, "min"),
        (Self::Max, "max"),
        (Self::MostRecent, "mostrecent"),
        (Self::Same, "same"),
        (Self::Counter, "counter"),
    ];
}

/// Histograms whose bounds differ between workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoundsPolicy {
    /// All bounds of all workers; each worker as a step function.
    Union,
    /// The odd worker stands apart with the worker label.
    Label,
    /// The odd worker's child is left out.
    Drop,
}

/// Quantiles of summaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuantilePolicy {
    /// Left out.
    Drop,
    /// Kept per worker, with the worker label.
    PerWorker,
}
