use super::Owner;
use super::owners::Owners;
use crate::config::{Limit, MultiprocConfig};
use crate::multiproc::{FileName, JOURNAL};
use crate::scrape::Missed;
use serde::{Deserialize, Serialize};
use std::fs::Metadata;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// What the names of multiprocess files end with; the client reads all that do.
const ENDING: &str = ".db";
/// Nanoseconds of a second.
const NANOS: i64 = 1_000_000_000;

/// A file in a directory, as it was listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryFile {
    /// Its name in the directory.
    pub name: String,
    /// Its inode.
    pub inode: u64,
    /// When it was made, in Unix nanoseconds, where the file system says so: inodes are used again.
    pub born: Option<u64>,
    /// Its length in bytes.
    pub length: u64,
    /// When it was changed, in Unix nanoseconds. A process that writes through a memory map may not move it.
    pub modified: i64,
    /// The process it is named after.
    pub owner: Owner,
}

impl DirectoryFile {
    pub(crate) fn of(name: &str, about: &Metadata) -> Self {
        let born = about.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        Self {
            name: name.to_string(),
            inode: about.ino(),
            born: born.and_then(|at| u64::try_from(at.as_nanos()).ok()),
            length: about.len(),
            modified: about.mtime().saturating_mul(NANOS).saturating_add(about.mtime_nsec()),
            owner: Owner::Nameless,
        }
    }
}

/// The files of a directory that matter, those whose process is known to hold them first.
pub(super) fn list(path: &Path, limits: &MultiprocConfig, owners: &Owners) -> Result<Vec<DirectoryFile>, Missed> {
    let missed = |error: Error| {
        Missed::Connect(match error.kind() {
            ErrorKind::NotFound => format!("no directory {}", path.display()),
            _ => format!("{}: {error}", path.display()),
        })
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(missed)? {
        let entry = entry.map_err(missed)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_hidden = name.starts_with('.');
        if name != JOURNAL && (is_hidden || !name.ends_with(ENDING)) {
            continue;
        }
        // A symbolic link counts as what it points to, as it does for the client.
        match std::fs::metadata(entry.path()) {
            Ok(about) if about.is_file() => files.push(DirectoryFile::of(&name, &about)),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(missed(error)),
        }
        if files.len() > limits.files_max {
            let most = limits.files_max;
            let what = format!("more than {most} files in {}", path.display());
            return Err(Missed::OverLimit { limit: Limit::FilesMax, what });
        }
    }
    // After the listing: whoever is not there now has written all it ever will to the files listed.
    let pids = files.iter().filter_map(|file| FileName::parse(&file.name)?.pid()).collect();
    let owner_of = owners.look(&pids);
    for file in &mut files {
        if let Some(pid) = FileName::parse(&file.name).and_then(|name| name.pid()) {
            file.owner = owner_of.get(&pid).copied().unwrap_or(Owner::Unseen);
        }
    }
    files.sort_unstable_by(|a, b| (a.owner != Owner::Holds, &a.name).cmp(&(b.owner != Owner::Holds, &b.name)));
    Ok(files)
}
