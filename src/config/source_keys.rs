//! The keys of a source: one row each says which kinds have it, how it is read and how it is shown. A new key is a row here.

use super::access::{authorization_keys, basic_auth_keys, tls_keys};
use super::access::{read_authorization, read_basic_auth, read_tls_config, show_authorization, show_basic_auth, show_tls_config};
use super::choice::Choice;
use super::discovery::{dns_keys, file_keys, read_dns, read_files, show_dns, show_files};
use super::draft::SourceDraft;
use super::duration::{DURATION_MAX, TIMEOUT_MIN, duration, show_duration};
use super::headers::read_headers;
use super::key::{Form, Key, names};
use super::last_words::{last_words_keys, read_last_words, show_last_words};
use super::reader::{Field, Map, Reader};
use super::series_keys::{aggregate_keys, rule_keys};
use super::series_keys::{read_aggregate, read_labels, read_rules, show_aggregate, show_labels, show_rules};
use super::shown::Shown;
use super::value::{self, choice};
use super::yaml::Value;
use super::{BoundsPolicy, GaugeMode, GaugeRule, Liveness, NginxNames, QuantilePolicy, Scheme, ScrapeProtocol, SourceConfig};
use crate::source::KINDS;
use std::time::Duration;

/// One key of a source beside `name`, `kind` and `targets`.
struct SourceKey {
    key: Key,
    read: fn(&mut Reader<'_>, &Field<'_>, &mut SourceDraft),
    show: fn(&SourceConfig) -> Shown,
}

/// The key of the whole under which sources stand.
pub(super) const SOURCES_KEY: &str = "sources";

/// The keys that every source has and that are read first.
const IDENTITY_KEYS: &[Key] = &[
    Key::new("name", Form::Text, "unique; label `source` of `onescrape_…` series").needed(),
    Key::new("kind", Form::Words(kinds), "what it reads").needed(),
    Key::new(
        "targets",
        Form::List(&Form::Text),
        "what to scrape; needed unless targets are looked up. Shapes: the page of the kind",
    ),
];

/// The keys of a rule for gauges.
const GAUGE_KEYS: &[Key] = &[
    Key::new("match", Form::Text, "name of the family; `*` matches any run of characters").needed(),
    Key::new("mode", Form::choice::<GaugeMode>(), "how the gauges of several workers become one").needed(),
];

const HTTP_KINDS: &[&str] = &["workers", "nginx", "nginx_vts", "exporter"];
const NETWORK_KINDS: &[&str] = &["workers", "uwsgi", "nginx", "nginx_vts", "exporter"];
const EXPOSITION_KINDS: &[&str] = &["workers", "exporter"];
const WORKERS: &[&str] = &["workers"];
const UWSGI: &[&str] = &["uwsgi"];
const NGINX: &[&str] = &["nginx"];
const MULTIPROC: &[&str] = &["multiproc"];

/// Shortest time between polls: a Python worker takes some of its own time from the site to answer.
const POLL_INTERVAL_MIN: Duration = Duration::from_millis(100);
/// Most workers that can be expected: one on every port there is.
const EXPECT_MAX: usize = 65_535;
/// Most files a directory may be allowed to have: as many processes as Linux has ids for, eight files each.
const FILES_MAX: usize = 8 << 22;
/// Bytes of a file from the least that is of use to the most there can be, since their number is an `int32`.
const FILE_BYTES: std::ops::RangeInclusive<usize> = 1 << 10..=(2 << 30) - 1;

/// Every key.
const SOURCE_KEYS: &[SourceKey] = &[
    SourceKey { key: Key::new("dns_sd_configs", Form::List(&Form::Map(dns_keys)), "targets looked up in DNS: [discovery.md](discovery.md)").of(NETWORK_KINDS),
        read: read_dns, show: show_dns },
    SourceKey { key: Key::new("file_sd_configs", Form::List(&Form::Map(file_keys)), "targets that stand in files: [discovery.md](discovery.md)").of(NETWORK_KINDS),
        read: read_files, show: show_files },
    SourceKey {
        key: Key::new("expect", Form::Count(1..=EXPECT_MAX), "how many should be up; fewer is shown everywhere. Not given: not checked").of(WORKERS),
        read: |reader, field, draft| {
            draft.expect = reader.scalar(field);
            if let Some(given) = &draft.expect {
                draft.config.expect = reader.problems.keep(given.parse(expect));
            }
        },
        show: |source| source.expect.map_or(Shown::Nothing, |n| Shown::Word(n.to_string())),
    },
    SourceKey {
        key: Key::new("metrics_path", Form::Text, "path of targets that name none. Default: `/metrics`; nginx: `/stub_status`; nginx_vts: `/status/format/json`").of(HTTP_KINDS),
        read: |reader, field, draft| reader.set(&mut draft.config.metrics_path, field, value::path),
        show: |source| Shown::text(&source.metrics_path),
    },
    SourceKey {
        key: Key::new("scheme", Form::choice::<Scheme>(), "of targets that name none").of(HTTP_KINDS).or("http"),
        read: |reader, field, draft| reader.set(&mut draft.config.scheme, field, choice),
        show: |source| Shown::choice(source.scheme),
    },
    SourceKey {
        key: Key::new("scrape_timeout", Form::Duration, "shorter than the whole's. Not given: the whole's"),
        read: |reader, field, draft| {
            draft.timeout = reader.scalar(field);
            if let Some(given) = &draft.timeout {
                draft.config.scrape_timeout = reader.problems.keep(given.parse(timeout));
            }
        },
        show: |source| source.scrape_timeout.map_or(Shown::Nothing, Shown::duration),
    },
    SourceKey {
        key: Key::new("poll_interval", Form::Duration, "also read when the last round is this old; `0s`: only when asked, else 100ms at least").or("0s"),
        read: |reader, field, draft| reader.set(&mut draft.config.poll_interval, field, poll_interval),
        show: |source| Shown::duration(source.poll_interval),
    },
    SourceKey {
        key: Key::new("required", Form::Flag, "`/metrics` answers 503 while every target of this source is down").or("false"),
        read: |reader, field, draft| reader.set(&mut draft.config.required, field, choice),
        show: |source| Shown::choice(source.required),
    },
    SourceKey {
        key: Key::new("scrape_protocols", Form::List(&Form::choice::<ScrapeProtocol>()), "formats to ask for, the best first. Only `PrometheusProto` has native histograms. Not given: text formats of workers, all of exporters").of(EXPOSITION_KINDS),
        read: |reader, field, draft| draft.config.scrape_protocols = read_protocols(reader, field),
        show: |source| match source.scrape_protocols.is_empty() {
            true => Shown::Nothing,
            false => Shown::List(source.scrape_protocols.iter().map(|protocol| Shown::choice(*protocol)).collect()),
        },
    },
    SourceKey {
        key: Key::new("http_headers", Form::Texts, "sent with every scrape, `Host` included; values of secret ones are never shown"),
        read: |reader, field, draft| draft.config.http_headers = read_headers(reader, field),
        show: |source| {
            Shown::Map(source.http_headers.masked().map(|(name, value)| (name.to_string(), Shown::text(value))).collect())
        },
    },
    SourceKey {
        key: Key::new("labels", Form::Texts, "added to every series; a series' own label of that name becomes `exported_…`"),
        read: |reader, field, draft| draft.config.relabelling.labels = read_labels(reader, field),
        show: show_labels,
    },
    SourceKey {
        key: Key::new("metric_relabel_configs", Form::List(&Form::Map(rule_keys)), "Prometheus' relabelling rules, applied after `labels`"),
        read: |reader, field, draft| draft.config.relabelling.rules = read_rules(reader, field),
        show: show_rules,
    },
    SourceKey {
        key: Key::new("aggregate", Form::List(&Form::Map(aggregate_keys)), "labels to sum over, restarts and all; first match wins").of(WORKERS),
        read: |reader, field, draft| draft.config.merge.aggregate = read_aggregate(reader, field),
        show: show_aggregate,
    },
    SourceKey {
        key: Key::new("basic_auth", Form::Map(basic_auth_keys), "login with a password").of(HTTP_KINDS),
        read: read_basic_auth,
        show: |source| show_basic_auth(source.credentials.as_ref()),
    },
    SourceKey {
        key: Key::new("authorization", Form::Map(authorization_keys), "login with a token, in place of `basic_auth`").of(HTTP_KINDS),
        read: read_authorization,
        show: |source| show_authorization(source.credentials.as_ref()),
    },
    SourceKey {
        key: Key::new("tls_config", Form::Map(tls_keys), "how `https` targets are spoken to: [security.md](security.md)").of(HTTP_KINDS),
        read: |reader, field, draft| draft.config.tls_config = read_tls_config(reader, field),
        show: |source| show_tls_config(&source.tls_config),
    },
    SourceKey {
        key: Key::new("follow_redirects", Form::Flag, "follow a redirect on the same host; `false`: it is a miss").of(HTTP_KINDS).or("false"),
        read: |reader, field, draft| reader.set(&mut draft.config.follow_redirects, field, choice),
        show: |source| Shown::choice(source.follow_redirects),
    },
    SourceKey {
        key: Key::new("worker_label", Form::Text, "tells workers apart where series stay one per worker").of(WORKERS).or("worker"),
        read: |reader, field, draft| reader.set(&mut draft.config.merge.worker_label, field, value::worker_label),
        show: |source| Shown::text(&source.merge.worker_label),
    },
    SourceKey {
        key: Key::new("gauges", Form::List(&Form::Map(gauge_keys)), "how gauges of several workers become one: first match wins, then the built-in rules (`onescrape config rules`)").of(WORKERS),
        read: |reader, field, draft| draft.config.merge.gauges = read_gauges(reader, field),
        show: |source| Shown::List(source.merge.gauges.iter().map(show_gauge).collect()),
    },
    SourceKey {
        key: Key::new("gauge_default", Form::Words(gauge_defaults), "of gauges that no rule matches").of(WORKERS).or("all"),
        read: |reader, field, draft| reader.set(&mut draft.config.merge.gauge_default, field, value::gauge_default),
        show: |source| Shown::choice(source.merge.gauge_default),
    },
    SourceKey {
        key: Key::new("gauge_hold", Form::Duration, "how long a worker that listens but misses a scrape keeps its gauges").of(WORKERS).or("0s"),
        read: |reader, field, draft| reader.set(&mut draft.config.merge.gauge_hold, field, any_time),
        show: |source| Shown::duration(source.merge.gauge_hold),
    },
    SourceKey {
        key: Key::new("histograms", Form::choice::<BoundsPolicy>(), "histograms whose buckets differ between workers").of(WORKERS).or("union"),
        read: |reader, field, draft| reader.set(&mut draft.config.merge.histograms, field, choice),
        show: |source| Shown::choice(source.merge.histograms),
    },
    SourceKey {
        key: Key::new("quantiles", Form::choice::<QuantilePolicy>(), "quantiles of summaries, which can't be merged").of(WORKERS).or("drop"),
        read: |reader, field, draft| reader.set(&mut draft.config.merge.quantiles, field, choice),
        show: |source| Shown::choice(source.merge.quantiles),
    },
    SourceKey {
        key: Key::new("retire_after", Form::Duration, "failed attempts that add up to this end a port's part in the bookkeeping of totals").of(WORKERS).or("1h"),
        read: |reader, field, draft| reader.set(&mut draft.config.merge.retire_after, field, timeout),
        show: |source| Shown::duration(source.merge.retire_after),
    },
    SourceKey {
        key: Key::new("instance_memory", Form::Duration, "how long a port that answers as several processes in turn remembers each").of(WORKERS).or("5m"),
        read: |reader, field, draft| reader.set(&mut draft.config.merge.instance_memory, field, any_time),
        show: |source| Shown::duration(source.merge.instance_memory),
    },
    SourceKey {
        key: Key::new("last_words", Form::Map(last_words_keys), "what a worker brings itself before it ends: [last-words.md](last-words.md)").of(WORKERS),
        read: |reader, field, draft| draft.config.last_words = read_last_words(reader, field),
        show: |source| show_last_words(&source.last_words),
    },
    SourceKey {
        key: Key::new("cores", Form::Flag, "also series per core").of(UWSGI).or("false"),
        read: |reader, field, draft| reader.set(&mut draft.config.cores, field, choice),
        show: |source| Shown::choice(source.cores),
    },
    SourceKey {
        key: Key::new("names", Form::choice::<NginxNames>(), "which names the series have").of(NGINX).or("official"),
        read: |reader, field, draft| reader.set(&mut draft.config.names, field, choice),
        show: |source| Shown::choice(source.names),
    },
    SourceKey {
        key: Key::new("liveness", Form::choice::<Liveness>(), "how it is known which processes live; `files`: as `prometheus_client`, until `mark_process_dead`").of(MULTIPROC).or("auto"),
        read: |reader, field, draft| reader.set(&mut draft.config.multiproc.liveness, field, choice),
        show: |source| Shown::choice(source.multiproc.liveness),
    },
    SourceKey {
        key: Key::new("files_max", Form::Count(1..=FILES_MAX), "a directory with more is not read").of(MULTIPROC).or("20000"),
        read: |reader, field, draft| {
            reader.set(&mut draft.config.multiproc.files_max, field, |text| value::count(text, &(1..=FILES_MAX)));
        },
        show: |source| Shown::Word(source.multiproc.files_max.to_string()),
    },
    SourceKey {
        key: Key::new("file_bytes_max", Form::Size, "in use of one file; one with more is left out").of(MULTIPROC).or("64MiB"),
        read: |reader, field, draft| {
            reader.set(&mut draft.config.multiproc.file_bytes_max, field, |text| value::size(text, &FILE_BYTES));
        },
        show: |source| Shown::Word(value::show_size(source.multiproc.file_bytes_max)),
    },
];

impl SourceConfig {
    /// Whether sources of this kind have a key of that name.
    pub fn has_key(&self, name: &str) -> bool {
        keys_of(Some(self.kind.name)).contains(&name)
    }
}

/// Every key that a source of some kind has.
pub(super) fn source_keys() -> Vec<&'static Key> {
    IDENTITY_KEYS.iter().chain(SOURCE_KEYS.iter().map(|row| &row.key)).collect()
}

/// The keys that sources of a kind have; all there are where it is unknown.
pub(crate) fn keys_of(kind: Option<&str>) -> Vec<&'static str> {
    source_keys().into_iter().filter(|key| kind.is_none_or(|kind| key.is_of(kind))).map(|key| key.name).collect()
}

/// Whether any kind of source has this key.
pub(crate) fn is_source_key(name: &str) -> bool {
    keys_of(None).contains(&name)
}

/// Reads every key that stands in `map`; those that `kind` (where it is known) doesn't have are mistakes.
pub(crate) fn read_keys(reader: &mut Reader<'_>, map: &Map<'_>, kind: Option<&str>, draft: &mut SourceDraft) {
    for SourceKey { key, read, .. } in SOURCE_KEYS {
        let Some(entry) = map.entries.iter().find(|e| e.key == key.name) else { continue };
        if let Some(kind) = kind.filter(|kind| !key.is_of(kind)) {
            let owners = value::listed(key.kinds.iter().copied());
            let message = format!("sources of kind {kind} have no such key; it is one of kind {owners}");
            reader.problem(entry.place, &map.path_of(key.name), message);
        } else if let Some(field) = map.get(key.name) {
            read(reader, &field, draft);
        }
    }
}

/// The keys of a source with their values, defaults included.
pub(crate) fn show_keys(source: &SourceConfig) -> impl Iterator<Item = (String, Shown)> {
    let own = SOURCE_KEYS.iter().filter(|row| row.key.is_of(source.kind.name));
    own.map(|row| (row.key.name.to_string(), (row.show)(source)))
}

fn kinds() -> Vec<&'static str> {
    KINDS.iter().map(|kind| kind.name).collect()
}

fn gauge_keys() -> Vec<&'static Key> {
    GAUGE_KEYS.iter().collect()
}

/// `counter` speaks of single families.
fn gauge_defaults() -> Vec<&'static str> {
    GaugeMode::ALL.into_iter().filter(|(mode, _)| *mode != GaugeMode::Counter).map(|(_, word)| word).collect()
}

/// Reads a number of workers.
pub(crate) fn expect(text: &str) -> Result<u32, String> {
    // EXPECT_MAX fits, so nothing saturates.
    value::count(text, &(1..=EXPECT_MAX)).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}

/// A time limit: longer than nothing.
pub(crate) fn timeout(text: &str) -> Result<Duration, String> {
    duration(text, &(TIMEOUT_MIN..=DURATION_MAX))
}

impl Shown {
    fn duration(value: Duration) -> Self {
        Self::Word(show_duration(value))
    }

    fn choice<T: Choice>(value: T) -> Self {
        Self::Word(value.word().to_string())
    }
}

/// Zero is off.
fn poll_interval(text: &str) -> Result<Duration, String> {
    match any_time(text) {
        Ok(Duration::ZERO) => Ok(Duration::ZERO),
        _ => duration(text, &(POLL_INTERVAL_MIN..=DURATION_MAX)).map_err(|why| format!("{why}; 0s turns it off")),
    }
}

fn any_time(text: &str) -> Result<Duration, String> {
    duration(text, &(Duration::ZERO..=DURATION_MAX))
}

fn read_protocols(reader: &mut Reader<'_>, field: &Field<'_>) -> Vec<ScrapeProtocol> {
    let items = reader.list(field).unwrap_or_default();
    if matches!(&field.node.value, Value::List(items) if items.is_empty()) {
        reader.problem(field.node.place, &field.path, "at least one format is needed; leave the key out for the default");
    }
    let mut protocols: Vec<ScrapeProtocol> = Vec::new();
    for item in items {
        match reader.value(&item, choice) {
            Some(protocol) if protocols.contains(&protocol) => {
                reader.problem(item.node.place, &item.path, format!("{} stands twice", protocol.word()));
            }
            protocol => protocols.extend(protocol),
        }
    }
    protocols
}

fn read_gauges(reader: &mut Reader<'_>, field: &Field<'_>) -> Vec<GaugeRule> {
    let mut rules = Vec::new();
    for item in reader.list(field).unwrap_or_default() {
        let Some(map) = reader.map_of(&item, &names(GAUGE_KEYS)) else { continue };
        let (pattern, mode) = (map.get("match"), map.get("mode"));
        if pattern.is_none() {
            reader.missing(&map, "match", "the family it is for; * matches any run of characters");
        }
        if mode.is_none() {
            reader.missing(&map, "mode", "how the gauges of several workers become one");
        }
        let pattern = pattern.and_then(|f| reader.value(&f, value::pattern));
        let mode = mode.and_then(|f| reader.value(&f, choice));
        let (Some(pattern), Some(mode)) = (pattern, mode) else { continue };
        rules.push(GaugeRule { pattern, mode });
        if let Some(by) = value::shadowed_by(&rules, rules.len() - 1) {
            let earlier = rules.get(by).map_or("", |rule| &rule.pattern);
            let message = format!("never used: the earlier rule {earlier:?} takes everything it matches; put it before that one");
            reader.problem(item.node.place, &item.path, message);
        }
    }
    rules
}

fn show_gauge(rule: &GaugeRule) -> Shown {
    Shown::Map(vec![("match".into(), Shown::text(&rule.pattern)), ("mode".into(), Shown::choice(rule.mode))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_keys_exist() {
        for key in source_keys() {
            for kind in key.kinds {
                assert!(KINDS.iter().any(|k| k.name == *kind), "{}: {kind}", key.name);
            }
        }
    }
}
