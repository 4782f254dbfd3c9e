//! A made-up Django worker with django-prometheus: the families every worker has, then views until it has the series asked for.

use super::exposition::{Child, Family, Kind, render};
use super::random::Random;
use bytes::Bytes;

/// Bounds of prometheus_client's histograms of seconds, as printed.
const SECONDS: [&str; 15] =
    ["0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25", "0.5", "0.75", "1.0", "2.5", "5.0", "7.5", "10.0", "+Inf"];
/// Bounds of django-prometheus' histograms of bytes.
const BYTES: [&str; 10] = ["0.0", "10.0", "100.0", "1000.0", "10000.0", "100000.0", "1e+06", "1e+07", "1e+08", "+Inf"];
const METHODS: [&str; 3] = ["GET", "POST", "PUT"];
const APPS: [&str; 8] = ["catalog", "checkout", "accounts", "api-v1", "search", "orders", "webhooks", "admin"];
/// When the first worker was started, in Unix seconds.
const EPOCH: f64 = 1_790_000_000.0;
/// Of ten counters this many move.
const MOVING_COUNTERS: u64 = 7;
/// Seeds of one worker's lives lie this far apart.
const LIFE_SEED: u64 = 1 << 32;

/// What kind of worker.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Which worker of the pool.
    pub index: usize,
    /// Sample lines of its body; below about 150 the fixed part stands.
    pub series: usize,
    /// Share of the moving label sets whose values move between two scrapes.
    pub moving: f64,
    /// Share of the views' label sets left out of each body, others every time.
    pub absent: f64,
    /// Whether label sets come in an order of the worker's own, as they do where views are first asked for in different orders.
    pub own_order: bool,
    /// Whether all but gauges have `_created` samples, as prometheus_client gives them unless told otherwise.
    pub created: bool,
}

impl Default for Spec {
    fn default() -> Self {
        Self { index: 0, series: 5_000, moving: 0.1, absent: 0.0, own_order: false, created: true }
    }
}

/// A worker.
#[derive(Debug)]
pub struct Worker {
    spec: Spec,
    lives: u64,
    families: Vec<Family>,
    random: Random,
    size: usize,
    body: Bytes,
}

impl Worker {
    /// A worker in its first life.
    pub fn new(spec: Spec) -> Self {
        Self::born(spec, 0)
    }

    /// `count` workers alike but for their index.
    pub fn pool(count: usize, spec: Spec) -> Vec<Self> {
        (0..count).map(|index| Self::new(Spec { index, ..spec })).collect()
    }

    fn born(spec: Spec, lives: u64) -> Self {
        let random = Random::new(spec.index as u64 + lives * LIFE_SEED);
        let mut worker = Self { spec, lives, families: Vec::new(), random, size: 0, body: Bytes::new() };
        worker.fill();
        if spec.own_order {
            for family in &mut worker.families {
                Random::new(spec.index as u64).shuffle(&mut family.children);
            }
        }
        worker.body = render(&worker.families, 0);
        worker
    }

    /// The present body.
    pub fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// Moves the values on by one scrape.
    pub fn advance(&mut self) {
        let Spec { moving, absent, .. } = self.spec;
        for Family { name, kind, children, .. } in &mut self.families {
            for child in children {
                if child.moves && self.random.share() < moving {
                    child.advance(*kind, &mut self.random);
                }
                child.absent = absent > 0.0 && name.contains("view") && self.random.share() < absent;
            }
        }
        self.body = render(&self.families, self.body.len());
    }

    /// A new process takes its place: it has counted almost nothing, and started later.
    pub fn recycle(&mut self) {
        *self = Self::born(self.spec, self.lives + 1);
    }

    fn add(&mut self, name: &str, help: &'static str, kind: Kind, moves: bool, samples: Vec<(String, f64)>) -> usize {
        self.size += samples.len();
        let at = self.families.iter().position(|f| f.name == name).unwrap_or_else(|| {
            self.families.push(Family { name: name.into(), help, kind, children: Vec::new() });
            self.families.len() - 1
        });
        self.families[at].children.push(Child { samples, moves, absent: false });
        at
    }

    fn gauge(&mut self, name: &str, help: &'static str, labels: &str, value: f64) -> usize {
        let moves = !(name.contains("start") || name.contains("max") || name.contains("info") || name.ends_with("_created"));
        self.add(name, help, Kind::Gauge, moves, vec![(key(name, labels), value)])
    }

    fn counter(&mut self, name: &str, help: &'static str, labels: &str) -> Vec<usize> {
        let moves = self.random.below(10) < MOVING_COUNTERS;
        let value = if moves { self.random.of_digits(1..=5) } else { self.random.below(90) as f64 };
        let at = self.add(name, help, Kind::Counter, moves, vec![(key(name, labels), value)]);
        let created = self.created(name.strip_suffix("_total").unwrap_or(name), help, labels);
        std::iter::once(at).chain(created).collect()
    }

    /// When a label set came to be, if wanted: a gauge of its own in the text format.
    fn created(&mut self, name: &str, help: &'static str, labels: &str) -> Option<usize> {
        let born = self.started() + 1e3 * self.random.share();
        self.spec.created.then(|| self.gauge(&format!("{name}_created"), help, labels, born))
    }

    fn histogram(&mut self, name: &str, help: &'static str, labels: &str, bounds: &[&str]) -> Vec<usize> {
        let total = self.random.of_digits(2..=5);
        let mut left = total;
        let mut samples = Vec::with_capacity(bounds.len() + 2);
        for bound in bounds {
            left = if *bound == "+Inf" { 0.0 } else { (left * 0.7).floor() };
            let le = format!("le=\"{bound}\"");
            let labels = if labels.is_empty() { le } else { format!("{le},{labels}") };
            samples.push((key(&format!("{name}_bucket"), &labels), total - left));
        }
        samples.push((key(&format!("{name}_count"), labels), total));
        samples.push((key(&format!("{name}_sum"), labels), total * self.random.share()));
        let at = self.add(name, help, Kind::Histogram, true, samples);
        std::iter::once(at).chain(self.created(name, help, labels)).collect()
    }

    /// Unix seconds.
    fn started(&self) -> f64 {
        EPOCH + self.spec.index as f64 + 1e4 * self.lives as f64
    }

    fn fill(&mut self) {
        let python = r#"implementation="CPython",major="3",minor="12",patchlevel="7",version="3.12.7""#;
        self.gauge("python_info", "Python platform information", python, 1.0);
        for generation in 0..3 {
            let labels = format!("generation=\"{generation}\"");
            self.counter("python_gc_objects_collected_total", "Objects collected during gc", &labels);
            self.counter("python_gc_collections_total", "Number of times this generation was collected", &labels);
        }
        let memory = 1.2e8 + self.random.below(80_000_000) as f64;
        self.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", "", 3.0 * memory);
        self.gauge("process_resident_memory_bytes", "Resident memory size in bytes.", "", memory);
        let started = self.started();
        self.gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", "", started);
        self.counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", "");
        self.gauge("process_open_fds", "Number of open file descriptors.", "", 31.0);
        self.gauge("process_max_fds", "Maximum number of open file descriptors.", "", 1_048_576.0);
        self.counter("django_http_requests_before_middlewares_total", "Total count of requests before middlewares run.", "");
        self.counter("django_http_responses_before_middlewares_total", "Total count of responses before middlewares run.", "");
        let latency = "django_http_requests_latency_including_middlewares_seconds";
        self.histogram(latency, "Histogram of requests processing time (including middleware processing time).", "", &SECONDS);
        self.histogram("django_http_requests_body_total_bytes", "Histogram of requests by body size.", "", &BYTES);
        self.histogram("django_http_responses_body_total_bytes", "Histogram of responses by body size.", "", &BYTES);
        for method in METHODS {
            let labels = format!("method=\"{method}\"");
            self.counter("django_http_requests_total_by_method_total", "Count of requests by method.", &labels);
        }
        for status in ["200", "302", "404", "500"] {
            let labels = format!("status=\"{status}\"");
            self.counter("django_http_responses_total_by_status_total", "Count of responses by status.", &labels);
        }
        let database = r#"alias="default",vendor="postgresql""#;
        self.histogram("django_db_query_duration_seconds", "Histogram of query duration by vendor.", database, &SECONDS);
        self.counter("django_db_execute_total", "Counter of executed statements by vendor.", database);
        self.counter("django_cache_get_total", "Total get requests on cache", r#"backend="redis""#);
        let (count, sum) = (self.random.of_digits(3..=5), self.random.share());
        let rpc = |part: &str| key(&format!("rpc_client_duration_seconds_{part}"), "peer=\"billing\"");
        let samples = vec![(rpc("count"), count), (rpc("sum"), count * sum)];
        self.add("rpc_client_duration_seconds", "Outgoing call time", Kind::Summary, true, samples);
        self.created("rpc_client_duration_seconds", "Outgoing call time", "peer=\"billing\"");
        // A label value and a help text that need escaping.
        let labels = r#"templatename="C:\\site\\a \"b\"\n.html""#;
        self.counter("app_template_renders_total", r"Renders by template.\nA backslash \\ in help.", labels);
        self.fill_views();
    }

    /// Views until the number of series is reached; what is over is taken back a label set at a time, and gauges fill up.
    fn fill_views(&mut self) {
        let mut added = Vec::new();
        for unit in 0.. {
            if self.size >= self.spec.series {
                break;
            }
            added.extend(self.view(unit));
        }
        while self.size > self.spec.series {
            let Some(family) = added.pop() else { break };
            if let Some(child) = self.families[family].children.pop() {
                self.size -= child.samples.len();
            }
        }
        for n in 0..self.spec.series.saturating_sub(self.size) {
            self.gauge("app_orders", "Orders by state.", &format!("state=\"order_state_{n}\""), 1.0);
        }
        self.families.retain(|f| !f.children.is_empty());
    }

    /// Returns the family of each label set added.
    fn view(&mut self, unit: usize) -> Vec<usize> {
        let (view, method) = (unit / METHODS.len(), METHODS[unit % METHODS.len()]);
        let view = format!("{}:item-{}-detail", APPS[view % APPS.len()], view / APPS.len());
        let name = "django_http_requests_latency_seconds_by_view_method";
        let labels = format!("method=\"{method}\",view=\"{view}\"");
        let mut added = self.histogram(name, "Histogram of request processing time labelled by view.", &labels, &SECONDS);
        let name = "django_http_requests_total_by_view_transport_method_total";
        let labels = format!("method=\"{method}\",transport=\"http\",view=\"{view}\"");
        added.extend(self.counter(name, "Count of requests by view, transport, method.", &labels));
        for status in ["200", "400", "500"] {
            let name = "django_http_responses_total_by_status_view_method_total";
            let labels = format!("method=\"{method}\",status=\"{status}\",view=\"{view}\"");
            added.extend(self.counter(name, "Count of responses by status, view, method.", &labels));
        }
        if unit.is_multiple_of(METHODS.len()) {
            let labels = format!("view=\"{view}\"");
            let value = self.random.below(9) as f64;
            added.push(self.gauge("app_requests_in_flight_by_view", "Requests being handled now.", &labels, value));
        }
        added
    }
}

fn key(name: &str, labels: &str) -> String {
    if labels.is_empty() { name.into() } else { format!("{name}{{{labels}}}") }
}
