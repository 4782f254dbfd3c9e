//! A source, as it is once all is known about it.

use super::{
    ColdStart, Credentials, HttpHeaders, LastWordsConfig, Limits, Lookups, MergeConfig, MultiprocConfig, NO_TLS, TlsConfig,
};
use crate::relabel::Relabelling;
use crate::source::Kind;
use crate::target::{AddressError, Target};
use std::time::Duration;

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
            && limits.of_contents() == other_limits.of_contents()
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
