//! A directory of multiprocess files as a target: listed, then offered file by file to the source, which knows what it has read
//! already. Only what the source wants is read. Nothing is written, and nothing is remembered here but who was seen to hold a file.

#[cfg(feature = "tools")]
mod at_once;
mod contents;
mod frames;
mod listing;
mod owners;

#[cfg(feature = "tools")]
pub(crate) use at_once::{directory_contents, list_directory};
pub use frames::replay;
pub use listing::DirectoryFile;
pub use owners::Owner;

use super::{Body, Ended, Missed, Part, Receipt, Request, Sink};
use crate::config::MultiprocConfig;
use crate::source::multiproc::{IS_IN, LEFT_OUT};
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use owners::Owners;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How directories of one source are read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    limits: MultiprocConfig,
    owners: Owners,
}

impl Reading {
    pub(super) fn new(limits: MultiprocConfig) -> Self {
        Self { limits, owners: Owners::default() }
    }
}

/// Reads a directory: everything in it that the sink wants. Boxed, so that a build without has no trace of it.
pub(super) fn reading<'a>(path: &'a Path, how: &'a Request, sink: &'a mut Sink<'_>) -> BoxFuture<'a, Result<Body, Ended>> {
    match IS_IN {
        true => read(path, how, sink).boxed(),
        false => ready(Err(Missed::Connect(LEFT_OUT.into()).into())).boxed(),
    }
}

async fn read(path: &Path, how: &Request, sink: &mut Sink<'_>) -> Result<Body, Ended> {
    let reading = how.reading().clone();
    let listed = {
        let (path, reading) = (path.to_path_buf(), reading.clone());
        blocking(move || listing::list(&path, &reading.limits, &reading.owners)).await??
    };
    let mut whole = match sink(Part::Begin(None))? {
        Receipt::Taken => None,
        _ => Some(frames::Frames::default()),
    };
    let mut offer = |part: Part<'_>| match &mut whole {
        None => sink(part),
        Some(frames) => frames.take(part),
    };
    let mut wanted = Vec::new();
    for file in listed {
        if offer(Part::Listed(&file))? == Receipt::Wanted {
            wanted.push(file);
        }
    }
    let mut length = 0;
    let mut wanted = wanted.into_iter();
    loop {
        let (path, reading, rest) = (path.to_path_buf(), reading.clone(), wanted);
        let (read, rest) = blocking(move || batch(&path, &reading, rest)).await?;
        if read.is_empty() {
            break;
        }
        wanted = rest;
        for (file, contents) in &read {
            length += contents.as_ref().map_or(0, Vec::len);
            if let Some(limit) = contents.as_ref().err().and_then(|unread| unread.limit) {
                offer(Part::OverLimit(limit))?;
            }
            offer(Part::Contents(file, contents.as_deref().map_err(|unread| unread.why.as_str())))?;
        }
    }
    offer(Part::End)?;
    Ok(match whole {
        None => Body { content_type: None, bytes: bytes::Bytes::new(), streamed: Some(length), date: None },
        Some(frames) => Body { content_type: None, bytes: frames.into_bytes(), streamed: None, date: None },
    })
}

/// Files with their contents, or why they can't be read.
type Read = Vec<(DirectoryFile, Result<Vec<u8>, contents::Unread>)>;

/// Reads the next files, until that is enough to hold at once.
fn batch(
    path: &Path,
    reading: &Arc<Reading>,
    mut files: std::vec::IntoIter<DirectoryFile>,
) -> (Read, std::vec::IntoIter<DirectoryFile>) {
    let mut read = Read::new();
    let mut held = 0;
    while held < contents::HELD_BYTES
        && let Some(file) = files.next()
    {
        let path: PathBuf = path.join(&file.name);
        // One that has gone or was replaced meanwhile is the next listing's business.
        if let Some(contents) = contents::read(&path, &file, reading.limits.file_bytes_max).transpose() {
            held += contents.as_ref().map_or(0, Vec::len) + contents::FILE_WEIGHT;
            read.push((file, contents));
        }
    }
    (read, files)
}

/// Reading a directory may block: it does so on a thread of its own.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Missed> {
    tokio::task::spawn_blocking(work).await.map_err(|_panic| Missed::fault())
}

#[cfg(test)]
mod tests;
