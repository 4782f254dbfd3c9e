//! `onescrape multiproc compact DIR`: the files of processes that have ended, folded into one per type.
//!
//! Whoever reads the directory before and after gets the same answer, `prometheus_client`'s own collector too. Every step can be the
//! last: a journal ([`Journal`]) is written before anything is replaced, and the next run finishes what one that was cut off began.

mod fold;
mod steps;

use crate::config::MultiprocConfig;
use crate::multiproc::{BadFile, COMPACTED, FileKind, FileName, GaugeFold, Group, JOURNAL, Journal, Member};
use crate::scrape::{DirectoryFile, Missed, Owner, directory_contents, list_directory};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long files must stay as they are: an application whose processes we can't see would write to some.
const STILL_FOR: Duration = Duration::from_secs(1);
/// Members of earlier compactions that a journal still names, for a proxy that has not looked since.
const EARLIER_MEMBERS_MAX: usize = 50_000;
/// Files named in a refusal.
const NAMED: usize = 5;

/// Why a directory was not compacted.
#[derive(Debug, thiserror::Error)]
pub enum CompactError {
    /// It can't be read.
    #[error(transparent)]
    Directory(#[from] Missed),
    /// Processes have files in it.
    #[error(
        "{count} files are of processes that run, or of which that is not known ({names}); stop the application first. With --force \
         these files are left alone and the others are compacted: a collector that reads in that very moment may count them twice"
    )]
    Live {
        /// How many.
        count: usize,
        /// Some of them.
        names: String,
    },
    /// Somebody writes to a file.
    #[error(
        "{0} was written to although its process cannot be seen here: the application runs, in another container or as seen from \
         another machine; stop it first. Nothing was changed"
    )]
    Changed(String),
    /// A step failed.
    #[error("cannot {what} {}: {error}; run the same command again once that is mended", path.display())]
    Step {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        error: io::Error,
    },
    /// The journal of an earlier compaction can't be read.
    #[error("{JOURNAL} cannot be read ({0}); if no compaction was cut off, remove it")]
    Journal(serde_json::Error),
    /// The result can't be written.
    #[error("the compacted file of {0}: {1}")]
    Result(String, BadFile),
    /// The report can't be written.
    #[error("cannot write what was done: {0}")]
    Output(#[from] io::Error),
}

/// A file with what it holds.
struct Read {
    file: DirectoryFile,
    bytes: Vec<u8>,
}

/// Compacts a directory and says what was done. `force`: also while processes run; their files are left alone.
///
/// # Errors
/// See [`CompactError`].
pub fn compact(directory: &Path, force: bool, out: &mut dyn Write) -> Result<(), CompactError> {
    let limits = MultiprocConfig { files_max: usize::MAX, ..MultiprocConfig::default() };
    let listed = list_directory(directory, &limits)?;
    let earlier = steps::read_journal(directory)?;
    let finished = steps::finish(directory, &earlier, &listed)?;
    if finished > 0 {
        writeln!(out, "finished an earlier compaction: {finished} files removed")?;
    }
    let listed = list_directory(directory, &limits)?;
    refuse_live(&listed, force)?;
    let mut groups: BTreeMap<String, Vec<Read>> = BTreeMap::new();
    for file in listed.iter().filter(|file| !is_live(file)) {
        let Some(name) = FileName::parse(&file.name).filter(|name| can_be_folded(name.kind)) else { continue };
        match directory_contents(directory, file, limits.file_bytes_max) {
            Ok(Some(bytes)) => match crate::multiproc::read(&bytes).err() {
                None => groups.entry(name.prefix.to_string()).or_default().push(Read { file: file.clone(), bytes }),
                Some(bad) => writeln!(out, "left alone: {}: {bad}", file.name)?,
            },
            Err(why) => writeln!(out, "left alone: {}: {why}", file.name)?,
            Ok(None) => {}
        }
    }
    groups.retain(|_, files| files.len() > 1);
    if groups.is_empty() {
        writeln!(out, "nothing to compact: no type has two files of processes that have ended")?;
        return Ok(());
    }
    std::thread::sleep(STILL_FOR);
    for Read { file, bytes } in groups.values().flatten() {
        let now = directory_contents(directory, file, limits.file_bytes_max);
        if !matches!(now, Ok(Some(now)) if now == *bytes) {
            return Err(CompactError::Changed(file.name.clone()));
        }
    }
    replace(directory, groups, &earlier, out)
}

/// Writes the compacted files, puts them in place and removes what is in them.
fn replace(
    directory: &Path,
    groups: BTreeMap<String, Vec<Read>>,
    earlier: &Journal,
    out: &mut dyn Write,
) -> Result<(), CompactError> {
    let mut journal = Journal::default();
    let mut told = Vec::new();
    for (prefix, files) in groups {
        let result = |bad| CompactError::Result(prefix.clone(), bad);
        let name = format!("{prefix}_{COMPACTED}.db");
        let (bytes, entries) = fold::fold(&name, files.iter().map(|read| read.bytes.as_slice())).map_err(result)?;
        let into = steps::write_aside(directory, &name, &bytes, files.first().map(|read| &read.file))?;
        told.push(format!("{prefix}: {} files → {name} ({entries} entries)", files.len()));
        let mut members: Vec<Member> = files.iter().map(|read| member(&read.file)).collect();
        members.extend(steps::members_of(earlier, &name).take(EARLIER_MEMBERS_MAX).cloned());
        journal.groups.push(Group { into, members });
    }
    steps::write_journal(directory, &journal)?;
    for group in &journal.groups {
        steps::put_in_place(directory, &group.into.name)?;
    }
    let limits = MultiprocConfig { files_max: usize::MAX, ..MultiprocConfig::default() };
    steps::finish(directory, &journal, &list_directory(directory, &limits)?)?;
    for line in told {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn refuse_live(listed: &[DirectoryFile], force: bool) -> Result<(), CompactError> {
    let live: Vec<&str> = listed.iter().filter(|file| is_live(file)).map(|file| file.name.as_str()).collect();
    if live.is_empty() || force {
        return Ok(());
    }
    let mut names = live.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if live.len() > NAMED {
        names.push_str(", …");
    }
    Err(CompactError::Live { count: live.len(), names })
}

/// Whether its process runs, as far as is known.
fn is_live(file: &DirectoryFile) -> bool {
    let Some(name) = FileName::parse(&file.name) else { return false };
    name.process != COMPACTED && !matches!(file.owner, Owner::Gone | Owner::Stranger)
}

/// Whether files of several processes can become one without a trace. Gauges of mode `all` carry the process id; those of living
/// processes are removed by it.
fn can_be_folded(kind: FileKind) -> bool {
    !kind.is_live() && !matches!(kind, FileKind::Gauge { fold: GaugeFold::All, .. })
}

fn member(file: &DirectoryFile) -> Member {
    Member { name: file.name.clone(), inode: file.inode, born: file.born, modified: file.modified }
}

#[cfg(test)]
mod tests;
