//! The configuration file.

use super::draft::{Draft, SourceDraft};
use super::expand::Env;
use super::key::{Form, Key, names};
use super::limits::{LIMITS, limit_keys};
use super::problem::{Given, Origin, Problem, Problems};
use super::reader::{Field, Map, Reader};
use super::source_keys::{SOURCES_KEY, is_source_key, keys_of, read_keys, source_keys, timeout};
use super::state::{save_interval, state_file};
use super::value::{choice, did_you_mean, listed, source_name};
use super::web::{DEFAULT_TELEMETRY_PATH, telemetry_path};
use super::yaml::{FILE_BYTES_MAX, Node, Value, compose};
use super::{ColdStart, LogFormat, LogLevel};
use crate::source::{KINDS, Kind};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Keys of the whole.
const ROOT_KEYS: &[Key] = &[
    Key::new("scrape_timeout", Form::Duration, "longest time one scrape of everything takes; Prometheus' own timeout lowers it")
        .or("5s"),
    Key::new(SOURCES_KEY, Form::List(&Form::Map(source_keys)), "what to scrape; flags add to it"),
    Key::new("limits", Form::Map(limit_keys), "what no input can exceed"),
    Key::new("web", Form::Map(|| WEB_KEYS.iter().collect()), "where and what to serve"),
    Key::new("state", Form::Map(|| STATE_KEYS.iter().collect()), "what is kept over a restart"),
    Key::new("log", Form::Map(|| LOG_KEYS.iter().collect()), "what is logged, on stderr"),
];

/// Keys under `web`.
const WEB_KEYS: &[Key] = &[
    Key::new(
        "listen_addresses",
        Form::List(&Form::Text),
        "`HOST:PORT`, `[IPV6]:PORT`, `:PORT` or `unix:///path`. Default: `0.0.0.0:11011`",
    ),
    Key::new(
        "config_file",
        Form::Text,
        "file for TLS, users and rate limit, in the format of the Prometheus exporters: [security.md](security.md)",
    ),
    Key::new("telemetry_path", Form::Text, "path of the merged exposition").or(DEFAULT_TELEMETRY_PATH),
    Key::new("openmetrics_created", Form::Flag, "OpenMetrics has `_created` series; protobuf says when a child began in any case")
        .or("false"),
    Key::new("enable_lifecycle", Form::Flag, "`POST /-/reload` and `/-/quit` are obeyed: [operations.md](operations.md)")
        .or("false"),
];

/// Keys under `state`.
const STATE_KEYS: &[Key] = &[
    Key::new("file", Form::Text, "counters go on over a restart of onescrape. Best where it outlives the container"),
    Key::new("save_interval", Form::Duration, "how often a copy is made that survives a crash of the machine; 1s at least")
        .or("30s"),
    Key::new(
        "cold_start",
        Form::choice::<ColdStart>(),
        "without a state file, totals begin at what the living workers have counted, or at zero",
    )
    .or("full"),
];

/// Keys under `log`.
const LOG_KEYS: &[Key] = &[
    Key::new("level", Form::choice::<LogLevel>(), "the least that is worth a line").or("info"),
    Key::new("format", Form::choice::<LogFormat>(), "how a line looks").or("logfmt"),
];

/// The keys of a file.
pub fn root_keys() -> Vec<&'static Key> {
    ROOT_KEYS.iter().collect()
}

/// Reads a file into `draft`, noting every mistake.
pub(crate) fn read_file(path: &Path, env: &Env<'_>, draft: &mut Draft, problems: &mut Problems) {
    match bytes_of(path) {
        Ok(bytes) => read_bytes(&path.display().to_string(), &bytes, env, draft, problems),
        Err(e) => problems.0.push(Problem {
            origin: Origin::Nowhere,
            key: String::new(),
            message: format!("cannot read the configuration file {}: {e}", path.display()),
        }),
    }
}

fn bytes_of(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte over the limit is enough to be told that it is too large.
    File::open(path)?.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same from memory; `name` stands for the file in messages.
pub(crate) fn read_bytes(name: &str, bytes: &[u8], env: &Env<'_>, draft: &mut Draft, problems: &mut Problems) {
    let (root, faults) = compose(bytes);
    let mut reader = Reader { file: Arc::from(name), env, problems };
    for fault in faults {
        reader.problem(fault.place, "", fault.message);
    }
    if let Some(root) = root.filter(|root| !matches!(root.value, Value::Null)) {
        read_root(&mut reader, &root, draft);
    }
}

fn read_root(reader: &mut Reader<'_>, node: &Node, draft: &mut Draft) {
    let Some(map) = reader.map_of(&Field { node, path: String::new() }, &names(ROOT_KEYS)) else { return };
    if let Some(field) = map.get("scrape_timeout") {
        draft.scrape_timeout = reader.value(&field, timeout);
    }
    if let Some(field) = map.get("limits") {
        read_limits(reader, &field, draft);
    }
    if let Some(field) = map.get("web") {
        read_web(reader, &field, draft);
    }
    if let Some(field) = map.get("state") {
        read_state(reader, &field, draft);
    }
    if let Some(field) = map.get("log") {
        read_log(reader, &field, draft);
    }
    let sources = map.get(SOURCES_KEY).and_then(|field| reader.list(&field)).unwrap_or_default();
    draft.sources = sources.iter().filter_map(|field| read_source(reader, field)).collect();
}

fn read_limits(reader: &mut Reader<'_>, field: &Field<'_>, draft: &mut Draft) {
    let known: Vec<_> = limit_keys().iter().map(|key| key.name).collect();
    let Some(map) = reader.map_of(field, &known) else { return };
    for row in LIMITS {
        if let Some(field) = map.get(row.key.name) {
            reader.value(&field, |text| (row.read)(&mut draft.limits, text));
        }
    }
}

fn read_web(reader: &mut Reader<'_>, field: &Field<'_>, draft: &mut Draft) {
    let Some(map) = reader.map_of(field, &names(WEB_KEYS)) else { return };
    if let Some(field) = map.get("listen_addresses") {
        draft.listen_addresses = reader.scalars(&field);
        if matches!(&field.node.value, Value::List(items) if items.is_empty()) {
            reader.problem(field.node.place, &field.path, "at least one address is needed; leave the key out for the default");
        }
    }
    if let Some(field) = map.get("config_file") {
        let given = reader.scalar(&field).zip(reader.file(&field));
        draft.web_config_file = given.map(|(given, path)| Given { text: path.display().to_string(), ..given });
    }
    if let Some(field) = map.get("telemetry_path") {
        draft.telemetry_path = reader.value(&field, telemetry_path);
    }
    draft.openmetrics_created = map.get("openmetrics_created").and_then(|field| reader.value(&field, choice));
    draft.enable_lifecycle = map.get("enable_lifecycle").and_then(|field| reader.value(&field, choice));
}

fn read_state(reader: &mut Reader<'_>, field: &Field<'_>, draft: &mut Draft) {
    let Some(map) = reader.map_of(field, &names(STATE_KEYS)) else { return };
    let state = &mut draft.state;
    state.file = map.get("file").and_then(|field| reader.value(&field, state_file));
    if let Some(interval) = map.get("save_interval").and_then(|field| reader.value(&field, save_interval)) {
        state.save_interval = interval;
    }
    if let Some(cold_start) = map.get("cold_start").and_then(|field| reader.value(&field, choice)) {
        state.cold_start = cold_start;
    }
}

fn read_log(reader: &mut Reader<'_>, field: &Field<'_>, draft: &mut Draft) {
    let Some(map) = reader.map_of(field, &names(LOG_KEYS)) else { return };
    draft.log_level = map.get("level").and_then(|field| reader.value(&field, choice));
    draft.log_format = map.get("format").and_then(|field| reader.value(&field, choice));
}

fn read_source(reader: &mut Reader<'_>, field: &Field<'_>) -> Option<SourceDraft> {
    let map = reader.map(field)?;
    let kind = read_kind(reader, &map);
    reader.refuse_unknown(&map, is_source_key, &keys_of(kind.map(|kind| kind.name)));
    let name = read_name(reader, &map, kind);
    // Without kind or name the source is lost, but its other mistakes are still worth telling.
    let stand_in = Given { text: String::new(), key: field.path.clone(), origin: Origin::Nowhere };
    let mut draft = SourceDraft::new(name.clone().unwrap_or(stand_in), kind.or(KINDS.first().copied())?);
    read_keys(reader, &map, kind.map(|kind| kind.name), &mut draft);
    match map.get("targets") {
        Some(targets) => {
            draft.targets = reader.scalars(&targets);
            if matches!(&targets.node.value, Value::List(items) if items.is_empty()) && !has_lookups(&map) {
                reader.problem(targets.node.place, &targets.path, "at least one target is needed");
            }
        }
        None if has_lookups(&map) => {}
        None => reader.missing(&map, "targets", "what to scrape, for example [\"127.0.0.1:5001-5008\"]"),
    }
    kind.and(name).map(|_| draft)
}

/// Whether targets are looked up, even if it is not said well.
fn has_lookups(map: &Map<'_>) -> bool {
    ["dns_sd_configs", "file_sd_configs"].iter().any(|key| map.get(key).is_some())
}

fn read_kind(reader: &mut Reader<'_>, map: &Map<'_>) -> Option<&'static Kind> {
    let names = || KINDS.iter().map(|kind| kind.name);
    let Some(field) = map.get("kind") else {
        reader.missing(map, "kind", &format!("one of {}", listed(names())));
        return None;
    };
    reader.value(&field, |text| {
        let found = KINDS.iter().find(|kind| kind.name == text);
        found.copied().ok_or_else(|| format!("{text:?} is not one of {}{}", listed(names()), did_you_mean(text, names())))
    })
}

/// The name; it must be given, since it stands on series.
fn read_name(reader: &mut Reader<'_>, map: &Map<'_>, kind: Option<&'static Kind>) -> Option<Given> {
    match map.get("name") {
        Some(field) => {
            let given = reader.scalar(&field)?;
            reader.problems.keep(given.parse(source_name))?;
            Some(given)
        }
        None => {
            let example = kind.map_or("django", |kind| kind.name);
            reader.missing(map, "name", &format!("what the source is called in onescrape_* series, for example {example}"));
            None
        }
    }
}
