//! One directory over the scrapes: which files there are, whose process lives, and what they have come to together.
//!
//! `total = gone + Σ files`, where a file counts as long as it is there, and what it came to goes to `gone` when it is not there any
//! more. Files of processes that have ended don't change: they are read once more and their sum is kept.

use super::catalog::{Catalog, SeriesId};
use super::held::{Change, Held};
use super::ledger::Ledger;
use super::sums::Sums;
use crate::config::{Liveness, MultiprocConfig};
use crate::encode::FamilyView;
use crate::merge::{ResetCause, Tally};
use crate::multiproc::{COMPACTED, FileName, JOURNAL, Member, read};
use crate::scrape::{DirectoryFile, Missed, Owner, Part, Receipt};
use std::collections::{BTreeMap, HashSet};

/// Final files that are read again in every scrape, whichever's turn it is: a process with the same id may have lived so shortly
/// that it was never seen, and what it wrote through its memory map may not show in the file's time.
const READ_AGAIN: usize = 16;
/// Faults that are told one by one.
const FAULTS_TOLD: usize = 20;

/// How many files are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Census {
    /// Of processes that live.
    pub(super) live: usize,
    /// Of processes that are taken to live.
    pub(super) unknown: usize,
    /// Of processes that have ended.
    pub(super) dead: usize,
    /// Of which something could not be used.
    pub(super) bad: usize,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Directory {
    liveness: Liveness,
    catalog: Catalog,
    /// By name; several while one has taken the place of another.
    files: BTreeMap<Box<str>, Vec<Held>>,
    journal: Option<Ledger>,
    sums: Sums,
    shows_gauges: bool,
    /// A process was seen that holds its own file: what we see of processes is what the application sees.
    is_proven: bool,
    /// Scrapes begun.
    scrape: u64,
    /// Files offered in it so far.
    offered: usize,
    /// Whether it has come to its end and was not applied yet.
    is_whole: bool,
    /// Names of files in it that mean nothing.
    odd: Vec<String>,
    census: Census,
}

impl Directory {
    pub(super) fn new(catalog: Catalog, config: MultiprocConfig) -> Self {
        Self {
            liveness: config.liveness,
            catalog,
            files: BTreeMap::new(),
            journal: None,
            sums: Sums::default(),
            shows_gauges: false,
            is_proven: false,
            scrape: 0,
            offered: 0,
            is_whole: false,
            odd: Vec::new(),
            census: Census::default(),
        }
    }

    /// Takes a part of a scrape. What is read of files counts from [`apply`](Self::apply) on.
    pub(super) fn receive(&mut self, part: Part<'_>, index: usize, tally: &mut Tally) -> Result<Receipt, Missed> {
        match part {
            Part::Begin(_) => {
                self.scrape += 1;
                (self.offered, self.is_whole) = (0, false);
                self.odd.clear();
            }
            Part::Listed(file) if self.wants(file) => return Ok(Receipt::Wanted),
            Part::Listed(_) | Part::OverLimit(_) => {}
            Part::Contents(file, contents) => self.look(file, contents, index, tally),
            Part::End => self.is_whole = true,
            Part::Bytes(_) => return Err(Missed::Parse("this is no directory of multiprocess files".into())),
        }
        Ok(Receipt::Taken)
    }

    /// Whether the contents of a listed file must be looked at.
    fn wants(&mut self, file: &DirectoryFile) -> bool {
        if file.name == JOURNAL {
            return self.journal.as_ref().is_none_or(|known| !known.is(file));
        }
        let Some(name) = FileName::parse(&file.name) else {
            self.odd.push(file.name.clone());
            return false;
        };
        self.offered += 1;
        self.is_proven |= file.owner == Owner::Holds;
        let is_alive = self.lives(&name, file.owner);
        let period = self.files.len() / READ_AGAIN + 1;
        let again = (self.offered as u64 + self.scrape).is_multiple_of(period as u64);
        let Some(held) = find(&mut self.files, file) else { return true };
        (held.listed, held.is_seen) = (self.scrape, file.owner == Owner::Holds);
        if held.is_alive != is_alive {
            self.sums.is_stale |= held.is_settled;
            held.is_alive = is_alive;
        }
        if is_alive {
            (held.is_final, held.is_settled) = (false, false);
        }
        is_alive || again || !held.is_final || !held.looks_unchanged(file)
    }

    /// Whether the file's process counts as alive.
    fn lives(&self, name: &FileName<'_>, owner: Owner) -> bool {
        if name.process == COMPACTED {
            return false;
        }
        let proc = match self.liveness {
            Liveness::Auto => self.is_proven,
            Liveness::Proc => true,
            Liveness::Files => false,
        };
        !proc || !matches!(owner, Owner::Gone | Owner::Stranger)
    }

    fn look(&mut self, file: &DirectoryFile, contents: Result<&[u8], &str>, index: usize, tally: &mut Tally) {
        if file.name == JOURNAL {
            self.journal = Some(Ledger::read(file, contents));
            return;
        }
        let Some(name) = FileName::parse(&file.name) else { return };
        let is_alive = self.lives(&name, file.owner);
        if find(&mut self.files, file).is_none() {
            self.files.entry(file.name.as_str().into()).or_default().push(Held::new(&name, file));
        }
        let Self { files, catalog, sums, .. } = self;
        let Some(held) = find(files, file) else { return };
        let change = contents.map_err(str::to_string).and_then(|bytes| {
            let entries = read(bytes).map_err(|bad| bad.to_string())?;
            held.read(&name, &entries, catalog, &mut sums.gone, tally).map_err(|bad| bad.to_string())
        });
        if change == Ok(Change::Restart) {
            *tally.resets.entry((index, ResetCause::Value)).or_default() += 1;
        }
        held.note(file);
        (held.listed, held.is_alive, held.is_seen) = (self.scrape, is_alive, file.owner == Owner::Holds);
        // One that could not be read may be so next time.
        held.is_final = !is_alive && contents.is_ok();
        if held.is_settled && (!held.is_final || matches!(change, Ok(Change::Values | Change::Restart))) {
            (held.is_settled, sums.is_stale) = (false, true);
        }
        held.fault = change.err();
    }

    /// What was received since the beginning of the last scrape counts from now on. The number of samples shown.
    ///
    /// # Errors
    /// It was not received to its end.
    pub(super) fn apply(&mut self) -> Result<usize, Missed> {
        if !std::mem::take(&mut self.is_whole) {
            return Err(Missed::fault());
        }
        self.let_go();
        self.sums.add_up(&self.catalog, self.files.values_mut().flatten());
        self.count();
        self.shows_gauges = true;
        Ok(self.catalog.views(&self.sums.shown, true).iter().map(|family| family.samples.len()).sum())
    }

    /// The directory could not be read: totals are carried, gauges are not known.
    pub(super) fn miss(&mut self) {
        self.shows_gauges = false;
    }

    /// Files that are in a compacted one are forgotten. What others came to that are not there any more is kept, and they are
    /// forgotten at the second look: by then a journal that explains it would have been seen.
    fn let_go(&mut self) {
        let mut free: HashSet<SeriesId> = HashSet::new();
        let in_force = self.in_force();
        let Self { files, journal, catalog, sums, scrape, .. } = self;
        for (name, held) in files.iter_mut() {
            held.retain_mut(|file| {
                let is_there = file.listed == *scrape;
                let is_compacted = journal.as_ref().is_some_and(|journal| journal.has(name, file, is_there, &in_force));
                let was_missing = std::mem::replace(&mut file.is_missing, !is_there);
                if !is_compacted && (is_there || !was_missing) {
                    // A gauge goes at once and may come back.
                    sums.is_stale |= file.is_settled && was_missing == is_there && !file.kind.is_total();
                    return true;
                }
                sums.is_stale |= file.is_settled;
                if !is_compacted {
                    file.fold(catalog, &mut sums.gone, |_| true);
                }
                if is_of_single_processes(name) {
                    free.extend(&file.series);
                }
                false
            });
        }
        files.retain(|_, held| !held.is_empty());
        if !free.is_empty() {
            let others = files.iter().filter(|(name, _)| is_of_single_processes(name)).flat_map(|(_, held)| held);
            for series in others.flat_map(|file| &file.series) {
                free.remove(series);
            }
            catalog.forget(free.into_iter());
        }
    }

    /// Which compacted files of the journal are there.
    fn in_force(&self) -> Vec<bool> {
        let is_there = |into: &Member| {
            let held = self.files.get(into.name.as_str()).into_iter().flatten();
            held.filter(|file| file.listed == self.scrape).any(|file| file.is_member(into))
        };
        self.journal.iter().flat_map(|journal| journal.into()).map(is_there).collect()
    }

    fn count(&mut self) {
        let there = || self.files.values().flatten().filter(|file| !file.is_missing);
        let good = || there().filter(|file| file.fault.is_none());
        let bad = there().filter(|file| file.fault.is_some()).count();
        self.census = Census {
            live: good().filter(|file| file.is_alive && file.is_seen).count(),
            unknown: good().filter(|file| file.is_alive && !file.is_seen).count(),
            dead: good().filter(|file| !file.is_alive).count(),
            bad: bad + self.odd.len(),
        };
    }

    /// How many files are in which state.
    pub(super) fn census(&self) -> Census {
        self.census
    }

    /// How many families were found under two types.
    pub(super) fn conflicts(&self) -> usize {
        self.catalog.conflicts()
    }

    /// The families as they stand.
    pub(super) fn families(&self) -> Vec<FamilyView<'_>> {
        self.catalog.views(&self.sums.shown, self.shows_gauges)
    }

    /// What can't be used, one line each.
    pub(super) fn faults(&self) -> Vec<String> {
        let files = self.files.iter().flat_map(|(name, held)| held.iter().map(move |file| (name, file)));
        let bad =
            files.filter(|(_, file)| !file.is_missing).filter_map(|(name, file)| Some(format!("{name}: {}", file.fault.as_ref()?)));
        let odd = self.odd.iter().map(|name| format!("{name}: prometheus_client writes no file of that name"));
        let journal = self.journal.iter().filter_map(Ledger::fault);
        let mut faults: Vec<String> = bad.chain(odd).chain(journal).collect();
        if let Some(more) = faults.len().checked_sub(FAULTS_TOLD + 1) {
            faults.truncate(FAULTS_TOLD);
            faults.push(format!("and {} more files", more + 1));
        }
        faults
    }
}

fn is_of_single_processes(name: &str) -> bool {
    FileName::parse(name).is_some_and(|name| name.is_of_single_processes())
}

/// What is held of a listed file.
fn find<'h>(files: &'h mut BTreeMap<Box<str>, Vec<Held>>, file: &DirectoryFile) -> Option<&'h mut Held> {
    files.get_mut(file.name.as_str())?.iter_mut().find(|held| held.is(file))
}
