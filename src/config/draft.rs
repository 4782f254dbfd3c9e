//! What file, flags and environment gave, before it is looked at as a whole.

use super::limits::LimitsDraft;
use super::problem::Given;
use super::{LogFormat, LogLevel, Pages, SourceConfig, StateConfig};
use crate::source::Kind;
use std::time::Duration;

/// The configuration so far; `None` and empty stand for "not given".
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) scrape_timeout: Option<Duration>,
    pub(crate) sources: Vec<SourceDraft>,
    pub(crate) limits: LimitsDraft,
    pub(crate) listen_addresses: Vec<Given>,
    pub(crate) web_config_file: Option<Given>,
    pub(crate) telemetry_path: Option<String>,
    pub(crate) openmetrics_created: Option<bool>,
    pub(crate) enable_lifecycle: Option<bool>,
    pub(crate) pages: Option<Pages>,
    pub(crate) state: StateConfig,
    pub(crate) log_level: Option<LogLevel>,
    pub(crate) log_format: Option<LogFormat>,
}

/// One source so far, with the places that later checks point at.
#[derive(Debug)]
pub(crate) struct SourceDraft {
    /// Everything but the targets, which need the path and the limits first.
    pub(crate) config: SourceConfig,
    pub(crate) name: Given,
    pub(crate) targets: Vec<Given>,
    pub(crate) expect: Option<Given>,
    pub(crate) timeout: Option<Given>,
}

impl SourceDraft {
    /// A source with every setting at its default.
    pub(crate) fn new(name: Given, kind: &'static Kind) -> Self {
        let config = SourceConfig::new(&name.text, kind, Vec::new());
        Self { config, name, targets: Vec::new(), expect: None, timeout: None }
    }
}
