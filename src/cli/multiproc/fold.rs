//! Files of one type → the entries of one.

use crate::multiproc::{BadFile, Entry, FileKind, FileName, GaugeFold, read, write};
use std::collections::HashMap;

/// The bytes of a file called `name` that says what all of `files` say, and how many entries it has. Entries of one key become one,
/// in the order in which they first come.
pub(super) fn fold<'a>(name: &str, files: impl Iterator<Item = &'a [u8]>) -> Result<(Vec<u8>, usize), BadFile> {
    let kind = FileName::parse(name).map(|name| name.kind);
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for bytes in files {
        for entry in read(bytes)? {
            let at = *places.entry(entry.key).or_insert(entries.len());
            match entries.get_mut(at) {
                None => entries.push(entry),
                Some(held) => take(kind, held, entry),
            }
        }
    }
    Ok((write(entries.iter().copied())?, entries.len()))
}

/// As the client's collector takes in one more process.
fn take(kind: Option<FileKind>, held: &mut Entry<'_>, new: Entry<'_>) {
    match kind {
        Some(FileKind::Gauge { fold: GaugeFold::Min, .. }) if new.value < held.value || held.value.is_nan() => {
            held.value = new.value
        }
        Some(FileKind::Gauge { fold: GaugeFold::Max, .. }) if new.value > held.value || held.value.is_nan() => {
            held.value = new.value
        }
        Some(FileKind::Gauge { fold: GaugeFold::Min | GaugeFold::Max, .. }) => {}
        Some(FileKind::Gauge { fold: GaugeFold::MostRecent, .. }) => {
            if new.timestamp > held.timestamp {
                (held.value, held.timestamp) = (new.value, new.timestamp);
            }
        }
        _ => held.value += new.value,
    }
}
