//! What is held of one file.

use super::catalog::{Catalog, Place, SeriesId};
use super::column::{Column, Fold};
use crate::merge::Tally;
use crate::model::Role;
use crate::multiproc::{BadFile, Entry, FileKind, FileName, Member};
use crate::scrape::DirectoryFile;
use std::collections::HashSet;

/// Stands for no series in a file's list of them.
const NOWHERE: SeriesId = SeriesId::MAX;

/// A file as it was read last.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) kind: FileKind,
    /// Which file it is: another one may get its name.
    inode: u64,
    born: Option<u64>,
    length: u64,
    pub(super) modified: i64,
    /// The series of its entries, in their order.
    pub(super) series: Box<[SeriesId]>,
    values: Box<[f64]>,
    /// Times by entry, where they matter.
    timestamps: Box<[f64]>,
    /// The scrape in which it was listed last.
    pub(super) listed: u64,
    /// Whether its process lives, as far as is known.
    pub(super) is_alive: bool,
    /// Whether its process was seen to live.
    pub(super) is_seen: bool,
    /// Whether it was read after its process had gone: it is as it will stay.
    pub(super) is_final: bool,
    /// Whether it is part of the sum of final files.
    pub(super) is_settled: bool,
    /// Whether it was not there at the last look.
    pub(super) is_missing: bool,
    /// Why it could not be used at the last look; then the values are those before.
    pub(super) fault: Option<String>,
}

/// What a look at a file brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It says what it said before.
    None,
    /// It has gone on.
    Values,
    /// Something in it began anew.
    Restart,
}

impl Held {
    /// One of which nothing is known yet.
    pub(super) fn new(name: &FileName<'_>, file: &DirectoryFile) -> Self {
        Self {
            kind: name.kind,
            inode: file.inode,
            born: file.born,
            length: file.length,
            modified: file.modified,
            series: Box::default(),
            values: Box::default(),
            timestamps: Box::default(),
            listed: 0,
            is_alive: true,
            is_seen: false,
            is_final: false,
            is_settled: false,
            is_missing: false,
            fault: None,
        }
    }

    /// Whether this is what was listed, and not another file that has its name.
    pub(super) fn is(&self, file: &DirectoryFile) -> bool {
        self.inode == file.inode && self.born == file.born
    }

    /// The same for what a journal names: when it was made is not always known.
    pub(super) fn is_member(&self, member: &Member) -> bool {
        self.inode == member.inode && (self.born.is_none() || member.born.is_none() || self.born == member.born)
    }

    /// Whether nothing shows that it was written to since it was read.
    pub(super) fn looks_unchanged(&self, file: &DirectoryFile) -> bool {
        self.length == file.length && self.modified == file.modified
    }

    /// Notes how it was listed.
    pub(super) fn note(&mut self, file: &DirectoryFile) {
        (self.length, self.modified) = (file.length, file.modified);
    }

    /// Takes in its contents, all of them or nothing. What began anew in it goes to `gone` first.
    ///
    /// # Errors
    /// An entry is broken.
    pub(super) fn read(
        &mut self,
        name: &FileName<'_>,
        entries: &[Entry<'_>],
        catalog: &mut Catalog,
        gone: &mut Column,
        tally: &mut Tally,
    ) -> Result<Change, BadFile> {
        let mut series = Vec::with_capacity(entries.len());
        let mut values = Vec::with_capacity(entries.len());
        let mut drops = Vec::new();
        for entry in entries {
            let place = match catalog.place(name, entry.key)? {
                Place::Series(id) => match unusable(catalog, id, entry.value) {
                    None => Ok(id),
                    Some(reason) => Err(Some(reason)),
                },
                Place::Computed => Err(None),
                Place::Dropped(reason) => Err(Some(reason)),
            };
            series.push(place.unwrap_or(NOWHERE));
            values.push(entry.value);
            drops.extend(place.err().flatten());
        }
        let times = matches!(self.kind, FileKind::Gauge { .. });
        let timestamps: Vec<f64> = entries.iter().filter(|_| times).map(|entry| entry.timestamp).collect();
        let same = |a: &[f64], b: &[f64]| a.iter().map(|v| v.to_bits()).eq(b.iter().map(|v| v.to_bits()));
        if *self.series == *series && same(&self.values, &values) && same(&self.timestamps, &timestamps) {
            return Ok(Change::None);
        }
        drops.into_iter().for_each(|reason| tally.drop(reason, 1));
        let restarted = self.fold_what_fell(&series, &values, catalog, gone);
        (self.series, self.values, self.timestamps) = (series.into(), values.into(), timestamps.into());
        Ok(if restarted { Change::Restart } else { Change::Values })
    }

    /// A file only grows, at its end and in its values. What did not was begun anew: what it had come to is kept. Whether there was
    /// any such thing.
    fn fold_what_fell(&self, series: &[SeriesId], values: &[f64], catalog: &Catalog, gone: &mut Column) -> bool {
        let known = catalog.series();
        let mut is_another = series.len() < self.series.len();
        let mut fallen: HashSet<u32> = HashSet::new();
        for ((old, new), (before, after)) in self.series.iter().zip(series).zip(self.values.iter().zip(values)) {
            if *old == NOWHERE || *new == NOWHERE {
                continue;
            }
            is_another |= old != new;
            if after < before {
                fallen.extend(known.get(*old as usize).filter(|series| series.only_grows()).map(|series| series.child));
            }
        }
        let restarted = self.kind.is_total() && (is_another || !fallen.is_empty());
        if restarted {
            self.fold(catalog, gone, |child| is_another || fallen.contains(&child));
        }
        restarted
    }

    /// Adds what it has come to for good to `gone`, of the children picked.
    pub(super) fn fold(&self, catalog: &Catalog, gone: &mut Column, picked: impl Fn(u32) -> bool) {
        for (series, value) in self.series.iter().zip(&self.values) {
            if let Some(known) = catalog.series().get(*series as usize)
                && known.is_total
                && value.is_finite()
                && picked(known.child)
            {
                gone.take(*series, Fold::Sum, *value, 0.0);
            }
        }
    }

    /// Whether its values count at present.
    pub(super) fn counts(&self) -> bool {
        self.kind.is_total() || (!self.is_missing && (self.is_alive || !self.kind.is_live()))
    }

    /// Adds its values to a column, if they count.
    pub(super) fn add_to(&self, catalog: &Catalog, column: &mut Column) {
        if !self.counts() {
            return;
        }
        for (at, (series, value)) in self.series.iter().zip(&self.values).enumerate() {
            if let Some(known) = catalog.series().get(*series as usize) {
                column.take(*series, known.fold, *value, self.timestamps.get(at).copied().unwrap_or_default());
            }
        }
    }
}

/// Why a value of a total can't be added up.
fn unusable(catalog: &Catalog, series: SeriesId, value: f64) -> Option<crate::merge::DropReason> {
    use crate::merge::DropReason::{Negative, NotFinite};
    let known = catalog.series().get(series as usize)?;
    match () {
        () if !known.is_total || known.role == Role::Sum => None,
        () if !value.is_finite() => Some(NotFinite),
        () => (value < 0.0).then_some(Negative),
    }
}
