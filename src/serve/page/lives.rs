//! Which process held which port when, and the latest resets.

use super::escape::{Shown, family_link};
use super::{ago, table};
use crate::merge::{Life, Now, Reset};
use crate::round::{SourceReport, TargetReport};
use crate::serve::targets::time;

/// Width of the drawing, in units.
const WIDTH: f64 = 1000.0;
/// The narrowest bar: a process seen only once is one too.
const BAR_MIN: f64 = 4.0;

pub(super) fn lives(sources: &[SourceReport], now: f64) -> String {
    sources.iter().enumerate().map(|(i, source)| section(i, source, now)).collect()
}

fn section(i: usize, source: &SourceReport, now: f64) -> String {
    let seen: Vec<&TargetReport> = source.targets.iter().filter(|target| !target.lives.is_empty()).collect();
    let Some(first) = seen.iter().flat_map(|target| &target.lives).map(|life| life.seen.0).reduce(f64::min) else {
        return String::new();
    };
    let rows: String = seen.iter().map(|target| row(target, first, now)).collect();
    let heads = "<th scope=\"col\">worker<th scope=\"col\" class=\"n\">processes<th scope=\"col\">present one began\
                 <th scope=\"col\">seen, the newest at the right";
    let resets = resets(&source.resets, now);
    format!(
        "<section id=\"lives-{i}\" data-live aria-labelledby=\"lives-{i}-h\"><h2 id=\"lives-{i}-h\">Processes of <bdi>{}</bdi> \
         <small>since {}</small></h2>{}{resets}</section>\n",
        Shown(&source.name),
        ago(now, first),
        table(&format!("processes of {}", source.name), heads, &rows),
    )
}

fn row(target: &TargetReport, first: f64, now: f64) -> String {
    let began = target.lives.last().and_then(|life| life.start).map_or_else(|| "not said".into(), |start| ago(now, start));
    let span = (now - first).max(1.0);
    let bar = |(i, life): (usize, &Life)| {
        let x = ((life.seen.0 - first) / span * WIDTH).clamp(0.0, WIDTH - BAR_MIN);
        let width = ((life.seen.1 - life.seen.0) / span * WIDTH).max(BAR_MIN).min(WIDTH - x);
        let class = if i % 2 == 0 { "a" } else { "b" };
        format!("<rect class=\"{class}\" x=\"{x:.1}\" y=\"3\" width=\"{width:.1}\" height=\"12\"/>")
    };
    let bars: String = target.lives.iter().enumerate().map(bar).collect();
    let count = target.lives.len();
    format!(
        "<tr><td class=\"name\"><bdi>{}</bdi><td class=\"n\">{count}<td class=\"t\">{began}<td><svg class=\"lives\" role=\"img\" \
         viewBox=\"0 0 {WIDTH} 18\" preserveAspectRatio=\"none\" aria-label=\"{count} seen; the last one {}\">\
         <line x1=\"0\" x2=\"{WIDTH}\" y1=\"9\" y2=\"9\"/>{bars}</svg></tr>",
        Shown(&target.target.id),
        target.lives.last().map_or_else(String::new, |life| ago(now, life.seen.1)),
    )
}

/// The latest resets, folded away: recycling makes them all day.
fn resets(resets: &[Reset], now: f64) -> String {
    if resets.is_empty() {
        return String::new();
    }
    let rows: String = resets.iter().map(|reset| reset_row(reset, now)).collect();
    let heads = "<th scope=\"col\">when<th scope=\"col\">worker<th scope=\"col\">seen by<th scope=\"col\">what";
    format!("<details><summary>Latest resets ({})</summary>{}</details>", resets.len(), table("latest resets", heads, &rows))
}

pub(super) fn reset_row(reset: &Reset, now: f64) -> String {
    format!(
        "<tr><td class=\"t\">{}<td class=\"name\"><bdi>{}</bdi><td>{}<td>{}</tr>",
        ago(now, reset.at),
        Shown(&reset.worker),
        reset.cause.as_str(),
        what(reset)
    )
}

/// What began anew.
fn what(reset: &Reset) -> String {
    if reset.families.is_empty() {
        let start = |at: Option<f64>| at.map_or_else(|| "unknown".into(), |at| time(Some(Now { unix: at, ..Now::default() })));
        return format!("another process: began {}, before it {}", start(reset.to_start), start(reset.from_start));
    }
    let value = |v: Option<f64>| v.map_or_else(|| "nothing".into(), |v| v.to_string());
    let of = |fall: &crate::merge::Fall| {
        format!("{}: {} → {} ({} series)", family_link(&fall.family), value(fall.from), value(fall.to), fall.children)
    };
    let mut told: Vec<String> = reset.families.iter().map(of).collect();
    if reset.families_left_out > 0 {
        told.push(format!("{} further series", reset.families_left_out));
    }
    told.join("<br>")
}
