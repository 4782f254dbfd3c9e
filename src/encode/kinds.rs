//! What a family is called in a format: the name and word of its TYPE line, and which of its samples that type has.

use crate::model::{MetricType, Role};

/// The head of a family in OpenMetrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpenMetricsType<'n> {
    /// The name on the metadata lines.
    pub(super) name: &'n str,
    /// The type on the TYPE line.
    pub(super) kind: MetricType,
}

/// OpenMetrics names a counter and an info without their suffix. Where the suffix is missing, or the name without it `is_taken` by
/// another family, the type becomes `unknown` and the samples keep their names: series must not depend on the format.
pub(super) fn openmetrics(name: &str, kind: MetricType, is_taken: impl Fn(&str) -> bool) -> OpenMetricsType<'_> {
    let suffix = match kind {
        MetricType::Counter => "_total",
        MetricType::Info => "_info",
        _ => return OpenMetricsType { name, kind },
    };
    match name.strip_suffix(suffix).filter(|stem| !stem.is_empty() && !is_taken(stem)) {
        Some(stem) => OpenMetricsType { name: stem, kind },
        None => OpenMetricsType { name, kind: MetricType::Unknown },
    }
}

/// Whether children of this type, as OpenMetrics has it, may say when they began.
pub(super) fn openmetrics_has_created(kind: MetricType) -> bool {
    matches!(kind, MetricType::Counter | MetricType::Histogram | MetricType::Summary)
}

/// Whether OpenMetrics allows this unit on a family: a suffix of its name, and not on types that measure nothing.
pub(super) fn has_unit(family: OpenMetricsType<'_>, unit: &str) -> bool {
    let measures = !matches!(family.kind, MetricType::Info | MetricType::StateSet);
    let suffix = family.name.strip_suffix(unit).is_some_and(|stem| stem.ends_with('_'));
    measures && suffix && !unit.is_empty() && !unit.contains('\n')
}

/// Whether a sample may have an exemplar.
pub(super) fn openmetrics_has_exemplar(kind: MetricType, role: Role) -> bool {
    matches!(
        (kind, role),
        (MetricType::Counter, Role::Value) | (MetricType::Histogram | MetricType::GaugeHistogram, Role::Bucket(_))
    )
}

/// The word of a TYPE line in the text formats, which know five types.
pub(super) fn text_word(kind: MetricType) -> &'static str {
    match kind {
        MetricType::Unknown => "untyped",
        MetricType::Counter => "counter",
        MetricType::Gauge | MetricType::Info | MetricType::StateSet => "gauge",
        MetricType::Histogram | MetricType::GaugeHistogram => "histogram",
        MetricType::Summary => "summary",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_types_of_openmetrics() {
        use MetricType::{Counter, Gauge, Info, Unknown};
        for (name, kind, want_name, want_kind) in [
            ("a_total", Counter, "a", Counter),
            ("a", Counter, "a", Unknown),
            ("_total", Counter, "_total", Unknown),
            ("taken_total", Counter, "taken_total", Unknown),
            ("a_info", Info, "a", Info),
            ("a", Info, "a", Unknown),
            ("a_total", Gauge, "a_total", Gauge),
        ] {
            let want = OpenMetricsType { name: want_name, kind: want_kind };
            assert_eq!(openmetrics(name, kind, |stem| stem == "taken"), want);
        }
    }
}
