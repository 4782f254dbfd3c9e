//! Sources and their targets: how they stand.

use super::escape::Shown;
use super::{ago, bytes, spark, table};
use crate::round::{SourceReport, TargetReport, TargetState};
use crate::source::Endpoints;

pub(super) fn sources(sources: &[SourceReport], now: f64) -> String {
    let each: String = sources.iter().enumerate().map(|(i, source)| section(i, source, now)).collect();
    if each.is_empty() { "<p>No sources are configured.</p>".into() } else { each }
}

fn section(i: usize, source: &SourceReport, now: f64) -> String {
    let expected = source.expect.map(|n| format!(", {n} expected")).unwrap_or_default();
    let short = source.expect.is_some_and(|n| source.up < n as usize);
    let class = if short || source.up == 0 { "bad" } else { "up" };
    let notes: String = source.notes.iter().map(|note| format!("<p class=\"bad\">{}</p>", Shown(note))).collect();
    let carried = match source.carried_series {
        0 => String::new(),
        n => format!("<p class=\"soft\">{n} series are carried on: no living worker shows them, and their totals stay.</p>"),
    };
    let is_pool = source.endpoints == Endpoints::Workers;
    let rows: String = source.targets.iter().map(|target| row(target, is_pool, now)).collect();
    let resets = if is_pool { "<th scope=\"col\" class=\"n\">resets" } else { "" };
    let heads = format!(
        "<th scope=\"col\">target<th scope=\"col\">state<th scope=\"col\">last good<th scope=\"col\" class=\"n\">took\
         <th scope=\"col\">last scrapes<th scope=\"col\" class=\"n\">samples<th scope=\"col\" class=\"n\">size{resets}\
         <th scope=\"col\">last error"
    );
    format!(
        "<section id=\"source-{i}\" data-live aria-labelledby=\"source-{i}-h\"><h2 id=\"source-{i}-h\"><bdi>{}</bdi> <small>{}: \
         <span class=\"{class}\">{} of {} up{expected}</span></small></h2>{notes}{carried}{}</section>\n",
        Shown(&source.name),
        Shown(source.kind),
        source.up,
        source.targets.len(),
        table(&format!("targets of {}", source.name), &heads, &rows),
    )
}

fn row(report: &TargetReport, is_pool: bool, now: f64) -> String {
    let TargetReport { target, status, hint, resets, .. } = report;
    let state = status.state.map_or("unknown", TargetState::as_str);
    let error = status.last_error.as_ref().map(|missed| Shown(&missed.to_string()).to_string()).unwrap_or_default();
    let hint = hint.as_deref().map(|hint| format!("<br><small>{}</small>", Shown(hint))).unwrap_or_default();
    let faults: String = status.faults.iter().map(|fault| format!("<br><small>{}</small>", Shown(fault))).collect();
    let success = status.last_success.map_or_else(|| "never".into(), |at| ago(now, at.unix));
    let resets = if is_pool { format!("<td class=\"n\">{resets}") } else { String::new() };
    format!(
        "<tr><td class=\"name\"><bdi>{}</bdi><td class=\"{state}\">{state}<td class=\"t\">{success}<td class=\"n\">{:.1} ms<td>{}<td class=\"n\">{}\
         <td class=\"n\">{}{resets}<td>{error}{hint}{faults}</tr>",
        Shown(&target.text),
        status.last_duration.as_secs_f64() * 1000.0,
        spark::durations(&status.recent),
        status.samples,
        bytes(status.body_bytes),
    )
}
