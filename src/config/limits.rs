//! The keys under `limits`: one row each says how it is read and shown. [`Limit`] names those whose hits are counted.

use super::Limits;
use super::duration::{DURATION_MAX, TIMEOUT_MIN, duration, show_duration};
use super::key::{Form, Key};
use super::value::{count, show_size, size};
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

/// A limit whose hits are counted in `onescrape_limit_hits_total`, under its name in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // their meaning stands with the settings of the same names
pub enum Limit {
    BodyBytesMax,
    ClientHeaderBytesMax,
    ClientHeaderTimeout,
    ClientResponseTimeout,
    ClientWriteTimeout,
    ConnectionsMax,
    FileBytesMax,
    FilesMax,
    HeaderBytesMax,
    LabelValueBytesMax,
    LabelsMax,
    MaxSeries,
    MaxSlots,
    RedirectsMax,
    ScrapesMax,
}

impl Limit {
    /// Every one, in the order in which they are shown.
    pub const ALL: [Self; 15] = [
        Self::BodyBytesMax,
        Self::ClientHeaderBytesMax,
        Self::ClientHeaderTimeout,
        Self::ClientResponseTimeout,
        Self::ClientWriteTimeout,
        Self::ConnectionsMax,
        Self::FileBytesMax,
        Self::FilesMax,
        Self::HeaderBytesMax,
        Self::LabelValueBytesMax,
        Self::LabelsMax,
        Self::MaxSeries,
        Self::MaxSlots,
        Self::RedirectsMax,
        Self::ScrapesMax,
    ];

    /// Its name in the configuration, and as value of the label `limit`.
    pub fn name(self) -> &'static str {
        match self {
            Self::BodyBytesMax => "body_bytes_max",
            Self::ClientHeaderBytesMax => "client_header_bytes_max",
            Self::ClientHeaderTimeout => "client_header_timeout",
            Self::ClientResponseTimeout => "client_response_timeout",
            Self::ClientWriteTimeout => "client_write_timeout",
            Self::ConnectionsMax => "connections_max",
            Self::FileBytesMax => "file_bytes_max",
            Self::FilesMax => "files_max",
            Self::HeaderBytesMax => "header_bytes_max",
            Self::LabelValueBytesMax => "label_value_bytes_max",
            Self::LabelsMax => "labels_max",
            Self::MaxSeries => "max_series",
            Self::MaxSlots => "max_slots",
            Self::RedirectsMax => "redirects_max",
            Self::ScrapesMax => "scrapes_max",
        }
    }
}

/// What the keys are read into: the limits, with `max_series` not yet settled.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LimitsDraft {
    pub(crate) limits: Limits,
    /// `None`: auto.
    pub(crate) max_series: Option<usize>,
}

/// One key under `limits`.
pub(crate) struct LimitKey {
    pub(crate) key: Key,
    pub(crate) read: fn(&mut LimitsDraft, &str) -> Result<(), String>,
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
        show: |limits| limits.max_series.to_string(),
    },
    LimitKey {
        key: Key::new(
            "max_slots",
            Form::Count(1..=SLOTS_MAX),
            "targets of one source; of those looked up, the last by address are left out",
        )
        .or("512"),
        read: |draft, text| count(text, &(1..=SLOTS_MAX)).map(|n| draft.limits.max_slots = n),
        show: |limits| limits.max_slots.to_string(),
    },
    LimitKey {
        key: Key::new("body_bytes_max", Form::Size, "of one answer, unpacked if it came packed").or("64MiB"),
        read: |draft, text| size(text, &BODY_BYTES).map(|n| draft.limits.body_bytes_max = n),
        show: |limits| show_size(limits.body_bytes_max),
    },
    LimitKey {
        key: Key::new("label_value_bytes_max", Form::Size, "longer ones cost their sample").or("16KiB"),
        read: |draft, text| size(text, &(1..=LABEL_VALUE_BYTES_MAX)).map(|n| draft.limits.label_value_bytes_max = n),
        show: |limits| show_size(limits.label_value_bytes_max),
    },
    LimitKey {
        key: Key::new("labels_max", Form::Count(1..=LABELS_MAX), "of one series; more cost the sample").or("64"),
        read: |draft, text| count(text, &(1..=LABELS_MAX)).map(|n| draft.limits.labels_max = n),
        show: |limits| limits.labels_max.to_string(),
    },
    LimitKey {
        key: Key::new("header_bytes_max", Form::Size, "of the head of a target's answer").or("16KiB"),
        read: |draft, text| size(text, &HEADER_BYTES).map(|n| draft.limits.header_bytes_max = n),
        show: |limits| show_size(limits.header_bytes_max),
    },
    LimitKey {
        key: Key::new("redirects_max", Form::Count(1..=REDIRECTS_MAX), "followed in one scrape, where they are followed at all")
            .or("5"),
        read: |draft, text| count(text, &(1..=REDIRECTS_MAX)).map(|n| draft.limits.redirects_max = n),
        show: |limits| limits.redirects_max.to_string(),
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
