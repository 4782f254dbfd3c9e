use std::borrow::Cow;
use std::fmt;

/// Why a body is rejected as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {why}: {excerpt:?}")]
pub struct ParseError {
    /// Where in the body.
    pub place: Place,
    /// What is wrong.
    pub why: Cow<'static, str>,
    /// The start of the offending line or the name of the offending family, at most 80 characters.
    pub excerpt: String,
    /// Whether the body may just be cut short (no final line feed, no `# EOF`, a message without its end).
    pub truncated: bool,
}

/// Where in a body something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The header that says what the body is.
    ContentType,
    /// A line of text, from 1.
    Line(usize),
    /// A family of a protobuf body, from 1.
    Family(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContentType => f.write_str("Content-Type"),
            Self::Line(number) => write!(f, "line {number}"),
            Self::Family(number) => write!(f, "family {number}"),
        }
    }
}

/// Characters of an excerpt: enough to find the line, little enough for a log.
const EXCERPT_CHARS_MAX: usize = 80;

impl ParseError {
    /// A line that breaks the format's rules.
    pub(crate) fn in_line(line: usize, why: &'static str, text: &str) -> Self {
        Self::at(Place::Line(line), why, text)
    }

    /// The same anywhere in a body.
    pub(super) fn at(place: Place, why: impl Into<Cow<'static, str>>, text: &str) -> Self {
        Self { place, why: why.into(), excerpt: text.chars().take(EXCERPT_CHARS_MAX).collect(), truncated: false }
    }

    /// A body that ends too early, in this line.
    pub(crate) fn cut_short(line: usize, why: &'static str, text: &str) -> Self {
        Self { truncated: true, ..Self::in_line(line, why, text) }
    }
}

/// The body as text.
///
/// # Errors
/// A body that isn't UTF-8, with the line in which it stops being so.
pub(super) fn utf8(body: &[u8]) -> Result<&str, ParseError> {
    std::str::from_utf8(body).map_err(|error| {
        let (good, rest) = body.split_at_checked(error.valid_up_to()).unwrap_or((body, &[]));
        let start = memchr::memrchr(b'\n', good).map_or(0, |at| at + 1);
        let end = memchr::memchr(b'\n', rest).map_or(body.len(), |at| good.len() + at);
        let line = String::from_utf8_lossy(body.get(start..end).unwrap_or_default());
        let number = memchr::memchr_iter(b'\n', good).count() + 1;
        // Without a length the last character lacks bytes: the body ends within it.
        let truncated = error.error_len().is_none();
        ParseError { truncated, ..ParseError::in_line(number, "not UTF-8", &line) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_and_what() {
        let error = utf8(b"a 1\nb{x=\"\xff\"} 2\nc 3\n").unwrap_err();
        assert_eq!(error.to_string(), "line 2: not UTF-8: \"b{x=\\\"\u{fffd}\\\"} 2\"");
        assert!(!error.truncated);
    }

    #[test]
    fn a_body_cut_within_a_character_is_cut_short() {
        let error = utf8("a{x=\"é".as_bytes().split_last().unwrap().1).unwrap_err();
        assert!(error.truncated);
        assert_eq!(error.place, Place::Line(1));
    }

    #[test]
    fn excerpts_are_short() {
        assert_eq!(ParseError::in_line(1, "long", &"é".repeat(1000)).excerpt.chars().count(), EXCERPT_CHARS_MAX);
    }
}
