//! OpenMetrics 1.0.0 text. Its syntax is strict and a breach rejects the body; breaches of its structure are repaired or left to the
//! merge, since servers let them pass.

use super::error::utf8;
use super::families::{Dialect, Families};
use super::line::{Blanks, Cursor, Line, Tail, Why};
use super::unescape::unescape_help;
use super::{Exposition, ParseError};
use crate::model::{Exemplar, MetricType};
use std::borrow::Cow;

/// The line that ends a body.
pub(crate) const EOF: &str = "# EOF";

/// Reads OpenMetrics 1.0.0.
///
/// # Errors
/// See [`parse`](super::parse()). Without `# EOF` the body is rejected as cut short.
pub fn openmetrics(body: &[u8]) -> Result<Exposition<'_>, ParseError> {
    let body = utf8(body)?;
    let mut families = Families::new(Dialect::OpenMetrics);
    let mut lines = body.split_inclusive('\n').zip(1..);
    let mut last = ("", 1);
    while let Some((line, number)) = lines.next() {
        if line.strip_suffix('\n').unwrap_or(line) == EOF {
            return match lines.next() {
                Some((after, number)) => Err(ParseError::in_line(number, "text after `# EOF`", after)),
                None => Ok(families.finish()),
            };
        }
        last = (line, number);
        let Some(line) = line.strip_suffix('\n') else { break };
        let read = openmetrics_line(line).map_err(|why| ParseError::in_line(number, why, line))?;
        families.line(read, number);
    }
    Err(ParseError::cut_short(last.1, "no `# EOF` at the end: the body is cut short", last.0))
}

/// Reads one line before `# EOF`, without its line feed.
pub(crate) fn openmetrics_line(line: &str) -> Result<Line<'_>, Why> {
    let mut cursor = Cursor::new(line, Blanks::Strict);
    if cursor.is_at_end() {
        Err("a blank line")
    } else if cursor.eat("#") {
        read_metadata(cursor)
    } else {
        let head = cursor.head()?;
        let tail = openmetrics_tail(cursor.rest())?;
        Ok(Line::Sample(head, tail))
    }
}

fn read_metadata(mut cursor: Cursor<'_>) -> Result<Line<'_>, Why> {
    const NO_METADATA: Why = "a comment that is neither HELP, TYPE, UNIT nor the final `# EOF`";
    if !cursor.eat(" ") {
        return Err(NO_METADATA);
    }
    let keyword = cursor.field();
    if !matches!(keyword, "HELP" | "TYPE" | "UNIT") {
        return Err(NO_METADATA);
    }
    if !cursor.eat(" ") {
        return Err("expected one space and a metric name");
    }
    let name = cursor.family_name()?;
    if !cursor.eat(" ") {
        return Err("expected one space after the metric name");
    }
    let text = cursor.rest();
    Ok(match keyword {
        "HELP" => Line::Help(name, unescape_help(text, true)?),
        "UNIT" => {
            let unit = unit_of(&name, text)?;
            Line::Unit(name, unit)
        }
        _ => Line::Type(name, kind_of(text)?),
    })
}

fn unit_of<'a>(name: &str, unit: &'a str) -> Result<Cow<'a, str>, Why> {
    if !unit.is_empty() && !name.strip_suffix(unit).is_some_and(|stem| stem.ends_with('_')) {
        return Err("the unit is no suffix of the metric name");
    }
    Ok(Cow::Borrowed(unit))
}

fn kind_of(word: &str) -> Result<MetricType, Why> {
    Ok(match word {
        "counter" => MetricType::Counter,
        "gauge" => MetricType::Gauge,
        "histogram" => MetricType::Histogram,
        "gaugehistogram" => MetricType::GaugeHistogram,
        "stateset" => MetricType::StateSet,
        "info" => MetricType::Info,
        "summary" => MetricType::Summary,
        "unknown" => MetricType::Unknown,
        _ => return Err("not a type of OpenMetrics"),
    })
}

/// Reads what follows the head of a sample: value, timestamp, exemplar.
pub(crate) fn openmetrics_tail(rest: &str) -> Result<Tail<'_>, Why> {
    let mut cursor = Cursor::new(rest, Blanks::Strict);
    if !cursor.eat(" ") {
        return Err("expected one space before the value");
    }
    let value = cursor.number()?;
    let exemplar_follows = cursor.eat(" # ");
    let mut timestamp = None;
    let mut exemplar = None;
    if exemplar_follows {
        exemplar = Some(read_exemplar(&mut cursor)?);
    } else if cursor.eat(" ") {
        timestamp = Some(read_timestamp(&mut cursor)?);
        if cursor.eat(" # ") {
            exemplar = Some(read_exemplar(&mut cursor)?);
        }
    }
    if !cursor.is_at_end() {
        return Err("text after the sample");
    }
    Ok(Tail { value, timestamp, exemplar })
}

fn read_exemplar<'a>(cursor: &mut Cursor<'a>) -> Result<Exemplar<'a>, Why> {
    let labels = cursor.exemplar_labels()?;
    if !cursor.eat(" ") {
        return Err("an exemplar without a value");
    }
    let value = cursor.number()?;
    let timestamp = if cursor.eat(" ") { Some(read_timestamp(cursor)?) } else { None };
    Ok(Exemplar { labels, value, timestamp })
}

fn read_timestamp(cursor: &mut Cursor<'_>) -> Result<f64, Why> {
    cursor.number().ok().filter(|seconds| seconds.is_finite()).ok_or("a timestamp is not a number of seconds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejected_forms() {
        for line in [
            "a{x=\"1\", y=\"2\"} 1",
            "a{x=\"1\",} 1",
            "a {x=\"1\"} 1",
            "a{x=\"1\"}1",
            "a 1 ",
            "a 1  2",
            "a 1 NaN",
            "a 1 +Inf",
            "a 1 2 3",
            "a 1 # {x=\"y\"}",
            "a 1 # {x=\"y\"} z",
            "a 1 # {x=\"y\",x=\"z\"} 1",
            "a 1 # {\"q\"} 1",
            "a 1 # {} 1 2 3",
            "a 1 #{} 1",
            "a 1 # 1",
            "# TYPE a",
            "# TYPE a ",
            "# TYPE a gauge ",
            "# TYPE  a gauge",
            "#TYPE a gauge",
            "# HELP a",
            "# EOF ",
            "# UNIT a a",
            "# UNIT ab b",
            "a{__name__=\"b\"} 1",
            "",
        ] {
            assert!(openmetrics(format!("{line}\n# EOF\n").as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn accepted_forms() {
        for line in ["a{} 1", "{\"a\"} 1", "a 1 -1.5e3", "a 1 1 # {} 1 2", "# UNIT a_b b", "# UNIT a ", "# HELP a  x\r"] {
            assert!(openmetrics(format!("{line}\n# EOF").as_bytes()).is_ok(), "{line}");
        }
    }

    #[test]
    fn a_body_without_its_end_is_cut_short() {
        for body in ["", "\n", "a 1", "a 1\n", "a 1\n# EO", "# EOF2"] {
            let result = openmetrics(body.as_bytes());
            assert_eq!(result.map_err(|error| error.truncated), Err(body != "\n"), "{body:?}");
        }
    }

    #[test]
    fn exemplars_and_units_are_kept() {
        let body = b"# TYPE a_s counter\n# UNIT a_s s\n# HELP a_s \\\"x\\\"\na_s_total 1 # {t=\"1\",b=\"\"} 2 3.5\n# EOF\n";
        let exposition = openmetrics(body).unwrap();
        let family = exposition.families.first().unwrap();
        assert_eq!((family.unit.as_ref(), family.help.as_ref()), ("s", "\"x\""));
        let labels = vec![("t".into(), "1".into()), ("b".into(), "".into())];
        assert_eq!(family.samples.first().unwrap().exemplar, Some(Exemplar { labels, value: 2.0, timestamp: Some(3.5) }));
    }
}
