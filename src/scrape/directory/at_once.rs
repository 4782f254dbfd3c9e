//! A directory for who waits for nothing else meanwhile, and knows of no holders of files.

use super::owners::Owners;
use super::{DirectoryFile, contents, listing};
use crate::config::MultiprocConfig;
use crate::scrape::Missed;
use std::path::Path;

/// The files of a directory that matter.
///
/// # Errors
/// It can't be read, or has too many files.
pub(crate) fn list_directory(path: &Path, limits: &MultiprocConfig) -> Result<Vec<DirectoryFile>, Missed> {
    listing::list(path, limits, &Owners::default())
}

/// The bytes in use of a file in a directory, as far as they are within `limit`; `None` if it isn't there any more.
///
/// # Errors
/// It can't be read, in words.
pub(crate) fn directory_contents(path: &Path, file: &DirectoryFile, limit: usize) -> Result<Option<Vec<u8>>, String> {
    contents::read(&path.join(&file.name), file, limit).map_err(|unread| unread.why)
}
