//! A directory as one body, for who wants it whole: of each file a line of JSON that says what it is, then its contents.

use super::{DirectoryFile, Missed, Part, Receipt};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The line before the contents of a file.
#[derive(Serialize, Deserialize)]
struct Head {
    file: DirectoryFile,
    /// Bytes of its contents, or why it can't be read.
    contents: Result<usize, String>,
}

/// Most bytes of a directory in one piece. More than of other bodies: only `check` wants it so, and ends soon.
const WHOLE_BYTES_MAX: usize = 1 << 30;

/// A body in the making.
#[derive(Default)]
pub(super) struct Frames {
    bytes: Vec<u8>,
}

impl Frames {
    /// Takes every file.
    pub(super) fn take(&mut self, part: Part<'_>) -> Result<Receipt, Missed> {
        if let Part::Contents(file, contents) = part {
            let head = Head { file: file.clone(), contents: contents.map(<[u8]>::len).map_err(str::to_string) };
            serde_json::to_writer(&mut self.bytes, &head).map_err(|_| Missed::fault())?;
            self.bytes.push(b'\n');
            self.bytes.extend_from_slice(contents.unwrap_or_default());
        }
        if self.bytes.len() > WHOLE_BYTES_MAX {
            return Err(Missed::TooLarge { limit: WHOLE_BYTES_MAX });
        }
        Ok(Receipt::Wanted)
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.bytes.into()
    }
}

/// Hands a directory that came as one body to its source, part by part.
///
/// # Errors
/// It is no such body, or the source doesn't want it.
pub fn replay(body: &[u8], sink: &mut dyn FnMut(Part<'_>) -> Result<Receipt, Missed>) -> Result<(), Missed> {
    let broken = || Missed::Parse("this is no directory of multiprocess files".into());
    sink(Part::Begin(None))?;
    let mut rest = body;
    while !rest.is_empty() {
        let at = memchr::memchr(b'\n', rest).ok_or_else(broken)?;
        let (head, after) = rest.split_at_checked(at).ok_or_else(broken)?;
        let after = after.get(1..).ok_or_else(broken)?;
        let Head { file, contents } = serde_json::from_slice(head).map_err(|_| broken())?;
        let (contents, after) = match &contents {
            Ok(length) => after.split_at_checked(*length).map(|(bytes, after)| (Ok(bytes), after)).ok_or_else(broken)?,
            Err(why) => (Err(why.as_str()), after),
        };
        if sink(Part::Listed(&file))? == Receipt::Wanted {
            sink(Part::Contents(&file, contents))?;
        }
        rest = after;
    }
    sink(Part::End).map(drop)
}
