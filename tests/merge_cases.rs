//! Every merge case, in memory: bodies go in, the exposition that comes out is compared sample by sample.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use onescrape::config::{AggregateRule, GaugeMode, GaugeRule, MergeConfig, SourceConfig};
use onescrape::encode::{Escaping, Format, encode};
use onescrape::merge::{Join, Now};
use onescrape::model::sample_head;
use onescrape::parse::{Exposition, openmetrics, text};
use onescrape::scrape::{Body, Missed, Scraped};
use onescrape::source::{KINDS, Source};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::{Table, Value};

/// Cases that need what the program does not have yet.
const NEEDS_NOT_BUILT: [&str; 2] = ["retire", "state"];
/// Workers of a case, at most.
const MAX_WORKERS: usize = 9;
const UNIX_START: f64 = 1_790_000_000.0;

#[test]
fn merge_cases() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/merge");
    let mut cases: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    cases.sort();
    let (mut failures, mut ran) = (Vec::new(), 0);
    for case in &cases {
        let options: Table = fs::read_to_string(case.join("case.toml")).unwrap().parse().unwrap();
        let needs = strings(options.get("needs"));
        if needs.iter().any(|n| NEEDS_NOT_BUILT.contains(&n.as_str())) {
            continue;
        }
        ran += 1;
        if let Err(why) = run(case, &options) {
            failures.push(format!("{}: {why}", case.file_name().unwrap().to_string_lossy()));
        }
    }
    assert!(failures.is_empty(), "{} of {ran} cases failed:\n{}", failures.len(), failures.join("\n"));
    assert!(ran >= 43, "only {ran} cases ran");
}

/// One step: the workers' bodies and what must come out.
struct Step {
    bodies: Vec<String>,
    /// Last words by worker.
    last_words: Vec<(usize, String)>,
    expected: String,
}

fn run(case: &Path, options: &Table) -> Result<(), String> {
    let steps = read_steps(case);
    let workers = steps.iter().map(|s| s.bodies.len()).max().unwrap();
    let sources = sources(options, workers);
    let mut states: Vec<Box<dyn Source>> = sources.iter().map(|(c, _)| (c.kind.build)(c)).collect();
    let mut join = Join::new(sources.iter().map(|(c, _)| c.name.clone()).collect());
    let mut before = BTreeMap::new();
    for (i, step) in steps.iter().enumerate() {
        // Steps follow each other quickly: `@NOW-500@` in two of them names one start time.
        let since_start = 0.25 * i as f64;
        let now = Now { elapsed: Duration::from_secs_f64(100.0 + since_start), unix: UNIX_START + since_start };
        for (worker, words) in &step.last_words {
            // Only cases with one source have any.
            states[0].last_words(
                *worker,
                Some("application/openmetrics-text; version=1.0.0"),
                fill(words, now.unix).as_bytes(),
                now,
            );
        }
        for (state, (_, own)) in states.iter_mut().zip(&sources) {
            let scrapes: Vec<_> =
                own.iter().map(|w| Some(scraped(&step.bodies[*w], format_of(options, *w, i), now.unix))).collect();
            state.apply(&scrapes, now);
        }
        let body = exposition(&states, &mut join, options);
        states.iter_mut().for_each(|s| s.mark_served(now));
        let first = sources.first().and_then(|(c, _)| c.targets.first()).unwrap();
        let expected = fill(&step.expected, now.unix).replace("@WORKER@", "worker").replace("@T1@", &first.text);
        let expected = (1..=workers).fold(expected, |t, w| t.replace(&format!("@W{w}@"), &worker_id(w)));
        compare(&body, &expected, options, &mut before).map_err(|why| format!("step {}: {why}\n--- got\n{body}", i + 1))?;
    }
    Ok(())
}

fn exposition(states: &[Box<dyn Source>], join: &mut Join, options: &Table) -> String {
    let families: Vec<_> = states.iter().map(|s| s.families()).enumerate().collect();
    join.settle(&families);
    let joined = join.join(&families);
    let format = match options.get("accept").and_then(Value::as_str) {
        Some("openmetrics") => Format::OpenMetrics100(Escaping::AllowUtf8),
        Some("text1") => Format::Text100(Escaping::AllowUtf8),
        _ => Format::Text004,
    };
    let mut out = Vec::new();
    encode(&joined, format, &mut out);
    String::from_utf8(out).unwrap()
}

fn compare(body: &str, expected: &str, options: &Table, before: &mut BTreeMap<String, f64>) -> Result<(), String> {
    let (got, want) = (flatten(body)?, flatten(expected)?);
    let ignore = strings(options.get("ignore"));
    let ignored = |head: &str| {
        let name = head.split('{').next().unwrap_or_default();
        name.ends_with("_created") || ignore.iter().any(|p| onescrape::merge::rules::matches(p, name))
    };
    let close = |a: f64, b: f64| (a.is_nan() && b.is_nan()) || a == b || (a - b).abs() <= 1e-15 * a.abs().max(b.abs());
    for (head, (value, exemplar)) in &want.samples {
        if head.starts_with("onescrape_") {
            continue; // own metrics are made by the running program
        }
        match got.samples.get(head) {
            None => return Err(format!("missing {head} {value}")),
            Some((v, _)) if !close(*v, *value) => return Err(format!("{head}: got {v}, want {value}")),
            Some((_, e)) if flag(options, "check_exemplars") && e != exemplar => {
                return Err(format!("{head}: exemplar {e:?}, want {exemplar:?}"));
            }
            _ => {}
        }
    }
    if let Some(extra) = got.samples.keys().find(|h| !want.samples.contains_key(*h) && !ignored(h)) {
        return Err(format!("unexpected {extra}"));
    }
    for absent in strings(options.get("absent")) {
        if got.samples.keys().any(|h| *h == absent || h.split('{').next() == Some(&absent)) {
            return Err(format!("{absent} must not be there"));
        }
    }
    for (name, (kind, help)) in want.families.iter().filter(|(n, _)| !n.starts_with("onescrape_")) {
        match got.families.get(name) {
            None if want.samples.keys().any(|h| h.starts_with(name.as_str())) => return Err(format!("no family {name}")),
            Some((k, _)) if k != kind => return Err(format!("{name} is {k}, want {kind}")),
            Some((_, h)) if flag(options, "check_help") && !help.is_empty() && h != help => {
                return Err(format!("{name}: help {h:?}, want {help:?}"));
            }
            _ => {}
        }
    }
    for (head, value) in &got.totals {
        if before.insert(head.clone(), *value).is_some_and(|b| *value < b) {
            return Err(format!("{head} fell to {value}"));
        }
    }
    Ok(())
}

type Samples = BTreeMap<String, (f64, Option<String>)>;

#[derive(Default)]
struct Flat {
    samples: Samples,
    families: BTreeMap<String, (String, String)>,
    totals: BTreeMap<String, f64>,
}

fn flatten(body: &str) -> Result<Flat, String> {
    let is_om = body.ends_with("# EOF\n") || body.ends_with("# EOF");
    let exposition: Exposition<'_> =
        if is_om { openmetrics(body.as_bytes()) } else { text(body.as_bytes()) }.map_err(|e| e.to_string())?;
    let mut flat = Flat::default();
    let mut type_lines = BTreeSet::new();
    for line in body.lines().filter(|l| l.starts_with("# TYPE") || l.starts_with("# HELP")) {
        let words: Vec<_> = line.split(' ').take(3).collect();
        if !type_lines.insert(words.join(" ")) {
            return Err(format!("twice: {line}"));
        }
    }
    for family in &exposition.families {
        let kind = format!("{:?}", family.kind);
        for sample in &family.samples {
            let head = sample_head(&family.name, family.kind, sample.role, &sample.labels);
            let exemplar = sample.exemplar.as_ref().map(|e| format!("{e:?}"));
            if matches!(kind.as_str(), "Counter" | "Histogram") && !head.contains("_sum") {
                flat.totals.insert(head.clone(), sample.value);
            }
            if flat.samples.insert(head.clone(), (sample.value, exemplar)).is_some() {
                return Err(format!("series twice: {head}"));
            }
        }
        flat.families.insert(family.name.to_string(), (kind, family.help.to_string()));
    }
    Ok(flat)
}

fn read_steps(case: &Path) -> Vec<Step> {
    let read = |p: PathBuf| fs::read_to_string(&p).unwrap_or_else(|e| panic!("{}: {e}", p.display()));
    let numbered = |dir: &Path, prefix: &str| {
        (1..).map(|n| dir.join(format!("{prefix}-{n}.txt"))).take_while(|p| p.exists()).map(read).collect::<Vec<_>>()
    };
    if case.join("expected.txt").exists() {
        let expected = read(case.join("expected.txt"));
        return vec![Step { bodies: numbered(case, "input"), last_words: Vec::new(), expected }];
    }
    (1..)
        .map(|n| format!("{n:02}"))
        .take_while(|n| case.join("steps").join(n).exists())
        .map(|n| Step {
            bodies: numbered(&case.join("steps").join(&n), "worker"),
            last_words: (0..MAX_WORKERS)
                .map(|worker| (worker, case.join("steps").join(&n).join(format!("last-words-{}.txt", worker + 1))))
                .filter(|(_, path)| path.exists())
                .map(|(worker, path)| (worker, read(path)))
                .collect(),
            expected: read(case.join("expected").join(format!("{n}.txt"))),
        })
        .collect()
}

fn worker_id(number: usize) -> String {
    format!("127.0.0.1:{}", 5000 + number)
}

fn sources(options: &Table, workers: usize) -> Vec<(SourceConfig, Vec<usize>)> {
    let all: Vec<usize> = (0..workers).collect();
    let source = |name: &str, kind: &str, own: Vec<usize>| {
        let kind = *KINDS.iter().find(|k| k.name == kind).unwrap();
        let scheme = if kind.name == "uwsgi" { "http://" } else { "" };
        let targets =
            own.iter().flat_map(|w| (kind.targets)(&format!("{scheme}{}", worker_id(w + 1)), kind.default_path).unwrap()).collect();
        let mut merge = MergeConfig::default();
        for rule in options.get("rules").and_then(Value::as_array).into_iter().flatten() {
            let get = |k: &str| rule.get(k).and_then(Value::as_str).unwrap().to_string();
            let mode = GaugeMode::ALL.iter().find(|(_, n)| *n == get("mode")).unwrap().0;
            merge.gauges.push(GaugeRule { pattern: get("match"), mode });
        }
        let settings = options.get("source").and_then(Value::as_table);
        for rule in settings.and_then(|s| s.get("aggregate")).and_then(Value::as_array).into_iter().flatten() {
            let pattern = rule.get("match").and_then(Value::as_str).unwrap().to_string();
            merge.aggregate.push(AggregateRule { pattern, without: strings(rule.get("without")) });
        }
        let mut config = SourceConfig { merge, ..SourceConfig::new(name, kind, targets) };
        if let Some(last_words) = settings.and_then(|s| s.get("last_words")) {
            config.last_words.enabled = last_words["enabled"].as_bool().unwrap();
            config.last_words.growth_max = last_words["growth_max"].as_integer().unwrap() as f64;
        }
        (config, own)
    };
    match options.get("sources").and_then(Value::as_array) {
        None => vec![source("django", "workers", all)],
        Some(list) => list
            .iter()
            .map(|s| {
                let own = s["workers"].as_array().unwrap().iter().map(|w| w.as_integer().unwrap() as usize - 1).collect();
                source(s["name"].as_str().unwrap(), s["kind"].as_str().unwrap(), own)
            })
            .collect(),
    }
}

/// `text` or `openmetrics`, for a worker at a step.
fn format_of(options: &Table, worker: usize, step: usize) -> String {
    let one = options.get("worker_format").and_then(Value::as_str).unwrap_or("text");
    match options.get("worker_formats").and_then(|f| f.get(worker)) {
        Some(Value::Array(steps)) => steps[step.min(steps.len() - 1)].as_str().unwrap().into(),
        Some(Value::String(format)) => format.clone(),
        _ => one.into(),
    }
}

fn scraped(body: &str, format: String, now: f64) -> Scraped {
    let result = match body.trim() {
        "DOWN" => Err(Missed::Refused),
        "HANG" => Err(Missed::Timeout { after: Duration::from_secs(1) }),
        t if t.starts_with("STATUS ") => Err(Missed::Status { code: t[7..].parse().unwrap(), detail: None }),
        _ => {
            let media =
                if format == "openmetrics" { "application/openmetrics-text; version=1.0.0" } else { "text/plain; version=0.0.4" };
            Ok(Body { content_type: Some(media.into()), bytes: fill(body, now).into_bytes().into(), streamed: None, date: None })
        }
    };
    Scraped { result, duration: Duration::from_millis(1) }
}

/// Replaces `@NOW@`, `@NOW-500@`, `@NOW+5@`.
fn fill(text: &str, now: f64) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("@NOW") {
        let end = at + 4 + rest[at + 4..].find('@').unwrap();
        let shift: f64 = rest[at + 4..end].parse().unwrap_or(0.0);
        out.push_str(&rest[..at]);
        out.push_str(&format!("{:.3}", now + shift));
        rest = &rest[end + 1..];
    }
    out + rest
}

fn strings(value: Option<&Value>) -> Vec<String> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(|v| v.as_str().map(String::from)).collect()
}

fn flag(options: &Table, key: &str) -> bool {
    options.get(key).and_then(Value::as_bool).unwrap_or(false)
}
