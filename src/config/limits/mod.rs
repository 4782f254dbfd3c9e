//! Limits; every one named, documented and counted when hit.

mod hit;
mod keys;

pub use hit::Limit;
pub(super) use keys::{LIMITS, LimitsDraft, limit_keys};

use std::time::Duration;

/// Limits of the whole program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgramLimits {
    /// Those of each source.
    pub source: Limits,
    /// Targets read at once; those beyond wait, under the same deadline. Default 512.
    pub scrapes_max: usize,
    /// Open client connections. Default 256.
    pub connections_max: usize,
    /// Bytes of the head of a client's request. Default 16 KiB.
    pub client_header_bytes_max: usize,
    /// How long a client may take to send its request head. Default 10 s.
    pub client_header_timeout: Duration,
    /// How long a client may take nothing of its answer. Default 30 s.
    pub client_write_timeout: Duration,
    /// How long a client may take for its whole answer. Default 2 min.
    pub client_response_timeout: Duration,
    /// How long requests under way may still take once the program is told to end. Default 10 s.
    pub drain_timeout: Duration,
}

impl Default for ProgramLimits {
    fn default() -> Self {
        Self {
            source: Limits::default(),
            // Below the 1024 open files that many images allow.
            scrapes_max: 512,
            connections_max: 256,
            client_header_bytes_max: 16 << 10,
            client_header_timeout: Duration::from_secs(10),
            client_write_timeout: Duration::from_secs(30),
            client_response_timeout: Duration::from_secs(120),
            // Below the 30 s that Kubernetes leaves by default.
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// Limits of a source, the same for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Series held per source. Default: as many as the memory allows, at most 1,000,000.
    pub max_series: usize,
    /// Targets of one source. Default 512.
    pub max_slots: usize,
    /// Bytes of one body. Default 64 MiB.
    pub body_bytes_max: usize,
    /// Bytes of one label value; longer ones cost their sample. Default 16 KiB.
    pub label_value_bytes_max: usize,
    /// Labels of one series; more cost the sample. Default 64.
    pub labels_max: usize,
    /// Bytes of the head of a target's answer. Default 16 KiB.
    pub header_bytes_max: usize,
    /// Redirects followed in one scrape, where they are followed at all. Default 5.
    pub redirects_max: usize,
}

impl Limits {
    /// Those that say what a source holds; the others, about how its targets are read, are at their defaults.
    pub(super) fn of_contents(self) -> Self {
        let Self {
            max_series,
            max_slots,
            label_value_bytes_max,
            labels_max,
            body_bytes_max: _,
            header_bytes_max: _,
            redirects_max: _,
        } = self;
        Self { max_series, max_slots, label_value_bytes_max, labels_max, ..Self::default() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_series: 1_000_000,
            max_slots: 512,
            body_bytes_max: 64 << 20,
            label_value_bytes_max: 16 << 10,
            labels_max: 64,
            header_bytes_max: 16 << 10,
            redirects_max: 5,
        }
    }
}
