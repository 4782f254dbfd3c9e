//! What is left of families on a trip through a format that can't carry all of them, and a form of families that compares.
#![allow(dead_code)] // each test binary uses its part

use onescrape::encode::{Format, Rendered, encode};
use onescrape::model::{Exemplar, Family, Labels, MetricType, NativeSample, Role, Sample, child_head, sample_head};
use onescrape::parse::{Exposition, ParseError, openmetrics, protobuf, text};
use std::borrow::Cow;

/// The families as bytes; nothing may be lost to escaping.
pub fn encoded(families: &[Family<'_>], format: Format) -> Vec<u8> {
    let rendered = Rendered::new(families.iter().map(owned).collect());
    let mut out = Vec::new();
    let report = encode(&rendered.views(), format, &mut out);
    assert_eq!(report.escape_collisions, 0);
    out
}

/// Reads what a format wrote.
pub fn read(body: &[u8], format: Format) -> Result<Exposition<'_>, ParseError> {
    match format {
        Format::Protobuf(_) => protobuf(body),
        format if format.is_openmetrics() => openmetrics(body),
        _ => text(body),
    }
}

/// What `format` can say of `families`, as the format rules have it.
pub fn carried(families: &[Family<'_>], format: Format) -> Vec<Family<'static>> {
    let carried = families.iter().map(owned).map(|family| match format {
        Format::Protobuf(_) => carried_by_protobuf(family),
        format if format.is_openmetrics() => carried_by_openmetrics(family, families),
        _ => carried_by_text(family),
    });
    carried.filter(|family| !family.samples.is_empty() || !family.natives.is_empty()).collect()
}

/// One line per family and sample, sorted within the family: NaN equals itself, -0 is not 0.
pub fn comparable(families: &[Family<'_>]) -> Vec<String> {
    let mut lines = Vec::new();
    for family in families {
        lines.push(format!("{:?} {:?} unit {:?} help {:?}", family.name, family.kind, family.unit, family.help));
        let head = |s: &Sample<'_>| sample_head(&family.name, family.kind, s.role, &s.labels);
        let mut samples: Vec<String> =
            family.samples.iter().map(|s| format!("{} {:?} at {:?} {:?}", head(s), s.value, s.timestamp, s.exemplar)).collect();
        samples.extend(
            family.natives.iter().map(|n| {
                format!("{} {:?} at {:?} {:?}", child_head(&family.name, &n.labels), n.histogram, n.timestamp, n.exemplars)
            }),
        );
        samples.sort();
        lines.extend(samples);
    }
    lines
}

fn carried_by_text(mut family: Family<'static>) -> Family<'static> {
    family.kind = match family.kind {
        MetricType::Info | MetricType::StateSet => MetricType::Gauge,
        other => other,
    };
    family.unit = "".into();
    family.natives.clear();
    family.help = family.help.trim_start_matches([' ', '\t']).to_string().into();
    family.samples.retain(|sample| sample.role != Role::Created);
    for sample in &mut family.samples {
        (sample.timestamp, sample.exemplar) = (None, None);
    }
    family
}

fn carried_by_openmetrics(mut family: Family<'static>, all: &[Family<'_>]) -> Family<'static> {
    let stem = match family.kind {
        MetricType::Counter => family.name.strip_suffix("_total"),
        MetricType::Info => family.name.strip_suffix("_info"),
        _ => Some(family.name.as_ref()),
    };
    let own_name = stem == Some(&family.name);
    let name = stem.filter(|stem| own_name || !all.iter().any(|other| other.name == *stem)).map(ToString::to_string);
    if name.is_none() {
        family.kind = MetricType::Unknown;
    }
    let named = name.as_deref().unwrap_or(&family.name);
    if !named.ends_with(&format!("_{}", family.unit)) || matches!(family.kind, MetricType::Info | MetricType::StateSet) {
        family.unit = "".into();
    }
    let kind = family.kind;
    family.natives.clear();
    // Times of creation only where they are asked for.
    family.samples.retain(|sample| sample.role != Role::Created);
    for sample in &mut family.samples {
        sample.timestamp = None;
        sample.exemplar = sample.exemplar.take().filter(|exemplar| may_have_exemplar(kind, sample.role) && is_short(exemplar));
    }
    family
}

fn may_have_exemplar(kind: MetricType, role: Role) -> bool {
    matches!(
        (kind, role),
        (MetricType::Counter, Role::Value) | (MetricType::Histogram | MetricType::GaugeHistogram, Role::Bucket(_))
    )
}

fn is_short(exemplar: &Exemplar<'_>) -> bool {
    exemplar.labels.iter().map(|(k, v)| k.chars().count() + v.chars().count()).sum::<usize>() <= 128
}

/// A time in whole nanoseconds; none if it is out of the range of 64-bit seconds.
fn nanoseconds(seconds: f64) -> Option<f64> {
    let whole = seconds.floor();
    let fits = seconds.is_finite() && whole.abs() < 9.2e18;
    fits.then(|| whole + ((seconds - whole) * 1e9).round() / 1e9)
}

fn dated(mut exemplar: Exemplar<'static>) -> Exemplar<'static> {
    exemplar.timestamp = exemplar.timestamp.and_then(nanoseconds);
    exemplar
}

/// Counts must be zero or more, quantiles' beside that whole; else the classic part of the child, which is its all, goes.
fn carried_by_protobuf(mut family: Family<'static>) -> Family<'static> {
    let named = family.name.strip_suffix("_total").filter(|_| family.kind == MetricType::Counter).unwrap_or(&family.name);
    let has_unit = !matches!(family.kind, MetricType::Info | MetricType::StateSet);
    if !has_unit || !named.ends_with(&format!("_{}", family.unit)) {
        family.unit = "".into();
    }
    family.kind = match family.kind {
        MetricType::Info | MetricType::StateSet => MetricType::Gauge,
        other => other,
    };
    let kind = family.kind;
    let sayable = |value: f64| value >= 0.0 && (kind != MetricType::Summary || (value.fract() == 0.0 && value < 2_f64.powi(64)));
    let is_count = |role| matches!(role, Role::Count | Role::Bucket(_));
    let unsayable: Vec<Labels<'static>> =
        family.samples.iter().filter(|s| is_count(s.role) && !sayable(s.value)).map(|s| s.labels.clone()).collect();
    let natives: Vec<Labels<'static>> = family.natives.iter().map(|n| n.labels.clone()).collect();
    family.samples.retain(|s| !unsayable.contains(&s.labels) || (s.role == Role::Created && natives.contains(&s.labels)));
    for sample in &mut family.samples {
        sample.timestamp = None;
        if is_count(sample.role) && sample.value == 0.0 {
            sample.value = 0.0; // and not -0
        }
        sample.exemplar = sample.exemplar.take().filter(|e| may_have_exemplar(kind, sample.role) && is_short(e)).map(dated);
    }
    family.samples.retain_mut(|sample| match nanoseconds(sample.value).filter(|_| sample.role == Role::Created) {
        Some(seconds) => {
            sample.value = seconds;
            true
        }
        None => sample.role != Role::Created,
    });
    // Both parts of a child share count and sum.
    for native in &mut family.natives {
        native.timestamp = None;
        native.exemplars.retain(|exemplar| is_short(exemplar));
        native.exemplars = std::mem::take(&mut native.exemplars).into_iter().map(dated).filter(|e| e.timestamp.is_some()).collect();
        for sample in family.samples.iter_mut().filter(|sample| sample.labels == native.labels) {
            match sample.role {
                Role::Count => sample.value = native.histogram.count,
                Role::Sum => sample.value = native.histogram.sum,
                _ => {}
            }
        }
    }
    family
}

/// The same family, borrowing nothing.
pub fn owned(family: &Family<'_>) -> Family<'static> {
    let labels = |labels: &Labels<'_>| labels.iter().map(|(k, v)| (k.to_string().into(), v.to_string().into())).collect();
    let sample = |s: &Sample<'_>| Sample {
        role: s.role,
        labels: labels(&s.labels),
        value: s.value,
        timestamp: s.timestamp,
        exemplar: s.exemplar.clone().map(Exemplar::into_owned),
    };
    let native = |n: &NativeSample<'_>| NativeSample {
        labels: labels(&n.labels),
        timestamp: n.timestamp,
        histogram: Cow::Owned(n.histogram.clone().into_owned()),
        exemplars: n.exemplars.iter().cloned().map(Exemplar::into_owned).collect(),
    };
    Family {
        name: family.name.to_string().into(),
        kind: family.kind,
        help: family.help.to_string().into(),
        unit: family.unit.to_string().into(),
        samples: family.samples.iter().map(sample).collect(),
        natives: family.natives.iter().map(native).collect(),
    }
}
