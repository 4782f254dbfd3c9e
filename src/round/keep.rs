//! The state file in the course of rounds: read before the first, written before each answer that follows a change.

use super::clock::{BootClock, unix};
use super::state::State;
use crate::merge::Join;
use crate::state::{Document, FileHead, IS_IN, Store, Unreadable, Writer};
use std::io;
use std::time::Duration;

/// The state file, and what it lacks.
#[derive(Debug)]
pub(super) struct Keeper {
    store: Store,
    /// Something was applied, or served for the first time, since the last save.
    changed: bool,
    /// By source: whether its families were served since the last round.
    served: Vec<bool>,
    /// Rises with every save.
    saved: u64,
    /// The save that survives a crash of the machine.
    synced: u64,
    pub(super) saves: Saves,
}

/// How saving went so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Saves {
    pub(super) ok: u64,
    pub(super) failed: u64,
    /// Files found at the start that could not be used.
    pub(super) unreadable: u64,
    /// When the last good one was made, Unix seconds.
    pub(super) last: Option<f64>,
    /// The latest one failed: said once, not with every answer.
    failing: bool,
}

impl Keeper {
    /// A round was applied.
    pub(super) fn note_round(&mut self) {
        self.changed = true;
        self.served.fill(false);
    }

    /// Something changed between two rounds.
    pub(super) fn note_change(&mut self) {
        self.changed = true;
    }

    /// Families of this source were served: what is served for the first time since the round may be new to the file.
    pub(super) fn note_served(&mut self, source: usize) {
        if let Some(served) = self.served.get_mut(source) {
            self.changed |= !std::mem::replace(served, true);
        }
    }

    /// There are so many other sources now.
    pub(super) fn note_exchange(&mut self, sources: usize) {
        self.changed = true;
        self.served = vec![false; sources];
    }

    fn note(&mut self, result: &io::Result<()>) {
        let file = self.store.path().display();
        match result {
            Ok(()) if self.saves.failing => tracing::info!(%file, "the state is saved again"),
            Err(error) if !self.saves.failing => {
                tracing::error!(
                    %file,
                    %error,
                    hint = hint(error),
                    "cannot save the state; serving goes on, but totals would fall with a restart"
                );
            }
            _ => {}
        }
        self.saves.failing = result.is_err();
    }
}

impl State {
    /// Takes back what was saved, if anything, and saves there from now on. Before the first round.
    pub(super) fn resume(&mut self, store: Store) {
        if !IS_IN {
            return;
        }
        let mut found = store.read();
        let mut last = None;
        if let Some((path, document)) = found.document {
            let file = path.display();
            match self.take_back(&document) {
                Ok(()) => {
                    last = Some(document.head.unix);
                    let age = Duration::try_from_secs_f64(unix() - document.head.unix).unwrap_or_default();
                    tracing::info!(%file, age_seconds = age.as_secs(), "totals go on from the state file");
                }
                Err(why) => {
                    store.set_aside(&path, &why);
                    found.unreadable += 1;
                    self.forget();
                }
            }
        }
        let saves = Saves { unreadable: found.unreadable, last, ..Saves::default() };
        let served = vec![false; self.sources.len()];
        self.keeper = Some(Keeper { store, changed: true, served, saved: 0, synced: 0, saves });
    }

    fn take_back(&mut self, document: &Document) -> Result<(), Unreadable> {
        let FileHead { unix, elapsed, uptime, boot_id, any_good, apart } = document.head.clone();
        for entry in &mut self.sources {
            if let Some(saved) = document.section(&entry.config.name, entry.config.kind.name) {
                entry.source.load(saved)?;
            }
        }
        apart.into_iter().for_each(|apart| self.join.restore(apart));
        let boot = uptime.map(|uptime| BootClock { id: boot_id, uptime: Duration::from_nanos(uptime) });
        self.clock.resume(Duration::from_nanos(elapsed), unix, boot);
        self.any_good = any_good;
        Ok(())
    }

    /// As if nothing had been found.
    fn forget(&mut self) {
        self.sources.iter_mut().for_each(|entry| entry.source = crate::source::build(&entry.config));
        self.join = Join::new(self.sources.iter().map(|entry| entry.config.name.clone()).collect());
    }

    /// Saves what has changed since the last time. What is answered after it never falls, whatever ends the process. That it fails is
    /// counted and said, and costs no answer.
    pub(super) fn keep(&mut self) {
        if !IS_IN {
            return;
        }
        let now = self.clock.now();
        let Self { keeper: Some(keeper), sources, join, clock, any_good, .. } = self else { return };
        if !keeper.changed {
            return;
        }
        let boot = clock.boot();
        let head = FileHead {
            unix: now.unix,
            elapsed: nanos(now.elapsed),
            uptime: boot.as_ref().map(|boot| nanos(boot.uptime)),
            boot_id: boot.map(|boot| boot.id).unwrap_or_default(),
            any_good: *any_good,
            apart: join.apart().collect(),
        };
        let result = keeper.store.replace(|file| {
            let mut writer = Writer::new(file, &head)?;
            for entry in sources.iter() {
                writer.section(&entry.config.name, entry.config.kind.name, |parts| entry.source.save(parts))?;
            }
            writer.finish().map(drop)
        });
        keeper.note(&result);
        match result {
            Ok(()) => {
                (keeper.changed, keeper.saves.last) = (false, Some(now.unix));
                keeper.saves.ok += 1;
                keeper.saved += 1;
            }
            Err(_) => keeper.saves.failed += 1,
        }
    }

    /// The work that makes the newest save survive a crash of the machine, and its number; `None` if it does already.
    #[allow(clippy::type_complexity, reason = "a closure and its number")]
    pub(super) fn begin_sync(&mut self) -> Option<(u64, impl FnOnce() -> io::Result<()> + Send + 'static)> {
        self.keep();
        let keeper = self.keeper.as_ref().filter(|_| IS_IN)?;
        (keeper.saved > keeper.synced).then(|| (keeper.saved, keeper.store.syncing()))
    }

    /// That work is done.
    pub(super) fn end_sync(&mut self, save: u64, result: &io::Result<()>) {
        let Some(keeper) = &mut self.keeper else { return };
        match result {
            Ok(()) => keeper.synced = keeper.synced.max(save),
            Err(_) => keeper.saves.failed += 1,
        }
        keeper.note(result);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// What to do about it.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "make its folder, writable for this user",
        io::ErrorKind::PermissionDenied => "let this user write to its folder",
        io::ErrorKind::ReadOnlyFilesystem => "mount a writable volume there; in a pod an emptyDir",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on its disk",
        io::ErrorKind::WouldBlock => "give each onescrape a file of its own",
        _ => "see that its folder is there and can be written to",
    }
}
