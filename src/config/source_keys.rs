//! The keys of a source: one row each says which kinds have it, how it is read and how it is shown. A new key is a row here.

use super::access::{read_authorization, read_basic_auth, read_tls_config, show_authorization, show_basic_auth, show_tls_config};
use super::choice::Choice;
use super::discovery::{read_dns, read_files, show_dns, show_files};
use super::draft::SourceDraft;
use super::duration::{DURATION_MAX, TIMEOUT_MIN, duration, show_duration};
use super::headers::read_headers;
use super::last_words::{read_last_words, show_last_words};
use super::reader::{Field, Map, Reader};
use super::series_keys::{read_aggregate, read_labels, read_rules, show_aggregate, show_labels, show_rules};
use super::shown::Shown;
use super::value::{self, choice};
use super::yaml::Value;
use super::{GaugeRule, ScrapeProtocol, SourceConfig};
use std::time::Duration;

/// One key of a source beside `name`, `kind` and `targets`.
struct SourceKey {
    name: &'static str,
    /// The kinds that have it; empty: all.
    kinds: &'static [&'static str],
    read: fn(&mut Reader<'_>, &Field<'_>, &mut SourceDraft),
    show: fn(&SourceConfig) -> Shown,
}

/// The keys that every source has and that are read first.
const IDENTITY_KEYS: [&str; 3] = ["name", "kind", "targets"];

const EVERY_KIND: &[&str] = &[];
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
    SourceKey { name: "dns_sd_configs", kinds: NETWORK_KINDS, read: read_dns, show: show_dns },
    SourceKey { name: "file_sd_configs", kinds: NETWORK_KINDS, read: read_files, show: show_files },
    SourceKey {
        name: "expect",
        kinds: WORKERS,
        read: |reader, field, draft| {
            draft.expect = reader.scalar(field);
            if let Some(given) = &draft.expect {
                draft.config.expect = reader.problems.keep(given.parse(expect));
            }
        },
        show: |source| source.expect.map_or(Shown::Nothing, |n| Shown::Word(n.to_string())),
    },
    SourceKey {
        name: "metrics_path",
        kinds: HTTP_KINDS,
        read: |reader, field, draft| reader.set(&mut draft.config.metrics_path, field, value::path),
        show: |source| Shown::text(&source.metrics_path),
    },
    SourceKey {
        name: "scheme",
        kinds: HTTP_KINDS,
        read: |reader, field, draft| reader.set(&mut draft.config.scheme, field, choice),
        show: |source| Shown::choice(source.scheme),
    },
    SourceKey {
        name: "scrape_timeout",
        kinds: EVERY_KIND,
        read: |reader, field, draft| {
            draft.timeout = reader.scalar(field);
            if let Some(given) = &draft.timeout {
                draft.config.scrape_timeout = reader.problems.keep(given.parse(timeout));
            }
        },
        show: |source| source.scrape_timeout.map_or(Shown::Nothing, Shown::duration),
    },
    SourceKey {
        name: "poll_interval",
        kinds: EVERY_KIND,
        read: |reader, field, draft| reader.set(&mut draft.config.poll_interval, field, poll_interval),
        show: |source| Shown::duration(source.poll_interval),
    },
    SourceKey {
        name: "required",
        kinds: EVERY_KIND,
        read: |reader, field, draft| reader.set(&mut draft.config.required, field, choice),
        show: |source| Shown::choice(source.required),
    },
    SourceKey {
        name: "scrape_protocols",
        kinds: EXPOSITION_KINDS,
        read: |reader, field, draft| draft.config.scrape_protocols = read_protocols(reader, field),
        show: |source| match source.scrape_protocols.is_empty() {
            true => Shown::Nothing,
            false => Shown::List(source.scrape_protocols.iter().map(|protocol| Shown::choice(*protocol)).collect()),
        },
    },
    SourceKey {
        name: "http_headers",
        kinds: EVERY_KIND,
        read: |reader, field, draft| draft.config.http_headers = read_headers(reader, field),
        show: |source| {
            Shown::Map(source.http_headers.masked().map(|(name, value)| (name.to_string(), Shown::text(value))).collect())
        },
    },
    SourceKey {
        name: "labels",
        kinds: EVERY_KIND,
        read: |reader, field, draft| draft.config.relabelling.labels = read_labels(reader, field),
        show: show_labels,
    },
    SourceKey {
        name: "metric_relabel_configs",
        kinds: EVERY_KIND,
        read: |reader, field, draft| draft.config.relabelling.rules = read_rules(reader, field),
        show: show_rules,
    },
    SourceKey {
        name: "aggregate",
        kinds: WORKERS,
        read: |reader, field, draft| draft.config.merge.aggregate = read_aggregate(reader, field),
        show: show_aggregate,
    },
    SourceKey {
        name: "basic_auth",
        kinds: HTTP_KINDS,
        read: read_basic_auth,
        show: |source| show_basic_auth(source.credentials.as_ref()),
    },
    SourceKey {
        name: "authorization",
        kinds: HTTP_KINDS,
        read: read_authorization,
        show: |source| show_authorization(source.credentials.as_ref()),
    },
    SourceKey {
        name: "tls_config",
        kinds: HTTP_KINDS,
        read: |reader, field, draft| draft.config.tls_config = read_tls_config(reader, field),
        show: |source| show_tls_config(&source.tls_config),
    },
    SourceKey {
        name: "follow_redirects",
        kinds: HTTP_KINDS,
        read: |reader, field, draft| reader.set(&mut draft.config.follow_redirects, field, choice),
        show: |source| Shown::choice(source.follow_redirects),
    },
    SourceKey {
        name: "worker_label",
        kinds: WORKERS,
        read: |reader, field, draft| reader.set(&mut draft.config.merge.worker_label, field, value::worker_label),
        show: |source| Shown::text(&source.merge.worker_label),
    },
    SourceKey {
        name: "gauges",
        kinds: WORKERS,
        read: |reader, field, draft| draft.config.merge.gauges = read_gauges(reader, field),
        show: |source| Shown::List(source.merge.gauges.iter().map(show_gauge).collect()),
    },
    SourceKey {
        name: "gauge_default",
        kinds: WORKERS,
        read: |reader, field, draft| reader.set(&mut draft.config.merge.gauge_default, field, value::gauge_default),
        show: |source| Shown::choice(source.merge.gauge_default),
    },
    SourceKey {
        name: "gauge_hold",
        kinds: WORKERS,
        read: |reader, field, draft| reader.set(&mut draft.config.merge.gauge_hold, field, any_time),
        show: |source| Shown::duration(source.merge.gauge_hold),
    },
    SourceKey {
        name: "histograms",
        kinds: WORKERS,
        read: |reader, field, draft| reader.set(&mut draft.config.merge.histograms, field, choice),
        show: |source| Shown::choice(source.merge.histograms),
    },
    SourceKey {
        name: "quantiles",
        kinds: WORKERS,
        read: |reader, field, draft| reader.set(&mut draft.config.merge.quantiles, field, choice),
        show: |source| Shown::choice(source.merge.quantiles),
    },
    SourceKey {
        name: "retire_after",
        kinds: WORKERS,
        read: |reader, field, draft| reader.set(&mut draft.config.merge.retire_after, field, timeout),
        show: |source| Shown::duration(source.merge.retire_after),
    },
    SourceKey {
        name: "instance_memory",
        kinds: WORKERS,
        read: |reader, field, draft| reader.set(&mut draft.config.merge.instance_memory, field, any_time),
        show: |source| Shown::duration(source.merge.instance_memory),
    },
    SourceKey {
        name: "last_words",
        kinds: WORKERS,
        read: |reader, field, draft| draft.config.last_words = read_last_words(reader, field),
        show: |source| show_last_words(&source.last_words),
    },
    SourceKey {
        name: "cores",
        kinds: UWSGI,
        read: |reader, field, draft| reader.set(&mut draft.config.cores, field, choice),
        show: |source| Shown::choice(source.cores),
    },
    SourceKey {
        name: "names",
        kinds: NGINX,
        read: |reader, field, draft| reader.set(&mut draft.config.names, field, choice),
        show: |source| Shown::choice(source.names),
    },
    SourceKey {
        name: "liveness",
        kinds: MULTIPROC,
        read: |reader, field, draft| reader.set(&mut draft.config.multiproc.liveness, field, choice),
        show: |source| Shown::choice(source.multiproc.liveness),
    },
    SourceKey {
        name: "files_max",
        kinds: MULTIPROC,
        read: |reader, field, draft| {
            reader.set(&mut draft.config.multiproc.files_max, field, |text| value::count(text, &(1..=FILES_MAX)));
        },
        show: |source| Shown::Word(source.multiproc.files_max.to_string()),
    },
    SourceKey {
        name: "file_bytes_max",
        kinds: MULTIPROC,
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

/// The keys that sources of a kind have; all there are where it is unknown.
pub(crate) fn keys_of(kind: Option<&str>) -> Vec<&'static str> {
    let own = SOURCE_KEYS.iter().filter(|key| kind.is_none_or(|kind| key.is_of(kind))).map(|key| key.name);
    IDENTITY_KEYS.into_iter().chain(own).collect()
}

/// Whether any kind of source has this key.
pub(crate) fn is_source_key(name: &str) -> bool {
    keys_of(None).contains(&name)
}

impl SourceKey {
    fn is_of(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }
}

/// Reads every key that stands in `map`; those that `kind` (where it is known) doesn't have are mistakes.
pub(crate) fn read_keys(reader: &mut Reader<'_>, map: &Map<'_>, kind: Option<&str>, draft: &mut SourceDraft) {
    for key in SOURCE_KEYS {
        let Some(entry) = map.entries.iter().find(|e| e.key == key.name) else { continue };
        if let Some(kind) = kind.filter(|kind| !key.is_of(kind)) {
            let owners = value::listed(key.kinds.iter().copied());
            let message = format!("sources of kind {kind} have no such key; it is one of kind {owners}");
            reader.problem(entry.place, &map.path_of(key.name), message);
        } else if let Some(field) = map.get(key.name) {
            (key.read)(reader, &field, draft);
        }
    }
}

/// The keys of a source with their values, defaults included.
pub(crate) fn show_keys(source: &SourceConfig) -> impl Iterator<Item = (String, Shown)> {
    SOURCE_KEYS.iter().filter(|key| key.is_of(source.kind.name)).map(|key| (key.name.to_string(), (key.show)(source)))
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
        let Some(map) = reader.map_of(&item, &["match", "mode"]) else { continue };
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
    use crate::source::KINDS;

    #[test]
    fn kinds_of_keys_exist() {
        for key in SOURCE_KEYS {
            for kind in key.kinds {
                assert!(KINDS.iter().any(|k| k.name == *kind), "{}: {kind}", key.name);
            }
        }
    }
}
