//! The page at `/`: the sources and targets at a glance, without scripts or outside assets.

use super::respond::{Response, answer, set};
use super::targets::time;
use crate::model::WideFamily;
use crate::round::{SourceReport, TargetReport, TargetState};
use http::StatusCode;
use http::header::CONTENT_SECURITY_POLICY;
use std::fmt::{self, Display, Formatter};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em;color-scheme:light dark}\
    table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25em .75em .25em 0;vertical-align:top;\
    border-bottom:1px solid #8884}.up{color:#2a8a3e}.stuck,.down{color:#c62828}.vacant,.retired,.unknown{color:#888}small{color:#888}";

/// Text that shows as it is.
struct Escaped<T>(T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for c in self.0.to_string().chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

/// The page.
pub(super) fn page(sources: &[SourceReport], wide: &[(String, WideFamily)], telemetry_path: &str, fingerprint: &str) -> Response {
    let metrics = Escaped(telemetry_path);
    let tables: String = sources.iter().map(table).chain([large(wide)]).collect();
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>onescrape</title><style>{STYLE}</style></head><body><h1>onescrape</h1>\
         <p><a href=\"{metrics}\">{metrics}</a> · <a href=\"/api/v1/targets\">targets as JSON</a> · \
         <a href=\"/-/healthy\">healthy</a> · <a href=\"/-/ready\">ready</a> · version {} · configuration <code>{fingerprint}</code></p>{tables}</body></html>\n",
        env!("CARGO_PKG_VERSION")
    );
    let mut response = answer(StatusCode::OK, "text/html; charset=utf-8", html);
    set(&mut response, CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
    response
}

fn table(source: &SourceReport) -> String {
    let expected = source.expect.map(|n| format!(", {n} expected")).unwrap_or_default();
    let notes: String = source.notes.iter().map(|note| format!("<p class=\"down\">{}</p>", Escaped(note))).collect();
    let rows: String = source.targets.iter().map(row).collect();
    format!(
        "<h2>{} <small>{}: {} of {} up{expected}</small></h2>{notes}<table><tr><th>target<th>state<th>samples<th>took<th>last good scrape\
         <th>last error</tr>{rows}</table>",
        Escaped(&source.name),
        Escaped(source.kind),
        source.up,
        source.targets.len(),
    )
}

/// Families that one label makes large, and the setting that helps.
fn large(wide: &[(String, WideFamily)]) -> String {
    if wide.is_empty() {
        return String::new();
    }
    let row = |(source, family): &(String, WideFamily)| {
        format!(
            "<tr><td>{}<td>{}<td>{}<td>{} without {}<td><code>{}</code></tr>",
            Escaped(source),
            Escaped(&family.name),
            family.series,
            family.left,
            Escaped(&family.label),
            Escaped(family.setting())
        )
    };
    let rows: String = wide.iter().map(row).collect();
    format!(
        "<h2>Large families <small>where nobody asks by the label, the setting leaves it out before it is stored</small></h2><table><tr>\
         <th>source<th>family<th>series<th>would be<th>setting of the source</tr>{rows}</table>"
    )
}

fn row(report: &TargetReport) -> String {
    let TargetReport { target, status, hint } = report;
    let state = status.state.map_or("unknown", TargetState::as_str);
    let error = status.last_error.as_ref().map(|missed| format!("{}", Escaped(missed))).unwrap_or_default();
    let hint = hint.as_deref().map(|hint| format!("<br><small>{}</small>", Escaped(hint))).unwrap_or_default();
    let faults: String = status.faults.iter().map(|fault| format!("<br><small>{}</small>", Escaped(fault))).collect();
    let success = status.last_success.map_or_else(|| "never".into(), |at| time(Some(at)));
    format!(
        "<tr><td>{}<td class=\"{state}\">{state}<td>{}<td>{:.3} s<td>{success}<td>{error}{hint}{faults}</tr>",
        Escaped(&target.text),
        status.samples,
        status.last_duration.as_secs_f64(),
    )
}
