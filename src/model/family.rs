use super::NativeSample;
use std::borrow::Cow;

/// The type of a metric family, as OpenMetrics names them; `untyped` of the text format is [`Unknown`](MetricType::Unknown).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum MetricType {
    /// No type was given.
    Unknown,
    /// A total that only grows, until its process ends.
    Counter,
    /// A value that goes up and down.
    Gauge,
    /// Cumulative buckets, a count and a sum that only grow.
    Histogram,
    /// Buckets of current values.
    GaugeHistogram,
    /// A count, a sum and perhaps quantiles.
    Summary,
    /// Labels with the constant value 1.
    Info,
    /// One series per state, 0 or 1.
    StateSet,
}

impl MetricType {
    /// Every type there is.
    pub const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Counter,
        Self::Gauge,
        Self::Histogram,
        Self::GaugeHistogram,
        Self::Summary,
        Self::Info,
        Self::StateSet,
    ];

    /// The word of an OpenMetrics TYPE line.
    pub fn as_openmetrics(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }
}

/// Label pairs sorted by name, without empty values.
pub type Labels<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// A metric family: one name, one type, its samples in the order of the body.
#[derive(Debug, Clone, PartialEq)]
pub struct Family<'a> {
    /// Canonical name, see the [module](crate::model).
    pub name: Cow<'a, str>,
    /// Its type.
    pub kind: MetricType,
    /// Unescaped HELP text; empty = none.
    pub help: Cow<'a, str>,
    /// UNIT; empty = none.
    pub unit: Cow<'a, str>,
    /// The samples.
    pub samples: Vec<Sample<'a>>,
    /// Native parts of histograms, at most one a child.
    pub natives: Vec<NativeSample<'a>>,
}

impl<'a> Family<'a> {
    /// A family without samples yet.
    pub fn new(name: impl Into<Cow<'a, str>>, kind: MetricType, help: impl Into<Cow<'a, str>>) -> Self {
        Self { name: name.into(), kind, help: help.into(), unit: Cow::Borrowed(""), samples: Vec::new(), natives: Vec::new() }
    }

    /// Adds a plain sample. `labels` need not be sorted; empty values are dropped.
    pub fn push(&mut self, labels: impl IntoIterator<Item = (&'a str, Cow<'a, str>)>, value: f64) {
        let mut labels: Labels<'a> =
            labels.into_iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| (Cow::Borrowed(k), v)).collect();
        sort_labels(&mut labels);
        self.samples.push(Sample { role: Role::Value, labels, value, timestamp: None, exemplar: None });
    }
}

/// Puts labels into the order in which they stand everywhere: by name, which no two of a sample share.
pub(crate) fn sort_labels(labels: &mut Labels<'_>) {
    labels.sort_unstable_by(|a, b| a.0.cmp(&b.0));
}

/// What a sample is within its child (the family and label set it belongs to).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Role {
    /// The value of a counter, gauge, info, state or unknown.
    Value,
    /// A cumulative bucket with this upper bound (`le`); `+Inf` is a bucket like any other.
    Bucket(f64),
    /// A quantile of a summary.
    Quantile(f64),
    /// `_count`, or `_gcount` of a gauge histogram.
    Count,
    /// `_sum`, or `_gsum` of a gauge histogram.
    Sum,
    /// `_created`: Unix seconds at which the child began.
    Created,
}

/// One value of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample<'a> {
    /// Its part within the child.
    pub role: Role,
    /// The child's labels (without `le` and `quantile`).
    pub labels: Labels<'a>,
    /// The value.
    pub value: f64,
    /// Explicit timestamp in Unix seconds, whichever unit the format uses.
    pub timestamp: Option<f64>,
    /// The exemplar, if any.
    pub exemplar: Option<Exemplar<'a>>,
}

/// An example observation attached to a counter or bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar<'a> {
    /// Its own labels, in the order given.
    pub labels: Labels<'a>,
    /// The observed value.
    pub value: f64,
    /// Unix seconds, if given.
    pub timestamp: Option<f64>,
}

impl Exemplar<'_> {
    /// The same exemplar, owning its text.
    pub fn into_owned(self) -> Exemplar<'static> {
        let own = |(k, v): (Cow<'_, str>, Cow<'_, str>)| (Cow::Owned(k.into_owned()), Cow::Owned(v.into_owned()));
        Exemplar { labels: self.labels.into_iter().map(own).collect(), value: self.value, timestamp: self.timestamp }
    }
}
