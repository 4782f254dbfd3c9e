use super::DirectoryFile;
use crate::config::Limit;
use crate::multiproc;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// So many bytes are held at once; then they go to the source before more is read.
pub(super) const HELD_BYTES: usize = 1 << 20;
/// What a file counts toward that beside its bytes, so that many small ones don't keep the others waiting.
pub(super) const FILE_WEIGHT: usize = 8 << 10;
/// What is read of a file at first: most processes use less, and the file's header is in it.
const FIRST_BYTES: usize = 32 << 10;

/// Why the contents of a file are not there.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) why: String,
    pub(super) limit: Option<Limit>,
}

impl From<String> for Unread {
    fn from(why: String) -> Self {
        Self { why, limit: None }
    }
}

/// The bytes in use of a file, or the whole of one that is none of prometheus_client's. `None` if it isn't there any more, or is
/// another by now.
pub(super) fn read(path: &Path, listed: &DirectoryFile, limit: usize) -> Result<Option<Vec<u8>>, Unread> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("it cannot be opened: {error}").into()),
    };
    let failed = |error: std::io::Error| format!("it cannot be read: {error}");
    let now = DirectoryFile::of(&listed.name, &file.metadata().map_err(failed)?);
    if (now.inode, now.born) != (listed.inode, listed.born) {
        return Ok(None);
    }
    let length = usize::try_from(now.length).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    take(&mut file, length.min(FIRST_BYTES), &mut bytes).map_err(failed)?;
    // Only what is in use: files are made sparse. What the header says now is whole from here on, whatever is written meanwhile.
    let in_use = match multiproc::FileName::parse(&listed.name) {
        Some(_) => multiproc::used(&bytes, length).map_err(|bad| bad.to_string())?,
        None => length,
    };
    if in_use > limit {
        let why = format!("{in_use} bytes of it are in use, more than {limit} (file_bytes_max)");
        return Err(Unread { why, limit: Some(Limit::FileBytesMax) });
    }
    bytes.truncate(in_use);
    take(&mut file, in_use - bytes.len(), &mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}

fn take(file: &mut File, length: usize, into: &mut Vec<u8>) -> std::io::Result<()> {
    into.reserve_exact(length);
    file.take(length as u64).read_to_end(into).map(drop)
}
