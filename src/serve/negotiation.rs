//! What the request's headers ask for.

use crate::encode::Format;
use std::time::Duration;

/// The share of the scraper's timeout, and the least time, that is left for merging and sending.
const MARGIN_SHARE: f64 = 0.05;
const MARGIN_MIN_SECONDS: f64 = 0.25;

/// The format to answer in.
pub(super) fn negotiate(_accept: Option<&str>) -> Format {
    Format::Text004
}

/// The Content-Type of a format.
pub(super) fn content_type(_format: Format) -> String {
    "text/plain; version=0.0.4; charset=utf-8".into()
}

/// The scraper's own timeout, if the header is a positive number of seconds.
pub(super) fn scrape_timeout(header: Option<&str>) -> Option<Duration> {
    let seconds: f64 = header?.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok().filter(|d| !d.is_zero())
}

/// How long scrapes may take: our own limit, or less where the scraper itself waits less.
pub(super) fn deadline(own: Duration, asked: Option<Duration>) -> Duration {
    let Some(asked) = asked else { return own };
    let seconds = asked.as_secs_f64();
    let left = seconds - MARGIN_MIN_SECONDS.max(seconds * MARGIN_SHARE);
    own.min(if left > 0.0 { Duration::from_secs_f64(left) } else { asked / 2 })
}
