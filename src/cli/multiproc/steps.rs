//! The steps of a compaction that touch the directory. Each is whole or has not happened; in their order:
//! new files aside, the journal, new files in place, members removed.

use super::CompactError;
use crate::multiproc::{JOURNAL, Journal, Member};
use crate::scrape::DirectoryFile;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A file on its way is called so; nobody reads names that begin with a dot.
fn aside(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!(".{name}.onescrape"))
}

fn failed(what: &'static str, path: &Path) -> impl Fn(io::Error) -> CompactError {
    move |error| CompactError::Step { what, path: path.to_path_buf(), error }
}

/// The journal of the last compaction; an empty one if there was none.
pub(super) fn read_journal(directory: &Path) -> Result<Journal, CompactError> {
    let path = directory.join(JOURNAL);
    match fs::read(&path) {
        Ok(bytes) => Journal::parse(&bytes).map_err(CompactError::Journal),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Journal::default()),
        Err(error) => Err(failed("read", &path)(error)),
    }
}

/// The members that went into a compacted file of this name, by a journal.
pub(super) fn members_of<'j>(journal: &'j Journal, into: &str) -> impl Iterator<Item = &'j Member> {
    journal.groups.iter().filter(move |group| group.into.name == into).flat_map(|group| &group.members)
}

/// Writes a new file under a name that nobody reads, with the permissions of one that it replaces.
pub(super) fn write_aside(
    directory: &Path,
    name: &str,
    bytes: &[u8],
    like: Option<&DirectoryFile>,
) -> Result<Member, CompactError> {
    let path = aside(directory, name);
    let about = || {
        let mut file = File::create(&path)?;
        file.write_all(bytes)?;
        if let Some(like) = like {
            file.set_permissions(fs::metadata(directory.join(&like.name))?.permissions())?;
        }
        file.sync_all()?;
        file.metadata()
    };
    let about = about().map_err(failed("write", &path))?;
    Ok(super::member(&DirectoryFile::of(name, &about)))
}

/// Writes the journal.
pub(super) fn write_journal(directory: &Path, journal: &Journal) -> Result<(), CompactError> {
    let bytes = serde_json::to_vec(journal).map_err(CompactError::Journal)?;
    write_aside(directory, JOURNAL, &bytes, None)?;
    put_in_place(directory, JOURNAL)
}

/// Gives a file written aside its name.
pub(super) fn put_in_place(directory: &Path, name: &str) -> Result<(), CompactError> {
    let path = directory.join(name);
    fs::rename(aside(directory, name), &path).map_err(failed("put in place", &path))?;
    sync(directory)
}

/// Removes what is in compacted files that are in place, and what was written aside for others. How many files were removed.
pub(super) fn finish(directory: &Path, journal: &Journal, listed: &[DirectoryFile]) -> Result<usize, CompactError> {
    let there: HashSet<Member> = listed.iter().map(super::member).collect();
    let mut removed = 0;
    for group in &journal.groups {
        if !there.contains(&group.into) {
            remove(&aside(directory, &group.into.name))?;
            continue;
        }
        for member in group.members.iter().filter(|member| there.contains(member)) {
            removed += usize::from(remove(&directory.join(&member.name))?);
        }
    }
    sync(directory)?;
    Ok(removed)
}

/// Whether there was a file to remove.
fn remove(path: &Path) -> Result<bool, CompactError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed("remove", path)(error)),
    }
}

fn sync(directory: &Path) -> Result<(), CompactError> {
    File::open(directory).and_then(|file| file.sync_all()).map_err(failed("sync", directory))
}
