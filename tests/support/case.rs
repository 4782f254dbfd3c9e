//! Cases of `tests/conformance/merge`; `tests/conformance/README.md` describes their form.

use super::compare::Compared;
use super::fake_worker::{Answer, FakeWorker, OPENMETRICS, TEXT};
use super::http;
use super::proxy::Proxy;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Longest scrape of the cases' proxies, short because of those with a hanging worker.
const SCRAPE_TIMEOUT: &str = "1s";
/// Name of the source of cases that have but one.
const SOURCE: &str = "django";
/// File of the token for last words, beside the configuration, and the token.
const TOKEN_FILE: &str = "token";
const TOKEN: &str = "a-token";
/// Name of the worker label when nothing else is configured.
const WORKER_LABEL: &str = "worker";

/// A case.
pub struct Case {
    /// Name of its folder.
    pub name: String,
    pub spec: Spec,
    steps: Vec<Step>,
}

/// `case.toml`. An option unknown here fails the case rather than being passed over.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    pub title: String,
    #[serde(default)]
    worker_format: Option<Format>,
    #[serde(default)]
    worker_formats: Vec<Format>,
    #[serde(default)]
    pub accept: Format,
    #[serde(default)]
    check_help: bool,
    #[serde(default)]
    check_exemplars: bool,
    #[serde(default)]
    no_timestamps: bool,
    #[serde(default)]
    ignore: Vec<String>,
    #[serde(default)]
    absent: Vec<String>,
    #[serde(default = "timeout_default")]
    timeout_s: u32,
    #[serde(default)]
    pub needs: Vec<String>,
    #[serde(default)]
    rules: Vec<Value>,
    #[serde(default)]
    source: Map<String, Value>,
    #[serde(default)]
    sources: Vec<SourceSpec>,
}

/// Seconds the server allows for a scrape when the case says nothing.
fn timeout_default() -> u32 {
    8
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceSpec {
    name: String,
    kind: String,
    workers: Vec<usize>,
}

/// An exposition format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    #[default]
    Text,
    OpenMetrics,
}

impl Format {
    /// The Accept header that asks for it.
    pub fn accept(self) -> &'static str {
        match self {
            Self::Text => "text/plain;version=0.0.4",
            Self::OpenMetrics => "application/openmetrics-text;version=1.0.0",
        }
    }

    /// What the Content-Type of an answer begins with.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0",
        }
    }

    /// Ending of a file in this format.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::OpenMetrics => "openmetrics",
        }
    }
}

struct Step {
    workers: Vec<String>,
    /// By worker what it says last.
    last_words: Vec<(usize, String)>,
    expected: String,
}

impl Case {
    /// Reads every case of a folder, by name.
    pub fn read_all(dir: &Path) -> Vec<Self> {
        let mut folders: Vec<_> = entries(dir).into_iter().filter(|path| path.is_dir()).collect();
        folders.sort();
        folders.iter().map(|folder| Self::read(folder)).collect()
    }

    fn read(folder: &Path) -> Self {
        let name = folder.file_name().expect("a folder's name").to_string_lossy().into_owned();
        let spec = toml::from_str(&text(&folder.join("case.toml"))).unwrap_or_else(|error| panic!("{name}/case.toml: {error}"));
        let mut steps = Vec::new();
        if folder.join("expected.txt").exists() {
            let expected = text(&folder.join("expected.txt"));
            steps.push(Step { workers: numbered(folder, "input"), last_words: Vec::new(), expected });
        } else {
            let mut folders = entries(&folder.join("steps"));
            folders.sort();
            for step in folders {
                let expected = folder.join("expected").join(step.file_name().expect("a folder's name")).with_extension("txt");
                let workers = numbered(&step, "worker");
                let words = (0..workers.len()).map(|worker| (worker, step.join(format!("last-words-{}.txt", worker + 1))));
                let last_words = words.filter(|(_, path)| path.exists()).map(|(worker, path)| (worker, text(&path))).collect();
                steps.push(Step { workers, last_words, expected: text(&expected) });
            }
        }
        assert!(!steps.is_empty(), "{name} has no steps");
        Self { name, spec, steps }
    }

    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.steps.len()
    }

    /// Fake workers, one for each of the case's, without answers yet.
    pub fn workers(&self) -> Vec<FakeWorker> {
        self.steps[0].workers.iter().map(|_| FakeWorker::start()).collect()
    }

    /// Sets the workers to a step; gives what the proxy is expected to answer.
    pub fn begin(&self, step: usize, workers: &mut [FakeWorker]) -> String {
        let now = now();
        let step = &self.steps[step];
        assert_eq!(step.workers.len(), workers.len(), "{}: every step has the same workers", self.name);
        let bodies: Vec<_> = step.workers.iter().map(|body| self.fill(body, now, workers)).collect();
        for (index, (worker, body)) in workers.iter_mut().zip(&bodies).enumerate() {
            let answer = match body.trim() {
                "DOWN" => {
                    worker.down();
                    continue;
                }
                "HANG" => Answer::Hang,
                directive if directive.starts_with("STATUS ") => {
                    Answer::status(directive["STATUS ".len()..].parse().expect("a status code"))
                }
                json if json.starts_with('{') => Answer::ok("application/json", json),
                _ => Answer::ok(self.content_type(index), body),
            };
            worker.set(answer);
            worker.up();
        }
        self.fill(&step.expected, now, workers)
    }

    /// Brings what workers say last in a step.
    pub fn say_last_words(&self, step: usize, workers: &[FakeWorker], proxy: &Proxy) {
        for (worker, words) in &self.steps[step].last_words {
            std::fs::write(proxy.dir().join(TOKEN_FILE), TOKEN).expect("cannot write the token");
            let path = format!("/api/v1/last-words?source={SOURCE}&worker={}", workers[*worker].id());
            let authorization = format!("Bearer {TOKEN}");
            let headers = [("Authorization", authorization.as_str()), ("Content-Type", OPENMETRICS)];
            let body = self.fill(words, now(), workers);
            let answer = http::post(proxy.address(), &path, &headers, body.as_bytes()).expect("an answer to last words");
            assert_ne!(answer.status, 401, "{}", answer.text());
        }
    }

    fn content_type(&self, worker: usize) -> &'static str {
        let of_worker = self.spec.worker_formats.get(worker).copied();
        match of_worker.or(self.spec.worker_format).unwrap_or_default() {
            Format::Text => TEXT,
            Format::OpenMetrics => OPENMETRICS,
        }
    }

    /// Replaces `@…@`.
    fn fill(&self, text: &str, now: f64, workers: &[FakeWorker]) -> String {
        let mut filled = text.replace("@WORKER@", WORKER_LABEL).replace("@T1@", &self.first_target(workers));
        for (index, worker) in workers.iter().enumerate() {
            filled = filled.replace(&format!("@W{}@", index + 1), &worker.id());
        }
        while let Some(start) = filled.find("@NOW") {
            let end = start + 1 + filled[start + 1..].find('@').expect("@NOW… without its end");
            let offset = &filled[start + "@NOW".len()..end];
            let offset: f64 = if offset.is_empty() { 0.0 } else { offset.parse().expect("@NOW with a number of seconds") };
            filled.replace_range(start..=end, &format!("{:.3}", now + offset));
        }
        filled
    }

    fn first_target(&self, workers: &[FakeWorker]) -> String {
        match self.spec.sources.first() {
            Some(source) => target(&source.kind, &workers[source.workers[0] - 1]),
            None => target("workers", &workers[0]),
        }
    }

    /// The configuration file of its proxy (JSON is YAML too).
    pub fn config(&self, workers: &[FakeWorker]) -> String {
        let sources: Vec<Value> = if self.spec.sources.is_empty() {
            let targets: Vec<_> = workers.iter().map(|worker| target("workers", worker)).collect();
            let mut source = self.spec.source.clone();
            source.entry("name").or_insert_with(|| SOURCE.into());
            if let Some(Value::Object(last_words)) = source.get_mut("last_words") {
                last_words.insert("token_file".into(), TOKEN_FILE.into());
            }
            source.insert("kind".into(), "workers".into());
            source.insert("targets".into(), targets.into());
            if !self.spec.rules.is_empty() {
                source.insert("gauges".into(), self.spec.rules.clone().into());
            }
            vec![source.into()]
        } else {
            let one = |source: &SourceSpec| {
                let targets: Vec<_> = source.workers.iter().map(|number| target(&source.kind, &workers[number - 1])).collect();
                json!({"name": source.name, "kind": source.kind, "targets": targets})
            };
            self.spec.sources.iter().map(one).collect()
        };
        json!({"scrape_timeout": SCRAPE_TIMEOUT, "sources": sources}).to_string()
    }

    /// The headers of its scrapes.
    pub fn headers(&self) -> [(&'static str, String); 2] {
        [
            ("Accept", self.spec.accept.accept().to_string()),
            ("X-Prometheus-Scrape-Timeout-Seconds", self.spec.timeout_s.to_string()),
        ]
    }

    /// How its answers are compared.
    pub fn compared(&self, workers: &[FakeWorker]) -> Compared {
        let spec = &self.spec;
        Compared {
            help: spec.check_help,
            exemplars: spec.check_exemplars,
            no_timestamps: spec.no_timestamps,
            ignored: spec.ignore.clone(),
            absent: spec.absent.iter().map(|selector| self.fill(selector, 0.0, workers)).collect(),
        }
    }
}

/// A worker as a target of a kind of source.
fn target(kind: &str, worker: &FakeWorker) -> String {
    match kind {
        "workers" => worker.id(),
        _ => format!("http://{}/", worker.id()),
    }
}

/// Unix seconds.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs_f64()
}

fn text(path: &PathBuf) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    entries.map(|entry| entry.expect("a folder's entry").path()).collect()
}

/// The texts of `STEM-1.txt`, `STEM-2.txt`, … as far as they go.
fn numbered(dir: &Path, stem: &str) -> Vec<String> {
    let paths = (1..).map(|number| dir.join(format!("{stem}-{number}.txt"))).take_while(|path| path.exists());
    paths.map(|path| text(&path)).collect()
}
