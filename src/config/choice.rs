//! Settings with a fixed set of words.

use super::{
    BoundsPolicy, ColdStart, GaugeMode, Liveness, LogFormat, LogLevel, NginxNames, Pages, QuantilePolicy, Scheme, ScrapeProtocol,
};

/// A setting that takes one of a few words.
pub trait Choice: Copy + PartialEq + 'static {
    /// Every value with its word.
    const WORDS: &'static [(Self, &'static str)];

    /// The word of this value.
    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(value, _)| *value == self).map_or("", |(_, word)| word)
    }
}

impl Choice for GaugeMode {
    const WORDS: &'static [(Self, &'static str)] = &Self::ALL;
}

impl Choice for BoundsPolicy {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::Union, "union"), (Self::Label, "label"), (Self::Drop, "drop")];
}

impl Choice for QuantilePolicy {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::Drop, "drop"), (Self::PerWorker, "per_worker")];
}

impl Choice for NginxNames {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::Official, "official"), (Self::Legacy, "legacy"), (Self::Both, "both")];
}

impl Choice for ScrapeProtocol {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::PrometheusProto, "PrometheusProto"),
        (Self::OpenMetricsText001, "OpenMetricsText0.0.1"),
        (Self::OpenMetricsText100, "OpenMetricsText1.0.0"),
        (Self::PrometheusText004, "PrometheusText0.0.4"),
        (Self::PrometheusText100, "PrometheusText1.0.0"),
    ];
}

impl Choice for Liveness {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::Auto, "auto"), (Self::Proc, "proc"), (Self::Files, "files")];
}

impl Choice for Pages {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::On, "on"), (Self::Loopback, "loopback"), (Self::Off, "off")];
}

impl Choice for ColdStart {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::Full, "full"), (Self::Zero, "zero")];
}

impl Choice for Scheme {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::Http, "http"), (Self::Https, "https")];
}

impl Choice for LogLevel {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Error, "error"), (Self::Warn, "warn"), (Self::Info, "info"), (Self::Debug, "debug"), (Self::Trace, "trace")];
}

impl Choice for LogFormat {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::Logfmt, "logfmt"), (Self::Json, "json")];
}

impl Choice for bool {
    const WORDS: &'static [(Self, &'static str)] = &[(true, "true"), (false, "false")];
}
