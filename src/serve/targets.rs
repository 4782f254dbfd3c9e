//! `/api/v1/targets` in the shape of Prometheus' own API, with what only we know beside it.

use crate::merge::Now;
use crate::round::{SourceReport, TargetReport, TargetState};
use crate::scrape::Missed;
use crate::source::Endpoints;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

/// What Prometheus shows for a time that never was.
const NEVER: &str = "0001-01-01T00:00:00Z";

#[derive(Serialize)]
struct Answer<'a> {
    status: &'static str,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    active_targets: Vec<Active<'a>>,
    dropped_targets: [(); 0],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Active<'a> {
    discovered_labels: BTreeMap<&'static str, &'a str>,
    labels: BTreeMap<&'static str, &'a str>,
    scrape_pool: &'a str,
    scrape_url: String,
    last_error: String,
    last_scrape: String,
    /// Seconds.
    last_scrape_duration: f64,
    health: &'static str,
    // Ours:
    kind: &'static str,
    state: &'static str,
    hint: Option<String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    faults: &'a [String],
    samples: usize,
    body_bytes: usize,
    last_success: String,
}

/// The answer.
pub(super) fn json(sources: &[SourceReport]) -> Vec<u8> {
    let active_targets = sources.iter().flat_map(|s| s.targets.iter().map(|t| active(s, t))).collect();
    let answer = Answer { status: "success", data: Data { active_targets, dropped_targets: [] } };
    // Numbers, texts and maps with text keys only: there is nothing that JSON can't hold.
    serde_json::to_vec(&answer).unwrap_or_default()
}

fn active<'a>(source: &'a SourceReport, report: &'a TargetReport) -> Active<'a> {
    let TargetReport { target, status, hint, .. } = report;
    let endpoint = if source.endpoints == Endpoints::Workers { "worker" } else { "target" };
    Active {
        discovered_labels: [("__address__", target.text.as_str()), ("job", source.name.as_str())].into(),
        labels: [("source", source.name.as_str()), (endpoint, target.id.as_str())].into(),
        scrape_pool: &source.name,
        scrape_url: target.address.to_string(),
        last_error: status.last_error.as_ref().map(Missed::to_string).unwrap_or_default(),
        last_scrape: time(status.last_attempt),
        last_scrape_duration: status.last_duration.as_secs_f64(),
        health: match status.state {
            None => "unknown",
            Some(TargetState::Up) => "up",
            Some(_) => "down",
        },
        kind: source.kind,
        state: status.state.map_or("unknown", TargetState::as_str),
        hint: hint.clone(),
        faults: &status.faults,
        samples: status.samples,
        body_bytes: status.body_bytes,
        last_success: time(status.last_success),
    }
}

/// RFC 3339.
pub(super) fn time(at: Option<Now>) -> String {
    let at = at.and_then(|now| Duration::try_from_secs_f64(now.unix).ok()).and_then(|since| UNIX_EPOCH.checked_add(since));
    at.map_or_else(|| NEVER.into(), |at| humantime::format_rfc3339_millis(at).to_string())
}
