//! What is kept over a restart of the proxy, and what single settings of the state file mean.

use super::duration::{DURATION_MAX, duration};
use std::path::PathBuf;
use std::time::Duration;

/// Shortest time between two copies that wait for the disk.
const SAVE_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Said where a file is asked of a build without.
const NO_STATE: &str = "this onescrape was built without state files; use one with the cargo feature state";
/// What is kept over a restart of the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateConfig {
    /// The file; `None`: totals begin anew with every start.
    pub file: Option<PathBuf>,
    /// How often a copy is made that survives a crash of the machine too. Default 30 s.
    pub save_interval: Duration,
    /// Where totals begin without a file. Default `full`.
    pub cold_start: ColdStart,
}

impl Default for StateConfig {
    fn default() -> Self {
        Self { file: None, save_interval: Duration::from_secs(30), cold_start: ColdStart::default() }
    }
}

/// Where totals begin when nothing is known of the time before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColdStart {
    /// At all that the living workers have counted: right for a first start.
    #[default]
    Full,
    /// At zero: only what is counted from here on. Rates stay right after any restart.
    Zero,
}

/// The path of the file.
pub(crate) fn state_file(text: &str) -> Result<PathBuf, String> {
    if !crate::state::IS_IN {
        return Err(NO_STATE.into());
    }
    let is_file = !text.is_empty() && !text.ends_with(['/', '.']) && !text.contains('\0');
    is_file.then(|| PathBuf::from(text)).ok_or_else(|| format!("{text:?} is no path of a file, like /var/lib/onescrape/state"))
}

pub(crate) fn save_interval(text: &str) -> Result<Duration, String> {
    duration(text, &(SAVE_INTERVAL_MIN..=DURATION_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_file_is_a_file() {
        assert_eq!(state_file("/var/lib/x.state"), Ok(PathBuf::from("/var/lib/x.state")));
        assert!(["", "/", "/var/lib/", ".", "..", "a\0b"].iter().all(|bad| state_file(bad).is_err()));
    }
}
