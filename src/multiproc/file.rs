//! The bytes of a file, in the byte order of the machine that wrote them: an `int32` with the number of bytes in use, four bytes of
//! padding, then entries. An entry is an `int32` with the length of its key, the key, blanks up to a multiple of eight (at least
//! one), the value and a time, both `float64`.

use std::fmt::Write;

/// Bytes before the first entry.
pub const HEADER: usize = 8;
/// Bytes of the number that stands before the key of an entry.
const LENGTH: usize = 4;
/// Entries begin and end at multiples of this.
const ALIGNMENT: usize = 8;
/// Bytes of an entry behind its key: value and time.
pub const ENTRY_TAIL: usize = 16;
/// Most bytes of a key that an error repeats.
const EXCERPT_CHARS: usize = 60;

/// An entry: a key and what it has come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry<'a> {
    /// JSON, see [`Key`](super::Key).
    pub key: &'a str,
    /// The value.
    pub value: f64,
    /// When it was set, in Unix seconds; 0 if that was not noted.
    pub timestamp: f64,
}

/// Why a file can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFile {
    /// The header can't be right.
    #[error("its header says that {0} bytes are in use, which cannot be: it was not written by prometheus_client, or is broken")]
    Used(i32),
    /// The header is right if read the other way round.
    #[error("it was written on a machine of the other byte order; prometheus_client's files are for the machine that writes them")]
    ByteOrder,
    /// Less is there than should be.
    #[error("it is cut short: {used} bytes are in use by its header, {length} are there")]
    Short {
        /// Bytes in use by the header.
        used: usize,
        /// Bytes there are.
        length: usize,
    },
    /// An entry is broken.
    #[error("the entry at byte {at} is broken: {why}")]
    Entry {
        /// Where it begins.
        at: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// A key can't be understood.
    #[error("the key {excerpt}: {why}")]
    Key {
        /// The beginning of the key.
        excerpt: String,
        /// What is wrong.
        why: String,
    },
    /// What would be written does not fit.
    #[error("{0} bytes are more than such a file can hold")]
    TooLarge(usize),
}

impl BadFile {
    /// What is wrong with this key.
    pub fn key(key: &str, why: impl ToString) -> Self {
        let mut excerpt = String::new();
        // Writing to a string cannot fail.
        let _ = write!(excerpt, "{:?}", key.chars().take(EXCERPT_CHARS).collect::<String>());
        Self::Key { excerpt, why: why.to_string() }
    }
}

/// How many bytes of a file are in use, by its first bytes and its length; 0 of a file that was only just made.
///
/// # Errors
/// A number that can't be, or is more than there is.
pub fn used(start: &[u8], length: usize) -> Result<usize, BadFile> {
    if start.is_empty() {
        return Ok(0);
    }
    let Some((number, _)) = start.split_first_chunk::<LENGTH>() else {
        return Err(BadFile::Short { used: HEADER, length: start.len() });
    };
    let said = i32::from_ne_bytes(*number);
    let plausible = |number: i32| usize::try_from(number).ok().filter(|n| *n >= HEADER && n.is_multiple_of(ALIGNMENT));
    match plausible(said) {
        _ if said == 0 => Ok(0),
        Some(used) if used <= length => Ok(used),
        _ if plausible(said.swap_bytes()).is_some_and(|used| used <= length) => Err(BadFile::ByteOrder),
        Some(used) => Err(BadFile::Short { used, length }),
        None => Err(BadFile::Used(said)),
    }
}

/// Every entry of a file, in the order in which they were made; what is there beyond the bytes in use does not matter.
///
/// The header is written after the entry it covers, so that a reader who copies the bytes from the first to the last while the
/// process goes on writing sees whole entries.
///
/// # Errors
/// The first thing that is wrong; then nothing of the file can be trusted.
pub fn read(bytes: &[u8]) -> Result<Vec<Entry<'_>>, BadFile> {
    let used = used(bytes, bytes.len())?;
    if used == 0 {
        return Ok(Vec::new());
    }
    let in_use = bytes.get(HEADER..used).ok_or(BadFile::Short { used, length: bytes.len() })?;
    let mut entries = Vec::new();
    let mut rest = in_use;
    while !rest.is_empty() {
        let broken = |why| BadFile::Entry { at: used - rest.len(), why };
        let (length, after) = rest.split_first_chunk::<LENGTH>().ok_or(broken("no room for a key"))?;
        let length = usize::try_from(i32::from_ne_bytes(*length)).map_err(|_| broken("the length of its key is negative"))?;
        let (key, after) = after.split_at_checked(length).ok_or(broken("its key reaches beyond the bytes in use"))?;
        let numbers = after.get(padding(length)..).ok_or(broken("its key reaches beyond the bytes in use"))?;
        let (value, numbers) = numbers.split_first_chunk().ok_or(broken("no room for a value"))?;
        let (timestamp, after) = numbers.split_first_chunk().ok_or(broken("no room for a time"))?;
        entries.push(Entry {
            key: std::str::from_utf8(key).map_err(|_| broken("its key is not UTF-8"))?,
            value: f64::from_ne_bytes(*value),
            timestamp: f64::from_ne_bytes(*timestamp),
        });
        rest = after;
    }
    Ok(entries)
}

/// Blanks behind a key of this length.
fn padding(key: usize) -> usize {
    ALIGNMENT - (LENGTH + key % ALIGNMENT) % ALIGNMENT
}

/// The bytes of a file with these entries.
///
/// # Errors
/// [`BadFile::TooLarge`].
pub fn write<'a>(entries: impl IntoIterator<Item = Entry<'a>>) -> Result<Vec<u8>, BadFile> {
    let mut bytes = vec![0; HEADER];
    for entry in entries {
        let length = i32::try_from(entry.key.len()).map_err(|_| BadFile::TooLarge(entry.key.len()))?;
        bytes.extend_from_slice(&length.to_ne_bytes());
        bytes.extend_from_slice(entry.key.as_bytes());
        bytes.extend(std::iter::repeat_n(b' ', padding(entry.key.len())));
        bytes.extend_from_slice(&entry.value.to_ne_bytes());
        bytes.extend_from_slice(&entry.timestamp.to_ne_bytes());
    }
    let used = i32::try_from(bytes.len()).map_err(|_| BadFile::TooLarge(bytes.len()))?;
    bytes.splice(..LENGTH, used.to_ne_bytes());
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(key: &str, value: f64) -> Entry<'_> {
        Entry { key, value, timestamp: 0.0 }
    }

    /// One entry as the client lays it out: 4 + 5 + 7 blanks, value 1.5, time 0; 40 bytes in use.
    fn one() -> Vec<u8> {
        let mut bytes = 40_i32.to_ne_bytes().to_vec();
        bytes.extend([0; 4]);
        bytes.extend(5_i32.to_ne_bytes());
        bytes.extend(b"[\"a\"]       ");
        bytes.extend(1.5_f64.to_ne_bytes());
        bytes.extend(0.0_f64.to_ne_bytes());
        bytes
    }

    #[test]
    fn the_layout_is_the_clients() {
        assert_eq!(read(&one()).unwrap(), [entry("[\"a\"]", 1.5)]);
        assert_eq!(write([entry("[\"a\"]", 1.5)]).unwrap(), one());
        // A key that fills its eight bytes still gets eight blanks.
        let four = write([entry("abcd", 1.0)]).unwrap();
        assert_eq!(four.len(), HEADER + 4 + 4 + 8 + 16);
        let sparse = [one(), vec![0xff; 100]].concat();
        assert_eq!(read(&sparse).unwrap().len(), 1, "what is not in use does not matter");
    }

    #[test]
    fn a_file_only_just_made_is_empty() {
        for fresh in [&[][..], &[0; 64], &write([]).unwrap()] {
            assert_eq!(read(fresh), Ok(vec![]));
        }
    }

    #[test]
    fn whatever_is_wrong_costs_the_file() {
        let with = |at: usize, new: &[u8]| {
            let mut bytes = one();
            bytes.splice(at..at + new.len(), new.iter().copied());
            read(&bytes).unwrap_err()
        };
        assert_eq!(with(0, &40_i32.swap_bytes().to_ne_bytes()), BadFile::ByteOrder);
        assert_eq!(with(0, &(-8_i32).to_ne_bytes()), BadFile::Used(-8));
        assert_eq!(with(0, &41_i32.to_ne_bytes()), BadFile::Used(41));
        assert_eq!(with(0, &48_i32.to_ne_bytes()), BadFile::Short { used: 48, length: 40 });
        assert!(matches!(with(0, &32_i32.to_ne_bytes()), BadFile::Entry { at: 8, .. }), "one entry and a half");
        assert!(matches!(with(8, &(-1_i32).to_ne_bytes()), BadFile::Entry { at: 8, .. }));
        assert!(matches!(with(8, &i32::MAX.to_ne_bytes()), BadFile::Entry { at: 8, .. }));
        assert!(matches!(with(13, &[0xff]), BadFile::Entry { why: "its key is not UTF-8", .. }));
        for cut in 1..40 {
            assert!(matches!(read(&one()[..cut]), Err(BadFile::Short { .. } | BadFile::ByteOrder)), "{cut}");
        }
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn real_files() {
        let file = include_bytes!("../../tests/fixtures/multiproc/gauge_mostrecent.db");
        let entries = read(file).unwrap();
        let keys: Vec<_> = entries.iter().map(|entry| crate::multiproc::Key::parse(entry.key).unwrap()).collect();
        let names: Vec<_> = keys.iter().map(|key| key.sample.as_str()).collect();
        assert_eq!(names, ["shop_never_set", "shop_mostrecent", "shop_mostrecent"]);
        assert!(entries[0].timestamp == 0.0 && entries[1].timestamp > 1e9 && entries[1].value > 1e9, "{entries:?}");
        assert_eq!(write(entries).unwrap(), file);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(entries in prop::collection::vec(("\\PC{0,40}", any::<f64>(), any::<f64>()), 0..20)) {
            let entries: Vec<Entry<'_>> =
                entries.iter().map(|(key, value, timestamp)| Entry { key, value: *value, timestamp: *timestamp }).collect();
            let bytes = write(entries.clone()).unwrap();
            let bits = |entries: &[Entry<'_>]| -> Vec<_> {
                entries.iter().map(|e| (e.key.to_string(), e.value.to_bits(), e.timestamp.to_bits())).collect()
            };
            prop_assert_eq!(bits(&read(&bytes).unwrap()), bits(&entries));
        }

        #[test]
        fn any_bytes_are_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..60, bent: u8) {
            let _ = read(&bytes);
            let mut bytes = one();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = bent;
            }
            let _ = read(&bytes);
        }
    }
}
