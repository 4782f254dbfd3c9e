//! Configuration and findings → the configuration in force: the sources' targets filled in, in an order that no lookup can change.
//! Pure but for the question which addresses are this machine's.

use super::found::{Findings, Found, Group};
use super::own::leads_here;
use crate::config::{Config, SourceConfig, comparable};
use crate::target::{Address, AddressError, Target};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

/// Addresses of host names that stand among targets.
pub(super) type Names = BTreeMap<String, BTreeSet<IpAddr>>;

/// The configuration in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Filled {
    /// The configuration; targets found stand behind the configured ones.
    pub config: Config,
    /// By source: what went wrong with its lookups or was left out, one line each.
    pub notes: Vec<Vec<String>>,
    /// Whether `limits.max_slots` left targets out.
    pub is_over_limit: bool,
}

/// Fills in what was found.
pub(super) fn fill(config: &Config, findings: &Findings, names: &Names) -> Filled {
    let mut filled = Filled { config: config.clone(), notes: vec![Vec::new(); config.sources.len()], is_over_limit: false };
    if !super::IS_IN {
        return filled;
    }
    let mut seen = Seen { names, places: HashMap::new() };
    // What is configured without lookups comes first: it must not depend on what others find.
    for source in config.sources.iter().filter(|source| source.lookups.is_empty()) {
        source.targets.iter().for_each(|target| drop(seen.claim(target, &source.name)));
    }
    let none = Vec::new();
    for (i, (source, notes)) in filled.config.sources.iter_mut().zip(&mut filled.notes).enumerate() {
        if source.lookups.is_empty() {
            continue;
        }
        let found = findings.get(i).unwrap_or(&none);
        notes.extend(unanswered(source, found));
        let candidates = Candidates::of(source, found, notes);
        let listen = &config.web.listen_addresses;
        filled.is_over_limit |= candidates.put_into(source, listen, &mut seen, notes);
    }
    filled
}

/// Who has each place already.
struct Seen<'n> {
    names: &'n Names,
    places: HashMap<Address, (String, String)>,
}

impl Seen<'_> {
    /// Takes the places a target leads to for it; who has one of them already, if anybody: source and target.
    fn claim(&mut self, target: &Target, source: &str) -> Option<(String, String)> {
        let places = self.places_of(&target.address);
        if let Some(owner) = places.iter().find_map(|place| self.places.get(place)) {
            return Some(owner.clone());
        }
        let owner = (source.to_string(), target.text.clone());
        self.places.extend(places.into_iter().map(|place| (place, owner.clone())));
        None
    }

    /// The address itself, and those that its host name stands for.
    fn places_of(&self, address: &Address) -> Vec<Address> {
        let addresses = host(address).and_then(|host| self.names.get(host)).into_iter().flatten();
        let moved = addresses.map(|ip| with_host(address, &ip.to_string()));
        [address.clone()].into_iter().chain(moved).map(|address| comparable(&address)).collect()
    }

    /// Whether the target's name stands for several addresses, so that nobody knows which of them answers.
    fn is_ambiguous(&self, target: &Target) -> bool {
        host(&target.address).and_then(|host| self.names.get(host)).is_some_and(|ips| ips.len() > 1)
    }
}

/// What a source might scrape beside its configured targets.
struct Candidates {
    /// In order of address.
    targets: Vec<Target>,
    /// Targets left out since the limit was reached while they were listed.
    cut: bool,
}

impl Candidates {
    /// Lists what was found, and takes over the labels that came with it.
    fn of(source: &mut SourceConfig, found: &[Option<Found>], notes: &mut Vec<String>) -> Self {
        let lookups = found.iter().flatten().flatten();
        let mut entries: Vec<(&Group, &str)> = Vec::new();
        let mut labels: Option<(&BTreeMap<String, String>, &str)> = None;
        for (key, lookup) in lookups {
            notes.extend(lookup.failure.as_ref().map(|why| failed(key, why, &lookup.groups)));
            for group in lookup.groups.iter().filter(|group| !group.targets.is_empty()) {
                match (&group.labels, labels) {
                    (Some(own), Some((first, from))) if own != first => {
                        notes.push(differing_labels(key, own, from, first));
                        continue;
                    }
                    (Some(own), None) => labels = Some((own, key)),
                    _ => {}
                }
                entries.extend(group.targets.iter().map(|target| (group, target.as_str())));
            }
        }
        entries.sort_by(|(_, a), (_, b)| entry_order(a).cmp(&entry_order(b)));
        let candidates = Self::understood(source, &entries, notes);
        for (name, value) in labels.into_iter().flat_map(|(labels, _)| labels) {
            // What the configuration itself says stands.
            if source.relabelling.labels.iter().all(|(own, _)| own != name) {
                source.relabelling.labels.push((name.clone(), value.clone()));
            }
        }
        candidates
    }

    fn understood(source: &SourceConfig, entries: &[(&Group, &str)], notes: &mut Vec<String>) -> Self {
        let mut targets: Vec<Target> = Vec::new();
        let (mut places, mut mistakes, mut cut) = (HashSet::new(), Alike::default(), false);
        for (group, entry) in entries {
            cut = places.len() > source.limits.max_slots;
            if cut {
                break;
            }
            match group.understand(entry, source) {
                Ok(expanded) => {
                    places.extend(expanded.iter().map(|target| target.address.clone()));
                    targets.extend(expanded);
                }
                Err(error) => mistakes.note(|| error.to_string()),
            }
        }
        notes.extend(mistakes.told());
        targets.sort_by(|a, b| order(a).cmp(&order(b)));
        Self { targets, cut }
    }

    /// Makes targets of the source of them, each place once; whether the limit left any out.
    fn put_into(self, source: &mut SourceConfig, listen: &[String], seen: &mut Seen<'_>, notes: &mut Vec<String>) -> bool {
        let most = source.limits.max_slots;
        let configured = std::mem::take(&mut source.targets);
        let all = configured.into_iter().map(|target| (target, true)).chain(self.targets.into_iter().map(|t| (t, false)));
        // A name that stands for several addresses yields to those who were found by one of them.
        let (last, first): (Vec<_>, Vec<_>) = all.enumerate().partition(|(_, (target, _))| seen.is_ambiguous(target));
        let (mut chosen, mut doubles, mut own_ones, mut is_over_limit) = (Vec::new(), Alike::default(), Alike::default(), self.cut);
        for (position, (target, is_configured)) in first.into_iter().chain(last) {
            if !is_configured && let Some(own) = listen.iter().find(|own| leads_here(&target.address, own)) {
                own_ones.note(|| format!("{} is this proxy's own address ({own}); it can't scrape itself", target.text));
            } else if chosen.len() >= most {
                is_over_limit = true;
            } else if let Some((owner, by)) = seen.claim(&target, &source.name) {
                doubles.note(|| double(&target.text, &by, (owner != source.name).then_some(owner)));
            } else {
                if seen.is_ambiguous(&target) {
                    notes.push(format!(
                        "{} stands for several addresses, but is one target: put the name under dns_sd_configs to scrape each",
                        target.text
                    ));
                }
                chosen.push((position, target));
            }
        }
        if is_over_limit {
            notes.push(format!("more than {most} targets (limits.max_slots): the last by address are left out"));
        }
        notes.extend(doubles.told().into_iter().chain(own_ones.told()));
        chosen.sort_unstable_by_key(|(position, _)| *position);
        source.targets = chosen.into_iter().map(|(_, target)| target).collect();
        is_over_limit
    }
}

/// Notes that would all say the same: the first, and how many there are.
#[derive(Default)]
struct Alike {
    first: Option<String>,
    others: usize,
}

impl Alike {
    fn note(&mut self, note: impl FnOnce() -> String) {
        match self.first {
            None => self.first = Some(note()),
            Some(_) => self.others += 1,
        }
    }

    fn told(self) -> Option<String> {
        match self.others {
            0 => self.first,
            n => self.first.map(|first| format!("{first} (and {n} more like it)")),
        }
    }
}

impl Group {
    /// Targets of an entry, as the source and this group say.
    fn understand(&self, entry: &str, source: &SourceConfig) -> Result<Vec<Target>, AddressError> {
        if self.metrics_path.is_none() && self.scheme.is_none() {
            return source.targets_of(entry);
        }
        let mut like = source.clone();
        like.metrics_path = self.metrics_path.clone().unwrap_or(like.metrics_path);
        like.scheme = self.scheme.unwrap_or(like.scheme);
        like.targets_of(entry)
    }
}

fn double(text: &str, by: &str, of: Option<String>) -> String {
    match of {
        Some(source) => format!("{text} is left out: {by} of source {source} is the same, and it would count twice"),
        None if text == by => format!("{text} is found more than once; it is one target"),
        None => format!("{text} is left out: {by} is the same, and it would count twice"),
    }
}

/// Lookups that nothing is known of yet.
fn unanswered(source: &SourceConfig, found: &[Option<Found>]) -> Vec<String> {
    let names = source.lookups.dns.iter().map(|dns| dns.names.join(", "));
    let files =
        source.lookups.files.iter().map(|sd| sd.files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "));
    let open = names.chain(files).enumerate().filter(|(nth, _)| found.get(*nth).is_none_or(Option::is_none));
    open.map(|(_, what)| format!("{what}: the lookup has not ended yet")).collect()
}

fn failed(key: &str, why: &str, known: &[Group]) -> String {
    let known: usize = known.iter().map(|group| group.targets.len()).sum();
    match known {
        0 => format!("{key}: {why}; no target is known from before"),
        1 => format!("{key}: {why}; the target known from before is kept"),
        n => format!("{key}: {why}; the {n} targets known from before are kept"),
    }
}

fn differing_labels(key: &str, own: &BTreeMap<String, String>, from: &str, first: &BTreeMap<String, String>) -> String {
    let shown = |labels: &BTreeMap<String, String>| {
        let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        format!("{{{}}}", pairs.join(", "))
    };
    format!(
        "{key}: a group with the labels {} is left out, since {from} has {}; labels belong to a whole source: make two sources of them",
        shown(own),
        shown(first)
    )
}

/// Entries in order: addresses first, by number, then names.
fn entry_order(entry: &str) -> (bool, Option<IpAddr>, &str) {
    let ip = entry.rsplit_once(':').and_then(|(host, _)| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
    (ip.is_none(), ip, entry)
}

/// Targets in order: addresses first, by number, then names; ports by number.
fn order(target: &Target) -> (bool, Option<IpAddr>, &Address) {
    let ip = host(&target.address).and_then(|host| host.parse::<IpAddr>().ok());
    (ip.is_none(), ip, &target.address)
}

pub(super) fn host(address: &Address) -> Option<&str> {
    match address {
        Address::Http { host, .. } | Address::Tcp { host, .. } => Some(host),
        _ => None,
    }
}

fn with_host(address: &Address, new: &str) -> Address {
    let mut moved = address.clone();
    if let Address::Http { host, .. } | Address::Tcp { host, .. } = &mut moved {
        *host = new.to_string();
    }
    moved
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::super::found::Lookup;
    use super::*;
    use crate::config::{FileSd, Lookups};
    use crate::testing;
    use proptest::prelude::*;

    fn config(targets: &[&str]) -> Config {
        let mut source = testing::pool("web", Vec::new());
        source.targets = targets.iter().flat_map(|entry| source.targets_of(entry).unwrap()).collect();
        let files = vec![FileSd { files: Vec::new(), refresh_interval: std::time::Duration::from_secs(1) }];
        source.lookups = Lookups { files, ..Lookups::default() };
        testing::config(vec![source])
    }

    fn findings(lookups: &[(&str, Vec<String>)]) -> Findings {
        let lookup =
            |targets: &Vec<String>| Lookup { groups: vec![Group { targets: targets.clone(), ..Group::default() }], failure: None };
        vec![vec![Some(lookups.iter().map(|(key, targets)| (key.to_string(), lookup(targets))).collect())]]
    }

    fn ids(filled: &Filled) -> Vec<String> {
        filled.config.sources[0].targets.iter().map(|target| target.id.clone()).collect()
    }

    #[test]
    fn a_name_yields_to_its_addresses_if_it_has_several() {
        let names =
            |name: &str, ips: &[&str]| Names::from([(name.to_string(), ips.iter().map(|ip| ip.parse().unwrap()).collect())]);
        let found = findings(&[("a", vec!["10.0.0.2:1".into(), "10.0.0.1:1".into()])]);
        let several = fill(&config(&["web:1", "web:2"]), &found, &names("web", &["10.0.0.1", "10.0.0.2"]));
        assert_eq!(ids(&several), ["web:2", "10.0.0.1:1", "10.0.0.2:1"]);
        let notes = several.notes.concat();
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].starts_with("web:2 stands for several addresses"), "{notes:?}");
        assert_eq!(notes[1], "web:1 is left out: 10.0.0.1:1 is the same, and it would count twice");
        let one = fill(&config(&["web:1"]), &found, &names("web", &["10.0.0.1"]));
        assert_eq!(ids(&one), ["web:1", "10.0.0.2:1"], "what is configured stays, if it is the one place");
        let unknown = fill(&config(&["web:1"]), &found, &names("web", &[]));
        assert_eq!(ids(&unknown), ["web:1", "10.0.0.1:1", "10.0.0.2:1"]);
    }

    proptest! {
        /// However the targets are spread over lookups and in whatever order: the same slots, each place once.
        #[test]
        fn slots_do_not_depend_on_the_order_of_answers(found in proptest::collection::vec((0u8..4, 1u8..9, 1u16..4), 0..20)) {
            let entries = |found: &mut dyn Iterator<Item = &(u8, u8, u16)>| {
                let mut lookups: BTreeMap<String, Vec<String>> = BTreeMap::new();
                for (key, host, port) in found {
                    lookups.entry(key.to_string()).or_default().push(format!("10.0.0.{host}:{port}"));
                }
                lookups
            };
            let filled = |lookups: BTreeMap<String, Vec<String>>| {
                let lookups: Vec<(&str, Vec<String>)> = lookups.iter().map(|(key, targets)| (key.as_str(), targets.clone())).collect();
                ids(&fill(&config(&["10.0.0.5:2"]), &findings(&lookups), &Names::new()))
            };
            let slots = filled(entries(&mut found.iter()));
            prop_assert_eq!(&slots, &filled(entries(&mut found.iter().rev())));
            let all = BTreeMap::from([("all".to_string(), entries(&mut found.iter()).into_values().flatten().collect())]);
            prop_assert_eq!(&slots, &filled(all));
            let places: BTreeSet<(u8, u16)> = found.iter().map(|(_, host, port)| (*host, *port)).chain([(5, 2)]).collect();
            let wanted = [(5, 2)].into_iter().chain(places.into_iter().filter(|place| *place != (5, 2)));
            prop_assert_eq!(slots, wanted.map(|(host, port)| format!("10.0.0.{host}:{port}")).collect::<Vec<_>>());
        }
    }
}
