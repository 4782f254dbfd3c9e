use crate::config::SourceConfig;
use crate::merge::rules::mode_of;
use crate::model::{Family, MetricType};
use crate::parse::{Exposition, parse};
use crate::scrape::{Body, Missed};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The family that tells how many requests a worker has seen; a namespace may stand before it.
const REQUESTS: &str = "django_http_requests_before_middlewares_total";
/// What every family of the request middleware holds in its name.
const HTTP_FAMILIES: &str = "django_http_";
/// Start times closer than this are one process (clocks of one machine, printed with rounding).
const SAME_START_SECONDS: f64 = 0.005;
/// How much of an unexpected body an error shows.
const EXCERPT_CHARS: usize = 60;
/// How nginx's stub_status begins.
const STUB_STATUS: &[u8] = b"Active connections:";
/// What a JSON body is called in errors.
const JSON: &str = "JSON";

/// What one good answer told.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A worker's exposition.
    Worker(WorkerFacts),
    /// uWSGI's stats.
    Uwsgi(UwsgiFacts),
    /// Anything else, with its number of samples where that means something.
    Other(Option<usize>),
}

impl Answer {
    /// Number of samples, where it was counted.
    pub fn samples(&self) -> Option<usize> {
        match self {
            Self::Worker(facts) => Some(facts.samples),
            Self::Other(samples) => *samples,
            Self::Uwsgi(_) => None,
        }
    }
}

/// What a worker's exposition tells about its process.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkerFacts {
    /// Samples in the body.
    pub samples: usize,
    /// `process_start_time_seconds`.
    pub started: Option<f64>,
    /// Whether the families of Django's request middleware are there, with samples.
    pub has_http: bool,
    /// Whether any family of Django, or none but those of the process and of Python, is there.
    pub is_django_or_bare: bool,
    /// Requests counted so far, where the counter for them is there.
    pub requests: Option<f64>,
    /// Every gauge with the name of the mode in which it is merged.
    pub gauges: BTreeMap<String, &'static str>,
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
    /// Workers that run.
    pub running: usize,
    /// Requests that the workers have handled.
    pub requests: u64,
}

/// Understands a body of this source.
///
/// # Errors
/// [`Missed::Parse`] or [`Missed::Truncated`], as the proxy itself would count it.
pub fn read(source: &SourceConfig, body: &Body) -> Result<Answer, Missed> {
    match source.kind.name {
        "workers" | "exporter" => {
            let exposition = parse(body.content_type.as_deref(), &body.bytes).map_err(|error| match looks_like(&body.bytes) {
                Some(what) => Missed::Parse(format!("{what}: {}", excerpt(&body.bytes))),
                None if error.truncated => Missed::Truncated(error.to_string()),
                None => Missed::Parse(error.to_string()),
            })?;
            if source.kind.name == "workers" {
                return Ok(Answer::Worker(worker_facts(&exposition, source)));
            }
            Ok(Answer::Other(Some(samples(&exposition))))
        }
        "uwsgi" => uwsgi_facts(&body.bytes).map(Answer::Uwsgi),
        "nginx" if !body.bytes.trim_ascii_start().starts_with(STUB_STATUS) => {
            let what = looks_like(&body.bytes).unwrap_or("not nginx's stub_status");
            Err(Missed::Parse(format!("{what}: {}", excerpt(&body.bytes))))
        }
        _ => Ok(Answer::Other(None)),
    }
}

/// What a worker's families tell; `source` decides how its gauges are merged.
pub fn worker_facts(exposition: &Exposition<'_>, source: &SourceConfig) -> WorkerFacts {
    let mut facts = WorkerFacts { samples: samples(exposition), is_django_or_bare: true, ..WorkerFacts::default() };
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
            facts.requests = Some(family.samples.iter().map(|sample| sample.value).sum());
        }
        if family.kind == MetricType::Gauge {
            facts.gauges.insert(name.to_string(), mode_name(family, source));
        }
    }
    facts.is_django_or_bare = is_django || is_bare;
    facts
}

fn mode_name(family: &Family<'_>, source: &SourceConfig) -> &'static str {
    let (mode, _) = mode_of(&family.name, family.kind, &source.merge);
    crate::config::GaugeMode::ALL.iter().find(|(m, _)| *m == mode).map_or("", |(_, name)| name)
}

fn samples(exposition: &Exposition<'_>) -> usize {
    exposition.families.iter().map(|family| family.samples.len()).sum()
}

/// The part of uWSGI's stats that is needed here; everything else, the requests' variables above all, is never kept.
#[derive(Deserialize)]
struct Stats {
    workers: Option<Vec<StatsWorker>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StatsWorker {
    id: u64,
    pid: i64,
    status: String,
    requests: u64,
}

fn uwsgi_facts(body: &[u8]) -> Result<UwsgiFacts, Missed> {
    // uWSGI writes raw control characters and any bytes into strings.
    let text: String = String::from_utf8_lossy(body).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let what = looks_like(body).filter(|what| *what != JSON);
    let stats: Stats = serde_json::from_str(&text).map_err(|error| match what {
        Some(what) => Missed::Parse(format!("{what}: {}", excerpt(body))),
        None if body.is_empty() => Missed::Truncated("connected, then nothing came".into()),
        None if error.is_eof() => Missed::Truncated("the JSON ends early".into()),
        None => Missed::Parse(format!("not uWSGI's stats: {error}: {}", excerpt(body))),
    })?;
    let Some(workers) = stats.workers else {
        return Err(Missed::Parse(
            "JSON without \"workers\": not the stats of a uWSGI server (the emperor's or a router's?)".into(),
        ));
    };
    // Slots never used have id 0; cheaped ones are meant to rest.
    let running = workers.iter().filter(|w| w.id != 0 && w.pid > 0 && w.status != "cheap").count();
    Ok(UwsgiFacts { running, requests: workers.iter().fold(0, |sum, w| sum.saturating_add(w.requests)) })
}

/// What a body that is not what it should be looks like, in words that the hints know.
fn looks_like(body: &[u8]) -> Option<&'static str> {
    match body.trim_ascii_start() {
        [0x1f, 0x8b, ..] => Some("gzip"),
        [b'<', ..] => Some("HTML"),
        // A quoted metric name begins with a brace too, but has no colon after it.
        [b'{', rest @ ..] if rest.windows(2).any(|pair| pair == b"\":") => Some(JSON),
        start if start.starts_with(STUB_STATUS) => Some("nginx's stub_status"),
        _ => None,
    }
}

/// The start of the body as text, short and in quotes.
fn excerpt(body: &[u8]) -> String {
    let start = &body[..body.len().min(4 * EXCERPT_CHARS)];
    let text: String = String::from_utf8_lossy(start).trim().chars().take(EXCERPT_CHARS).collect();
    format!("{text:?}")
}
