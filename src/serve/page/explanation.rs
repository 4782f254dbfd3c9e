//! What the values of a family are made of.

use super::escape::{Shown, family_link};
use super::{ago, lives, page, table, unix};
use crate::merge::{Contribution, Part, SeriesExplained, Window};
use crate::round::{SourceExplanation, Unexplained};
use crate::serve::respond::Response;
use http::StatusCode;

/// Resets shown of a family.
const RESETS_SHOWN: usize = 50;

/// The page of a family.
pub(in crate::serve) fn explanation(asked: &str, window: Window, found: &[SourceExplanation], telemetry_path: &str) -> Response {
    let now = unix();
    let sources: String = found.iter().enumerate().map(|(i, explained)| source(i, explained, window, now)).collect();
    page(StatusCode::OK, &format!("{asked} · onescrape"), telemetry_path, &sources)
}

/// The page of a name that stands for nothing.
pub(in crate::serve) fn unexplained(asked: &str, why: &Unexplained, telemetry_path: &str) -> Response {
    let near: String = why.near.iter().map(|name| format!("<li>{}</li>", family_link(name))).collect();
    let near = if near.is_empty() { String::new() } else { format!("<p>Near it:</p><ul>{near}</ul>") };
    let main = format!(
        "<h2>No family <code><bdi>{}</bdi></code></h2><p>No source serves a family of that name now.</p>{near}\
         <p><a href=\"./#families\">All families</a></p>",
        Shown(asked)
    );
    page(StatusCode::NOT_FOUND, "no such family · onescrape", telemetry_path, &main)
}

fn source(i: usize, found: &SourceExplanation, window: Window, now: f64) -> String {
    let explained = &found.explanation;
    let help = if explained.help.is_empty() { String::new() } else { format!("<p><bdi>{}</bdi></p>", Shown(&explained.help)) };
    let formula = match explained.rule.mode {
        "total" => {
            "<p class=\"formula\">served = offset + Σ (last − base), never below what was served before</p>\
                    <p class=\"soft\">offset: what processes that are gone had counted. last: the newest value of a process. base: what it \
                    had counted before it was first seen, if that doesn’t count.</p>"
        }
        "all" => "<p>Every worker’s value is a series of its own, with the worker label.</p>",
        _ => "",
    };
    let series: String = explained.series.iter().map(|series| one(series, now)).collect();
    let resets: String = explained.resets.iter().take(RESETS_SHOWN).map(|reset| lives::reset_row(reset, now)).collect();
    let resets = match resets.is_empty() {
        true => String::new(),
        false => {
            let heads = "<th scope=\"col\">when<th scope=\"col\">worker<th scope=\"col\">seen by<th scope=\"col\">what";
            format!("<h3>Resets that concern it</h3>{}", table("resets", heads, &resets))
        }
    };
    format!(
        "<section id=\"explained-{i}\" data-live aria-labelledby=\"explained-{i}-h\"><h2 id=\"explained-{i}-h\"><code><bdi>{}</bdi></code> \
         <small>{}, source <bdi>{}</bdi> ({})</small></h2>{help}<p>Rule: <b>{}</b> <span class=\"soft\">({})</span></p>{formula}{}{series}{}\
         {resets}</section>\n",
        Shown(&found.family),
        explained.kind,
        Shown(&found.source),
        found.kind,
        explained.rule.mode,
        Shown(&explained.rule.why),
        pages(found, window),
        if explained.series.is_empty() { "<p>No series are shown now.</p>" } else { "" },
    )
}

/// Which series are shown, and where the others are.
fn pages(found: &SourceExplanation, window: Window) -> String {
    let (total, shown) = (found.explanation.series_total, found.explanation.series.len());
    if shown == total {
        return String::new();
    }
    let link = |from: usize, text: &str| {
        let query: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("name", &found.family)
            .append_pair("from", &from.to_string())
            .finish();
        format!(" <a href=\"explain?{}\">{text}</a>", Shown(&query))
    };
    let before = if window.from > 0 { link(window.from.saturating_sub(window.most), "before") } else { String::new() };
    let after = if window.from + shown < total { link(window.from + shown, "after") } else { String::new() };
    format!("<p>Series {} to {} of {total}.{before}{after}</p>", (window.from + 1).min(total), window.from + shown)
}

fn one(series: &SeriesExplained, now: f64) -> String {
    let heads = "<th scope=\"col\">worker<th scope=\"col\">process began<th scope=\"col\">seen<th scope=\"col\" class=\"n\">last\
                 <th scope=\"col\" class=\"n\">base<th scope=\"col\" class=\"n\">counts";
    let is_total = series.sum.is_some();
    let several = series.parts.len() > 1;
    let rows: String = series.parts.iter().map(|part| part_rows(part, is_total, several, now)).collect();
    let rows = if rows.is_empty() { String::new() } else { table(&series.series, heads, &rows) };
    let served = series.served.map(|value| format!(" <small>= {value}</small>")).unwrap_or_default();
    let floor = match (series.floor, series.sum, series.served) {
        (true, Some(sum), Some(served)) => format!(
            "<p class=\"bad\">The floor holds: the sum is {sum}, but {served} was served before, and a total never falls.</p>"
        ),
        (false, Some(sum), Some(served)) if sum > served => {
            format!("<p class=\"soft\">The sum is {sum} already; it is served from the next round on.</p>")
        }
        _ => String::new(),
    };
    format!("<h3><code><bdi>{}</bdi></code>{served}</h3>{floor}{rows}", Shown(&series.series))
}

fn part_rows(part: &Part, is_total: bool, several: bool, now: f64) -> String {
    let named = match several {
        true => format!("<tr><th scope=\"rowgroup\" colspan=\"6\"><code><bdi>{}</bdi></code></tr>", Shown(&part.series)),
        false => String::new(),
    };
    let offset = match is_total {
        true => {
            format!("<tr><td>offset<td colspan=\"4\" class=\"soft\">processes that are gone<td class=\"n\">{}</tr>", part.offset)
        }
        false => String::new(),
    };
    let contributions: String = part.contributions.iter().map(|contribution| contribution_row(contribution, now)).collect();
    format!("{named}{offset}{contributions}")
}

fn contribution_row(contribution: &Contribution, now: f64) -> String {
    let Contribution { worker, started, seen, live, last, base, counts } = contribution;
    let counted = match counts {
        true => (last - base).to_string(),
        false => "not now".into(),
    };
    format!(
        "<tr><td class=\"name\"><bdi>{}</bdi><td>{}<td>{}{}<td class=\"n\">{last}<td class=\"n\">{base}<td class=\"n\">{counted}</tr>",
        Shown(worker),
        started.map_or_else(|| "not said".into(), |start| ago(now, start)),
        ago(now, *seen),
        if *live {
            ""
        } else if *counts {
            ", carried"
        } else {
            ", missed since"
        },
    )
}
