//! Bytes of an exposition → families, borrowed from the body.
//!
//! A format's file (`text`, `openmetrics`) knows its lines; `line` the tokens both share; `families` what the lines mean together,
//! whichever order they came in. `protobuf` has messages where the others have lines.

mod error;
mod families;
mod line;
mod media;
mod openmetrics;
#[cfg(feature = "protobuf")]
mod protobuf;
mod text;
mod unescape;

pub use error::{ParseError, Place};
pub(crate) use line::{Head, Line, Tail, Why};
pub(crate) use media::{is_openmetrics, is_protobuf};
pub(crate) use openmetrics::EOF;
pub use openmetrics::openmetrics;
#[cfg(feature = "protobuf")]
pub use protobuf::protobuf;
pub use text::text;

use crate::model::Family;
use media::Media;

/// What a whole, valid body held.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exposition<'a> {
    /// The families in the order in which they first appeared, one per canonical name and type; also those with a type or HELP only.
    pub families: Vec<Family<'a>>,
    /// Second HELP, TYPE or UNIT lines of a family, and second messages of one, whose metadata was ignored.
    pub repeated_metadata: usize,
    /// Samples whose form their type does not allow in OpenMetrics (a counter without `_total`, …), repaired or kept as unknown.
    pub irregular_samples: usize,
}

/// Reads a body: protobuf and OpenMetrics where the Content-Type says so, else the text format (0.0.4 and 1.0.0 alike).
///
/// # Errors
/// The first breach of the format's rules rejects the body as a whole; so does a form of protobuf that is not the delimited one.
pub fn parse<'a>(content_type: Option<&str>, body: &'a [u8]) -> Result<Exposition<'a>, ParseError> {
    match media::media(content_type)? {
        Media::Text => text(body),
        Media::OpenMetrics => openmetrics(body),
        #[cfg(feature = "protobuf")]
        Media::Protobuf => protobuf(body),
    }
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
