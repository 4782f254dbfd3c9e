//! What `--wait` waits for, on stderr: on a terminal one line that is written over, else a line whenever what is wrong changes.

use super::finding::{Finding, Severity};
use std::io::{self, Write};
use std::time::Duration;

/// Goes to the first column and clears the line.
const ANEW: &str = "\r\x1b[K";
/// Longest line, in characters: one that wraps can't be written over.
const LINE_CHARS_MAX: usize = 79;

/// What was told so far.
#[derive(Debug)]
pub struct Waiting {
    terminal: bool,
    told: Option<String>,
}

impl Waiting {
    /// Nothing was told yet.
    pub fn new(terminal: bool) -> Self {
        Self { terminal, told: None }
    }

    /// Tells what is wrong, and how long it is waited for at most.
    pub fn tell(&mut self, findings: &[Finding], left: Duration, log: &mut dyn Write) -> io::Result<()> {
        let problems: Vec<&Finding> = findings.iter().filter(|finding| finding.severity > Severity::Note).collect();
        let Some(worst) = problems.first() else { return Ok(()) };
        let more = if problems.len() > 1 { format!(" (and {} more)", problems.len() - 1) } else { String::new() };
        let what = format!("{}: {}{more}", worst.source, worst.code.as_str());
        let is_news = self.told.as_ref() != Some(&what);
        if self.terminal {
            let line: String = format!("waiting {} s for {what}", left.as_secs()).chars().take(LINE_CHARS_MAX).collect();
            write!(log, "{ANEW}{line}")?;
        } else if is_news {
            writeln!(log, "waiting for {what}")?;
        }
        self.told = Some(what);
        log.flush()
    }

    /// Leaves a terminal as it was.
    pub fn end(&self, log: &mut dyn Write) -> io::Result<()> {
        if self.terminal && self.told.is_some() {
            write!(log, "{ANEW}")?;
            log.flush()?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::Code;
    use super::*;

    fn told(terminal: bool, codes: &[Code]) -> String {
        let (mut waiting, mut log) = (Waiting::new(terminal), Vec::new());
        for code in codes {
            let finding = Finding::new(Severity::Error, *code, "django", "");
            waiting.tell(&[finding], Duration::from_secs(9), &mut log).unwrap();
        }
        waiting.end(&mut log).unwrap();
        String::from_utf8(log).unwrap()
    }

    #[test]
    fn a_line_for_each_change_or_one_that_is_written_over() {
        let codes = [Code::NothingListens, Code::NothingListens, Code::TooFew];
        assert_eq!(told(false, &codes), "waiting for django: nothing_listens\nwaiting for django: too_few\n");
        let line = |code: &str| format!("\r\x1b[Kwaiting 9 s for django: {code}");
        let lines = [line("nothing_listens"), line("nothing_listens"), line("too_few"), ANEW.to_string()];
        assert_eq!(told(true, &codes), lines.concat());
        assert_eq!(told(true, &[]), "");
    }
}
