//! Configuration: file, flags and environment → one validated form that can't be wrong.

mod access;
mod choice;
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
mod memory;
mod overrides;
mod problem;
mod reader;
mod schema;
mod secret;
mod series_keys;
mod show;
mod shown;
mod source_keys;
mod state;
mod value;
mod web;
mod web_file;
pub(crate) mod yaml;

pub use access::{Credentials, Identity, TlsConfig};
pub use choice::Choice;
pub use discovery::{DnsSd, FileSd, Lookups, Records};
#[cfg(feature = "tools")]
pub(crate) use duration::{DURATION_MAX, TIMEOUT_MIN, duration};
pub use expand::{Env, process_env};
pub use file::root_keys;
pub use headers::{HttpHeaders, is_secret_header};
pub use key::{Form, Key};
pub use last_words::LastWordsConfig;
pub use limits::Limit;
pub use load::{load, load_maybe_empty, parse};
pub use overrides::Overrides;
pub use problem::{ConfigErrors, Given, Origin, Problem};
pub use schema::schema;
pub use secret::{Kept, Secret};
pub(crate) use value::{choice, path, worker_label as label_name};
pub(crate) use web::{comparable, is_own};
#[cfg(all(test, feature = "tls"))]
pub(crate) use web_file::CIPHER_SUITES;
pub use web_file::{ClientAuth, RateLimit, ServerTls, TlsVersion, WebFile};
pub(crate) use web_file::{WebFileError, read_web_file};

use crate::relabel::Relabelling;
use crate::source::Kind;
use crate::target::{AddressError, Target};
use std::path::PathBuf;
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
    /// Limits.
    pub limits: Limits,
    /// Where and what to serve.
    pub web: WebConfig,
    /// What is kept over a restart, and where.
    pub state: StateConfig,
    /// What is logged, and how.
    pub log: LogConfig,
}

/// One source.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceConfig {
    /// Unique name; label value of `onescrape_*` series.
    pub name: String,
    /// What it reads.
    pub kind: &'static Kind,
    /// Its targets, ranges expanded, without duplicates; where some are looked up, those found so far stand behind the configured ones.
    pub targets: Vec<Target>,
    /// Where further targets are looked up while the program runs.
    pub lookups: Lookups,
    /// How many endpoints should be up.
    pub expect: Option<u32>,
    /// The path asked for where a target names none, with the query if there is one.
    pub metrics_path: String,
    /// Own, shorter limit for one scrape.
    pub scrape_timeout: Option<Duration>,
    /// How old the last round may become before one is made that nobody asked for; zero: as old as it likes.
    pub poll_interval: Duration,
    /// Formats asked for, the best first; empty: what is best for the kind.
    pub scrape_protocols: Vec<ScrapeProtocol>,
    /// Headers sent with every scrape; `Host` may be set.
    pub http_headers: HttpHeaders,
    /// How targets that name no scheme are spoken to.
    pub scheme: Scheme,
    /// What is sent as `Authorization`.
    pub credentials: Option<Credentials>,
    /// How `https` targets are spoken to.
    pub tls_config: TlsConfig,
    /// Whether a redirect is followed, on the same host only. Default: it is a miss.
    pub follow_redirects: bool,
    /// 503 when the whole source is down.
    pub required: bool,
    /// Static labels and relabelling rules.
    pub relabelling: Relabelling,
    /// How workers are merged.
    pub merge: MergeConfig,
    /// Whether workers may bring what they have counted after their last scrape.
    pub last_words: LastWordsConfig,
    /// uWSGI: also series per core.
    pub cores: bool,
    /// nginx: which names to use.
    pub names: NginxNames,
    /// multiproc: how a directory is read.
    pub multiproc: MultiprocConfig,
    /// Limits, the same for all sources: here so that a source needs nothing else.
    pub limits: Limits,
    /// Where totals begin without a state file, the same for all sources.
    pub cold_start: ColdStart,
}

impl SourceConfig {
    /// A source with these targets and every other setting at its default.
    pub fn new(name: &str, kind: &'static Kind, targets: Vec<Target>) -> Self {
        Self {
            name: name.into(),
            kind,
            targets,
            lookups: Lookups::default(),
            expect: None,
            metrics_path: kind.default_path.into(),
            scrape_timeout: None,
            poll_interval: Duration::ZERO,
            scrape_protocols: Vec::new(),
            http_headers: HttpHeaders::default(),
            scheme: Scheme::Http,
            credentials: None,
            tls_config: TlsConfig::default(),
            follow_redirects: false,
            required: false,
            relabelling: Relabelling::default(),
            merge: MergeConfig::default(),
            last_words: LastWordsConfig::default(),
            cores: false,
            names: NginxNames::Official,
            multiproc: MultiprocConfig::default(),
            limits: Limits::default(),
            cold_start: ColdStart::default(),
        }
    }

    /// Whether a source built by one of the two is the same as one built by the other: they differ at most in how targets are read,
    /// and in what is said about the source.
    pub(crate) fn builds_the_same(&self, other: &Self) -> bool {
        // Every field by its name, so that a new one must be put on one of the sides.
        let Self { name, kind, targets, relabelling, merge, last_words, cores, names, multiproc, limits, .. } = self;
        let Self {
            lookups: _,
            expect: _,
            metrics_path: _,
            scrape_timeout: _,
            poll_interval: _,
            scrape_protocols: _,
            http_headers: _,
            scheme: _,
            credentials: _,
            tls_config: _,
            follow_redirects: _,
            required: _,
            cold_start: _,
            name: other_name,
            kind: other_kind,
            targets: other_targets,
            relabelling: other_relabelling,
            merge: other_merge,
            last_words: other_last_words,
            cores: other_cores,
            names: other_names,
            multiproc: other_multiproc,
            limits: other_limits,
        } = other;
        (name, kind, targets, relabelling, last_words)
            == (other_name, other_kind, other_targets, other_relabelling, other_last_words)
            && (merge, cores, names, multiproc) == (other_merge, other_cores, other_names, other_multiproc)
            && limits.of_sources() == other_limits.of_sources()
    }

    /// Understands one `targets:` entry as sources of this kind, path and scheme do.
    ///
    /// # Errors
    /// See [`Kind::targets`]; `https` where TLS is not built in.
    pub fn targets_of(&self, entry: &str) -> Result<Vec<Target>, AddressError> {
        let mut targets = (self.kind.targets)(entry, &self.metrics_path)?;
        if self.scheme == Scheme::Https && !entry.contains("://") && !entry.starts_with("unix:") {
            targets.iter_mut().for_each(|target| target.address.secure());
        }
        match targets.iter().any(|target| target.address.is_secure()) && !cfg!(feature = "tls") {
            true => Err(AddressError { text: entry.into(), why: NO_TLS.into() }),
            false => Ok(targets),
        }
    }
}

/// How a target is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Plainly.
    Http,
    /// Over TLS.
    Https,
}

/// A format that targets can be asked for, under Prometheus' name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it all
pub enum ScrapeProtocol {
    PrometheusProto,
    OpenMetricsText001,
    OpenMetricsText100,
    PrometheusText004,
    PrometheusText100,
}

/// How the series of workers are merged.
#[derive(Debug, Clone, PartialEq)]
pub struct MergeConfig {
    /// Label that tells workers apart where series stay per worker. Default `worker`.
    pub worker_label: String,
    /// Configured gauge rules: first match wins, before the built-in ones.
    pub gauges: Vec<GaugeRule>,
    /// Labels that are summed over, by family: first match wins.
    pub aggregate: Vec<AggregateRule>,
    /// Mode of gauges that no rule matches. Default `all`.
    pub gauge_default: GaugeMode,
    /// How long a missed worker that still listens keeps its gauges. Default 0.
    pub gauge_hold: Duration,
    /// What to do with histograms whose bounds differ. Default `union`.
    pub histograms: BoundsPolicy,
    /// What to do with quantiles, which can't be merged. Default: drop.
    pub quantiles: QuantilePolicy,
    /// Failed attempts must add up to this before a slot is retired. Default 1 h.
    pub retire_after: Duration,
    /// How long a shared slot remembers its instances without another flip. Default 5 min.
    pub instance_memory: Duration,
}

impl Default for MergeConfig {
    fn default() -> Self {
        Self {
            worker_label: "worker".into(),
            gauges: Vec::new(),
            aggregate: Vec::new(),
            gauge_default: GaugeMode::All,
            gauge_hold: Duration::ZERO,
            histograms: BoundsPolicy::Union,
            quantiles: QuantilePolicy::Drop,
            retire_after: Duration::from_secs(3600),
            instance_memory: Duration::from_secs(300),
        }
    }
}

/// A gauge rule.
#[derive(Debug, Clone, PartialEq)]
pub struct GaugeRule {
    /// Family name, `*` matches any run of characters.
    pub pattern: String,
    /// The mode.
    pub mode: GaugeMode,
}

/// Labels that a family's series are summed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AggregateRule {
    /// Family name, `*` matches any run of characters.
    pub pattern: String,
    /// The labels that are not served; never `le` or `quantile`.
    pub without: Vec<String>,
}

/// How gauges of several workers become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GaugeMode {
    /// One series per worker, with the worker label.
    All,
    /// The sum over workers.
    Sum,
    /// The mean over workers.
    Avg,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The one with the largest explicit timestamp.
    MostRecent,
    /// One series; where values differ, the lowest slot's.
    Same,
    /// For families without a type: merge as a counter.
    Counter,
}

impl GaugeMode {
    /// Every mode with its name in configuration.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::All, "all"),
        (Self::Sum, "sum"),
        (Self::Avg, "avg"),
        (Self::Min, "min"),
        (Self::Max, "max"),
        (Self::MostRecent, "mostrecent"),
        (Self::Same, "same"),
        (Self::Counter, "counter"),
    ];
}

/// Histograms whose bounds differ between workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoundsPolicy {
    /// All bounds of all workers; each worker as a step function.
    Union,
    /// The odd worker stands apart with the worker label.
    Label,
    /// The odd worker's child is left out.
    Drop,
}

/// Quantiles of summaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuantilePolicy {
    /// Left out.
    Drop,
    /// Kept per worker, with the worker label.
    PerWorker,
}

/// Names of nginx' series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NginxNames {
    /// Those of the official exporter.
    Official,
    /// Those of the older one.
    Legacy,
    /// Both.
    Both,
}

/// How a directory of multiprocess files is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MultiprocConfig {
    /// How it is known which processes live. Default `auto`.
    pub liveness: Liveness,
    /// Files in a directory; one with more is not read at all. Default 20,000.
    pub files_max: usize,
    /// Bytes in use of a file; one with more is left out. Default 64 MiB.
    pub file_bytes_max: usize,
}

impl Default for MultiprocConfig {
    fn default() -> Self {
        Self { liveness: Liveness::Auto, files_max: 20_000, file_bytes_max: 64 << 20 }
    }
}

/// How it is known which processes of a directory live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Liveness {
    /// By `/proc`, once a process was seen there that holds a file of its own: so we see the application's processes. Else as `files`.
    #[default]
    Auto,
    /// By `/proc`.
    Proc,
    /// All are taken to live whose files are there, as `prometheus_client` itself does.
    Files,
}

/// Limits; every one named, documented and counted when hit.
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

impl Limits {
    /// Those that a source heeds; the others are at their defaults.
    fn of_sources(self) -> Self {
        let Self { max_series, max_slots, label_value_bytes_max, labels_max, .. } = self;
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

/// The proxy's own endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebConfig {
    /// `HOST:PORT` or `unix:///path` to listen on. Default `0.0.0.0:11011`.
    pub listen_addresses: Vec<String>,
    /// File that says how the endpoint is protected, in the format of the Prometheus exporters' web configuration.
    pub config_file: Option<PathBuf>,
    /// Path of the exposition. Default `/metrics`.
    pub telemetry_path: String,
    /// Whether OpenMetrics has `_created` series. Default false: most servers store them like any other. Protobuf says when a child
    /// began in any case.
    pub openmetrics_created: bool,
    /// Whether `POST /-/reload` and `/-/quit` are obeyed. Default false.
    pub enable_lifecycle: bool,
    /// Who is shown the status page and the API. Default `on`.
    pub pages: Pages,
}

/// Who is shown the status page, explanations and the API. They tell addresses, label values and the configuration, secrets masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pages {
    /// Whoever may read the metrics.
    #[default]
    On,
    /// Who asks from this machine, by a loopback address or a unix socket.
    Loopback,
    /// Nobody.
    Off,
}

/// What is kept over a restart of the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateConfig {
    /// The file; `None`: totals begin anew with every start.
    pub file: Option<PathBuf>,
    /// How often a copy is made that survives a crash of the machine too. Default 30 s.
    pub save_interval: Duration,
    /// Where totals begin without a file. Default `full`.
    pub cold_start: ColdStart,
}

impl Default for StateConfig {
    fn default() -> Self {
        Self { file: None, save_interval: Duration::from_secs(30), cold_start: ColdStart::default() }
    }
}

/// Where totals begin when nothing is known of the time before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColdStart {
    /// At all that the living workers have counted: right for a first start.
    #[default]
    Full,
    /// At zero: only what is counted from here on. Rates stay right after any restart.
    Zero,
}

/// What is logged, and how. Always to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogConfig {
    /// Events below this level are left out. Default `info`.
    pub level: LogLevel,
    /// How events are printed. Default `logfmt`.
    pub format: LogFormat,
}

/// How grave an event must be to be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)] // the names are the words in configuration
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// How events are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// `ts=… level=info msg="…" key=value`.
    #[default]
    Logfmt,
    /// One JSON object a line with the same keys.
    Json,
}
