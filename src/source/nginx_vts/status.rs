//! The JSON status of nginx' VTS module, as far as it is used.

use super::zone::{Rows, Zone};
use crate::config::Limit;
use crate::scrape::Missed;
use crate::source::lenient::{Number, mend};
use serde::Deserialize;
use serde_json::error::Category;

/// How much of a body that isn't a status an error quotes, in characters.
const EXCERPT_CHARS: usize = 40;
/// JSON members per series that a body may have. A real zone has about two, those that make no series included.
const MEMBERS_PER_SERIES_MAX: usize = 4;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Status {
    pub(super) host_name: String,
    /// Releases before 0.2 don't say theirs.
    pub(super) module_version: String,
    pub(super) nginx_version: String,
    /// Unix milliseconds at which the configuration was loaded: a reload moves it and keeps the counters.
    pub(super) load_msec: Number,
    pub(super) connections: Connections,
    pub(super) shared_zones: SharedZones,
    /// `None`: this is another document. Without the sum row once [`read`].
    server_zones: Option<Rows<Zone>>,
    pub(super) filter_zones: Rows<Rows<Zone>>,
    pub(super) upstream_zones: Rows<Vec<Zone>>,
    pub(super) cache_zones: Rows<Zone>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Connections {
    pub(super) active: Number,
    pub(super) reading: Number,
    pub(super) writing: Number,
    pub(super) waiting: Number,
    pub(super) accepted: Number,
    pub(super) handled: Number,
    pub(super) requests: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct SharedZones {
    /// Bytes.
    pub(super) max_size: Number,
    /// Bytes.
    pub(super) used_size: Number,
    /// Bytes; since 0.2.7.
    pub(super) free_size: Number,
    /// Zones, not bytes.
    pub(super) used_node: Number,
}

impl Status {
    /// The servers, without the row that sums them.
    pub(super) fn servers(&mut self) -> Rows<Zone> {
        self.server_zones.take().unwrap_or_default()
    }
}

/// Reads a status of so many members that it could make `max_series` series.
///
/// # Errors
/// [`Missed::Truncated`] where the body ends early, [`Missed::Parse`] where it is something else: the reason says what it looks like.
pub(super) fn read(bytes: &[u8], max_series: usize) -> Result<Status, Missed> {
    let body = bytes.trim_ascii();
    match body.first() {
        None => return Err(Missed::Truncated("an empty answer where VTS' JSON status should be".into())),
        Some(b'{') => {}
        Some(b'<') => {
            let why = "an HTML page where VTS' JSON status should be: its page for people, or another page";
            return Err(Missed::Parse(why.into()));
        }
        Some(_) => return Err(Missed::Parse(format!("not VTS' JSON status: it begins with {:?}", excerpt(body)))),
    }
    let members = memchr::memchr_iter(b':', body).count();
    let most = max_series.saturating_mul(MEMBERS_PER_SERIES_MAX);
    if members > most {
        let what = format!("about {members} JSON members, more than {max_series} series can need");
        return Err(Missed::OverLimit { limit: Limit::MaxSeries, what });
    }
    let mut status: Status = serde_json::from_str(&mend(body)).map_err(|error| match error.classify() {
        Category::Eof => Missed::Truncated(format!("VTS' JSON status ends before its last brace, after {} bytes", bytes.len())),
        // serde_json's words on values would quote them; on syntax they are fixed.
        Category::Data => Missed::Parse(format!(
            "JSON, but not in the shape of VTS' status: wrong at line {}, column {}",
            error.line(),
            error.column()
        )),
        Category::Syntax | Category::Io => Missed::Parse(format!("broken JSON where VTS' status should be: {error}")),
    })?;
    let Some(servers) = &mut status.server_zones else {
        return Err(Missed::Parse("JSON without serverZones: not a VTS status, or one with nothing to show".into()));
    };
    drop_sum(servers);
    Ok(status)
}

/// Drops the last server if it is the sum of the others: under `*`, or whatever name `vhost_traffic_status_display_sum_key` gives it.
/// A client's `Host: *` makes a row of that name too, but never the last one.
fn drop_sum(servers: &mut Rows<Zone>) {
    let Some(((key, last), others)) = servers.0.split_last() else { return };
    let requests = |zone: &Zone| zone.request_counter.0.unwrap_or_default();
    let sum = others.iter().fold(0_i64, |sum, (_, zone)| sum.wrapping_add(requests(zone)));
    if key == "*" || requests(last) == sum {
        servers.0.pop();
    }
}

fn excerpt(body: &[u8]) -> String {
    // A character has at most 4 bytes.
    let head = body.get(..EXCERPT_CHARS * 4).unwrap_or(body);
    String::from_utf8_lossy(head).chars().take(EXCERPT_CHARS).collect()
}
