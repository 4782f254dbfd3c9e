//! Which gauges are merged how: the table of built-in rules, shown by `onescrape config rules` as it stands here.

use crate::config::{GaugeMode, MergeConfig};
use crate::model::MetricType;

/// A built-in gauge rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltIn {
    /// Family name; `*` matches any run of characters.
    pub pattern: &'static str,
    /// How the family's gauges are merged.
    pub mode: GaugeMode,
    /// Why.
    pub why: &'static str,
}

const fn rule(pattern: &'static str, mode: GaugeMode, why: &'static str) -> BuiltIn {
    BuiltIn { pattern, mode, why }
}

/// The rules in force after the configured ones; first match wins. What none matches takes `gauge_default`.
pub static BUILT_IN: &[BuiltIn] = &[
    rule("process_resident_memory_bytes", GaugeMode::Sum, "what the workers hold together (shared pages count once per worker)"),
    rule("process_virtual_memory_bytes", GaugeMode::Sum, "what the workers hold together"),
    rule("process_threads", GaugeMode::Sum, "what the workers run together"),
    rule("process_open_fds", GaugeMode::Max, "the limit is per process, so the worst worker counts"),
    rule("*_in_progress", GaugeMode::Sum, "work under way adds up"),
    rule("*_inprogress", GaugeMode::Sum, "work under way adds up"),
    rule("*_in_flight", GaugeMode::Sum, "work under way adds up"),
    rule("*_inflight", GaugeMode::Sum, "work under way adds up"),
    rule("*_active", GaugeMode::Sum, "work under way adds up"),
    rule("*_uptime_seconds", GaugeMode::Max, "the oldest worker"),
    rule("django_migrations_applied_total", GaugeMode::Max, "every worker shows the same database"),
    rule("django_migrations_unapplied_total", GaugeMode::Max, "every worker shows the same database"),
    rule("process_start_time_seconds", GaugeMode::Min, "the oldest worker"),
    rule("*_start_time_seconds", GaugeMode::Min, "the oldest worker"),
    rule("process_max_fds", GaugeMode::Min, "the tightest limit"),
    rule("process_virtual_memory_max_bytes", GaugeMode::Min, "the tightest limit"),
    rule("*_created", GaugeMode::Min, "the oldest"),
    rule("*_info", GaugeMode::Same, "equal label sets are one series, differing ones stand side by side"),
];

/// Which rule decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The configured rule with this index.
    Configured(usize),
    /// The built-in rule with this index.
    BuiltIn(usize),
    /// `gauge_default`.
    Default,
}

/// The mode of a gauge (or typeless) family, and the rule that decided. Built-in rules speak of gauges: a family without a type
/// takes only a configured one, else `all`.
pub fn mode_of(family: &str, kind: MetricType, config: &MergeConfig) -> (GaugeMode, Origin) {
    let configured = config.gauges.iter().position(|r| matches(&r.pattern, family));
    if let Some(i) = configured
        && (config.gauges[i].mode != GaugeMode::Counter || kind == MetricType::Unknown)
    {
        return (config.gauges[i].mode, Origin::Configured(i));
    }
    match kind {
        MetricType::Info => (GaugeMode::Same, Origin::Default),
        MetricType::Unknown | MetricType::StateSet => (GaugeMode::All, Origin::Default),
        _ => match BUILT_IN.iter().position(|r| matches(r.pattern, family)) {
            Some(i) => (BUILT_IN[i].mode, Origin::BuiltIn(i)),
            None => (config.gauge_default, Origin::Default),
        },
    }
}

/// Whether `name` matches `pattern`, in which `*` stands for any run of characters. Linear in both: no backtracking over a `*` that
/// a later one has passed.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (p, n) = (pattern.as_bytes(), name.as_bytes());
    let (mut i, mut j) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while j < n.len() {
        match p.get(i) {
            Some(b'*') => {
                star = Some((i, j));
                i += 1;
            }
            Some(c) if *c == n[j] => {
                i += 1;
                j += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    i = at + 1;
                    j = from + 1;
                }
                None => return false,
            },
        }
    }
    p[i.min(p.len())..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GaugeRule;

    #[test]
    fn globs() {
        for (pattern, name, want) in [
            ("*_active", "ws_active", true),
            ("*_active", "ws_active_x", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("*", "", true),
            ("", "a", false),
            ("abc", "abc", true),
        ] {
            assert_eq!(matches(pattern, name), want, "{pattern} {name}");
        }
    }

    #[test]
    fn configured_rules_come_first() {
        let mut config = MergeConfig::default();
        assert_eq!(mode_of("process_open_fds", MetricType::Gauge, &config).0, GaugeMode::Max);
        assert_eq!(mode_of("queue", MetricType::Gauge, &config).0, GaugeMode::All);
        assert_eq!(mode_of("x_active", MetricType::Unknown, &config).0, GaugeMode::All);
        config.gauges.push(GaugeRule { pattern: "process_*".into(), mode: GaugeMode::Avg });
        assert_eq!(mode_of("process_open_fds", MetricType::Gauge, &config), (GaugeMode::Avg, Origin::Configured(0)));
    }
}
