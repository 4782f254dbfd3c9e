//! One `Metric` message → the samples of a child.

use super::native;
use crate::model::{Exemplar, Family, Labels, MetricType, NativeSample, Role, Sample, sort_labels};
use crate::protobuf::messages;
use std::borrow::Cow;

/// What is wrong with a message.
pub(super) type Why = Cow<'static, str>;

/// Timestamps of this format are in milliseconds, those of the model in seconds.
const MILLISECONDS_PER_SECOND: f64 = 1000.0;
/// A message gives its labels once, the model to each sample: without a bound a body of n bytes could ask for n² of memory. Over the
/// whole body the labels of samples may take this many times its bytes …
const LABEL_BYTES_PER_BODY_BYTE: usize = 32;
/// … or this much, if that is more.
const LABEL_BYTES_FLOOR: usize = 16 << 20;

/// Reads the children of a body.
pub(super) struct Children {
    /// Memory that labels may still take.
    label_bytes_left: usize,
}

impl Children {
    /// For a body of this many bytes.
    pub(super) fn of_body(bytes: usize) -> Self {
        Self { label_bytes_left: bytes.saturating_mul(LABEL_BYTES_PER_BODY_BYTE).max(LABEL_BYTES_FLOOR) }
    }

    /// Adds what a message says to its family.
    pub(super) fn read<'a>(&mut self, family: &mut Family<'a>, metric: messages::Metric) -> Result<(), Why> {
        let labels = labels_of(metric.label, family.kind)?;
        let timestamp = metric.timestamp_ms.map(|milliseconds| milliseconds as f64 / MILLISECONDS_PER_SECOND);
        let before = family.samples.len();
        match family.kind {
            MetricType::Counter => counter(family, metric.counter.ok_or("a counter without a value")?)?,
            MetricType::Summary => summary(family, metric.summary.ok_or("a summary without a value")?)?,
            MetricType::Histogram | MetricType::GaugeHistogram => {
                let message = metric.histogram.ok_or("a histogram without a value")?;
                let cost = cost(&labels);
                self.pay(cost)?;
                histogram(family, message, &labels, timestamp)?;
            }
            MetricType::Unknown => number(family, metric.untyped.ok_or("an untyped metric without a value")?),
            _ => number(family, metric.gauge.ok_or("a gauge without a value")?),
        }
        let added = family.samples.get_mut(before..).unwrap_or_default();
        self.pay(cost(&labels).saturating_mul(added.len()))?;
        for sample in added {
            sample.labels.clone_from(&labels);
            sample.timestamp = timestamp;
        }
        Ok(())
    }

    fn pay(&mut self, bytes: usize) -> Result<(), Why> {
        self.label_bytes_left =
            self.label_bytes_left.checked_sub(bytes).ok_or("labels too long for the number of samples they stand on")?;
        Ok(())
    }
}

/// Memory that labels take on one sample.
fn cost(labels: &Labels<'_>) -> usize {
    labels.iter().map(|label| size_of_val(label) + label.0.len() + label.1.len()).sum()
}

/// A sample whose labels come later.
fn sample<'a>(role: Role, value: f64, exemplar: Option<Exemplar<'a>>) -> Sample<'a> {
    Sample { role, labels: Labels::new(), value, timestamp: None, exemplar }
}

fn number(family: &mut Family<'_>, message: messages::Number) {
    family.samples.push(sample(Role::Value, message.value.unwrap_or_default(), None));
}

fn counter(family: &mut Family<'_>, message: messages::Counter) -> Result<(), Why> {
    let exemplar = message.exemplar.map(exemplar_of).transpose()?;
    family.samples.push(sample(Role::Value, message.value.unwrap_or_default(), exemplar));
    created(family, message.created_timestamp);
    Ok(())
}

fn summary(family: &mut Family<'_>, message: messages::Summary) -> Result<(), Why> {
    for quantile in message.quantile {
        let rank = quantile.quantile.filter(|rank| !rank.is_nan()).ok_or("a quantile that is no number")?;
        family.samples.push(sample(Role::Quantile(rank), quantile.value.unwrap_or_default(), None));
    }
    family.samples.extend(message.sample_count.map(|count| sample(Role::Count, count as f64, None)));
    family.samples.extend(message.sample_sum.map(|sum| sample(Role::Sum, sum, None)));
    created(family, message.created_timestamp);
    Ok(())
}

fn histogram<'a>(
    family: &mut Family<'a>,
    message: messages::Histogram,
    labels: &Labels<'a>,
    timestamp: Option<f64>,
) -> Result<(), Why> {
    let native = native::native_of(&message)?;
    if native.is_none() || !message.bucket.is_empty() {
        let mut infinite = None;
        for bucket in message.bucket {
            let bound = bucket.upper_bound.filter(|bound| !bound.is_nan()).ok_or("a bucket whose bound is no number")?;
            let count = count_of(bucket.cumulative_count, bucket.cumulative_count_float).unwrap_or_default();
            if bound == f64::INFINITY {
                infinite = Some(count);
            }
            family.samples.push(sample(Role::Bucket(bound), count, bucket.exemplar.map(exemplar_of).transpose()?));
        }
        let count = count_of(message.sample_count, message.sample_count_float);
        if infinite.is_none() {
            family.samples.extend(count.map(|count| sample(Role::Bucket(f64::INFINITY), count, None)));
        }
        family.samples.extend(count.or(infinite).map(|count| sample(Role::Count, count, None)));
        family.samples.extend(message.sample_sum.map(|sum| sample(Role::Sum, sum, None)));
    }
    created(family, message.created_timestamp);
    if let Some(histogram) = native {
        let exemplars = message.exemplars.into_iter().map(exemplar_of).collect::<Result<Vec<_>, _>>()?;
        // One without a time can't be put in order with others; the server drops it.
        let exemplars = exemplars.into_iter().filter(|exemplar| exemplar.timestamp.is_some()).collect();
        family.natives.push(NativeSample { labels: labels.clone(), timestamp, histogram: Cow::Owned(histogram), exemplars });
    }
    Ok(())
}

fn created(family: &mut Family<'_>, timestamp: Option<messages::Timestamp>) {
    let seconds = timestamp.and_then(|timestamp| timestamp.unix_seconds());
    family.samples.extend(seconds.map(|seconds| sample(Role::Created, seconds, None)));
}

/// A count that may be given as a float, which then wins if it is above 0.
pub(super) fn count_of(integer: Option<u64>, float: Option<f64>) -> Option<f64> {
    float.filter(|float| *float > 0.0).or(integer.map(|integer| integer as f64))
}

fn exemplar_of<'a>(message: messages::Exemplar) -> Result<Exemplar<'a>, Why> {
    let mut names: Vec<&str> = message.label.iter().map(|label| label.name.as_deref().unwrap_or_default()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err("a label name stands twice in an exemplar".into());
    }
    let labels = message.label.into_iter().map(pair_of).collect();
    let timestamp = message.timestamp.and_then(|timestamp| timestamp.unix_seconds());
    Ok(Exemplar { labels, value: message.value.unwrap_or_default(), timestamp })
}

/// The labels in canonical form: sorted, without empty values, with none that the family's type has for itself.
fn labels_of<'a>(message: Vec<messages::LabelPair>, kind: MetricType) -> Result<Labels<'a>, Why> {
    let own = match kind {
        MetricType::Histogram | MetricType::GaugeHistogram => "le",
        MetricType::Summary => "quantile",
        _ => "",
    };
    let mut labels: Labels<'a> = message.into_iter().map(pair_of).collect();
    sort_labels(&mut labels);
    if labels.windows(2).any(|pair| matches!(pair, [a, b] if a.0 == b.0)) {
        return Err("a label name stands twice".into());
    }
    for (name, _) in &labels {
        match name.as_ref() {
            "" => return Err("a label without a name".into()),
            "__name__" => return Err("`__name__` is no label of a metric".into()),
            name if name == own => return Err(format!("`{own}` is a label of this type's own").into()),
            _ => {}
        }
    }
    labels.retain(|(_, value)| !value.is_empty());
    Ok(labels)
}

fn pair_of<'a>(message: messages::LabelPair) -> (Cow<'a, str>, Cow<'a, str>) {
    (Cow::Owned(message.name.unwrap_or_default()), Cow::Owned(message.value.unwrap_or_default()))
}
