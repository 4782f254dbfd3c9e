//! Bytes of an exposition → families, borrowed from the body.

use crate::model::Family;

/// What a whole, valid body held.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exposition<'a> {
    /// The families in the order in which they first appeared, one per canonical name and type.
    pub families: Vec<Family<'a>>,
    /// Second HELP, TYPE or UNIT lines of a family, which were ignored.
    pub repeated_metadata: usize,
    /// Samples whose form their type does not allow in OpenMetrics (a counter without `_total`, …), repaired or kept as unknown.
    pub irregular_samples: usize,
}

/// Why a body is rejected as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}: {excerpt:?}")]
pub struct ParseError {
    /// Line number, from 1.
    pub line: usize,
    /// What is wrong.
    pub why: &'static str,
    /// The start of the offending line, at most 80 characters.
    pub excerpt: String,
    /// Whether the body may just be cut short (no final line feed, no `# EOF`).
    pub truncated: bool,
}

/// Reads a body: OpenMetrics where the Content-Type says `application/openmetrics-text`, else the text format (0.0.4 and 1.0.0 alike).
///
/// # Errors
/// The first breach of the format's rules rejects the body as a whole.
pub fn parse<'a>(content_type: Option<&str>, body: &'a [u8]) -> Result<Exposition<'a>, ParseError> {
    let media = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("application/openmetrics-text") { openmetrics(body) } else { text(body) }
}

/// Reads Prometheus text 0.0.4 or 1.0.0.
///
/// # Errors
/// See [`parse`].
pub fn text(_body: &[u8]) -> Result<Exposition<'_>, ParseError> {
    Ok(Exposition::default())
}

/// Reads OpenMetrics 1.0.0.
///
/// # Errors
/// See [`parse`].
pub fn openmetrics(_body: &[u8]) -> Result<Exposition<'_>, ParseError> {
    Ok(Exposition::default())
}
