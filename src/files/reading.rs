use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Largest file taken, in bytes: several times the list of all public certificate authorities.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// A file changed this short a time ago may change again without a new time: clocks of file systems tick in milliseconds, some in
/// seconds. Until then it is read again each time.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// A file that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {}: {why}", path.display())]
pub(crate) struct FileError {
    pub(crate) path: PathBuf,
    pub(crate) why: String,
}

/// Reads files and remembers how each looked, to tell later whether one has changed.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    seen: Vec<(PathBuf, Look)>,
}

/// How a file looked: any change of content, owner or mode shows in one of these, and so does another file in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Reading {
    /// The content of a regular file of at most [`FILE_BYTES_MAX`] bytes.
    ///
    /// Reads at once, not in a thread of its own: what is read here lies in memory or on a local disk and is small.
    pub(crate) fn read(&mut self, path: &Path) -> Result<Vec<u8>, FileError> {
        let error = |why: String| FileError { path: path.to_path_buf(), why };
        let failed = |e: io::Error| {
            error(match e.kind() {
                io::ErrorKind::NotFound => "no such file".into(),
                io::ErrorKind::PermissionDenied => "permission denied: this user may not read it".into(),
                _ => e.to_string(),
            })
        };
        // Looked at before it is read, so that a change in between is seen the next time; and before it is opened, since opening a
        // named pipe would wait for a writer.
        let about = path.metadata().map_err(failed)?;
        if !about.is_file() {
            return Err(error("not a regular file".into()));
        }
        let mut bytes = Vec::new();
        File::open(path).map_err(failed)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(error(format!("larger than {FILE_BYTES_MAX} bytes")));
        }
        self.seen.push((path.to_path_buf(), Look::of(&about)));
        Ok(bytes)
    }

    /// The same as text without blanks around it, as passwords are kept: editors put a line feed at the end.
    pub(crate) fn read_word(&mut self, path: &Path) -> Result<String, FileError> {
        let text = String::from_utf8(self.read(path)?);
        let text = text.map_err(|_| FileError { path: path.to_path_buf(), why: "not UTF-8".into() })?;
        Ok(text.trim().to_string())
    }

    /// Whether nothing was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Whether every file looks as it did, and did not look so only a moment ago.
    pub(crate) fn still_holds(&self, now: SystemTime) -> bool {
        self.seen.iter().all(|(path, look)| look.is_settled(now) && path.metadata().is_ok_and(|about| Look::of(&about) == *look))
    }
}

impl Look {
    fn of(about: &Metadata) -> Self {
        Self {
            device: about.dev(),
            inode: about.ino(),
            size: about.size(),
            modified: (about.mtime(), about.mtime_nsec()),
            changed: (about.ctime(), about.ctime_nsec()),
        }
    }

    /// A clock set back makes a file look new for a while, which only costs reading it again.
    fn is_settled(&self, now: SystemTime) -> bool {
        let latest = self.changed.0.max(self.modified.0);
        let latest = UNIX_EPOCH + Duration::from_secs(u64::try_from(latest).unwrap_or_default());
        now.duration_since(latest).is_ok_and(|age| age > SETTLED_AFTER)
    }
}
