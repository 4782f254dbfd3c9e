//! Prometheus text 0.0.4 and 1.0.0, which differ only in quoted names: both are read alike.

use super::error::utf8;
use super::families::{Dialect, Families};
use super::line::{Blanks, Cursor, Line, Tail, Why};
use super::unescape::unescape_help;
use super::{Exposition, ParseError};
use crate::model::MetricType;

/// Timestamps of this format are in milliseconds, those of the model in seconds.
const MILLISECONDS_PER_SECOND: f64 = 1000.0;

/// Reads Prometheus text 0.0.4 or 1.0.0.
///
/// # Errors
/// See [`parse`](super::parse()). A body whose last byte is no line feed is rejected too: `x_total 123` may be the beginning of
/// `x_total 12345`, and would pass for a counter reset.
pub fn text(body: &[u8]) -> Result<Exposition<'_>, ParseError> {
    let body = utf8(body)?;
    let mut families = Families::new(Dialect::Text);
    for (index, line) in body.split_inclusive('\n').enumerate() {
        let number = index + 1;
        let Some(line) = line.strip_suffix('\n') else {
            return Err(ParseError::cut_short(number, "no line feed at the end: the body is cut short", line));
        };
        let read = text_line(line).map_err(|why| ParseError::in_line(number, why, line))?;
        families.line(read, number);
    }
    Ok(families.finish())
}

/// Reads one line, without its line feed.
pub(crate) fn text_line(line: &str) -> Result<Line<'_>, Why> {
    let mut cursor = Cursor::new(line, Blanks::Free);
    cursor.skip_blanks();
    if cursor.is_at_end() {
        Ok(Line::Words)
    } else if cursor.eat("#") {
        read_comment(cursor)
    } else {
        let head = cursor.head()?;
        let tail = text_tail(cursor.rest())?;
        Ok(Line::Sample(head, tail))
    }
}

/// After the `#`: metadata if the next token is `HELP` or `TYPE`, else words for people.
fn read_comment(mut cursor: Cursor<'_>) -> Result<Line<'_>, Why> {
    let apart = cursor.skip_blanks();
    let keyword = cursor.field();
    cursor.skip_blanks();
    if !apart || !matches!(keyword, "HELP" | "TYPE") || cursor.is_at_end() {
        return Ok(Line::Words);
    }
    let name = cursor.family_name()?;
    if !cursor.skip_blanks() && !cursor.is_at_end() {
        return Err("a character that a metric name can't have");
    }
    if keyword == "HELP" {
        return Ok(Line::Help(name, unescape_help(cursor.rest(), false)?));
    }
    let kind = match cursor.field() {
        "counter" => MetricType::Counter,
        "gauge" => MetricType::Gauge,
        "histogram" => MetricType::Histogram,
        "summary" => MetricType::Summary,
        "untyped" => MetricType::Unknown,
        "" => return Err("a TYPE line without a type"),
        _ => return Err("not a type of the text format"),
    };
    cursor.skip_blanks();
    if !cursor.is_at_end() {
        return Err("text after the type");
    }
    Ok(Line::Type(name, kind))
}

/// Reads what follows the head of a sample: value and timestamp.
pub(crate) fn text_tail(rest: &str) -> Result<Tail<'_>, Why> {
    let mut cursor = Cursor::new(rest, Blanks::Free);
    cursor.skip_blanks();
    let value = cursor.number()?;
    cursor.skip_blanks();
    let timestamp = match cursor.field() {
        "" => None,
        text => Some(text.parse::<i64>().map_err(|_| "a timestamp is not a whole number of milliseconds")?),
    };
    cursor.skip_blanks();
    if !cursor.is_at_end() {
        return Err("text after the timestamp");
    }
    let timestamp = timestamp.map(|milliseconds| milliseconds as f64 / MILLISECONDS_PER_SECOND);
    Ok(Tail { value, timestamp, exemplar: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(body: &str) -> String {
        text(body.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn errors_say_where_what_and_show_the_line() {
        for (body, want) in [
            ("ok 1\na-b 1\n", r#"line 2: a character that a metric name can't have: "a-b 1""#),
            ("a{x=\"1\",x=\"2\"} 1\n", r#"line 1: a label name stands twice: "a{x=\"1\",x=\"2\"} 1""#),
            ("a{x=\"1\",x=\"\"} 1\n", r#"line 1: a label name stands twice: "a{x=\"1\",x=\"\"} 1""#),
            ("a one\n", r#"line 1: not a decimal number: "a one""#),
            ("a\n", r#"line 1: expected a number: "a""#),
            ("a 1", r#"line 1: no line feed at the end: the body is cut short: "a 1""#),
            ("# TYPE a\n", r##"line 1: a TYPE line without a type: "# TYPE a""##),
            ("# TYPE a info\n", r##"line 1: not a type of the text format: "# TYPE a info""##),
            ("# TYPE a gauge x\n", r##"line 1: text after the type: "# TYPE a gauge x""##),
            ("# HELP 1a x\n", r##"line 1: expected a metric name: "# HELP 1a x""##),
            ("{\"a\"} 1 # {} 1\n", r#"line 1: a timestamp is not a whole number of milliseconds: "{\"a\"} 1 # {} 1""#),
        ] {
            assert_eq!(why(body), want);
        }
    }

    #[test]
    fn rejected_forms() {
        for line in [
            "a{,} 1",
            "a{x=\"1\" y=\"2\"} 1",
            "a{__name__=\"b\"} 1",
            "a{\"b\"} 1",
            "{\"a\",\"b\"} 1",
            "{\"\"} 1",
            "{} 1",
            "a{\"\"=\"x\"} 1",
            "{\"a\\x\"} 1",
            "a{x=\"1\"",
            "a{x=\"1\\",
            "a{x=\"1\\\"} 1",
            "a{\"x\"=\"1\",x=\"1\"} 1",
            "a 1 1e3",
            "a 1 99999999999999999999",
            "a{a:b=\"1\"} 1",
            "\u{feff}a 1",
            "a\u{a0}1",
            "métrica 1",
            "a 1\r",
        ] {
            assert!(text(format!("{line}\n").as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn accepted_forms() {
        for line in [
            "a 1 -5",
            "a 1 +5",
            "a{ } 1",
            "{\"a\",} 1",
            "{x=\"1\",\"a\"} 1",
            "#TYPE a x",
            "# HELP",
            "# TYPE",
            "#",
            "##",
            "# HELPa",
            "# UNIT a x",
            "\t",
        ] {
            assert!(text(format!("{line}\n").as_bytes()).is_ok(), "{line}");
        }
    }

    #[test]
    fn help_and_timestamps_are_in_the_models_terms() {
        let exposition = text(b"# HELP a one \\n two \\\\ \\\" three\na 1 1500\n").unwrap();
        let family = exposition.families.first().unwrap();
        assert_eq!(family.help, "one \n two \\ \\\" three");
        assert_eq!(family.samples.first().unwrap().timestamp, Some(1.5));
    }
}
