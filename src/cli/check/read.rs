use super::wide::wide_families;
use crate::config::{GaugeMode, SourceConfig};
use crate::encode::FamilyView;
use crate::merge::Now;
use crate::merge::rules::{Origin, mode_of};
use crate::model::{Family, MetricType, Role, WideFamily};
use crate::parse::{Exposition, is_openmetrics, parse};
use crate::scrape::{Missed, Scraped};
use crate::source::{Source, multiproc};
use crate::target::Target;
use std::collections::BTreeMap;

/// The family that tells how many requests a worker has seen; a namespace may stand before it.
pub(super) const REQUESTS: &str = "django_http_requests_before_middlewares_total";
/// What every family of the request middleware holds in its name.
const HTTP_FAMILIES: &str = "django_http_";
/// Start times closer than this are one process (clocks of one machine, printed with rounding).
const SAME_START_SECONDS: f64 = 0.005;

/// What one good answer told.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Samples in the body.
    pub samples: usize,
    /// What it was written in.
    pub format: String,
    /// What it tells beyond that.
    pub facts: Facts,
}

/// What an answer of this kind tells about what stands behind it.
#[derive(Debug, Clone, PartialEq)]
pub enum Facts {
    /// Of a worker.
    Worker(WorkerFacts),
    /// Of uWSGI's master.
    Uwsgi(UwsgiFacts),
    /// Of a directory of multiprocess files.
    Directory(DirectoryFacts),
    /// Nothing more.
    None,
}

/// How many files of a directory are in which state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectoryFacts {
    /// Of processes that run.
    pub live: usize,
    /// Of processes of which that is not known.
    pub unknown: usize,
    /// Of processes that have ended.
    pub dead: usize,
    /// Those that can't be used.
    pub bad: usize,
    /// Why they can't.
    pub faults: Vec<String>,
}

/// What a worker's exposition tells about its process.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkerFacts {
    /// `process_start_time_seconds`.
    pub started: Option<f64>,
    /// Whether the families of Django's request middleware are there, with samples.
    pub has_http: bool,
    /// Whether any family of Django, or none but those of the process and of Python, is there.
    pub is_django_or_bare: bool,
    /// Requests counted so far, where the counter for them is there.
    pub requests: Option<f64>,
    /// How every gauge is merged.
    pub gauges: BTreeMap<String, Gauge>,
    /// The type of every family, in words; several where the body itself has several.
    pub types: BTreeMap<String, String>,
    /// The bounds of every histogram's buckets.
    pub buckets: BTreeMap<String, String>,
    /// Families that one label makes large.
    pub wide: Vec<WideFamily>,
}

/// How a gauge is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gauge {
    /// The name of the mode.
    pub mode: &'static str,
    /// Whether a rule, configured or built in, says so.
    pub has_rule: bool,
}

impl WorkerFacts {
    /// Whether `later`, read after this one on the same port, can be the same process.
    pub fn may_be(&self, later: &Self) -> bool {
        let same_start = match (self.started, later.started) {
            (Some(a), Some(b)) => (a - b).abs() <= SAME_START_SECONDS,
            _ => true,
        };
        same_start && later.requests >= self.requests
    }
}

/// What uWSGI tells about its workers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UwsgiFacts {
    /// Workers that are not cheaped.
    pub running: usize,
    /// Whether they have handled any request.
    pub has_requests: bool,
}

/// Understands what a scrape of one target brought, through a source of its own as the proxy has it: so both agree on what is good.
///
/// # Errors
/// Why it was missed: in the scrape already, or since the body is no good.
pub fn read(source: &SourceConfig, target: &Target, scraped: Scraped) -> Result<Answer, Missed> {
    let alone = SourceConfig { targets: vec![target.clone()], ..source.clone() };
    let mut state = (source.kind.build)(&alone);
    let format = scraped.result.as_ref().map(|body| format_of(source.kind.name, body.content_type.as_deref())).unwrap_or_default();
    let round = [Some(scraped)];
    let samples = state.apply(&round, Now::default()).into_iter().flatten().next().unwrap_or(Ok(0))?;
    let facts = match (source.kind.name, &round) {
        ("workers", [Some(Scraped { result: Ok(body), .. })]) => {
            let exposition = parse(body.content_type.as_deref(), &body.bytes);
            exposition.map_or(Facts::None, |exposition| Facts::Worker(worker_facts(&exposition, source)))
        }
        ("multiproc", _) => Facts::Directory(directory_facts(state.as_ref())),
        ("uwsgi", _) => Facts::Uwsgi(uwsgi_facts(state.as_ref())),
        _ => Facts::None,
    };
    Ok(Answer { samples, format, facts })
}

/// The format of an answer in words.
fn format_of(kind: &str, content_type: Option<&str>) -> String {
    let media = content_type.unwrap_or_default().to_ascii_lowercase();
    let name = match kind {
        "uwsgi" | "nginx_vts" => return "JSON".into(),
        "nginx" => return "stub_status".into(),
        "multiproc" => return "files".into(),
        _ if is_openmetrics(content_type) => "OpenMetrics",
        _ if media.contains("protobuf") => return "protobuf".into(),
        _ => "text",
    };
    let version = media.split(';').find_map(|parameter| parameter.trim().strip_prefix("version="));
    version.map_or_else(|| name.to_string(), |version| format!("{name} {}", version.trim_matches('"')))
}

/// What a worker's families tell; `source` decides how its gauges are merged.
pub fn worker_facts(exposition: &Exposition<'_>, source: &SourceConfig) -> WorkerFacts {
    let mut facts = WorkerFacts { wide: wide_families(exposition, source), ..WorkerFacts::default() };
    let (mut is_django, mut is_bare) = (false, true);
    for family in exposition.families.iter().filter(|family| !family.samples.is_empty()) {
        let name = family.name.as_ref();
        is_django |= name.contains("django_");
        is_bare &= name.starts_with("python_") || name.starts_with("process_");
        facts.has_http |= name.contains(HTTP_FAMILIES);
        if name == "process_start_time_seconds" {
            facts.started = family.samples.first().map(|sample| sample.value);
        }
        if name.ends_with(REQUESTS) {
            // OpenMetrics has the time of creation among the samples.
            let counts = family.samples.iter().filter(|sample| sample.role == Role::Value);
            facts.requests = Some(counts.map(|sample| sample.value).sum());
        }
        if family.kind == MetricType::Gauge {
            facts.gauges.insert(name.to_string(), gauge(family, source));
        }
        let kind = family.kind.as_openmetrics();
        facts
            .types
            .entry(name.to_string())
            .and_modify(|kinds| *kinds = format!("{kinds} and {kind}"))
            .or_insert_with(|| kind.into());
        if family.kind == MetricType::Histogram {
            facts.buckets.insert(name.to_string(), bounds(family));
        }
    }
    facts.is_django_or_bare = is_django || is_bare;
    facts
}

fn gauge(family: &Family<'_>, source: &SourceConfig) -> Gauge {
    let (mode, origin) = mode_of(&family.name, family.kind, &source.merge);
    let mode = GaugeMode::ALL.iter().find(|(m, _)| *m == mode).map_or("", |(_, name)| name);
    Gauge { mode, has_rule: origin != Origin::Default }
}

/// The bounds of a histogram's buckets, in words.
fn bounds(family: &Family<'_>) -> String {
    let bound = |role| if let Role::Bucket(bound) = role { Some(bound) } else { None };
    let mut bounds: Vec<f64> = family.samples.iter().filter_map(|sample| bound(sample.role)).collect();
    bounds.sort_by(f64::total_cmp);
    bounds.dedup();
    let words = bounds.iter().map(|bound| if *bound == f64::INFINITY { "+Inf".to_string() } else { bound.to_string() });
    words.collect::<Vec<_>>().join(" ")
}

/// The files of a directory, from the family that counts them.
fn directory_facts(state: &dyn Source) -> DirectoryFacts {
    let families = state.families();
    let files = families.iter().find(|family| family.name == multiproc::FILES).map(|family| family.samples.as_slice());
    // `as` saturates, and NaN is 0.
    let count = |state: &str| {
        let quoted = format!("state=\"{state}\"");
        files.unwrap_or_default().iter().filter(|sample| sample.head.contains(&quoted)).map(|sample| sample.value as usize).sum()
    };
    let [live, unknown, dead, bad] = multiproc::STATES.map(count);
    DirectoryFacts { live, unknown, dead, bad, faults: state.faults(0) }
}

/// The totals of uWSGI's workers, from the families it is served as.
fn uwsgi_facts(state: &dyn Source) -> UwsgiFacts {
    let families = state.families();
    let total = |name: &str| -> f64 {
        let family: Option<&FamilyView<'_>> = families.iter().find(|family| family.name == name);
        family.map_or(0.0, |family| family.samples.iter().map(|sample| sample.value).sum())
    };
    // Cheaped workers are meant to rest. `as` saturates, and NaN is 0.
    let running = (total("uwsgi_workers") - total("uwsgi_cheap_workers")) as usize;
    UwsgiFacts { running, has_requests: total("uwsgi_requests_total") > 0.0 }
}
