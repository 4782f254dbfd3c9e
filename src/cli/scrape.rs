//! One exposition on the terminal.

use crate::config::Config;
use crate::encode::Format;
use crate::round::{Proxy, Query, TargetState};
use crate::scrape::BadHeader;
use std::io::Write;
use tokio::time::Instant;

/// Exit code when nothing was good.
const NOTHING_GOOD: u8 = 1;

/// Why there is no exposition to print.
#[derive(Debug, thiserror::Error)]
pub enum ScrapeError {
    /// A header of the configuration.
    #[error(transparent)]
    Header(#[from] BadHeader),
    /// The reader of our output has gone, or its disk is full.
    #[error("cannot write the exposition: {0}")]
    Output(#[from] std::io::Error),
}

/// Scrapes everything once and prints the merged exposition as text to `out`; every target that is down and why to `log`. Returns
/// the exit code: 0, or 1 where nothing was good (or a required source is down).
///
/// # Errors
/// See [`ScrapeError`].
pub async fn scrape(config: &Config, out: &mut dyn Write, log: &mut dyn Write) -> Result<u8, ScrapeError> {
    let proxy = Proxy::start(config)?;
    proxy.round(Instant::now() + config.scrape_timeout).await;
    for source in proxy.report() {
        for target in &source.targets {
            // A vacant port of a range is no fault.
            if target.status.state != Some(TargetState::Vacant)
                && let Some(missed) = &target.status.last_error
            {
                let hint = target.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
                writeln!(log, "{}: {}: {missed}{hint}", source.name, target.target.text)?;
            }
        }
    }
    match proxy.peek(&Query::default(), Format::Text004) {
        Ok(body) => {
            out.write_all(&body)?;
            out.flush()?;
            Ok(0)
        }
        Err(why) => {
            writeln!(log, "{why}")?;
            Ok(NOTHING_GOOD)
        }
    }
}
