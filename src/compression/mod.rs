//! Content-Encoding (RFC 9110, section 8.4): bodies packed for scrapers, and unpacked where a target packs unasked.
//!
//! Without the cargo feature `compression` there is only [`Encoding::Identity`].

mod pack;
mod unpack;

pub use pack::pack;
pub use unpack::{UnpackError, Unpacker};

/// How a body is encoded on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// As it is.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Encoding {
    /// The encodings that this build can pack and unpack, the better ones first: zstd is faster than gzip and packs closer.
    pub const PACKED: &[Self] = if cfg!(feature = "compression") { &[Self::Zstd, Self::Gzip] } else { &[] };

    /// The word of Content-Encoding and Accept-Encoding; also the value of the label `encoding`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// The encoding of that name, if this build has it.
    pub fn of_name(name: &str) -> Option<Self> {
        // An old name of gzip (RFC 9110, section 8.4.1.3).
        let name = if name.eq_ignore_ascii_case("x-gzip") { "gzip" } else { name };
        [Self::Identity].iter().chain(Self::PACKED).find(|encoding| encoding.as_str().eq_ignore_ascii_case(name)).copied()
    }
}
