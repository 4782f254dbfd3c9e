//! Configuration: file, flags and environment → one validated form that can't be wrong.

mod access;
mod choice;
mod client_file;
mod discovery;
mod django;
mod draft;
mod duration;
mod expand;
mod file;
mod headers;
mod key;
mod last_words;
mod limits;
mod load;
mod log;
mod memory;
mod merging;
mod multiproc;
mod overrides;
mod problem;
mod reader;
mod schema;
mod secret;
mod series_keys;
mod show;
mod shown;
mod side_file;
mod source;
mod source_keys;
mod state;
mod value;
mod web;
mod web_file;
pub(crate) mod yaml;

pub use access::{Credentials, Identity, TlsConfig};
pub use choice::Choice;
pub(crate) use client_file::read_client_file;
pub use discovery::{DnsSd, FileSd, Lookups, Records};
#[cfg(feature = "tools")]
pub(crate) use duration::{DURATION_MAX, TIMEOUT_MIN, duration};
pub use expand::{Env, process_env};
pub use file::root_keys;
pub use headers::{HttpHeaders, is_secret_header};
pub use key::{Form, Key};
pub use last_words::LastWordsConfig;
pub use limits::{Limit, Limits, ProgramLimits};
pub use load::{load, load_maybe_empty, parse};
pub use log::{LogConfig, LogFormat, LogLevel};
pub use merging::{AggregateRule, BoundsPolicy, GaugeMode, GaugeRule, MergeConfig, QuantilePolicy};
pub use multiproc::{Liveness, MultiprocConfig};
pub use overrides::Overrides;
pub use problem::{ConfigErrors, Given, Origin, Problem};
pub use schema::schema;
pub use secret::{Kept, Secret};
pub(crate) use side_file::SideFileError;
pub use source::{NginxNames, Scheme, ScrapeProtocol, SourceConfig};
pub use state::{ColdStart, StateConfig};
pub(crate) use value::{choice, path, worker_label as label_name};
#[cfg(test)]
pub(crate) use web::telemetry_path;
pub use web::{Pages, WebConfig};
pub(crate) use web::{comparable, is_own};
#[cfg(all(test, feature = "tls"))]
pub(crate) use web_file::CIPHER_SUITES;
pub(crate) use web_file::read_web_file;
pub use web_file::{ClientAuth, RateLimit, ServerTls, TlsVersion, WebFile};

use std::time::Duration;

/// Said where TLS is asked of a build without it.
pub(crate) const NO_TLS: &str = "this onescrape was built without TLS; use one with the cargo feature tls";

/// The whole configuration, validated; defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Longest time one scrape of all targets may take. Default 5 s.
    pub scrape_timeout: Duration,
    /// The sources, in the order given: the file's first, then those of flags. Names are unique.
    pub sources: Vec<SourceConfig>,
    /// Limits, of the whole and of each source.
    pub limits: ProgramLimits,
    /// Where and what to serve.
    pub web: WebConfig,
    /// What is kept over a restart, and where.
    pub state: StateConfig,
    /// What is logged, and how.
    pub log: LogConfig,
}
