//! The samples of one child → its `Metric` message.

use super::native;
use crate::encode::exemplar::label_names;
use crate::encode::{Escaping, NativeView, SampleView};
use crate::model::{Exemplar, MetricType, Role, split_head};
use crate::protobuf::messages;

/// Whole numbers below this fit a `u64`: 2^64.
const INTEGER_END: f64 = 18_446_744_073_709_551_616.0;

/// A child with its parts.
pub(super) struct Child<'f> {
    /// A head of it and what that stands for: where its labels are.
    head: (&'f str, Role),
    native: Option<&'f NativeView<'f>>,
    value: Option<&'f SampleView<'f>>,
    /// Buckets or quantiles with their bounds.
    bounded: Vec<(f64, &'f SampleView<'f>)>,
    count: Option<f64>,
    sum: Option<f64>,
    created: Option<f64>,
}

impl<'f> Child<'f> {
    pub(super) fn new(head: &'f str, role: Role, native: Option<&'f NativeView<'f>>) -> Self {
        Self { head: (head, role), native, value: None, bounded: Vec::new(), count: None, sum: None, created: None }
    }

    pub(super) fn add(&mut self, sample: &'f SampleView<'f>) {
        match sample.role {
            Role::Value => self.value = Some(sample),
            Role::Bucket(bound) | Role::Quantile(bound) => self.bounded.push((bound, sample)),
            Role::Count => self.count = Some(sample.value),
            Role::Sum => self.sum = Some(sample.value),
            Role::Created => self.created = Some(sample.value),
        }
    }

    /// The message. `None` where the child has no value, or a count that the format can't say: one that is negative or no number.
    pub(super) fn metric(&self, kind: MetricType, escaping: Escaping) -> Option<messages::Metric> {
        let mut metric = messages::Metric::default();
        match kind {
            MetricType::Counter => metric.counter = Some(self.counter(escaping)?),
            MetricType::Summary => metric.summary = Some(self.summary()?),
            MetricType::Histogram | MetricType::GaugeHistogram => metric.histogram = Some(self.histogram(escaping)?),
            MetricType::Unknown => metric.untyped = Some(self.number()?),
            MetricType::Gauge | MetricType::Info | MetricType::StateSet => metric.gauge = Some(self.number()?),
        }
        let (head, role) = self.head;
        let own = match role {
            Role::Bucket(_) => "le",
            Role::Quantile(_) => "quantile",
            _ => "",
        };
        let (_, labels) = split_head(head)?;
        metric.label = labels.into_iter().filter(|(name, _)| name != own).map(|(name, value)| pair(&name, &value)).collect();
        Some(metric)
    }

    fn number(&self) -> Option<messages::Number> {
        Some(messages::Number { value: Some(self.value?.value) })
    }

    fn counter(&self, escaping: Escaping) -> Option<messages::Counter> {
        let sample = self.value?;
        let exemplar = sample.exemplar.and_then(|exemplar| exemplar_of(exemplar, escaping));
        Some(messages::Counter { value: Some(sample.value), exemplar, created_timestamp: self.created() })
    }

    fn summary(&self) -> Option<messages::Summary> {
        if self.bounded.is_empty() && self.count.is_none() && self.sum.is_none() {
            return None;
        }
        let sample_count = match self.count {
            Some(count) => Some(integer(count)?),
            None => None,
        };
        let quantile =
            |(rank, sample): &(f64, &SampleView<'_>)| messages::Quantile { quantile: Some(*rank), value: Some(sample.value) };
        let quantile = self.bounded.iter().map(quantile).collect();
        Some(messages::Summary { sample_count, sample_sum: self.sum, quantile, created_timestamp: self.created() })
    }

    /// Classic and native part, which share count and sum: the native part's, since its buckets must make up that count.
    fn histogram(&self, escaping: Escaping) -> Option<messages::Histogram> {
        let classic = self.classic(escaping);
        let mut message = match (self.native, classic) {
            (None, classic) => classic?,
            (Some(native), classic) => {
                let mut message = native::message(native.histogram);
                message.bucket = classic.map(|classic| classic.bucket).unwrap_or_default();
                let dated = native.exemplars.iter().filter(|exemplar| exemplar.timestamp.is_some());
                message.exemplars = dated.filter_map(|exemplar| exemplar_of(exemplar, escaping)).collect();
                message
            }
        };
        message.created_timestamp = self.created();
        Some(message)
    }

    fn classic(&self, escaping: Escaping) -> Option<messages::Histogram> {
        let mut message = messages::Histogram { sample_sum: self.sum, ..Default::default() };
        if let Some(count) = self.count {
            (message.sample_count, message.sample_count_float) = count_fields(count)?;
        }
        for (bound, sample) in &self.bounded {
            let (cumulative_count, cumulative_count_float) = count_fields(sample.value)?;
            let exemplar = sample.exemplar.and_then(|exemplar| exemplar_of(exemplar, escaping));
            // A reader makes the last bucket from the count.
            let implied = *bound == f64::INFINITY && Some(sample.value) == self.count && exemplar.is_none();
            if !implied || self.native.is_some() {
                message.bucket.push(messages::Bucket {
                    cumulative_count,
                    upper_bound: Some(*bound),
                    exemplar,
                    cumulative_count_float,
                });
            }
        }
        let is_empty = self.bounded.is_empty() && self.count.is_none() && self.sum.is_none();
        (!is_empty).then_some(message)
    }

    fn created(&self) -> Option<messages::Timestamp> {
        self.created.and_then(messages::Timestamp::of)
    }
}

/// A count as the integer or, if it has a fraction or is too large, as the float beside it. A float counts only if it is above 0:
/// `None` for what is neither.
pub(super) fn count_fields(count: f64) -> Option<(Option<u64>, Option<f64>)> {
    match integer(count) {
        Some(integer) => Some((Some(integer), None)),
        None => (count > 0.0).then_some((None, Some(count))),
    }
}

/// The whole number, if it is one that fits.
pub(super) fn integer(count: f64) -> Option<u64> {
    (count.fract() == 0.0 && (0.0..INTEGER_END).contains(&count)).then_some(count as u64)
}

fn exemplar_of(exemplar: &Exemplar<'_>, escaping: Escaping) -> Option<messages::Exemplar> {
    let names = label_names(exemplar, escaping)?;
    let label = names.iter().zip(&exemplar.labels).map(|(name, (_, value))| pair(name, value)).collect();
    let timestamp = exemplar.timestamp.and_then(messages::Timestamp::of);
    Some(messages::Exemplar { label, value: Some(exemplar.value), timestamp })
}

fn pair(name: &str, value: &str) -> messages::LabelPair {
    messages::LabelPair { name: Some(name.to_string()), value: Some(value.to_string()) }
}
