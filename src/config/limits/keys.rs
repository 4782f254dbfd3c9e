//! The keys under `limits`: one row each says how it is read and shown.

use super::super::duration::{DURATION_MAX, TIMEOUT_MIN, duration, show_duration};
use super::super::key::{Form, Key};
use super::super::value::{count, show_size, size};
use super::ProgramLimits;
use std::time::Duration;

/// Most series a setting may ask for; a series costs about 100 bytes and more, so this is beyond any sidecar.
const SERIES_MAX: usize = 100_000_000;
/// Most targets of a source: every port there is.
const SLOTS_MAX: usize = 65_535;
/// Bytes of a body from the least that holds a worker's metrics to the most one process should read.
const BODY_BYTES: std::ops::RangeInclusive<usize> = 1 << 10..=4 << 30;
/// Longest label value that may be allowed.
const LABEL_VALUE_BYTES_MAX: usize = 16 << 20;
/// Most labels of a series that may be allowed.
const LABELS_MAX: usize = 10_000;
/// Most connections that may be allowed, one way or the other.
const CONNECTIONS_MAX: usize = 65_535;
/// Bytes of the head of a message, from the least that hyper can be held to.
const HEADER_BYTES: std::ops::RangeInclusive<usize> = 8 << 10..=1 << 20;
/// Most redirects that may be allowed: as many as browsers follow.
const REDIRECTS_MAX: usize = 20;

/// What the keys are read into: the limits, with `max_series` not yet settled.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LimitsDraft {
    pub(crate) limits: ProgramLimits,
    /// `None`: auto.
    pub(crate) max_series: Option<usize>,
}

/// One key under `limits`.
pub(crate) struct LimitKey {
    pub(crate) key: Key,
    pub(crate) read: fn(&mut LimitsDraft, &str) -> Result<(), String>,
    pub(crate) show: fn(&ProgramLimits) -> String,
}

/// What the keys are.
pub(in crate::config) fn limit_keys() -> Vec<&'static Key> {
    LIMITS.iter().map(|row| &row.key).collect()
}

/// Every key.
pub(crate) const LIMITS: &[LimitKey] = &[
    LimitKey {
        key: Key::new(
            "max_series",
            Form::CountOr(1..=SERIES_MAX, "auto"),
            "series held per source; those beyond are left out. `auto`: as many as the memory allows",
        )
        .or("auto"),
        read: |draft, text| {
            draft.max_series = match text {
                "auto" => None,
                _ => Some(count(text, &(1..=SERIES_MAX)).map_err(|e| format!("{e}, or auto"))?),
            };
            Ok(())
        },
        show: |limits| limits.source.max_series.to_string(),
    },
    LimitKey {
        key: Key::new(
            "max_slots",
            Form::Count(1..=SLOTS_MAX),
            "targets of one source; of those looked up, the last by address are left out",
        )
        .or("512"),
        read: |draft, text| count(text, &(1..=SLOTS_MAX)).map(|n| draft.limits.source.max_slots = n),
        show: |limits| limits.source.max_slots.to_string(),
    },
    LimitKey {
        key: Key::new("body_bytes_max", Form::Size, "of one answer, unpacked if it came packed").or("64MiB"),
        read: |draft, text| size(text, &BODY_BYTES).map(|n| draft.limits.source.body_bytes_max = n),
        show: |limits| show_size(limits.source.body_bytes_max),
    },
    LimitKey {
        key: Key::new("label_value_bytes_max", Form::Size, "longer ones cost their sample").or("16KiB"),
        read: |draft, text| size(text, &(1..=LABEL_VALUE_BYTES_MAX)).map(|n| draft.limits.source.label_value_bytes_max = n),
        show: |limits| show_size(limits.source.label_value_bytes_max),
    },
    LimitKey {
        key: Key::new("labels_max", Form::Count(1..=LABELS_MAX), "of one series; more cost the sample").or("64"),
        read: |draft, text| count(text, &(1..=LABELS_MAX)).map(|n| draft.limits.source.labels_max = n),
        show: |limits| limits.source.labels_max.to_string(),
    },
    LimitKey {
        key: Key::new("header_bytes_max", Form::Size, "of the head of a target's answer").or("16KiB"),
        read: |draft, text| size(text, &HEADER_BYTES).map(|n| draft.limits.source.header_bytes_max = n),
        show: |limits| show_size(limits.source.header_bytes_max),
    },
    LimitKey {
        key: Key::new("redirects_max", Form::Count(1..=REDIRECTS_MAX), "followed in one scrape, where they are followed at all")
            .or("5"),
        read: |draft, text| count(text, &(1..=REDIRECTS_MAX)).map(|n| draft.limits.source.redirects_max = n),
        show: |limits| limits.source.redirects_max.to_string(),
    },
    LimitKey {
        key: Key::new(
            "scrapes_max",
            Form::Count(1..=CONNECTIONS_MAX),
            "targets read at once; those beyond wait, under the same deadline",
        )
        .or("512"),
        read: |draft, text| count(text, &(1..=CONNECTIONS_MAX)).map(|n| draft.limits.scrapes_max = n),
        show: |limits| limits.scrapes_max.to_string(),
    },
    LimitKey {
        key: Key::new("connections_max", Form::Count(1..=CONNECTIONS_MAX), "open connections of clients").or("256"),
        read: |draft, text| count(text, &(1..=CONNECTIONS_MAX)).map(|n| draft.limits.connections_max = n),
        show: |limits| limits.connections_max.to_string(),
    },
    LimitKey {
        key: Key::new("client_header_bytes_max", Form::Size, "of the head of a client's request").or("16KiB"),
        read: |draft, text| size(text, &HEADER_BYTES).map(|n| draft.limits.client_header_bytes_max = n),
        show: |limits| show_size(limits.client_header_bytes_max),
    },
    LimitKey {
        key: Key::new("client_header_timeout", Form::Duration, "for a client to send the head of its request").or("10s"),
        read: |draft, text| time(text).map(|d| draft.limits.client_header_timeout = d),
        show: |limits| show_duration(limits.client_header_timeout),
    },
    LimitKey {
        key: Key::new("client_write_timeout", Form::Duration, "how long a client may take nothing of its answer").or("30s"),
        read: |draft, text| time(text).map(|d| draft.limits.client_write_timeout = d),
        show: |limits| show_duration(limits.client_write_timeout),
    },
    LimitKey {
        key: Key::new("client_response_timeout", Form::Duration, "for a client to take its whole answer").or("2m"),
        read: |draft, text| time(text).map(|d| draft.limits.client_response_timeout = d),
        show: |limits| show_duration(limits.client_response_timeout),
    },
    LimitKey {
        key: Key::new("drain_timeout", Form::Duration, "for requests under way, once the program is told to end").or("10s"),
        read: |draft, text| time(text).map(|d| draft.limits.drain_timeout = d),
        show: |limits| show_duration(limits.drain_timeout),
    },
];

fn time(text: &str) -> Result<Duration, String> {
    duration(text, &(TIMEOUT_MIN..=DURATION_MAX))
}

#[cfg(test)]
mod tests {
    use super::super::Limit;
    use super::*;
    use crate::config::source_keys::is_source_key;

    /// Limits that no scrape can tell: the process ends.
    const NOT_COUNTED: [&str; 1] = ["drain_timeout"];

    #[test]
    fn every_setting_that_limits_is_counted_and_nothing_else() {
        let mut counted = Limit::ALL.map(Limit::name);
        let shown = counted;
        counted.sort_unstable();
        assert_eq!(counted, shown, "in order of their names");
        for key in limit_keys().into_iter().filter(|key| !NOT_COUNTED.contains(&key.name)) {
            assert!(counted.contains(&key.name), "{}", key.name);
        }
        for name in counted {
            assert!(limit_keys().iter().any(|key| key.name == name) || is_source_key(name), "{name} is no setting");
        }
    }
}
