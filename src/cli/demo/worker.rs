use super::exposition::{Exposition, Latency};
use super::random::Random;

/// Views of the simulated shop, with the mean seconds a request to each takes.
const VIEWS: [(&str, f64); 4] = [("index", 0.008), ("product", 0.02), ("basket", 0.04), ("checkout", 0.3)];
/// Methods, each as likely as it stands here often.
const METHODS: [&str; 4] = ["GET", "GET", "GET", "POST"];
/// Statuses it answers; the last two are rare.
const STATUSES: [&str; 3] = ["200", "404", "500"];
/// One request in so many is a 404, and one in so many of those a 500.
const ERROR_ONE_IN: usize = 25;
/// Part of a request's time that is CPU time.
const CPU_SHARE: f64 = 0.4;
/// Resident memory of a fresh worker and what each request leaves behind: the reason for recycling, in bytes.
const RESIDENT_BASE: f64 = 44_000_000.0;
const RESIDENT_PER_REQUEST: f64 = 24_576.0;
/// Name of the counter that the demo compares, without `_total`.
pub(super) const REQUESTS: &str = "django_http_requests_before_middlewares";

/// One request of the simulated load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    view: usize,
    method: usize,
    status: usize,
    /// How long it took.
    pub(super) seconds: f64,
}

impl Request {
    pub(super) fn random(random: &mut Random) -> Self {
        let view = random.below(VIEWS.len());
        let failed = random.below(ERROR_ONE_IN) == 0;
        let status = if !failed { 0 } else { 1 + usize::from(random.below(ERROR_ONE_IN) == 0) };
        // Exponentially distributed around the view's mean.
        let seconds = -VIEWS[view].1 * (1.0 - random.unit()).ln();
        Self { view, method: random.below(METHODS.len()), status, seconds }
    }
}

/// One life of a worker process: counters that begin at zero and end with it.
#[derive(Debug)]
pub(super) struct Worker {
    /// The slot the application server knows it by, from 1.
    pub(super) id: usize,
    pub(super) pid: u32,
    /// Unix seconds.
    pub(super) started: f64,
    pub(super) requests: u64,
    by_view_method: [[u64; METHODS.len()]; VIEWS.len()],
    by_status: [u64; STATUSES.len()],
    latency: Latency,
    cpu_seconds: f64,
}

impl Worker {
    pub(super) fn new(id: usize, pid: u32, started: f64) -> Self {
        Self {
            id,
            pid,
            started,
            requests: 0,
            by_view_method: Default::default(),
            by_status: Default::default(),
            latency: Latency::default(),
            cpu_seconds: 0.3,
        }
    }

    pub(super) fn handle(&mut self, request: Request) {
        self.requests += 1;
        self.by_view_method[request.view][request.method] += 1;
        self.by_status[request.status] += 1;
        self.latency.observe(request.seconds);
        self.cpu_seconds += request.seconds * CPU_SHARE;
    }

    /// Bytes of resident memory.
    pub(super) fn resident(&self) -> f64 {
        RESIDENT_BASE + RESIDENT_PER_REQUEST * self.requests as f64
    }

    /// What its metrics port answers.
    pub(super) fn exposition(&self, open_metrics: bool) -> String {
        let mut out = Exposition::new(open_metrics);
        let one = |value: f64| vec![(String::new(), value)];
        let created = self.started;
        let python = r#"implementation="CPython",major="3",minor="11",patchlevel="2",version="3.11.2""#;
        out.gauge("python_info", "Python platform information", &[(python.to_string(), 1.0)]);
        out.gauge("process_resident_memory_bytes", "Resident memory size in bytes.", &one(self.resident()));
        out.gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", &one(self.started));
        out.counter("process_cpu_seconds", "Total user and system CPU time spent in seconds.", &one(self.cpu_seconds), created);
        out.gauge("process_open_fds", "Number of open file descriptors.", &one(12.0));
        out.gauge("process_max_fds", "Maximum number of open file descriptors.", &one(1024.0));

        out.counter(REQUESTS, "Total count of requests before middlewares run.", &one(self.requests as f64), created);
        out.latency(
            "django_http_requests_latency_including_middlewares_seconds",
            "Histogram of requests processing time (including middleware processing time).",
            &self.latency,
            created,
        );
        out.counter(
            "django_http_requests_total_by_view_transport_method",
            "Count of requests by view, transport, method.",
            &self.by_view_and_method(),
            created,
        );
        let by_status = STATUSES.iter().zip(self.by_status).map(|(s, n)| (format!("status=\"{s}\""), n as f64));
        let by_status: Vec<_> = by_status.filter(|(_, n)| *n > 0.0).collect();
        out.counter("django_http_responses_total_by_status", "Count of responses by status.", &by_status, created);

        out.gauge("shop_requests_in_progress", "Requests under way.", &one((self.requests % 3) as f64));
        out.gauge("shop_cache_entries", "Entries in this worker's cache.", &one((self.requests.min(500)) as f64));
        out.finish()
    }

    /// Children that no request has touched do not exist yet, as in the real client.
    fn by_view_and_method(&self) -> Vec<(String, f64)> {
        let mut children: Vec<(String, f64)> = Vec::new();
        for ((view, _), counts) in VIEWS.iter().zip(self.by_view_method) {
            for method in ["GET", "POST"] {
                let n: u64 = METHODS.iter().zip(counts).filter(|(m, _)| **m == method).map(|(_, n)| n).sum();
                if n > 0 {
                    children.push((format!("method=\"{method}\",transport=\"http\",view=\"{view}\""), n as f64));
                }
            }
        }
        children
    }
}
