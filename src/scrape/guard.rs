use http::{HeaderName, HeaderValue};
use std::hash::{BuildHasher, Hasher, RandomState};

/// Header of every scrape that carries the [`ProcessId`]. A request that brings our own id back came round in a circle.
pub const GUARD_HEADER: HeaderName = HeaderName::from_static("x-onescrape-id");

/// A random name of this run of the program: 128 bits from the operating system's generator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessId(HeaderValue);

impl ProcessId {
    /// A new one.
    pub fn random() -> Self {
        // The standard library keys its hash maps from the operating system's generator: randomness without a crate for it.
        let word = || RandomState::new().build_hasher().finish();
        let text = format!("{:016x}{:016x}", word(), word());
        Self(HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("onescrape")))
    }

    /// As a header value.
    pub fn header(&self) -> &HeaderValue {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_are_hexadecimal() {
        let id = ProcessId::random();
        assert_ne!(id, ProcessId::random());
        assert!(id.header().as_bytes().iter().all(u8::is_ascii_hexdigit));
        assert_eq!(id.header().len(), 32);
    }
}
