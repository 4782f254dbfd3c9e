//! `onescrape check`: reads every source and says in words what is up, what is wrong and what to do about it.
//!
//! `lookups` are made before (anew with each try), `observe` does the reading (`read` understands one body, `page` one that is none),
//! `surroundings` looks around; `diagnose` and the files it lists draw conclusions (pure: observations → findings, every one named in
//! `code`), `table` and `json` print, `waiting` says what is waited for.

mod clock;
mod code;
mod diagnose;
mod directory;
mod families;
mod finding;
mod json;
mod lookups;
mod missed;
mod observe;
mod page;
mod pool;
mod processes;
mod read;
mod state;
mod surroundings;
mod table;
mod waiting;
mod wide;

pub use code::Code;
pub use surroundings::Surroundings;

use diagnose::diagnose;
use finding::{Finding, Severity};
use waiting::Waiting;

use crate::config::{Config, SourceConfig};
use crate::discovery;
use crate::scrape::{Missed, ProcessId, Request, Scraped};
use crate::target::Target;
use std::io::{self, Write};
use std::time::Duration;
use tokio::time::Instant;

/// How to check and what to print.
#[derive(Debug, Clone)]
pub struct Options {
    /// JSON instead of text.
    pub json: bool,
    /// Print only problems: nothing if there are none.
    pub quiet: bool,
    /// Colours, for a terminal.
    pub color: bool,
    /// Try again until all is well, at most this long.
    pub wait: Option<Duration>,
    /// Whether what is waited for is told on a terminal: one line, written over again and again.
    pub terminal: bool,
    /// Pause between two looks at what was missing.
    pub pause: Duration,
    /// Where the check runs.
    pub around: Surroundings,
}

impl Default for Options {
    /// The pause is such that all looks together outlast the boot of a recycled worker, about a second.
    fn default() -> Self {
        let pause = Duration::from_millis(300);
        let around = Surroundings::default();
        Self { json: false, quiet: false, color: false, wait: None, terminal: false, pause, around }
    }
}

/// Reads every source over the network, prints the diagnosis to `out` and what is waited for to `log`; whether all is well (exit code
/// 0, else 1).
///
/// # Errors
/// Writing failed.
pub async fn check(config: &Config, options: &Options, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<bool> {
    let id = ProcessId::random();
    let scrape = async |source: &SourceConfig, target: &Target| {
        let timeout = source.scrape_timeout.unwrap_or(config.scrape_timeout).min(config.scrape_timeout);
        match Request::new(source, &id) {
            Ok(request) => crate::scrape::scrape(target, &request, Instant::now() + timeout).await,
            Err(bad) => Scraped { result: Err(Missed::Connect(bad.to_string())), duration: Duration::ZERO },
        }
    };
    check_with(config, options, &scrape, out, log).await
}

/// The same with another way to scrape.
async fn check_with(
    config: &Config,
    options: &Options,
    scrape: &impl AsyncFn(&SourceConfig, &Target) -> Scraped,
    out: &mut dyn Write,
    log: &mut dyn Write,
) -> io::Result<bool> {
    let until = options.wait.map(|wait| Instant::now() + wait);
    let mut waiting = Waiting::new(options.terminal);
    loop {
        let filled = discovery::once(config, config.scrape_timeout).await;
        let observations = observe::observe(&filled.config, options.pause, scrape).await;
        let mut findings = diagnose(&observations, &options.around);
        lookups::diagnose(&filled, &mut findings);
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        findings.extend(state::diagnose(config));
        let well = is_well(&findings);
        if let Some(until) = until.filter(|until| !well && Instant::now() < *until) {
            waiting.tell(&findings, until - Instant::now(), log)?;
            tokio::time::sleep(options.pause).await;
            continue;
        }
        waiting.end(log)?;
        match (options.json, options.quiet) {
            (true, _) => json::write(&observations, &findings, options.quiet, out)?,
            (false, true) => table::write_findings(&findings, Severity::Warning, options.color, out)?,
            (false, false) => table::write(&observations, &findings, options.color, out)?,
        }
        out.flush()?;
        return Ok(well);
    }
}

/// Whether nothing among the findings is a problem; notes are none.
fn is_well(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.severity == Severity::Note)
}

#[cfg(test)]
mod tests;
