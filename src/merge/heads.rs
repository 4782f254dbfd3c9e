//! The text of all heads of a pool, each stored once: what workers print before a value and what is served is the same text for
//! clients that spell canonically, as Python's does.

use super::column::grow;

/// Text that nothing refers to any more is tolerated up to this many bytes beyond half of all.
const UNUSED_SPARE: usize = 64 << 10;
/// Places are 32 bits; the last quarter is kept free, so that what is begun can be finished.
const BYTES_MAX: usize = 3 << 30;

/// Where a head stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Place {
    start: u32,
    length: u32,
}

impl Place {
    /// The place of nothing: what was forgotten has it.
    pub const NONE: Self = Self { start: 0, length: 0 };

    pub fn length(self) -> usize {
        self.length as usize
    }
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Heads {
    text: String,
    unused: usize,
}

impl Heads {
    #[inline]
    pub fn get(&self, place: Place) -> &str {
        let start = place.start as usize;
        self.text.get(start..start + place.length()).unwrap_or_default()
    }

    #[inline]
    pub fn bytes(&self, place: Place) -> &[u8] {
        let start = place.start as usize;
        self.text.as_bytes().get(start..start + place.length()).unwrap_or_default()
    }

    pub fn push(&mut self, head: &str) -> Place {
        let (Ok(start), Ok(length)) = (u32::try_from(self.text.len()), u32::try_from(head.len())) else { return Place::NONE };
        let wanted = grow(self.text.capacity(), self.text.len() + head.len());
        self.text.reserve_exact(wanted - self.text.len());
        self.text.push_str(head);
        Place { start, length }
    }

    /// Bytes stored, in use or not.
    #[cfg(test)]
    pub fn length(&self) -> usize {
        self.text.len()
    }

    /// Nothing refers to the place any more.
    pub fn disuse(&mut self, place: Place) {
        self.unused += place.length();
    }

    /// Whether so much is unused that it pays to begin anew.
    pub fn is_sparse(&self) -> bool {
        self.unused > self.text.len() / 2 + UNUSED_SPARE || self.text.len() > BYTES_MAX
    }
}
