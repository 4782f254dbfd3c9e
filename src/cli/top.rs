//! `onescrape top`: how the targets of the running proxy stand, again and again, in a terminal.

use super::ask::{AskError, ask};
use crate::config::{Config, process_env};
use serde::Deserialize;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(2);
/// Cursor to the first place; what stands below the new picture goes once it is drawn (ECMA-48 CUP and ED).
const HOME: &str = "\u{1b}[H";
const CLEAR_LINE: &str = "\u{1b}[K";
const CLEAR_BELOW: &str = "\u{1b}[J";
/// Characters of a target and of an error that are shown.
const NAME_CHARS: usize = 40;
const ERROR_CHARS: usize = 60;

/// Why nothing is shown.
#[derive(Debug, thiserror::Error)]
pub enum TopError {
    /// The proxy can't be asked.
    #[error(transparent)]
    Proxy(#[from] AskError),
    /// Its answer is none that this version knows.
    #[error("the proxy's answer can't be read: {0}; is it another version?")]
    Answer(#[from] serde_json::Error),
    /// Nothing can be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    active_targets: Vec<Active>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Active {
    scrape_pool: String,
    kind: String,
    discovered_labels: std::collections::BTreeMap<String, String>,
    state: String,
    samples: u64,
    body_bytes: u64,
    last_scrape_duration: f64,
    last_error: String,
}

/// Draws until it is interrupted; once, where nobody looks (`is_live` false). The file `client` says how we are let in.
///
/// # Errors
/// See [`TopError`]. Once something was drawn, a proxy that can't be asked is shown as such: it may be restarting.
pub async fn top(config: &Config, client: Option<&Path>, is_live: bool, out: &mut dyn Write) -> Result<(), TopError> {
    let mut picture = look(config, client).await?;
    if !is_live {
        return Ok(out.write_all(picture.as_bytes())?);
    }
    write!(out, "{HOME}{CLEAR_BELOW}")?;
    loop {
        let lines: String = picture.lines().map(|line| format!("{line}{CLEAR_LINE}\n")).collect();
        write!(out, "{HOME}{lines}{CLEAR_BELOW}")?;
        out.flush()?;
        tokio::time::sleep(INTERVAL).await;
        picture = match look(config, client).await {
            Err(TopError::Proxy(why)) => format!("{picture}\n{why}\n"),
            looked => looked?,
        };
    }
}

async fn look(config: &Config, client: Option<&Path>) -> Result<String, TopError> {
    let body = ask(config, "/api/v1/targets", client, &process_env).await?.body()?;
    let Answer { data } = serde_json::from_slice(&body.bytes)?;
    Ok(draw(&data.active_targets))
}

fn draw(targets: &[Active]) -> String {
    let mut picture = String::new();
    let name =
        |target: &Active| target.discovered_labels.get("__address__").map(|name| clipped(name, NAME_CHARS)).unwrap_or_default();
    let width = targets.iter().map(|target| name(target).chars().count()).max().unwrap_or_default();
    for (i, target) in targets.iter().enumerate() {
        let is_new = i.checked_sub(1).and_then(|before| targets.get(before)).is_none_or(|b| b.scrape_pool != target.scrape_pool);
        // Writing to a String can't fail.
        if is_new {
            let of = || targets.iter().filter(|other| other.scrape_pool == target.scrape_pool);
            let up = of().filter(|other| other.state == "up").count();
            let source = clipped(&target.scrape_pool, NAME_CHARS);
            let _ = writeln!(picture, "{}{source} ({}): {up} of {} up", if i > 0 { "\n" } else { "" }, target.kind, of().count());
        }
        let (took, size) = (target.last_scrape_duration * 1000.0, target.body_bytes / 1024);
        let row = format!(
            "  {:width$}  {:8}  {:>8} samples  {size:>7} KiB  {took:>8.1} ms  {}",
            name(target),
            clipped(&target.state, NAME_CHARS),
            target.samples,
            clipped(&target.last_error, ERROR_CHARS)
        );
        let _ = writeln!(picture, "{}", row.trim_end());
    }
    picture
}

/// What fits, and nothing that would steer the terminal.
fn clipped(text: &str, chars: usize) -> String {
    let mut shown: String = text.chars().filter(|c| !c.is_control()).take(chars).collect();
    if text.chars().count() > chars {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_drawn_with_their_targets_and_nothing_steers_the_terminal() {
        let target = |pool: &str, state: &str, error: &str| {
            serde_json::json!({
                "scrapePool": pool, "kind": "workers", "discoveredLabels": {"__address__": "h:1", "job": pool}, "state": state,
                "samples": 3, "bodyBytes": 2048, "lastScrapeDuration": 0.0125, "lastError": error, "health": "up"
            })
        };
        let json = [target("a", "up", ""), target("a", "down", "\u{1b}[2Jgone"), target("b", "vacant", &"x".repeat(100))];
        let targets: Vec<Active> = serde_json::from_value(serde_json::json!(json)).unwrap();
        let picture = draw(&targets);
        let lines: Vec<&str> = picture.lines().collect();
        assert_eq!(lines[0], "a (workers): 1 of 2 up");
        assert_eq!(lines[1], "  h:1  up               3 samples        2 KiB      12.5 ms");
        assert!(lines[2].ends_with("ms  [2Jgone") && lines[5].ends_with(&format!("{}…", "x".repeat(ERROR_CHARS))), "{picture}");
    }
}
