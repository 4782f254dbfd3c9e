//! `docs/metrics.md` lists every metric of our own, of uWSGI and of nginx with its type, and none that doesn't exist.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use support::expect;
use support::exposition::parse;
use support::fake_worker::{Answer, FakeWorker, OPENMETRICS};
use support::proxy::Proxy;
use support::repository;

const PAGE: &str = "docs/metrics.md";
/// Where what the sources of these kinds show is kept, for every entity they know.
const GOLDENS: [&str; 3] = ["tests/golden/uwsgi", "tests/golden/nginx", "tests/golden/nginx_vts"];

/// Types by family name, a counter's and an info's with their suffix.
type Types = BTreeMap<String, String>;

#[test]
fn what_the_proxy_says_of_itself_is_listed() {
    assert_same(&documented("onescrape_"), &shown_by_the_proxy());
}

#[test]
fn what_uwsgi_and_nginx_show_is_listed() {
    let mut documented = documented("uwsgi_");
    documented.extend(self::documented("nginx_"));
    assert_same(&documented, &goldens());
}

fn assert_same(documented: &Types, shown: &Types) {
    let lacks = |these: &Types, those: &Types| -> Vec<String> {
        let missing = those.iter().filter(|(name, kind)| these.get(*name) != Some(kind));
        missing.map(|(name, kind)| format!("{name} {kind}")).collect()
    };
    let (unlisted, unknown) = (lacks(documented, shown), lacks(shown, documented));
    assert!(unlisted.is_empty() && unknown.is_empty(), "{PAGE} lacks {unlisted:?}; nothing shows its {unknown:?}");
    assert!(!shown.is_empty());
}

/// A pool with a worker that is up and one that has gone, one that hears last words, an exporter and a multiprocess directory: all kinds of endpoints in all states that matter.
fn shown_by_the_proxy() -> Types {
    let body = Answer::text("# TYPE c_total counter\nc_total 1\n");
    let [worker, heard, exporter] = [(); 3].map(|()| FakeWorker::answering(body.clone()));
    let mut gone = FakeWorker::answering(body);
    let directory = tempfile::tempdir().unwrap();
    let state = tempfile::tempdir().unwrap();
    let config = state.path().join("onescrape.yml");
    let hearing = format!("{{name: hearing, kind: workers, targets: [\"{}\"], last_words: {{enabled: true}}}}", heard.id());
    fs::write(&config, format!("sources: [{hearing}]\n")).unwrap();
    let proxy = Proxy::start(&[
        format!("--config.file={}", config.display()),
        format!("--state.file={}/state", state.path().display()),
        format!("--workers={}", worker.id()),
        format!("--workers={}", gone.id()),
        "--expect=2".into(),
        format!("--exporter=other=http://{}/metrics", exporter.id()),
        format!("--multiproc={}", directory.path().display()),
    ]);
    gone.down();
    proxy.wait_scrape("the worker's end", |answer| {
        expect(!answer.select("onescrape_carried_seconds").is_empty(), || "not carried yet".into())
    });
    let answer = proxy.get_with("/metrics", &[("Accept", OPENMETRICS)]);
    let types = parse(answer.text()).unwrap().types;
    let canonical = |(name, kind): (String, String)| match kind.as_str() {
        "counter" => (format!("{name}_total"), kind),
        "info" => (format!("{name}_info"), kind),
        _ => (name, kind),
    };
    types.into_iter().map(canonical).filter(|(name, _)| name.starts_with("onescrape_")).collect()
}

fn goldens() -> Types {
    let files = GOLDENS.iter().flat_map(|folder| fs::read_dir(repository().join(folder)).unwrap());
    let texts: Vec<String> = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let types = texts.iter().flat_map(|text| text.lines()).filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types.map(|(name, kind)| (name.to_string(), kind.to_string())).collect()
}

/// The families in the tables of the page: the names in a row's cells, and the type (or as many as names) in its second cell.
fn documented(prefix: &str) -> Types {
    let page = fs::read_to_string(repository().join(PAGE)).unwrap();
    let mut types = Types::new();
    for row in page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|')) {
        let cells: Vec<&str> = row.split('|').collect();
        let names: BTreeSet<String> =
            [0, 2].iter().filter_map(|i| cells.get(*i)).flat_map(|cell| names(cell)).filter(|n| n.starts_with(prefix)).collect();
        let kinds: Vec<&str> = cells.get(1).map(|cell| cell.split(',').map(str::trim).collect()).unwrap_or_default();
        for (i, name) in names.into_iter().enumerate() {
            let kind = if kinds.len() > 1 { kinds[i] } else { kinds[0] };
            if let Some(before) = types.insert(name.clone(), kind.to_string()) {
                assert_eq!(before, kind, "{name} stands in {PAGE} with two types");
            }
        }
    }
    types
}

/// The names in a cell, which stand in backquotes: `{a,b}` in one is a choice, `{label="value"}` its labels.
fn names(cell: &str) -> Vec<String> {
    let quoted = cell.split('`').skip(1).step_by(2);
    quoted
        .flat_map(|text| choices(text.split_once("{").filter(|(_, rest)| rest.contains('=')).map_or(text, |(name, _)| name)))
        .collect()
}

fn choices(text: &str) -> Vec<String> {
    let Some((before, rest)) = text.split_once('{') else { return vec![text.to_string()] };
    let (inside, after) = rest.split_once('}').unwrap_or_else(|| panic!("{PAGE}: no closing brace in {text}"));
    inside.split(',').flat_map(|choice| choices(&format!("{before}{choice}{after}"))).collect()
}
