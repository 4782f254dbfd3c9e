//! A real Prometheus server, and what it makes of what it scraped.

use super::http;
use super::port::Port;
use super::process::Process;
use serde_json::Value;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// Time between two scrapes, seconds.
pub const SCRAPE_INTERVAL: f64 = 1.0;

/// The server.
pub struct Prometheus {
    process: Process,
    port: Port,
}

/// A span of time, Unix seconds, both ends included.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub from: f64,
    pub to: f64,
}

impl Span {
    /// Its length, seconds.
    pub fn seconds(self) -> f64 {
        self.to - self.from
    }

    /// As a range of an expression that is evaluated at its end.
    pub fn range(self) -> String {
        format!("[{:.0}ms]", self.seconds() * 1000.0)
    }
}

/// One series with its raw samples: time in seconds, value.
#[derive(Debug)]
pub struct Stored {
    /// Name and labels, as JSON.
    pub labels: String,
    pub samples: Vec<(f64, f64)>,
}

impl Stored {
    /// Whether it never fell.
    pub fn never_fell(&self) -> bool {
        self.samples.is_sorted_by(|a, b| a.1 <= b.1)
    }

    /// How much a counter grew over its samples when every fall is taken as a start from 0, as Prometheus does; no extrapolation.
    pub fn growth(&self) -> f64 {
        self.samples.windows(2).map(|pair| if pair[1].1 < pair[0].1 { pair[1].1 } else { pair[1].1 - pair[0].1 }).sum()
    }
}

impl Prometheus {
    /// Starts it, scraping each of these as a job.
    pub fn start(jobs: &[(&str, SocketAddr)], dir: &Path) -> Self {
        Self::start_with(jobs, dir, &[])
    }

    /// The same with further flags.
    pub fn start_with(jobs: &[(&str, SocketAddr)], dir: &Path, flags: &[&str]) -> Self {
        let jobs: Vec<_> = jobs.iter().map(|(job, address)| (*job, *address, "")).collect();
        Self::launch(&jobs, dir, flags)
    }

    /// Starts it with one job that has further settings, in YAML's flow style.
    pub fn start_job(job: &str, address: SocketAddr, settings: &str, dir: &Path) -> Self {
        Self::launch(&[(job, address, settings)], dir, &[])
    }

    fn launch(jobs: &[(&str, SocketAddr, &str)], dir: &Path, flags: &[&str]) -> Self {
        let mut config =
            format!("global: {{scrape_interval: {SCRAPE_INTERVAL}s, scrape_timeout: {SCRAPE_INTERVAL}s}}\nscrape_configs:\n");
        for (job, address, settings) in jobs {
            let more = if settings.is_empty() { String::new() } else { format!(", {settings}") };
            writeln!(config, "  - {{job_name: {job}, static_configs: [{{targets: [\"{address}\"]}}]{more}}}")
                .expect("writing to a String");
        }
        let file = dir.join("prometheus.yml");
        std::fs::write(&file, config).expect("cannot write prometheus.yml");
        Self::with_config(&file, dir, flags)
    }

    /// Starts it with a configuration of the caller's.
    pub fn with_config(file: &Path, dir: &Path, flags: &[&str]) -> Self {
        let port = Port::reserve();
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", dir.join("prometheus").display()))
            .arg(format!("--web.listen-address={}", port.address()))
            .arg("--log.level=warn")
            .args(flags);
        let mut process = Process::spawn("prometheus", command, dir);
        let address = port.address();
        process.wait_until("is ready", || match http::get(address, "/-/ready", &[]) {
            Ok(response) if response.status == 200 => Ok(()),
            Ok(response) => Err(format!("status {}", response.status)),
            Err(error) => Err(error.to_string()),
        });
        Self { process, port }
    }

    /// Evaluates an expression at a time (Unix seconds; `None`: now); gives the `result` of the answer.
    pub fn query(&self, expression: &str, time: Option<f64>) -> Vec<Value> {
        query_at(self.port.address(), expression, time)
    }

    /// The value now of an expression that has exactly one.
    pub fn value(&self, expression: &str) -> Result<f64, String> {
        self.value_at(expression, None)
    }

    /// The same at a time.
    pub fn value_at(&self, expression: &str, time: Option<f64>) -> Result<f64, String> {
        only_value(expression, &self.query(expression, time))
    }

    /// The raw samples of every series selected, within a span of time.
    pub fn stored(&self, selector: &str, span: Span) -> Vec<Stored> {
        let read = |one: &Value| {
            let pairs = one["values"].as_array().into_iter().flatten();
            let samples = pairs.map(|pair| (pair[0].as_f64().expect("a time"), number(&pair[1]))).collect();
            Stored { labels: one["metric"].to_string(), samples }
        };
        self.query(&format!("{selector}{}", span.range()), Some(span.to)).iter().map(read).collect()
    }

    /// The same of the only series selected.
    pub fn stored_one(&self, selector: &str, span: Span) -> Stored {
        let mut stored = self.stored(selector, span);
        assert_eq!(stored.len(), 1, "series {selector}");
        stored.remove(0)
    }

    /// Asks its HTTP API; gives the `data` of the answer.
    pub fn api(&self, path: &str) -> Value {
        api_at(self.port.address(), path)
    }

    /// The child.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// [`Prometheus::api`] of one that runs at an address.
fn api_at(address: SocketAddr, path: &str) -> Value {
    let response = http::get(address, path, &[]).unwrap_or_else(|error| panic!("{path}: {error}"));
    let answer: Value = serde_json::from_slice(&response.body).expect("Prometheus answers JSON");
    assert_eq!(answer["status"], "success", "{path}: {answer}");
    answer["data"].clone()
}

/// [`Prometheus::query`] of one that runs at an address.
pub fn query_at(address: SocketAddr, expression: &str, time: Option<f64>) -> Vec<Value> {
    let time = time.map(|time| format!("&time={time}")).unwrap_or_default();
    let path = format!("/api/v1/query?query={}{time}", percent_encoded(expression));
    api_at(address, &path)["result"].as_array().cloned().unwrap_or_default()
}

/// [`Prometheus::value`] of one that runs at an address.
pub fn value_of(address: SocketAddr, expression: &str) -> Result<f64, String> {
    only_value(expression, &query_at(address, expression, None))
}

fn only_value(expression: &str, result: &[Value]) -> Result<f64, String> {
    match result {
        [one] => Ok(number(&one["value"][1])),
        several => Err(format!("{expression} gives {} series", several.len())),
    }
}

fn number(value: &Value) -> f64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value} is no number"))
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a String");
        }
        encoded
    })
}
