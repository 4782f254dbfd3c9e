//! The keys under `limits`: one row each says how it is read and shown.

use super::Limits;
use super::duration::{DURATION_MAX, TIMEOUT_MIN, duration, show_duration};
use super::key::{Form, Key};
use super::value::{count, show_size, size};

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
/// Most connections that may be allowed.
const CONNECTIONS_MAX: usize = 65_535;

/// One key under `limits`.
pub(crate) struct LimitKey {
    pub(crate) key: Key,
    pub(crate) read: fn(&mut Limits, &str) -> Result<(), String>,
    pub(crate) show: fn(&Limits) -> String,
}

/// What the keys are.
pub(super) fn limit_keys() -> Vec<&'static Key> {
    LIMITS.iter().map(|row| &row.key).collect()
}

/// Every key.
pub(crate) const LIMITS: &[LimitKey] = &[
    LimitKey {
        key: Key::new(
            "max_series",
            Form::CountOr(1..=SERIES_MAX, "auto"),
            "series held per source; those beyond are left out and counted",
        )
        .or("auto"),
        read: |limits, text| {
            limits.max_series = match text {
                "auto" => Limits::default().max_series,
                _ => count(text, &(1..=SERIES_MAX)).map_err(|e| format!("{e}, or auto"))?,
            };
            Ok(())
        },
        show: |limits| limits.max_series.to_string(),
    },
    LimitKey {
        key: Key::new(
            "max_slots",
            Form::Count(1..=SLOTS_MAX),
            "targets of one source; of those looked up, the last by address are left out",
        )
        .or("512"),
        read: |limits, text| count(text, &(1..=SLOTS_MAX)).map(|n| limits.max_slots = n),
        show: |limits| limits.max_slots.to_string(),
    },
    LimitKey {
        key: Key::new("body_bytes_max", Form::Size, "of one answer, unpacked if it came packed").or("64MiB"),
        read: |limits, text| size(text, &BODY_BYTES).map(|n| limits.body_bytes_max = n),
        show: |limits| show_size(limits.body_bytes_max),
    },
    LimitKey {
        key: Key::new("label_value_bytes_max", Form::Size, "longer ones cost their sample").or("16KiB"),
        read: |limits, text| size(text, &(1..=LABEL_VALUE_BYTES_MAX)).map(|n| limits.label_value_bytes_max = n),
        show: |limits| show_size(limits.label_value_bytes_max),
    },
    LimitKey {
        key: Key::new("labels_max", Form::Count(1..=LABELS_MAX), "of one series; more cost the sample").or("64"),
        read: |limits, text| count(text, &(1..=LABELS_MAX)).map(|n| limits.labels_max = n),
        show: |limits| limits.labels_max.to_string(),
    },
    LimitKey {
        key: Key::new("connections_max", Form::Count(1..=CONNECTIONS_MAX), "open connections of clients").or("256"),
        read: |limits, text| count(text, &(1..=CONNECTIONS_MAX)).map(|n| limits.connections_max = n),
        show: |limits| limits.connections_max.to_string(),
    },
    LimitKey {
        key: Key::new("client_header_timeout", Form::Duration, "for a client to send the head of its request").or("10s"),
        read: |limits, text| duration(text, &(TIMEOUT_MIN..=DURATION_MAX)).map(|d| limits.client_header_timeout = d),
        show: |limits| show_duration(limits.client_header_timeout),
    },
];
