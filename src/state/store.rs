//! The file itself: one process at a time, replaced whole, set aside when it can't be read.
//!
//! A save is a temporary file and a rename: at any moment the file is whole, whatever ends the process. Nothing waits for the disk
//! there; after a crash of the *machine* such a file may be empty or old. For that there is a copy beside it, which is synced.

use super::{Document, Unreadable};
use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes a state file may have: far more than `limits.max_series` allows.
const BYTES_MAX: u64 = 4 << 30;
/// Beside the file: held by the process that writes it.
const LOCK: &str = "lock";
/// Beside the file: what is being written.
const TEMPORARY: &str = "tmp";
/// Beside the file: the copy that survives a crash of the machine.
const SYNCED: &str = "synced";
/// Beside the file: what becomes that copy.
const SYNCED_TEMPORARY: &str = "synced-tmp";

/// Another process has the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the state file {} is in use by another onescrape; end that one, or give each a file of its own", .0.display())]
pub struct Locked(PathBuf);

/// The state file of this process.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    /// `None` where it could not be had so far; without it nothing is written.
    lock: Option<File>,
}

/// What was there.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What was read, and from where.
    pub(crate) document: Option<(PathBuf, Document)>,
    /// Files that could not be used, and were set aside.
    pub(crate) unreadable: u64,
}

impl Store {
    /// Takes the file for this process. That it can't be written for now is no error here: it is said with every save.
    ///
    /// # Errors
    /// [`Locked`].
    pub fn open(path: &Path) -> Result<Self, Locked> {
        let mut store = Self { path: path.to_path_buf(), lock: None };
        match store.take_lock() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(Locked(store.path)),
            // Whatever else is wrong keeps it from being written, too: the first save says so.
            _ => Ok(store),
        }
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads what was saved last: the file or, where that can't be used, the synced copy. What can't be used is set aside.
    pub(crate) fn read(&self) -> Found {
        let mut found = Found::default();
        for path in [self.path.clone(), self.beside(SYNCED)] {
            match read_whole(&path).and_then(|bytes| bytes.map(Document::read).transpose()) {
                Ok(document) => {
                    found.document = document.map(|document| (path, document));
                    break;
                }
                Err(why) => {
                    found.unreadable += 1;
                    self.set_aside(&path, &why);
                }
            }
        }
        found
    }

    /// Replaces the file by what `write` writes.
    ///
    /// # Errors
    /// Whatever the file system says; the file is as before.
    pub(crate) fn replace(&mut self, write: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
        self.take_lock()?;
        let temporary = self.beside(TEMPORARY);
        write_new(&temporary, write).and_then(|_| std::fs::rename(&temporary, &self.path)).inspect_err(|_| {
            let _ = std::fs::remove_file(&temporary);
        })
    }

    /// What makes the newest save survive a crash of the machine: to be called where waiting for the disk harms nobody.
    pub(crate) fn syncing(&self) -> impl FnOnce() -> io::Result<()> + Send + 'static {
        let (path, synced, temporary) = (self.path.clone(), self.beside(SYNCED), self.beside(SYNCED_TEMPORARY));
        move || {
            // A link, not a copy: saves replace the file, they never change it.
            let _ = std::fs::remove_file(&temporary);
            if std::fs::hard_link(&path, &temporary).is_ok() {
                File::open(&temporary)?.sync_all()?;
                std::fs::rename(&temporary, &synced)?;
            } else {
                // A file system without links: then the newest save at least reaches the disk.
                File::open(&path)?.sync_all()?;
            }
            sync_folder(&path)
        }
    }

    fn take_lock(&mut self) -> io::Result<()> {
        if self.lock.is_none() {
            let file = File::options().create(true).truncate(false).write(true).open(self.beside(LOCK))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(io::Error::new(ErrorKind::WouldBlock, Locked(self.path.clone()))),
                // A file system without locks: better a state file than none.
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
            self.lock = Some(file);
        }
        Ok(())
    }

    /// Moves a file away that can't be used, and says so.
    pub(crate) fn set_aside(&self, path: &Path, why: &Unreadable) {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let aside = suffixed(path, &format!("corrupt-{seconds}"));
        let (file, to) = (path.display(), aside.display());
        match std::fs::rename(path, &aside) {
            Ok(()) => tracing::error!(%file, reason = %why, moved_to = %to, "the state file cannot be used"),
            Err(error) => {
                tracing::error!(%file, reason = %why, %error, "the state file cannot be used, and cannot be moved away");
            }
        }
    }

    fn beside(&self, ending: &str) -> PathBuf {
        suffixed(&self.path, ending)
    }
}

fn suffixed(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{ending}"));
    name.into()
}

/// The bytes of a file; `None` where there is none.
fn read_whole(path: &Path) -> Result<Option<Vec<u8>>, Unreadable> {
    let unreadable = |error: io::Error| Unreadable::Read(error.to_string());
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mut bytes = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > BYTES_MAX { Err(Unreadable::Foreign) } else { Ok(Some(bytes)) }
}

/// Writes a file that was not there: what lies at this path, be it a link to elsewhere, is never written to.
fn write_new(path: &Path, write: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    write(&File::create_new(path)?)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
