//! What sources write and read: messages with a tag, one after the other.

use super::Unreadable;
use prost::Message;
use std::io::{self, Write};

/// Bytes before the message: its tag, and its length as 32 bits, little-endian.
const HEAD_BYTES: usize = 5;

/// Takes messages in. The first error is kept and ends the writing: whoever put them in need not care.
pub struct Parts<'a> {
    out: &'a mut dyn Write,
    buffer: Vec<u8>,
    result: io::Result<()>,
}

impl std::fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("result", &self.result).finish_non_exhaustive()
    }
}

impl<'a> Parts<'a> {
    /// Writes them to `out`, which should be buffered.
    pub fn new(out: &'a mut dyn Write) -> Self {
        Self { out, buffer: Vec::new(), result: Ok(()) }
    }

    /// Writes a message. What a tag stands for is the source's to say; those from [`Part::TAG_MAX`] on are the file's own.
    pub fn put(&mut self, tag: u8, message: &impl Message) {
        if self.result.is_ok() {
            self.result = self.try_put(tag, message);
        }
    }

    fn try_put(&mut self, tag: u8, message: &impl Message) -> io::Result<()> {
        self.buffer.clear();
        self.buffer.resize(HEAD_BYTES, tag);
        message.encode(&mut self.buffer).map_err(io::Error::other)?;
        let length = u32::try_from(self.buffer.len() - HEAD_BYTES).map_err(io::Error::other)?;
        if let Some(head) = self.buffer.get_mut(1..HEAD_BYTES) {
            head.copy_from_slice(&length.to_le_bytes());
        }
        self.out.write_all(&self.buffer)
    }

    /// Whether all was written.
    ///
    /// # Errors
    /// The first error there was.
    pub fn finish(self) -> io::Result<()> {
        self.result
    }
}

/// One message, not decoded yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// What it stands for.
    pub tag: u8,
    bytes: &'a [u8],
}

impl Part<'_> {
    /// Tags of sources are below this.
    pub const TAG_MAX: u8 = 0xf0;

    /// The message.
    ///
    /// # Errors
    /// The bytes are none.
    pub fn read<M: Message + Default>(&self) -> Result<M, Unreadable> {
        M::decode(self.bytes).map_err(|error| Unreadable::Damaged(error.to_string()))
    }
}

/// The messages of one source, in the order in which they were written; unknown tags are for it to pass over.
#[derive(Debug, Clone)]
pub struct Saved<'a> {
    rest: &'a [u8],
}

impl<'a> Saved<'a> {
    /// What [`Parts`] wrote.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next message.
    ///
    /// # Errors
    /// The bytes end within it.
    pub fn next_part(&mut self) -> Result<Option<Part<'a>>, Unreadable> {
        let Some((head, rest)) = self.rest.split_first_chunk::<HEAD_BYTES>() else {
            return if self.rest.is_empty() { Ok(None) } else { Err(cut()) };
        };
        let [tag, length @ ..] = *head;
        let length = usize::try_from(u32::from_le_bytes(length)).map_err(|_| cut())?;
        let (bytes, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
        self.rest = rest;
        Ok(Some(Part { tag, bytes }))
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

fn cut() -> Unreadable {
    Unreadable::Damaged("it ends within a message".into())
}
