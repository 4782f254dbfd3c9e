//! One exposition on the terminal.

use crate::config::Config;
use crate::discovery;
use crate::encode::Format;
use crate::round::{Proxy, Query, Refusal, RoundError, TargetState};
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
    /// No round.
    #[error(transparent)]
    Round(#[from] RoundError),
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
    let filled = discovery::once(config, config.scrape_timeout).await;
    for (source, notes) in config.sources.iter().zip(&filled.notes) {
        notes.iter().try_for_each(|note| writeln!(log, "{}: {note}", source.name))?;
    }
    let proxy = Proxy::start(&filled.config)?;
    proxy.round(Instant::now() + config.scrape_timeout).await?;
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
        Err(Refusal::RequiredDown(names)) => {
            writeln!(log, "required source down: {}", names.join(", "))?;
            Ok(NOTHING_GOOD)
        }
        Err(_) => {
            writeln!(log, "nothing to print: no target gave a good answer")?;
            Ok(NOTHING_GOOD)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Endpoints;
    use crate::testing::{self, Fake, Server};

    async fn codes(good: bool) -> (u8, String) {
        let server = Server::start("a 1\n").await;
        server.release(1);
        let vacant = testing::http_target(testing::free_port().await);
        let kind = testing::kind("x", Endpoints::Targets, |_| Box::<Fake>::default());
        let mut sources = vec![testing::source_of(kind, vec![vacant])];
        if good {
            sources.push(testing::pool("w", vec![server.target()]));
        }
        let (mut out, mut log) = (Vec::new(), Vec::new());
        let code = scrape(&testing::config(sources), &mut out, &mut log).await.unwrap();
        (code, String::from_utf8(log).unwrap())
    }

    #[tokio::test]
    async fn the_exit_code_says_whether_anything_was_good() {
        let (code, log) = codes(true).await;
        assert!(code == 0 && log.contains("refused") && !log.contains("nothing to print"), "{log}");
        let (code, log) = codes(false).await;
        assert!(code == NOTHING_GOOD && log.contains("nothing to print"), "{log}");
    }
}
