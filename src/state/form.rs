//! The form of the file: a word and a version to know it by, messages, a checksum.
//!
//! ```text
//! "onescrape state"  version u32  head  { section  parts of that source }…  end  CRC-32 of all before
//! ```

use super::{Part, Parts, Saved};
use prost::Message;
use std::io::{self, BufWriter, Write};
use std::ops::Range;

/// What the file begins with.
const WORD: &[u8; 15] = b"onescrape state";
/// Rises when older programs could not make sense of what newer ones write. Fields that are added need no new version.
const VERSION: u32 = 1;
/// Bytes of the version, and of the checksum at the end.
const NUMBER_BYTES: usize = 4;
/// A file is written in pieces of so many bytes.
const BUFFER_BYTES: usize = 64 << 10;

const HEAD: u8 = Part::TAG_MAX;
const SECTION: u8 = Part::TAG_MAX + 1;
const END: u8 = Part::TAG_MAX + 2;

/// Why a file can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Something else.
    #[error("it is no state file of onescrape")]
    Foreign,
    /// Written by a later release.
    #[error("it is of version {0}, this program reads up to version {VERSION}")]
    Newer(u32),
    /// Cut, or changed by something else.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// The file system says no.
    #[error("it cannot be read: {0}")]
    Read(String),
}

/// What is of no source.
#[derive(Clone, PartialEq, Message)]
pub struct FileHead {
    /// When it was written, Unix seconds.
    #[prost(double, tag = "1")]
    pub unix: f64,
    /// The clock of all sources then, nanoseconds.
    #[prost(uint64, tag = "2")]
    pub elapsed: u64,
    /// Time since the machine's boot then, nanoseconds; `None` where it doesn't tell.
    #[prost(uint64, optional, tag = "3")]
    pub uptime: Option<u64>,
    /// Which boot of the machine that was.
    #[prost(string, tag = "4")]
    pub boot_id: String,
    /// Whether any scrape was ever good.
    #[prost(bool, tag = "5")]
    pub any_good: bool,
    /// Families that were told apart by source.
    #[prost(message, repeated, tag = "6")]
    pub apart: Vec<Apart>,
}

/// Families of one source that carry the source label.
#[derive(Clone, PartialEq, Message)]
pub struct Apart {
    /// The source's name.
    #[prost(string, tag = "1")]
    pub source: String,
    /// Names of the families.
    #[prost(string, repeated, tag = "2")]
    pub families: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Section {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    kind: String,
}

#[derive(Clone, PartialEq, Message)]
struct End {}

/// Writes a file.
pub(crate) struct Writer<W: Write> {
    out: Summed<BufWriter<W>>,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(out: W, head: &FileHead) -> io::Result<Self> {
        let out = Summed { out: BufWriter::with_capacity(BUFFER_BYTES, out), sum: crc32fast::Hasher::new() };
        let mut writer = Self { out };
        writer.out.write_all(WORD)?;
        writer.out.write_all(&VERSION.to_le_bytes())?;
        writer.put(HEAD, head)?;
        Ok(writer)
    }

    /// The parts of one source.
    pub(crate) fn section(&mut self, name: &str, kind: &str, fill: impl FnOnce(&mut Parts<'_>)) -> io::Result<()> {
        self.put(SECTION, &Section { name: name.into(), kind: kind.into() })?;
        let mut parts = Parts::new(&mut self.out);
        fill(&mut parts);
        parts.finish()
    }

    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.put(END, &End {})?;
        let Summed { mut out, sum } = self.out;
        out.write_all(&sum.finalize().to_le_bytes())?;
        out.into_inner().map_err(io::IntoInnerError::into_error)
    }

    fn put(&mut self, tag: u8, message: &impl Message) -> io::Result<()> {
        let mut parts = Parts::new(&mut self.out);
        parts.put(tag, message);
        parts.finish()
    }
}

/// Adds up what goes through.
struct Summed<W> {
    out: W,
    sum: crc32fast::Hasher,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sum.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A file that was read: whole, with the checksum it says, and of a version known.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub(crate) head: FileHead,
    bytes: Vec<u8>,
    sections: Vec<(Section, Range<usize>)>,
}

impl Document {
    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// They are no state file, one of a later release, or damaged.
    pub fn read(bytes: Vec<u8>) -> Result<Self, Unreadable> {
        let after_word =
            bytes.strip_prefix(WORD).ok_or(if bytes.is_empty() { damaged("it is empty") } else { Unreadable::Foreign })?;
        let (version, body) = after_word.split_first_chunk::<NUMBER_BYTES>().ok_or_else(|| damaged("it ends early"))?;
        match u32::from_le_bytes(*version) {
            1..=VERSION => {}
            newer => return Err(Unreadable::Newer(newer)),
        }
        let (_, sum) = body.split_last_chunk::<NUMBER_BYTES>().ok_or_else(|| damaged("it ends early"))?;
        let end = bytes.len() - NUMBER_BYTES;
        if crc32fast::hash(bytes.get(..end).unwrap_or_default()) != u32::from_le_bytes(*sum) {
            return Err(damaged("its checksum is not that of its contents"));
        }
        let (head, sections) = outline(&bytes, WORD.len() + NUMBER_BYTES..end)?;
        Ok(Self { head, bytes, sections })
    }

    /// What the source of this name and kind had written.
    pub fn section(&self, name: &str, kind: &str) -> Option<Saved<'_>> {
        let (_, range) = self.sections.iter().find(|(section, _)| section.name == name && section.kind == kind)?;
        Some(Saved::new(self.bytes.get(range.clone())?))
    }
}

/// The head, and where the parts of each source stand.
type Outline = (FileHead, Vec<(Section, Range<usize>)>);

fn outline(bytes: &[u8], body: Range<usize>) -> Result<Outline, Unreadable> {
    let end = body.end;
    let mut parts = Saved::new(bytes.get(body).unwrap_or_default());
    let (mut head, mut sections) = (None, Vec::<(Section, Range<usize>)>::new());
    loop {
        let start = end - parts.rest().len();
        let part = parts.next_part()?.ok_or_else(|| damaged("its end is missing"))?;
        let at = end - parts.rest().len();
        match part.tag {
            HEAD => head = Some(part.read()?),
            SECTION | END => {
                if let Some((_, range)) = sections.last_mut() {
                    range.end = start;
                }
                if part.tag == END {
                    break;
                }
                sections.push((part.read()?, at..at));
            }
            _ => {}
        }
    }
    Ok((head.ok_or_else(|| damaged("its head is missing"))?, sections))
}

fn damaged(why: &str) -> Unreadable {
    Unreadable::Damaged(why.into())
}
