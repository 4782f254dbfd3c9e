use super::{Body, Missed};
use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::path::Path;

/// Reads a regular file of at most `limit` bytes, on a thread of its own: that may block.
pub(super) async fn read(path: &Path, limit: usize) -> Result<Body, Missed> {
    let path = path.to_path_buf();
    tokio::task::spawn_blocking(move || whole(&path, limit)).await.map_err(|_panic| Missed::fault())?
}

fn whole(path: &Path, limit: usize) -> Result<Body, Missed> {
    let missed = |e: Error| {
        Missed::Connect(match e.kind() {
            ErrorKind::NotFound => format!("no file {}", path.display()),
            _ => format!("{}: {e}", path.display()),
        })
    };
    // Looked at before it is opened: opening a named pipe would wait for a writer.
    let about = std::fs::metadata(path).map_err(missed)?;
    if !about.is_file() {
        return Err(Missed::Connect(format!("{} is not a regular file", path.display())));
    }
    let mut bytes = Vec::new();
    let beyond = (limit as u64).saturating_add(1);
    File::open(path).map_err(missed)?.take(beyond).read_to_end(&mut bytes).map_err(missed)?;
    if bytes.len() > limit {
        return Err(Missed::TooLarge { limit });
    }
    Ok(Body { content_type: None, bytes: bytes.into(), streamed: None, date: None })
}
