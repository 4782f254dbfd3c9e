//! Values that are never shown.

use super::headers::MASK;
use std::fmt;
use std::path::PathBuf;

/// A password, token or hash. Nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, to be sent or compared, never to be shown.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Where a value is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// In the configuration itself.
    Here(Secret),
    /// In a file, read again when it changes.
    File(PathBuf),
}
