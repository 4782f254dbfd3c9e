//! `/api/v1/explain` as JSON or as text, and what is asked of it and of the pages.

use super::page;
use super::respond::{Response, answer, text};
use crate::merge::{Contribution, Part, SeriesExplained, Window};
use crate::round::{Proxy, SourceExplanation, Unexplained};
use http::StatusCode;
use serde::Serialize;
use std::fmt::{self, Display, Formatter};

/// Series shown unless a `limit` is given, and most that may be.
const SERIES_SHOWN: usize = 50;
const SERIES_MAX: usize = 1000;
/// Bytes of a search that count; nobody types more.
const SEARCH_BYTES_MAX: usize = 200;
/// Resets written in the text.
const RESETS_WRITTEN: usize = 20;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) name: String,
    pub(super) window: Window,
    pub(super) is_text: bool,
}

impl Asked {
    /// Reads the query. What makes no sense as a number takes its default: the pages are for people.
    pub(super) fn of(query: Option<&str>) -> Self {
        let mut asked = Self { name: String::new(), window: Window { from: 0, most: SERIES_SHOWN }, is_text: false };
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*key {
                "name" => asked.name = value.into_owned(),
                "from" => asked.window.from = value.parse().unwrap_or(0),
                "limit" => asked.window.most = value.parse().map_or(SERIES_SHOWN, |most: usize| most.min(SERIES_MAX)),
                "format" => asked.is_text = value == "text",
                _ => {}
            }
        }
        asked
    }
}

/// What is searched for on the status page.
pub(super) fn search(query: Option<&str>) -> String {
    let found = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).find(|(key, _)| key == "q");
    let mut search = found.map(|(_, value)| value.trim().to_string()).unwrap_or_default();
    let end = (0..=SEARCH_BYTES_MAX.min(search.len())).rev().find(|at| search.is_char_boundary(*at));
    search.truncate(end.unwrap_or_default());
    search
}

/// The page of a family.
pub(super) fn html(proxy: &Proxy, query: Option<&str>, telemetry_path: &str) -> Response {
    let asked = Asked::of(query);
    match proxy.explain(&asked.name, asked.window) {
        Ok(found) => page::explanation(&asked.name, asked.window, &found, telemetry_path),
        Err(why) => page::unexplained(&asked.name, &why, telemetry_path),
    }
}

/// The same for programs, in the shape of Prometheus' own API, or as text.
pub(super) fn api(proxy: &Proxy, query: Option<&str>) -> Response {
    #[derive(Serialize)]
    struct Found {
        status: &'static str,
        data: Vec<SourceExplanation>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Missing {
        status: &'static str,
        error_type: &'static str,
        error: String,
        near: Vec<String>,
    }
    let asked = Asked::of(query);
    let json = |code, body: serde_json::Result<Vec<u8>>| answer(code, "application/json", body.unwrap_or_default());
    match proxy.explain(&asked.name, asked.window) {
        Ok(found) if asked.is_text => text(StatusCode::OK, Written(&found, asked.window)),
        Ok(data) => json(StatusCode::OK, serde_json::to_vec(&Found { status: "success", data })),
        Err(why) if asked.is_text => text(StatusCode::NOT_FOUND, why),
        Err(why) => {
            let missing =
                |why: Unexplained| Missing { status: "error", error_type: "not_found", error: why.to_string(), near: why.near };
            json(StatusCode::NOT_FOUND, serde_json::to_vec(&missing(why)))
        }
    }
}

/// An explanation for a terminal.
struct Written<'a>(&'a [SourceExplanation], Window);

/// Text of targets, for a terminal: nothing in it steers one.
struct Plain<'a>(&'a str);

impl Display for Plain<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| if c.is_control() { write!(f, "{}", c.escape_default()) } else { write!(f, "{c}") })
    }
}

impl Display for Written<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, found) in self.0.iter().enumerate() {
            let explained = &found.explanation;
            writeln!(
                f,
                "{}{} ({}), source {}\n  rule: {} ({})",
                if i > 0 { "\n" } else { "" },
                Plain(&found.family),
                explained.kind,
                Plain(&found.source),
                explained.rule.mode,
                Plain(&explained.rule.why)
            )?;
            explained.series.iter().try_for_each(|series| write_series(series, f))?;
            let shown = self.1.from + explained.series.len();
            if shown < explained.series_total {
                writeln!(f, "\n  {} more of {} series", explained.series_total - shown, explained.series_total)?;
            }
            if !explained.resets.is_empty() {
                writeln!(f, "\n  resets, the newest first")?;
            }
            for reset in explained.resets.iter().take(RESETS_WRITTEN) {
                let fall = reset.families.iter().find(|fall| fall.family == found.family);
                let values = fall.map(|fall| format!("  {} -> {}", maybe(fall.from), maybe(fall.to))).unwrap_or_default();
                writeln!(f, "    {}  {}  {}{values}", time(reset.at), Plain(&reset.worker), reset.cause.as_str())?;
            }
        }
        Ok(())
    }
}

fn write_series(series: &SeriesExplained, f: &mut Formatter<'_>) -> fmt::Result {
    let served = series.served.map(|value| format!(" = {value}")).unwrap_or_default();
    writeln!(f, "\n  {}{served}", Plain(&series.series))?;
    for part in &series.parts {
        write_part(part, series.parts.len() > 1, series.sum.is_some(), f)?;
    }
    match (series.floor, series.sum) {
        (true, Some(sum)) => writeln!(f, "    floor: the sum is {sum}, but more was served before"),
        _ => Ok(()),
    }
}

fn write_part(part: &Part, is_named: bool, is_total: bool, f: &mut Formatter<'_>) -> fmt::Result {
    if is_named {
        writeln!(f, "    {}", Plain(&part.series))?;
    }
    if is_total {
        writeln!(f, "    {:>16}  offset: processes that are gone", part.offset)?;
    }
    for Contribution { worker, started, seen, live, last, base, counts } in &part.contributions {
        let counted = if *counts { (last - base).to_string() } else { "not now".into() };
        let began = started.map(|at| format!(", began {}", time(at))).unwrap_or_default();
        let base = if *base == 0.0 { String::new() } else { format!(" = {last} - {base}") };
        let carried = if *live { String::new() } else { format!(", last seen {}", time(*seen)) };
        writeln!(f, "    {counted:>16}  {}{base}{began}{carried}", Plain(worker))?;
    }
    Ok(())
}

fn maybe(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| value.to_string())
}

fn time(unix: f64) -> String {
    super::targets::time(Some(crate::merge::Now { unix, ..Default::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_with_their_limits() {
        let asked = Asked::of(Some("name=a%7Bb%7D&from=7&limit=99999&format=text"));
        assert_eq!((asked.name.as_str(), asked.window, asked.is_text), ("a{b}", Window { from: 7, most: SERIES_MAX }, true));
        assert_eq!(Asked::of(Some("from=-1&limit=x")).window, Window { from: 0, most: SERIES_SHOWN });
        assert_eq!(search(Some("q=+a%20b+")), "a b");
        assert_eq!(search(Some(&format!("q={}", "ä".repeat(SEARCH_BYTES_MAX)))).len(), SEARCH_BYTES_MAX);
    }
}
