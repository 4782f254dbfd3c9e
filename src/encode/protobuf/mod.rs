//! Families → delimited protobuf. Here a child is one message, so its samples, which stand one after the other, are gathered again.

mod child;
mod native;
#[cfg(test)]
mod tests;

use super::{Escaping, FamilyView};
use crate::model::{MetricType, Role, child_labels};
use crate::protobuf::messages;
use child::Child;
use foldhash::{HashMap, HashMapExt};
use prost::Message;
use prost::bytes::BytesMut;
use std::borrow::Cow;

/// Appends a family with this unit, which may be empty. Nothing, if no child of it has a value that the format can say.
pub(super) fn push_family(out: &mut Vec<u8>, family: &FamilyView<'_>, unit: &str, escaping: Escaping) {
    let mut encoded = BytesMut::new();
    let mut metrics = Vec::new();
    for child in children(family) {
        if let Some(metric) = child.metric(family.kind, escaping) {
            // Every message is a slice of one buffer. It grows as is needed, so writing never fails.
            let _ = metric.encode(&mut encoded);
            metrics.push(encoded.split().freeze());
        }
    }
    if metrics.is_empty() {
        return;
    }
    let given = |text: &str| (!text.is_empty()).then(|| text.to_string());
    let message = messages::MetricFamily {
        name: Some(family.name.to_string()),
        help: given(family.help),
        r#type: Some(type_of(family.kind).into()),
        metric: metrics,
        unit: given(unit),
    };
    let _ = message.encode_length_delimited(out);
}

/// The children in the order of their samples, then those that are only native in their own order.
fn children<'f>(family: &'f FamilyView<'f>) -> Vec<Child<'f>> {
    let mut natives: HashMap<Cow<'_, str>, _> = HashMap::with_capacity(family.natives.len());
    natives.extend(family.natives.iter().map(|native| (child_labels(native.head, Role::Value), native)));
    let mut children: Vec<Child<'f>> = Vec::new();
    let mut last = None;
    for sample in &family.samples {
        let labels = child_labels(sample.head, sample.role);
        if last.as_ref() != Some(&labels) {
            children.push(Child::new(sample.head, sample.role, natives.remove(&labels)));
            last = Some(labels);
        }
        if let Some(child) = children.last_mut() {
            child.add(sample);
        }
    }
    let only_native = family.natives.iter().filter_map(|native| natives.remove(&child_labels(native.head, Role::Value)));
    children.extend(only_native.map(|native| Child::new(native.head, Role::Value, Some(native))));
    children
}

/// Types that only OpenMetrics has are gauges here.
fn type_of(kind: MetricType) -> messages::MetricType {
    match kind {
        MetricType::Counter => messages::MetricType::Counter,
        MetricType::Gauge | MetricType::Info | MetricType::StateSet => messages::MetricType::Gauge,
        MetricType::Summary => messages::MetricType::Summary,
        MetricType::Histogram => messages::MetricType::Histogram,
        MetricType::GaugeHistogram => messages::MetricType::GaugeHistogram,
        MetricType::Unknown => messages::MetricType::Untyped,
    }
}
