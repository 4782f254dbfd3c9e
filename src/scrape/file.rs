use super::{Body, Missed};
use std::io::{Error, ErrorKind};
use std::path::Path;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

/// Reads a regular file of at most `limit` bytes.
pub(super) async fn read(path: &Path, limit: usize) -> Result<Body, Missed> {
    let missed = |e: Error| {
        Missed::Connect(match e.kind() {
            ErrorKind::NotFound => format!("no file {}", path.display()),
            _ => format!("{}: {e}", path.display()),
        })
    };
    // Looked at before it is opened: opening a named pipe would wait for a writer.
    let about = tokio::fs::metadata(path).await.map_err(missed)?;
    if !about.is_file() {
        return Err(Missed::Connect(format!("{} is not a regular file", path.display())));
    }
    let mut bytes = Vec::new();
    let beyond = (limit as u64).saturating_add(1);
    File::open(path).await.map_err(missed)?.take(beyond).read_to_end(&mut bytes).await.map_err(missed)?;
    if bytes.len() > limit {
        return Err(Missed::TooLarge { limit });
    }
    Ok(Body { content_type: None, bytes: bytes.into(), streamed: None, date: None })
}
