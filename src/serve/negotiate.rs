//! What the scraper asks for: the format (`Accept`) and by when (`X-Prometheus-Scrape-Timeout-Seconds`).

use crate::encode::{Escaping, Format};
use crate::model::parse_number;
use crate::protobuf::{ENCODING, MEDIA_TYPE as PROTOBUF, PROTO};
use std::cmp::Ordering;
use std::time::Duration;

/// The header in which Prometheus says how long it waits, in seconds.
pub const SCRAPE_TIMEOUT_HEADER: &str = "X-Prometheus-Scrape-Timeout-Seconds";

/// What answers depend on: the value of `Vary`.
pub const VARY: &str = "Accept, Accept-Encoding";

/// What is kept of the scraper's timeout for the way back, at least, in seconds.
const MARGIN_SECONDS_MIN: f64 = 0.25;
/// The same as a share of the timeout.
const MARGIN_SHARE: f64 = 0.05;
/// However short the timeout, this share of it is spent on scraping.
const SCRAPING_SHARE_MIN: f64 = 0.5;

/// The format to answer an `Accept` header with: the highest q wins, then the more exact range, then the earlier one. Nothing that
/// matches, or no header, is text 0.0.4: a scraper is better served with that than with a 406.
pub fn format(accept: Option<&str>) -> Format {
    let ranges = split_outside_quotes(accept.unwrap_or_default(), ',').filter_map(offer);
    // Of equals `reduce` keeps the first.
    let best = ranges.reduce(|best, next| if next.rank(&best).is_gt() { next } else { best });
    best.map_or(Format::Text004, |offer| offer.format)
}

/// The Content-Type of protobuf with an escaping scheme.
macro_rules! protobuf {
    ($escaping:literal) => {
        concat!(
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=",
            $escaping
        )
    };
}

/// The `Content-Type` of an answer in this format.
pub fn content_type(format: Format) -> &'static str {
    use Escaping::{AllowUtf8, Dots, Underscores, Values};
    match format {
        Format::Text004 => "text/plain; version=0.0.4; charset=utf-8",
        Format::Text100(AllowUtf8) => "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        Format::Text100(Underscores) => "text/plain; version=1.0.0; charset=utf-8; escaping=underscores",
        Format::Text100(Dots) => "text/plain; version=1.0.0; charset=utf-8; escaping=dots",
        Format::Text100(Values) => "text/plain; version=1.0.0; charset=utf-8; escaping=values",
        Format::OpenMetrics001 => "application/openmetrics-text; version=0.0.1; charset=utf-8",
        Format::OpenMetrics100(AllowUtf8) => "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        Format::OpenMetrics100(Underscores) => "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
        Format::OpenMetrics100(Dots) => "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=dots",
        Format::OpenMetrics100(Values) => "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=values",
        Format::Protobuf(AllowUtf8) => protobuf!("allow-utf-8"),
        Format::Protobuf(Underscores) => protobuf!("underscores"),
        Format::Protobuf(Dots) => protobuf!("dots"),
        Format::Protobuf(Values) => protobuf!("values"),
    }
}

/// How long the scraper waits. `None` for no header, junk, and what is no time span: zero, negative, infinite.
pub fn scrape_timeout(header: Option<&str>) -> Option<Duration> {
    let seconds = parse_number(header?.trim())?;
    Duration::try_from_secs_f64(seconds).ok().filter(|timeout| !timeout.is_zero())
}

/// How long scraping may take, from the arrival of the request: our own limit, or less where the scraper would be gone by then. Of its
/// timeout `max(0.25 s, 5 %)` is kept for the way back, of a very short one half.
pub fn deadline(own: Duration, asked: Option<Duration>) -> Duration {
    let Some(asked) = asked else { return own };
    let margin = asked.mul_f64(MARGIN_SHARE).max(Duration::from_secs_f64(MARGIN_SECONDS_MIN));
    own.min(asked.saturating_sub(margin).max(asked.mul_f64(SCRAPING_SHARE_MIN)))
}

/// A media range that we can serve.
#[derive(Debug, Clone, Copy)]
struct Offer {
    format: Format,
    quality: f64,
    exactness: Exactness,
}

/// How exactly a range names its format; later is more exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Exactness {
    Anything,
    AnyText,
    MediaType,
    /// The version, or the message.
    Version,
}

impl Offer {
    fn rank(&self, other: &Self) -> Ordering {
        self.quality.total_cmp(&other.quality).then(self.exactness.cmp(&other.exactness))
    }
}

/// One range of an Accept header. `None` for formats that we don't have, and for `q=0`.
fn offer(range: &str) -> Option<Offer> {
    let mut parts = split_outside_quotes(range, ';');
    let media = parts.next().unwrap_or_default().trim();
    let (mut version, mut escaping, mut quality, mut proto, mut encoding) = (None, None, None, None, None);
    // Of a parameter given twice the last counts.
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        let (name, value) = (name.trim(), value.trim().trim_matches('"'));
        if name.eq_ignore_ascii_case("version") {
            version = Some(value);
        } else if name.eq_ignore_ascii_case("escaping") {
            escaping = Some(value);
        } else if name.eq_ignore_ascii_case("q") {
            quality = Some(value);
        } else if name.eq_ignore_ascii_case(PROTO.0) {
            proto = Some(value);
        } else if name.eq_ignore_ascii_case(ENCODING.0) {
            encoding = Some(value);
        }
    }
    let quality = quality.map_or(Some(1.0), read_quality)?;
    let escaping = read_escaping(escaping);
    let format = match (media.to_ascii_lowercase().as_str(), version) {
        // Whoever asks for protobuf without saying which may mean any message there is.
        (PROTOBUF, _) if cfg!(feature = "protobuf") && proto == Some(PROTO.1) && encoding == Some(ENCODING.1) => {
            Format::Protobuf(escaping)
        }
        ("application/openmetrics-text", None | Some("1.0.0")) => Format::OpenMetrics100(escaping),
        ("application/openmetrics-text", Some("0.0.1")) => Format::OpenMetrics001,
        ("text/plain", Some("1.0.0")) => Format::Text100(escaping),
        ("text/plain", None | Some("0.0.4")) | ("text/*" | "*/*", _) => Format::Text004,
        _ => return None,
    };
    let exactness = match (media, version) {
        ("*/*", _) => Exactness::Anything,
        (text, _) if text.ends_with("/*") => Exactness::AnyText,
        (_, None) if proto.is_some() => Exactness::Version,
        (_, None) => Exactness::MediaType,
        _ => Exactness::Version,
    };
    Some(Offer { format, quality, exactness })
}

/// The q among `parameters`, 1 if there is none; see [`read_quality`].
pub(super) fn quality(parameters: &str) -> Option<f64> {
    let named = split_outside_quotes(parameters, ';').filter_map(|part| part.split_once('='));
    // Given twice, the last counts.
    let last = named.filter(|(name, _)| name.trim().eq_ignore_ascii_case("q")).last();
    last.map_or(Some(1.0), |(_, value)| read_quality(value.trim().trim_matches('"')))
}

/// `None` for zero, which excludes the range. A value out of 0…1 or unreadable ranks below all others.
fn read_quality(text: &str) -> Option<f64> {
    match parse_number(text) {
        Some(0.0) => None,
        Some(quality) if (0.0..=1.0).contains(&quality) => Some(quality),
        _ => Some(0.0),
    }
}

/// Unknown or none is `underscores`: every scraper can read that.
fn read_escaping(name: Option<&str>) -> Escaping {
    match name {
        Some("allow-utf-8") => Escaping::AllowUtf8,
        Some("dots") => Escaping::Dots,
        Some("values") => Escaping::Values,
        _ => Escaping::Underscores,
    }
}

/// The parts of `text` between separators that don't stand in double quotes.
pub(super) fn split_outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |c| {
        let plain = !std::mem::take(&mut escaped);
        match c {
            '"' if plain => quoted = !quoted,
            '\\' if plain && quoted => escaped = true,
            _ => {}
        }
        c == separator && !quoted
    })
}

#[cfg(all(test, feature = "protobuf"))]
mod tests {
    use super::*;
    use Escaping::{AllowUtf8, Dots, Underscores, Values};
    use Format::{OpenMetrics001, OpenMetrics100, Protobuf, Text004, Text100};

    const PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

    /// Verbatim Accept headers of Prometheus, by version, with what they get.
    #[test]
    fn every_prometheus_gets_its_best_format() {
        let proto = |rest: &str| format!("{PROTOBUF}{rest}");
        for (version, accept, want) in [
            ("2.5-2.33", "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1".to_string(), OpenMetrics001),
            ("2.34-2.48", "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1".into(), OpenMetrics100(Underscores)),
            ("2.40", "application/openmetrics-text;version=1.0.0;q=0.75,application/openmetrics-text;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1".into(), OpenMetrics100(Underscores)),
            ("2.41-2.48 proto", proto(",application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"), Protobuf(Underscores)),
            ("2.49.0", "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=2".into(), OpenMetrics100(Underscores)),
            ("2.49.1-2.55", "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2".into(), OpenMetrics100(Underscores)),
            ("3.0", "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;escaping=allow-utf-8;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;escaping=allow-utf-8;q=0.3,*/*;q=0.2".into(), OpenMetrics100(AllowUtf8)),
            ("3.5-3.14", "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2".into(), OpenMetrics100(AllowUtf8)),
            ("3.x proto", proto(";q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"), Protobuf(Underscores)),
        ] {
            assert_eq!(format(Some(&accept)), want, "{version}");
        }
    }

    #[test]
    fn ranges_and_parameters() {
        for (accept, want) in [
            ("", Text004),
            ("*/*", Text004),
            ("text/*;q=0.1", Text004),
            ("image/png", Text004),
            (PROTOBUF, Protobuf(Underscores)),
            (
                "Application/Vnd.Google.Protobuf; Encoding = \"delimited\"; PROTO=io.prometheus.client.MetricFamily; escaping=values",
                Protobuf(Values),
            ),
            ("application/vnd.google.protobuf", Text004),
            ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily", Text004),
            ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", Text004),
            ("application/vnd.google.protobuf;proto=io.prometheus.write.v2.Request;encoding=delimited", Text004),
            ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0,*/*;q=0.1", Text004),
            (
                "application/openmetrics-text,application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
                Protobuf(Underscores),
            ),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Text004),
            ("text/plain", Text004),
            ("text/plain;version=1.0.0", Text100(Underscores)),
            ("text/plain;version=1.0.0;escaping=dots", Text100(Dots)),
            ("text/plain;version=1.0.0;escaping=values", Text100(Values)),
            ("text/plain;version=1.0.0;escaping=rot13", Text100(Underscores)),
            ("text/plain;version=1.0.0;escaping=dots;escaping=allow-utf-8", Text100(AllowUtf8)),
            ("text/plain;version=0.0.4;escaping=allow-utf-8", Text004),
            ("text/plain;version=9.9.9,application/openmetrics-text;q=0.1", OpenMetrics100(Underscores)),
            ("application/openmetrics-text", OpenMetrics100(Underscores)),
            ("APPLICATION/OpenMetrics-Text ; Version = \"1.0.0\" ; Q = 0.9", OpenMetrics100(Underscores)),
            ("application/openmetrics-text;version=0.0.1;escaping=allow-utf-8", OpenMetrics001),
            ("application/openmetrics-text;version=2.0.0", Text004),
            ("application/openmetrics-text;q=0", Text004),
            ("application/openmetrics-text;q=0.000,text/plain;version=1.0.0;q=0.1", Text100(Underscores)),
            ("*/*,application/openmetrics-text", OpenMetrics100(Underscores)),
            ("text/plain,text/plain;version=1.0.0", Text100(Underscores)),
            ("text/plain;version=1.0.0,application/openmetrics-text;version=1.0.0", Text100(Underscores)),
            ("application/openmetrics-text;version=1.0.0,text/plain;version=1.0.0", OpenMetrics100(Underscores)),
            ("application/openmetrics-text;q=2,text/plain;q=0.1", Text004),
            ("application/openmetrics-text;q=high,text/plain;q=0.1", Text004),
            ("application/openmetrics-text;q=NaN", OpenMetrics100(Underscores)),
            ("image/png;a=\"x,*/*;q=1,y\",application/openmetrics-text;q=0.5", OpenMetrics100(Underscores)),
            (";;,,;q=,=", Text004),
        ] {
            assert_eq!(format(Some(accept)), want, "{accept}");
        }
        assert_eq!(format(None), Text004);
    }

    #[test]
    fn content_types_say_what_was_chosen() {
        for format in [
            Text004,
            OpenMetrics001,
            Text100(Values),
            OpenMetrics100(Dots),
            Text100(AllowUtf8),
            OpenMetrics100(Underscores),
            Protobuf(AllowUtf8),
            Protobuf(Underscores),
            Protobuf(Dots),
            Protobuf(Values),
        ] {
            assert_eq!(super::format(Some(content_type(format))), format);
        }
    }

    #[test]
    fn timeouts() {
        for (header, seconds) in [("10", 10.0), ("9.5", 9.5), (" 0.2 ", 0.2), ("15.000000", 15.0)] {
            assert_eq!(scrape_timeout(Some(header)), Some(Duration::from_secs_f64(seconds)), "{header}");
        }
        for junk in ["", "0", "-1", "ten", "NaN", "Inf", "1e300", "0x10", "1 2", "1e-300"] {
            assert_eq!(scrape_timeout(Some(junk)), None, "{junk}");
        }
        assert_eq!(scrape_timeout(None), None);
    }

    #[test]
    fn deadlines_leave_time_to_answer() {
        let own = Duration::from_secs(5);
        for (asked, want) in
            [(None, 5.0), (Some(60.0), 5.0), (Some(10.0), 5.0), (Some(5.0), 4.75), (Some(1.0), 0.75), (Some(0.2), 0.1)]
        {
            assert_eq!(deadline(own, asked.map(Duration::from_secs_f64)), Duration::from_secs_f64(want), "{asked:?}");
        }
        assert_eq!(deadline(Duration::from_secs(60), Some(Duration::from_secs(20))), Duration::from_secs(19));
    }
}
