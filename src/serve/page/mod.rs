//! The pages for people: how sources and targets stand (`/`), and what a family's values are made of (`/explain`). Rendered here,
//! complete without scripts; a script of our own refreshes them. Nothing comes from elsewhere, and everything that targets say is
//! escaped where it is written.

mod escape;
mod explanation;
mod families;
mod lives;
mod settings;
mod sources;
mod spark;

pub(super) use explanation::{explanation, unexplained};
pub(super) use settings::Rules;

use super::paths;
use super::respond::{Response, answer, set};
use crate::model::WideFamily;
use crate::round::{Families, SourceReport};
use escape::Whole;
use http::StatusCode;
use http::header::{CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY};
use std::time::{SystemTime, UNIX_EPOCH};

/// Only our own style and script, asked for by their own paths; no frames, no forms that lead elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";
/// Families shown on the page, and most of those found.
pub(super) const FAMILIES_SHOWN: usize = 25;

/// What the status page shows.
#[derive(Debug)]
pub(super) struct Status<'a> {
    pub(super) sources: &'a [SourceReport],
    pub(super) wide: &'a [(String, WideFamily)],
    pub(super) families: &'a Families,
    /// What was searched for.
    pub(super) search: &'a str,
    pub(super) rules: &'a [Rules],
    pub(super) telemetry_path: &'a str,
    /// The configuration in force, secrets masked.
    pub(super) yaml: &'a str,
    pub(super) fingerprint: &'a str,
}

/// The status page.
pub(super) fn status(status: &Status<'_>) -> Response {
    let now = unix();
    let main = [
        sources::sources(status.sources, now),
        lives::lives(status.sources, now),
        families::families(status.families, status.search),
        families::large(status.wide),
        settings::settings(status),
    ];
    page(StatusCode::OK, "onescrape", status.telemetry_path, &main.concat())
}

/// The style sheet, or the script.
pub(super) fn asset(path: &str) -> Response {
    match path {
        paths::STYLE => answer(StatusCode::OK, "text/css; charset=utf-8", include_str!("page.css")),
        _ => answer(StatusCode::OK, "text/javascript; charset=utf-8", include_str!("page.js")),
    }
}

/// A page around its main part. All addresses are relative, so that it may stand below another path of a proxy.
fn page(code: StatusCode, title: &str, telemetry_path: &str, main: &str) -> Response {
    let metrics = telemetry_path.trim_start_matches('/');
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{}</title><link rel=\"stylesheet\" href=\"page.css\">\
         <link rel=\"icon\" href=\"data:,\"><script src=\"page.js\" defer></script></head>\n<body><a class=\"skip\" href=\"#main\">Skip to content</a>\
         <header><h1><a href=\"./\">onescrape</a></h1><nav aria-label=\"Elsewhere\"><a href=\"{}\">metrics</a>\
         <a href=\"api/v1/targets\">targets as JSON</a><a href=\"-/healthy\">healthy</a><a href=\"-/ready\">ready</a></nav></header>\n\
         <main id=\"main\">{main}</main></body></html>\n",
        escape::Shown(title),
        Whole(metrics),
    );
    let mut response = answer(code, "text/html; charset=utf-8", html);
    set(&mut response, CONTENT_SECURITY_POLICY, POLICY);
    set(&mut response, REFERRER_POLICY, "no-referrer");
    set(&mut response, HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    response
}

fn unix() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// How long ago that was, in one word.
fn ago(now: f64, then: f64) -> String {
    const MINUTE: f64 = 60.0;
    const HOUR: f64 = 60.0 * MINUTE;
    const DAY: f64 = 24.0 * HOUR;
    // The wall clock may have been set back since.
    match (now - then).max(0.0) {
        s if s < 2.0 * MINUTE => format!("{s:.0} s ago"),
        s if s < 2.0 * HOUR => format!("{:.0} min ago", s / MINUTE),
        s if s < 2.0 * DAY => format!("{:.0} h ago", s / HOUR),
        s => format!("{:.0} d ago", s / DAY),
    }
}

/// Bytes in the unit that fits.
fn bytes(n: usize) -> String {
    const KIB: usize = 1 << 10;
    const MIB: usize = 1 << 20;
    match n {
        0 => "0".into(),
        n if n < KIB => format!("{n} B"),
        n if n < MIB => format!("{} KiB", n / KIB),
        n => format!("{:.1} MiB", n as f64 / MIB as f64),
    }
}

/// A table in a box that scrolls by itself where the window is narrow; by keyboard too.
fn table(label: &str, heads: &str, rows: &str) -> String {
    format!(
        "<div class=\"scroll\" role=\"region\" aria-label=\"{}\" tabindex=\"0\"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>\
         </table></div>",
        escape::Shown(label)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_sizes_fit_their_unit() {
        let ages = [0.4, 119.0, 121.0, 7201.0, 3.0 * 86_400.0, -5.0].map(|s| ago(1e9, 1e9 - s));
        assert_eq!(ages, ["0 s ago", "119 s ago", "2 min ago", "2 h ago", "3 d ago", "0 s ago"]);
        assert_eq!([0, 1023, 2048, 3 << 20].map(bytes), ["0", "1023 B", "2 KiB", "3.0 MiB"]);
    }
}
