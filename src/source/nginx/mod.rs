//! nginx' stub_status → the names of the official exporter, of the older one, or both. Values pass through with nginx' own resets.

mod status;

use super::joined::joined;
use super::{Endpoints, Kind, Source};
use crate::config::{NginxNames, SourceConfig};
use crate::encode::{FamilyView, Rendered};
use crate::merge::{Now, Tally};
use crate::model::{Family, MetricType};
use crate::scrape::{Missed, Scraped};
use status::Status;
use std::borrow::Cow;

pub(super) static KIND: Kind = Kind {
    name: "nginx",
    about: "nginx' stub_status page: http:// or unix:///path:/uri",
    endpoints: Endpoints::Targets,
    default_path: "/stub_status",
    targets: crate::target::http_or_unix_targets,
    accept: "text/plain",
    may_stream: false,
    build: |config| Box::new(Nginx::new(config)),
};

/// A series: where its value comes from and what it is called. The label pair tells the series of one family apart.
struct Series {
    name: &'static str,
    kind: MetricType,
    help: &'static str,
    label: Option<(&'static str, &'static str)>,
    read: fn(&Status) -> f64,
}

const fn series(name: &'static str, kind: MetricType, help: &'static str, read: fn(&Status) -> f64) -> Series {
    Series { name, kind, help, label: None, read }
}

impl Series {
    const fn with(self, label: &'static str, value: &'static str) -> Self {
        Self { label: Some((label, value)), ..self }
    }
}

/// Names of nginx-prometheus-exporter. Two counters have no `_total` there; the names are kept.
const OFFICIAL: &[Series] = &[
    series("nginx_connections_active", MetricType::Gauge, "Active client connections", |s| s.active),
    series("nginx_connections_accepted", MetricType::Counter, "Accepted client connections", |s| s.accepted),
    series("nginx_connections_handled", MetricType::Counter, "Handled client connections", |s| s.handled),
    series("nginx_connections_reading", MetricType::Gauge, "Connections where NGINX is reading the request header", |s| s.reading),
    series(
        "nginx_connections_writing",
        MetricType::Gauge,
        "Connections where NGINX is writing the response back to the client",
        |s| s.writing,
    ),
    series("nginx_connections_waiting", MetricType::Gauge, "Idle client connections", |s| s.waiting),
    series("nginx_http_requests_total", MetricType::Counter, "Total http requests", |s| s.requests),
];

const fn processed(stage: &'static str, read: fn(&Status) -> f64) -> Series {
    series("nginx_connections_processed_total", MetricType::Counter, "Number of connections processed by nginx", read)
        .with("stage", stage)
}

const fn current(state: &'static str, read: fn(&Status) -> f64) -> Series {
    series("nginx_connections_current", MetricType::Gauge, "Number of connections currently processed by nginx", read)
        .with("state", state)
}

/// Names of discordianfish/nginx_exporter; its stage `any` is requests.
const LEGACY: &[Series] = &[
    processed("accepted", |s| s.accepted),
    processed("handled", |s| s.handled),
    processed("any", |s| s.requests),
    current("active", |s| s.active),
    current("reading", |s| s.reading),
    current("writing", |s| s.writing),
    current("waiting", |s| s.waiting),
];

struct Nginx {
    targets: Vec<Server>,
    names: &'static [&'static [Series]],
    tally: Tally,
}

/// One nginx.
struct Server {
    /// The `addr` label: the address as configured, if there are several in the source.
    addr: Option<String>,
    shown: Rendered<'static>,
}

impl Nginx {
    fn new(config: &SourceConfig) -> Self {
        let several = config.targets.len() > 1;
        let server = |text: &String| Server { addr: several.then(|| text.clone()), shown: Rendered::default() };
        Self {
            targets: config.targets.iter().map(|target| server(&target.text)).collect(),
            names: match config.names {
                NginxNames::Official => &[OFFICIAL],
                NginxNames::Legacy => &[LEGACY],
                NginxNames::Both => &[OFFICIAL, LEGACY],
            },
            tally: Tally::default(),
        }
    }
}

impl Server {
    /// Shows what a scrape brought; `None`: nginx is down. Returns the number of samples.
    fn show(&mut self, status: Option<&Status>, names: &[&[Series]]) -> usize {
        let addr = self.addr.as_deref();
        let mut families: Vec<Family<'static>> = Vec::new();
        let mut push = |name, kind, help, label: Option<(&'static str, &'static str)>, value| {
            let labels = label.map(|(k, v)| (k, Cow::Borrowed(v))).into_iter();
            let labels = labels.chain(addr.map(|addr| ("addr", Cow::Owned(addr.to_string()))));
            match families.iter_mut().find(|family| family.name == name) {
                Some(family) => family.push(labels, value),
                None => {
                    let mut family = Family::new(name, kind, help);
                    family.push(labels, value);
                    families.push(family);
                }
            }
        };
        push("nginx_up", MetricType::Gauge, "Status of the last metric scrape", None, if status.is_some() { 1.0 } else { 0.0 });
        for (series, status) in names.iter().copied().flatten().filter_map(|series| Some((series, status?))) {
            push(series.name, series.kind, series.help, series.label, (series.read)(status));
        }
        let samples = families.iter().map(|family| family.samples.len()).sum();
        self.shown = Rendered::new(families);
        samples
    }
}

impl Source for Nginx {
    fn apply(&mut self, round: &[Option<Scraped>], _now: Now) -> Vec<Option<Result<usize, Missed>>> {
        let mut targets = self.targets.iter_mut();
        let outcomes = round.iter().map(|scraped| {
            let server = targets.next();
            let status = match &scraped.as_ref()?.result {
                Ok(body) => status::read(&body.bytes),
                Err(missed) => Err(missed.clone()),
            };
            let samples = server.map_or(0, |server| server.show(status.as_ref().ok(), self.names));
            Some(status.map(|_| samples))
        });
        outcomes.collect()
    }

    fn families(&self) -> Vec<FamilyView<'_>> {
        joined(self.targets.iter().map(|server| &server.shown))
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}

#[cfg(test)]
mod tests;
