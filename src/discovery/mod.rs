//! Targets that are looked up while the program runs: names in DNS (`dns`), files of targets (`files`, in the form of `groups`).
//!
//! Every lookup has a task of its own that remembers what it found last: one that fails takes nothing away. What stands in the sources'
//! place is worked out from all of it at once (`fill`): a new [`Config`] for the proxy, in which discovery has no part any more.

#[cfg(feature = "dns")]
mod dns;
mod files;
mod fill;
mod follow;
mod found;
mod groups;
mod own;

pub use fill::Filled;
pub use follow::{Follower, follow};

use crate::config::{Config, DnsSd, FileSd};
use files::Files;
use fill::{Names, fill, host};
use found::{Findings, Found};
use futures::FutureExt;
use std::collections::BTreeSet;
use std::future::ready;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::lookup_host;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

/// Whether this build looks anything up. Where it doesn't, no lookup is ever configured. Unit tests do so always.
pub(crate) const IS_IN: bool = cfg!(any(feature = "discovery", test));
/// How often files of targets are looked at for a change: people and scripts that write one watch what becomes of it.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A failed lookup in DNS is made again this soon, if not sooner.
#[cfg(feature = "dns")]
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// How often it is looked up anew what names among targets stand for.
const NAMES_EVERY: Duration = Duration::from_secs(30);
/// Longest wait for that.
const NAMES_PATIENCE: Duration = Duration::from_secs(2);

/// The lookups of a configuration, under way. They end with it.
#[derive(Debug)]
pub struct Discovery {
    config: Config,
    findings: watch::Receiver<Findings>,
    /// Held only: the lookups end with it.
    _tasks: JoinSet<()>,
    names: Names,
    /// Something has changed that was not filled in yet.
    changed: bool,
    /// What was logged and stands still.
    told: Vec<(String, String)>,
}

/// The configuration with what can be found at once, within `patience`. Nothing is logged: the notes are the caller's to tell.
pub async fn once(config: &Config, patience: Duration) -> Filled {
    Discovery::start(config).first_untold(Instant::now() + patience).await
}

impl Discovery {
    /// Begins to look up. Must be called within a tokio runtime.
    pub fn start(config: &Config) -> Self {
        Self::with(config, &|_, _| None)
    }

    /// Goes on with another configuration: lookups that stand in both keep what they know.
    pub fn renew(&mut self, config: &Config) {
        let (before, found) = (self.config.clone(), self.findings.borrow().clone());
        let known = |name: &str, entry: &Entry| {
            let at = before.sources.iter().position(|source| source.name == name)?;
            let nth = entries(&before, at).iter().position(|known| known == entry)?;
            found.get(at)?.get(nth)?.clone()
        };
        let told = std::mem::take(&mut self.told);
        *self = Self { names: std::mem::take(&mut self.names), changed: true, told, ..Self::with(config, &known) };
    }

    fn with(config: &Config, known: &dyn Fn(&str, &Entry) -> Option<Found>) -> Self {
        let sources = config.sources.iter().enumerate();
        let plan: Vec<(Vec<Entry>, Vec<Option<Found>>)> = sources
            .map(|(i, source)| {
                let entries = entries(config, i);
                let known = entries.iter().map(|entry| known(&source.name, entry)).collect();
                (entries, known)
            })
            .collect();
        let (findings, seen) = watch::channel(plan.iter().map(|(_, known)| known.clone()).collect());
        let findings = Arc::new(findings);
        let mut tasks = JoinSet::new();
        for (source, (entries, known)) in plan.into_iter().enumerate() {
            for (nth, (entry, known)) in entries.into_iter().zip(known).enumerate() {
                let slot = Slot { findings: findings.clone(), source, nth };
                if IS_IN {
                    tasks.spawn(entry.follow(known.unwrap_or_default(), slot));
                }
            }
        }
        Self { config: config.clone(), findings: seen, _tasks: tasks, names: Names::new(), changed: false, told: Vec::new() }
    }

    /// The configuration once every lookup was tried, or as it stands after `patience`.
    pub async fn first(&mut self, patience: Duration) -> Filled {
        let filled = self.first_untold(Instant::now() + patience).await;
        self.tell(&filled);
        filled
    }

    async fn first_untold(&mut self, deadline: Instant) -> Filled {
        let all_tried = |findings: &Findings| findings.iter().flatten().all(Option::is_some);
        // Late ones are taken up when they come.
        let _ = timeout_at(deadline, self.findings.wait_for(all_tried)).await.map(drop);
        self.fill(deadline).await
    }

    /// The configuration as it was given.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Waits until anything has changed; without lookups that is never. May be dropped at any time.
    pub async fn changed(&mut self) -> Filled {
        if !self.changed {
            tokio::select! {
                told = self.findings.changed() => if told.is_err() {
                    // No lookups, or none any more, by a fault of theirs: what is known stands.
                    return std::future::pending().await;
                },
                () = sleep(NAMES_EVERY), if !self.names.is_empty() => {}
            }
            self.changed = true;
        }
        let filled = self.fill(Instant::now() + NAMES_PATIENCE).await;
        self.tell(&filled);
        filled
    }

    async fn fill(&mut self, deadline: Instant) -> Filled {
        let findings = self.findings.borrow_and_update().clone();
        let plain = fill(&self.config, &findings, &Names::new());
        // Boxed, so that a build without lookups has no trace of it.
        let resolved = if IS_IN { resolve(&plain.config, &self.names, deadline).boxed() } else { ready(Names::new()).boxed() };
        self.names = resolved.await;
        self.changed = false;
        if self.names.is_empty() { plain } else { fill(&self.config, &findings, &self.names) }
    }

    /// Logs what is new among the notes, and what is mended.
    fn tell(&mut self, filled: &Filled) {
        let notes = self.config.sources.iter().zip(&filled.notes);
        let now: Vec<(String, String)> =
            notes.flat_map(|(source, notes)| notes.iter().map(|note| (source.name.clone(), note.clone()))).collect();
        for (source, reason) in now.iter().filter(|note| !self.told.contains(note)) {
            tracing::warn!(source, reason, "discovery");
        }
        for (source, reason) in self.told.iter().filter(|note| !now.contains(note)) {
            tracing::info!(source, reason, "discovery: no longer so");
        }
        self.told = now;
    }
}

/// What host names among the targets of sources with lookups stand for, so that no place is scraped under two names. One that can't be
/// resolved stands for what it did before.
async fn resolve(config: &Config, before: &Names, deadline: Instant) -> Names {
    let sources = config.sources.iter().filter(|source| !source.lookups.is_empty());
    let hosts = sources.flat_map(|source| &source.targets).filter_map(|target| host(&target.address));
    let names: BTreeSet<&str> = hosts.filter(|host| host.parse::<IpAddr>().is_err()).collect();
    let one = async |name: &str| {
        let found = timeout_at(deadline, lookup_host((name, 0))).await;
        let ips = match found {
            Ok(Ok(found)) => found.map(|address| address.ip()).collect(),
            _ => before.get(name).cloned().unwrap_or_default(),
        };
        (name.to_string(), ips)
    };
    futures::future::join_all(names.into_iter().map(one)).await.into_iter().collect()
}

/// One entry under `dns_sd_configs` or `file_sd_configs`.
#[derive(Debug, Clone, PartialEq)]
enum Entry {
    Dns(DnsSd),
    Files(FileSd),
}

fn entries(config: &Config, source: usize) -> Vec<Entry> {
    let lookups = config.sources.get(source).map(|source| source.lookups.clone()).unwrap_or_default();
    lookups.dns.into_iter().map(Entry::Dns).chain(lookups.files.into_iter().map(Entry::Files)).collect()
}

/// Where a task puts what it found.
struct Slot {
    findings: Arc<watch::Sender<Findings>>,
    source: usize,
    nth: usize,
}

impl Slot {
    /// Tells the receiver if it is anything new.
    fn put(&self, found: &Found) {
        self.findings.send_if_modified(|findings| {
            let Some(slot) = findings.get_mut(self.source).and_then(|source| source.get_mut(self.nth)) else { return false };
            let is_new = slot.as_ref() != Some(found);
            if is_new {
                *slot = Some(found.clone());
            }
            is_new
        });
    }
}

impl Entry {
    async fn follow(self, known: Found, slot: Slot) {
        match self {
            Self::Dns(config) => follow_names(config, known, slot).await,
            Self::Files(config) => follow_files(config, known, slot).await,
        }
    }
}

#[cfg(feature = "dns")]
async fn follow_names(config: DnsSd, known: Found, slot: Slot) {
    // In the order of names, whatever was known of others.
    let mut found: Found = config.names.iter().map(|name| (name.clone(), known.get(name).cloned().unwrap_or_default())).collect();
    loop {
        for (name, result) in dns::look_up(&config).await {
            found.entry(name).or_default().take(result);
        }
        slot.put(&found);
        let failed = found.values().any(|lookup| lookup.failure.is_some());
        sleep(if failed { config.refresh_interval.min(RETRY_AFTER) } else { config.refresh_interval }).await;
    }
}

/// Not to be configured.
#[cfg(not(feature = "dns"))]
async fn follow_names(_config: DnsSd, known: Found, slot: Slot) {
    slot.put(&known);
}

async fn follow_files(config: FileSd, known: Found, slot: Slot) {
    let mut files = Files::new(&config, known);
    let mut read_all: Option<Instant> = None;
    loop {
        let anew = read_all.is_none_or(|at| at.elapsed() >= config.refresh_interval);
        if anew {
            read_all = Some(Instant::now());
        }
        slot.put(&files.look(anew));
        sleep(config.refresh_interval.min(LOOK_EVERY)).await;
    }
}
