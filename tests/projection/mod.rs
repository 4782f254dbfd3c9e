//! What is left of families on a trip through a format that can't carry all of them, and a form of families that compares.
#![allow(dead_code)] // each test binary uses its part

use onescrape::encode::{Format, Rendered, encode};
use onescrape::model::{Exemplar, Family, MetricType, Role, Sample, sample_head};
use onescrape::parse::{Exposition, ParseError, openmetrics, text};

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
    if format.is_openmetrics() { openmetrics(body) } else { text(body) }
}

/// What `format` can say of `families`, as the format rules have it.
pub fn carried(families: &[Family<'_>], format: Format) -> Vec<Family<'static>> {
    let carried = families.iter().map(owned).map(|family| match format.is_openmetrics() {
        true => carried_by_openmetrics(family, families),
        false => carried_by_text(family),
    });
    carried.filter(|family| !family.samples.is_empty()).collect()
}

/// One line per family and sample, sorted within the family: NaN equals itself, -0 is not 0.
pub fn comparable(families: &[Family<'_>]) -> Vec<String> {
    let mut lines = Vec::new();
    for family in families {
        lines.push(format!("{:?} {:?} unit {:?} help {:?}", family.name, family.kind, family.unit, family.help));
        let head = |s: &Sample<'_>| sample_head(&family.name, family.kind, s.role, &s.labels);
        let mut samples: Vec<String> =
            family.samples.iter().map(|s| format!("{} {:?} at {:?} {:?}", head(s), s.value, s.timestamp, s.exemplar)).collect();
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
    let dated = matches!(kind, MetricType::Counter | MetricType::Histogram | MetricType::Summary);
    family.samples.retain(|sample| dated || sample.role != Role::Created);
    for sample in &mut family.samples {
        sample.timestamp = None;
        let exemplary = matches!(
            (kind, sample.role),
            (MetricType::Counter, Role::Value) | (MetricType::Histogram | MetricType::GaugeHistogram, Role::Bucket(_))
        );
        let chars = |e: &Exemplar<'_>| e.labels.iter().map(|(k, v)| k.chars().count() + v.chars().count()).sum::<usize>();
        sample.exemplar = sample.exemplar.take().filter(|exemplar| exemplary && chars(exemplar) <= 128);
    }
    family
}

/// The same family, borrowing nothing.
pub fn owned(family: &Family<'_>) -> Family<'static> {
    let sample = |s: &Sample<'_>| Sample {
        role: s.role,
        labels: s.labels.iter().map(|(k, v)| (k.to_string().into(), v.to_string().into())).collect(),
        value: s.value,
        timestamp: s.timestamp,
        exemplar: s.exemplar.clone().map(Exemplar::into_owned),
    };
    Family {
        name: family.name.to_string().into(),
        kind: family.kind,
        help: family.help.to_string().into(),
        unit: family.unit.to_string().into(),
        samples: family.samples.iter().map(sample).collect(),
        natives: Vec::new(),
    }
}
