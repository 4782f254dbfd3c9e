//! The stats document of a uWSGI master, as far as it is used. Request variables (`vars`), the working directory and the commands of
//! daemons and crons can hold secrets: they are skipped, never kept.

use crate::config::Limit;
use crate::scrape::Missed;
use crate::source::lenient::{NonZero, Number, Present, mend};
use serde::Deserialize;
use serde_json::error::Category;
use std::collections::BTreeMap;

/// How much of a body that isn't a stats document an error quotes, in characters.
const EXCERPT_CHARS: usize = 40;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stats {
    pub(super) version: String,
    pub(super) listen_queue: Number,
    pub(super) listen_queue_errors: Number,
    pub(super) signal_queue: Number,
    pub(super) load: Number,
    pub(super) pid: Number,
    pub(super) daemons: Option<Vec<Daemon>>,
    pub(super) locks: Option<Vec<NonZero>>,
    pub(super) caches: Vec<Cache>,
    pub(super) metrics: BTreeMap<String, Metric>,
    pub(super) sockets: Vec<Socket>,
    /// One per configured process; `None`: this is another document.
    workers: Option<Vec<Worker>>,
    pub(super) spoolers: Vec<Spooler>,
    pub(super) crons: Vec<Cron>,
    emperor: Present,
    vassals: Present,
    active_sessions: Present,
    static_nodes: Present,
    subscriptions: Present,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Daemon {
    pub(super) pid: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cache {
    pub(super) name: String,
    pub(super) keysize: Number,
    pub(super) max_items: Number,
    pub(super) blocks: Number,
    pub(super) blocksize: Number,
    pub(super) items: Number,
    pub(super) hits: Number,
    pub(super) miss: Number,
    pub(super) full: Number,
    pub(super) last_modified_at: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Metric {
    #[serde(rename = "type")]
    pub(super) kind: Number,
    pub(super) value: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Socket {
    pub(super) name: String,
    pub(super) proto: String,
    pub(super) queue: Number,
    pub(super) max_queue: Number,
    pub(super) shared: Number,
    pub(super) can_offload: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Worker {
    pub(super) id: Number,
    pub(super) pid: Number,
    pub(super) accepting: Number,
    pub(super) requests: Number,
    pub(super) delta_requests: Number,
    pub(super) exceptions: Number,
    pub(super) harakiri_count: Number,
    pub(super) signals: Number,
    pub(super) signal_queue: Number,
    pub(super) status: Option<String>,
    pub(super) rss: Number,
    pub(super) vsz: Number,
    pub(super) uss: Number,
    pub(super) pss: Number,
    /// Microseconds.
    pub(super) running_time: Number,
    pub(super) last_spawn: Number,
    pub(super) respawn_count: Number,
    pub(super) tx: Number,
    /// Microseconds.
    pub(super) avg_rt: Number,
    pub(super) apps: Vec<App>,
    pub(super) cores: Vec<Core>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct App {
    pub(super) id: Number,
    pub(super) mountpoint: String,
    pub(super) chdir: String,
    /// Seconds.
    pub(super) startup_time: Number,
    pub(super) requests: Number,
    pub(super) exceptions: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Core {
    pub(super) id: Number,
    pub(super) requests: Number,
    pub(super) static_requests: Number,
    pub(super) routed_requests: Number,
    pub(super) offloaded_requests: Number,
    pub(super) write_errors: Number,
    pub(super) read_errors: Number,
    pub(super) in_request: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Spooler {
    pub(super) dir: String,
    pub(super) tasks: Number,
    pub(super) respawns: Number,
    pub(super) running: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cron {
    pub(super) minute: Number,
    pub(super) hour: Number,
    pub(super) day: Number,
    pub(super) month: Number,
    pub(super) week: Number,
    pub(super) pid: Number,
    pub(super) started_at: Number,
}

impl Stats {
    /// The workers that ever ran, with their ids. Slots of cheaper mode that never did all have the id 0.
    pub(super) fn workers(&self) -> impl Iterator<Item = (i64, &Worker)> {
        self.workers.iter().flatten().filter_map(|w| w.id.0.filter(|id| *id > 0).map(|id| (id, w)))
    }
}

/// Reads a stats document of at most `max_objects` JSON objects: each may become a series, and a small body could hold many.
///
/// # Errors
/// [`Missed::Truncated`] where the body ends early, [`Missed::Parse`] where it is something else: the reason says what it looks like.
pub(super) fn read(bytes: &[u8], max_objects: usize) -> Result<Stats, Missed> {
    let body = bytes.trim_ascii();
    match body.first() {
        None if bytes.is_empty() => {
            let why = "connected, then nothing: uWSGI closes so when it fails to format its stats, or a port in between has no uWSGI behind it";
            return Err(Missed::Truncated(why.into()));
        }
        None => return Err(Missed::Truncated("only blanks, no stats JSON".into())),
        Some(b'{') => {}
        Some(b'<') => {
            let why =
                "an HTML page where uWSGI's stats JSON should be: this is a web server, not the address of uWSGI's `stats` option";
            return Err(Missed::Parse(why.into()));
        }
        Some(_) if body.starts_with(b"HTTP/") => {
            let why = "an HTTP answer inside the stats stream; if the port speaks HTTP (`stats-http`), give it as http://HOST:PORT";
            return Err(Missed::Parse(why.into()));
        }
        Some(_) => return Err(Missed::Parse(format!("not uWSGI's stats JSON: it begins with {:?}", excerpt(body)))),
    }
    let objects = memchr::memchr_iter(b'{', body).count();
    if objects > max_objects {
        let what = format!("{objects} JSON objects, more than the {max_objects} series this target may have");
        return Err(Missed::OverLimit { limit: Limit::MaxSeries, what });
    }
    let stats: Stats = serde_json::from_str(&mend(body)).map_err(|error| match error.classify() {
        Category::Eof => Missed::Truncated(format!("the stats JSON ends before its last brace, after {} bytes", bytes.len())),
        // serde_json's words on values would quote them; on syntax they are fixed.
        Category::Data => Missed::Parse(format!(
            "JSON, but not in the shape of uWSGI's stats: wrong at line {}, column {}",
            error.line(),
            error.column()
        )),
        Category::Syntax | Category::Io => Missed::Parse(format!("broken stats JSON: {error}")),
    })?;
    if stats.workers.is_some() {
        return Ok(stats);
    }
    let why = if stats.vassals.0 || stats.emperor.0 {
        "this is the emperor's stats, not a uWSGI server's: give the address of a vassal's own `stats` option"
    } else if stats.active_sessions.0 || stats.static_nodes.0 || stats.subscriptions.0 {
        "this is a uWSGI router's stats (http, fastrouter, …), not a server's: give the address of the `stats` option"
    } else {
        "JSON without a list of workers: not a uWSGI server's stats"
    };
    Err(Missed::Parse(why.into()))
}

fn excerpt(body: &[u8]) -> String {
    // A character has at most 4 bytes.
    let head = body.get(..EXCERPT_CHARS * 4).unwrap_or(body);
    String::from_utf8_lossy(head).chars().take(EXCERPT_CHARS).collect()
}
