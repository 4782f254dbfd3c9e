//! Bytes of an exposition → families, borrowed from the body.
//!
//! A format's file (`text`, `openmetrics`) knows its lines; `line` the tokens both share; `families` what the lines mean together,
//! whichever order they came in.

mod error;
mod families;
mod line;
mod openmetrics;
mod text;
mod unescape;

pub use error::ParseError;
pub(crate) use line::{Head, Line, Tail, Why};
pub(crate) use openmetrics::EOF;
pub use openmetrics::openmetrics;
pub use text::text;

use crate::model::Family;

/// What a whole, valid body held.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exposition<'a> {
    /// The families in the order in which they first appeared, one per canonical name and type; also those with a type or HELP only.
    pub families: Vec<Family<'a>>,
    /// Second HELP, TYPE or UNIT lines of a family, which were ignored.
    pub repeated_metadata: usize,
    /// Samples whose form their type does not allow in OpenMetrics (a counter without `_total`, …), repaired or kept as unknown.
    pub irregular_samples: usize,
}

/// The media type of OpenMetrics.
const OPENMETRICS: &str = "application/openmetrics-text";

/// Reads a body: OpenMetrics where the Content-Type says `application/openmetrics-text`, else the text format (0.0.4 and 1.0.0 alike).
///
/// # Errors
/// The first breach of the format's rules rejects the body as a whole.
pub fn parse<'a>(content_type: Option<&str>, body: &'a [u8]) -> Result<Exposition<'a>, ParseError> {
    if is_openmetrics(content_type) { openmetrics(body) } else { text(body) }
}

/// Whether a body of this Content-Type is read as OpenMetrics.
pub(crate) fn is_openmetrics(content_type: Option<&str>) -> bool {
    let media = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case(OPENMETRICS)
}

/// Reads one line on its own, without its line feed; not the final `# EOF`.
pub(crate) fn line_of(is_openmetrics: bool, line: &str) -> Result<Line<'_>, Why> {
    if is_openmetrics { openmetrics::openmetrics_line(line) } else { text::text_line(line) }
}

/// Reads what follows the head of a sample line.
pub(crate) fn tail_of(is_openmetrics: bool, rest: &str) -> Result<Tail<'_>, Why> {
    if is_openmetrics { openmetrics::openmetrics_tail(rest) } else { text::text_tail(rest) }
}

/// Reads the head of a sample line; also the text that it takes there.
pub(crate) fn head_of(is_openmetrics: bool, line: &str) -> Result<(Head<'_>, &str), Why> {
    let blanks = if is_openmetrics { line::Blanks::Strict } else { line::Blanks::Free };
    let mut cursor = line::Cursor::new(line, blanks);
    cursor.skip_blanks();
    let head = cursor.head()?;
    let raw = line.get(..line.len() - cursor.rest().len()).unwrap_or(line);
    Ok((head, if is_openmetrics { raw } else { raw.trim_end_matches([' ', '\t']) }))
}
