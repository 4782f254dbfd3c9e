//! `dns_sd_configs` and `file_sd_configs`: where targets are looked up, in the words of Prometheus' own configuration.

use super::SourceConfig;
use super::choice::Choice;
use super::draft::SourceDraft;
use super::duration::{DURATION_MAX, duration, show_duration};
use super::key::{Form, Key, names};
use super::reader::{Field, Map, Reader};
use super::shown::Shown;
use super::value::choice;
use super::yaml::Value;
use crate::target::port_range;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long what was found is taken to stand unless told otherwise, as in Prometheus' `dns_sd_config`.
pub(crate) const DEFAULT_REFRESH: Duration = Duration::from_secs(30);
/// Shortest time between two lookups: more would be a load on the server that nobody profits from.
const REFRESH_MIN: Duration = Duration::from_millis(100);
/// Longest name in DNS, in characters (RFC 1035, section 2.3.4).
const NAME_CHARS_MAX: usize = 253;
/// The port of DNS servers where none is given (RFC 1035, section 4.2).
const DNS_PORT: u16 = 53;
/// Ends of file names that say what is in a file of targets; JSON is YAML, too.
const FILE_ENDS: [&str; 3] = [".json", ".yml", ".yaml"];
/// Said where DNS is asked of a build without it.
const NO_DNS: &str = "this onescrape was built without DNS; use one with the cargo feature dns";
/// Said where files of targets are asked of a build without them.
const NO_FILES: &str = "this onescrape was built without files of targets; use one with the cargo feature discovery";

const DNS_KEYS: &[Key] = &[
    Key::new("names", Form::List(&Form::Text), "what to look up; a name without a final dot is searched as `resolv.conf` says")
        .needed(),
    Key::new("type", Form::choice::<RecordType>(), "which records").or("SRV"),
    Key::new("port", Form::Ports, "of every address: a port or a range such as `5001-5008`; not for `SRV`"),
    Key::new("dns_servers", Form::List(&Form::Text), "`IP` or `IP:PORT`. Not given: those of the system, and its hosts file"),
    REFRESH_KEY,
];

const FILE_KEYS: &[Key] = &[
    Key::new("files", Form::List(&Form::Text), "paths that end in `.json`, `.yml` or `.yaml`; `*` in the file's name").needed(),
    REFRESH_KEY,
];

const REFRESH_KEY: Key = Key::new("refresh_interval", Form::Duration, "time between two lookups; 100ms at least").or("30s");

/// Keys of an item of `dns_sd_configs`.
pub(super) fn dns_keys() -> Vec<&'static Key> {
    DNS_KEYS.iter().collect()
}

/// Keys of an item of `file_sd_configs`.
pub(super) fn file_keys() -> Vec<&'static Key> {
    FILE_KEYS.iter().collect()
}

/// Where the targets of a source are looked up while the program runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lookups {
    /// `dns_sd_configs`.
    pub dns: Vec<DnsSd>,
    /// `file_sd_configs`.
    pub files: Vec<FileSd>,
}

impl Lookups {
    /// Whether there are none: all targets are configured.
    pub fn is_empty(&self) -> bool {
        self.dns.is_empty() && self.files.is_empty()
    }
}

/// Targets that are the records of names in DNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsSd {
    /// The names; one without a dot is searched as `resolv.conf` says.
    pub names: Vec<String>,
    /// Which records, and the ports where those have none.
    pub records: Records,
    /// The servers to ask; empty: those of the system, and its hosts file.
    pub servers: Vec<SocketAddr>,
    /// Time between two lookups.
    pub refresh_interval: Duration,
}

/// Records that are targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Records {
    /// IPv4 addresses, each with every port from the first to the last.
    A(u16, u16),
    /// IPv6 addresses, each with every port from the first to the last.
    Aaaa(u16, u16),
    /// Services, which bring their ports.
    Srv,
}

/// `type:` of a [`DnsSd`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordType {
    A,
    Aaaa,
    Srv,
}

impl Choice for RecordType {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::Srv, "SRV"), (Self::A, "A"), (Self::Aaaa, "AAAA")];
}

/// Targets that stand in files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSd {
    /// Paths; in the name of the file, `*` matches any run of characters.
    pub files: Vec<PathBuf>,
    /// Time after which a file is read again though it seems unchanged. A change that shows is taken up at once.
    pub refresh_interval: Duration,
}

pub(super) fn read_dns(reader: &mut Reader<'_>, field: &Field<'_>, draft: &mut SourceDraft) {
    if !cfg!(feature = "dns") {
        return reader.problem(field.node.place, &field.path, NO_DNS);
    }
    for item in filled_list(reader, field, "one lookup at least is needed") {
        draft.config.lookups.dns.extend(read_dns_item(reader, &item));
    }
}

fn read_dns_item(reader: &mut Reader<'_>, item: &Field<'_>) -> Option<DnsSd> {
    let before = reader.problems.0.len();
    let map = reader.map_of(item, &names(DNS_KEYS))?;
    let mut looked_up = Vec::new();
    match map.get("names") {
        Some(field) => {
            for item in filled_list(reader, &field, "one name at least is needed") {
                looked_up.extend(reader.value(&item, dns_name));
            }
        }
        None => reader.missing(&map, "names", "what to look up, for example [web]"),
    }
    let mut servers = Vec::new();
    if let Some(field) = map.get("dns_servers") {
        for item in filled_list(reader, &field, "one server at least is needed; leave the key out for the system's own") {
            servers.extend(reader.value(&item, dns_server));
        }
    }
    let refresh_interval = read_refresh(reader, &map);
    let records = read_records(reader, &map)?;
    (reader.problems.0.len() == before).then_some(DnsSd { names: looked_up, records, servers, refresh_interval })
}

/// `type` and `port`; as in Prometheus, services are what is looked up unless told otherwise.
fn read_records(reader: &mut Reader<'_>, map: &Map<'_>) -> Option<Records> {
    let kind = map.get("type").map_or(Some(RecordType::Srv), |field| reader.value(&field, choice));
    match (kind?, map.get("port")) {
        (RecordType::Srv, None) => Some(Records::Srv),
        (RecordType::Srv, Some(field)) => {
            let message = "SRV records bring their ports; leave it out, or set type: A (SRV is the default, as in Prometheus)";
            reader.problem(field.node.place, &field.path, message);
            None
        }
        (_, None) => {
            reader.missing(map, "port", "addresses have none: a port or a range of them, for example 5001-5008");
            None
        }
        (RecordType::A, Some(field)) => reader.value(&field, port_range).map(|(first, last)| Records::A(first, last)),
        (RecordType::Aaaa, Some(field)) => reader.value(&field, port_range).map(|(first, last)| Records::Aaaa(first, last)),
    }
}

pub(super) fn show_dns(source: &SourceConfig) -> Shown {
    let text = |text: &String| Shown::text(text);
    let show = |dns: &DnsSd| {
        let (kind, ports) = match dns.records {
            Records::A(first, last) => (RecordType::A, Some((first, last))),
            Records::Aaaa(first, last) => (RecordType::Aaaa, Some((first, last))),
            Records::Srv => (RecordType::Srv, None),
        };
        let port = ports.map(|(first, last)| match first == last {
            true => Shown::Word(first.to_string()),
            false => Shown::Word(format!("{first}-{last}")),
        });
        let servers = dns.servers.iter().map(|server| Shown::text(&server.to_string())).collect::<Vec<_>>();
        Shown::Map(vec![
            ("names".into(), Shown::List(dns.names.iter().map(text).collect())),
            ("type".into(), Shown::Word(kind.word().into())),
            ("port".into(), port.unwrap_or(Shown::Nothing)),
            ("dns_servers".into(), if servers.is_empty() { Shown::Nothing } else { Shown::List(servers) }),
            ("refresh_interval".into(), Shown::Word(show_duration(dns.refresh_interval))),
        ])
    };
    list_or_nothing(source.lookups.dns.iter().map(show).collect())
}

pub(super) fn read_files(reader: &mut Reader<'_>, field: &Field<'_>, draft: &mut SourceDraft) {
    if !crate::discovery::IS_IN {
        return reader.problem(field.node.place, &field.path, NO_FILES);
    }
    for item in filled_list(reader, field, "one lookup at least is needed") {
        draft.config.lookups.files.extend(read_files_item(reader, &item));
    }
}

fn read_files_item(reader: &mut Reader<'_>, item: &Field<'_>) -> Option<FileSd> {
    let before = reader.problems.0.len();
    let map = reader.map_of(item, &names(FILE_KEYS))?;
    let mut files = Vec::new();
    match map.get("files") {
        Some(field) => {
            for item in filled_list(reader, &field, "one file at least is needed") {
                let Some(path) = reader.file(&item) else { continue };
                match why_no_target_file(&path) {
                    Some(message) => reader.problem(item.node.place, &item.path, message),
                    None => files.push(path),
                }
            }
        }
        None => reader.missing(&map, "files", "where targets stand, for example [/etc/onescrape/targets/*.yml]"),
    }
    let refresh_interval = read_refresh(reader, &map);
    (reader.problems.0.len() == before).then_some(FileSd { files, refresh_interval })
}

pub(super) fn show_files(source: &SourceConfig) -> Shown {
    let show = |sd: &FileSd| {
        Shown::Map(vec![
            ("files".into(), Shown::List(sd.files.iter().map(|path| Shown::text(&path.to_string_lossy())).collect())),
            ("refresh_interval".into(), Shown::Word(show_duration(sd.refresh_interval))),
        ])
    };
    list_or_nothing(source.lookups.files.iter().map(show).collect())
}

fn list_or_nothing(items: Vec<Shown>) -> Shown {
    if items.is_empty() { Shown::Nothing } else { Shown::List(items) }
}

fn read_refresh(reader: &mut Reader<'_>, map: &Map<'_>) -> Duration {
    let given = map.get("refresh_interval");
    given.and_then(|field| reader.value(&field, |text| duration(text, &(REFRESH_MIN..=DURATION_MAX)))).unwrap_or(DEFAULT_REFRESH)
}

/// The items of a list that must have some.
fn filled_list<'n>(reader: &mut Reader<'_>, field: &Field<'n>, or_else: &str) -> Vec<Field<'n>> {
    if matches!(&field.node.value, Value::List(items) if items.is_empty()) {
        reader.problem(field.node.place, &field.path, or_else);
    }
    reader.list(field).unwrap_or_default()
}

fn dns_name(text: &str) -> Result<String, String> {
    if text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return Err(format!("{text:?} is an address; it belongs under targets"));
    }
    let labels = text.strip_suffix('.').unwrap_or(text).split('.');
    let legal =
        |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    match text.len() <= NAME_CHARS_MAX && labels.into_iter().all(legal) {
        true => Ok(text.to_string()),
        false => Err(format!("{text:?} is no name in DNS: letters, digits, - and _ between dots; no port, no scheme")),
    }
}

fn dns_server(text: &str) -> Result<SocketAddr, String> {
    let alone = |text: &str| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, DNS_PORT));
    text.parse()
        .or_else(|_| alone(text))
        .map_err(|_| format!("{text:?} is no server; write its IP address, with :PORT unless that is {DNS_PORT}"))
}

fn why_no_target_file(path: &Path) -> Option<String> {
    let Some(name) = path.file_name().map(|name| name.to_string_lossy()) else {
        return Some(format!("{} is no path of a file", path.display()));
    };
    if path.parent().is_some_and(|parent| parent.to_string_lossy().contains('*')) {
        return Some(format!("{}: * is for names of files, not of directories", path.display()));
    }
    let known = FILE_ENDS.iter().any(|end| name.to_ascii_lowercase().ends_with(end));
    (!known).then(|| format!("{} does not say what it holds; let its name end in {}", path.display(), FILE_ENDS.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_servers() {
        for good in ["web", "web.", "_metrics._tcp.web.shop.svc.cluster.local", "a-1"] {
            assert_eq!(dns_name(good).as_deref(), Ok(good));
        }
        for bad in ["", ".", "a..b", "web:5001", "http://web", "10.0.0.1", "[::1]", "a b", "*.web", &"a".repeat(64)] {
            assert!(dns_name(bad).is_err(), "{bad}");
        }
        let server = |text| dns_server(text).map(|address| address.to_string());
        assert_eq!(server("127.0.0.1").as_deref(), Ok("127.0.0.1:53"));
        assert_eq!(server("127.0.0.1:5353").as_deref(), Ok("127.0.0.1:5353"));
        assert_eq!(server("::1").as_deref(), Ok("[::1]:53"));
        assert_eq!(server("[::1]:54").as_deref(), Ok("[::1]:54"));
        assert!(server("dns.example").is_err());
    }

    #[test]
    fn files_of_targets_say_what_they_hold() {
        for good in ["/t/a.yml", "/t/*.json", "t.yaml", "/t/web-*.YML"] {
            assert_eq!(why_no_target_file(Path::new(good)), None);
        }
        for bad in ["/t/*", "/t/a.toml", "/*/a.yml", "/"] {
            assert!(why_no_target_file(Path::new(bad)).is_some(), "{bad}");
        }
    }
}
