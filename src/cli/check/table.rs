//! The text for people.

use super::finding::{Finding, Severity};
use super::observe::{Observation, Observed};
use super::read::{DirectoryFacts, Facts};
use crate::round::TargetState;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Text is wrapped so that no line is longer than this, if its words allow.
const WIDTH: usize = 110;
/// Longest note beside a target, in characters: the findings say it whole.
const NOTE_CHARS_MAX: usize = 48;
/// Blanks between two columns.
const GAP: usize = 2;
const HEADER: [&str; 8] = ["SOURCE", "KIND", "TARGET", "STATE", "TIME", "SAMPLES", "FORMAT", ""];
/// Columns whose content stands at their right edge.
const RIGHT: [usize; 2] = [4, 5];
const STATE_COLUMN: usize = 3;

/// Writes the table of targets, all findings, the gauge rules and a closing line.
pub(super) fn write(observations: &[Observation<'_>], findings: &[Finding], color: bool, out: &mut dyn Write) -> io::Result<()> {
    write_targets(observations, color, out)?;
    if !findings.is_empty() {
        writeln!(out)?;
        write_findings(findings, Severity::Note, color, out)?;
    }
    write_gauges(observations, out)?;
    let problems = findings.iter().filter(|finding| finding.severity > Severity::Note).count();
    writeln!(out)?;
    match problems {
        0 => writeln!(out, "{}", paint("All is well.", GREEN, color)),
        1 => writeln!(out, "{}", paint("1 problem.", RED, color)),
        n => writeln!(out, "{}", paint(&format!("{n} problems."), RED, color)),
    }
}

/// Writes the findings from this severity on.
pub(super) fn write_findings(findings: &[Finding], from: Severity, color: bool, out: &mut dyn Write) -> io::Result<()> {
    for finding in findings.iter().filter(|finding| finding.severity >= from) {
        let label = paint(&format!("{:<7}", finding.severity.as_str()), severity_color(finding.severity), color);
        let place = match finding.targets.as_slice() {
            [] => finding.source.clone(),
            [one] => format!("{} {one}", finding.source),
            [first, .., last] => format!("{} {first} … {last} ({} targets)", finding.source, finding.targets.len()),
        };
        let indent = " ".repeat(9);
        let lines = wrap(&format!("{place}: {}", finding.text), WIDTH - indent.len());
        for (i, line) in lines.iter().enumerate() {
            if i == 0 { writeln!(out, "{label}  {line}")? } else { writeln!(out, "{indent}{line}")? }
        }
        for (i, line) in wrap(finding.fix.as_deref().unwrap_or_default(), WIDTH - indent.len() - 3).iter().enumerate() {
            writeln!(out, "{indent}{} {line}", if i == 0 { "->" } else { "  " })?;
        }
        for paste in &finding.pastes {
            writeln!(out, "{indent}   {}", paint(&plain(&paste.place.in_words(&finding.source)), DIM, color))?;
            // Never wrapped: what is pasted must stay as it is.
            for line in paste.text.lines() {
                let line = format!("{indent}     {}", paint(&plain(line), BOLD, color && !line.is_empty()));
                writeln!(out, "{}", line.trim_end())?;
            }
        }
    }
    Ok(())
}

fn write_targets(observations: &[Observation<'_>], color: bool, out: &mut dyn Write) -> io::Result<()> {
    let mut rows: Vec<[String; HEADER.len()]> = vec![HEADER.map(String::from)];
    for observation in observations {
        for (i, observed) in observation.targets.iter().enumerate() {
            let mut row = target_row(observation, observed);
            if i == 0 {
                row[0].clone_from(&observation.source.name);
                row[1] = observation.source.kind.name.into();
            }
            rows.push(row);
        }
    }
    let widths: Vec<usize> = (0..HEADER.len()).map(|c| rows.iter().map(|row| row[c].chars().count()).max().unwrap_or(0)).collect();
    for row in &rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let blanks = " ".repeat(width - cell.chars().count());
            let painted = if column == STATE_COLUMN { paint(cell, state_color(cell), color) } else { cell.clone() };
            if RIGHT.contains(&column) {
                line.extend([blanks.as_str(), painted.as_str()])
            } else {
                line.extend([painted.as_str(), blanks.as_str()])
            }
            line.push_str(&" ".repeat(GAP));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// The cells of one target, without those of its source.
fn target_row(observation: &Observation<'_>, observed: &Observed<'_>) -> [String; HEADER.len()] {
    let state = observation.state(observed);
    let answer = observed.last().and_then(|read| read.answer.as_ref().ok());
    let samples = answer.map_or_else(|| "-".to_string(), |answer| answer.samples.to_string());
    let time = match (state, observed.last()) {
        (TargetState::Vacant, _) | (_, None) => "-".to_string(),
        (_, Some(read)) => format!("{:.1} ms", read.duration.as_secs_f64() * 1e3),
    };
    let note = match (state, observed.facts()) {
        (TargetState::Up, Some(Facts::Uwsgi(facts))) => format!("{} workers running", facts.running),
        (TargetState::Up, Some(Facts::Directory(facts))) => directory_note(facts),
        (TargetState::Stuck | TargetState::Down, _) => {
            observed.missed().map(|missed| shortened(&plain(&missed.to_string()))).unwrap_or_default()
        }
        _ => String::new(),
    };
    let format = answer.map_or_else(|| "-".to_string(), |answer| plain(&answer.format));
    [String::new(), String::new(), observed.target.id.clone(), state.as_str().into(), time, samples, format, note]
}

fn shortened(note: &str) -> String {
    if note.chars().count() <= NOTE_CHARS_MAX {
        return note.to_string();
    }
    let start: String = note.chars().take(NOTE_CHARS_MAX - 1).collect();
    format!("{}…", start.trim_end())
}

/// How many files there are, and of whom.
fn directory_note(facts: &DirectoryFacts) -> String {
    let DirectoryFacts { live, unknown, dead, bad, .. } = facts;
    let counts = [(*live, "of processes that run"), (*unknown, "of processes unseen"), (*dead, "of ended ones"), (*bad, "bad")];
    let told: Vec<String> = counts.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if told.is_empty() { "no files".into() } else { format!("files: {}", told.join(", ")) }
}

/// Which mode each gauge of the pools got.
fn write_gauges(observations: &[Observation<'_>], out: &mut dyn Write) -> io::Result<()> {
    for observation in observations {
        let mut by_mode: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (family, mode) in gauges(observation) {
            by_mode.entry(mode).or_default().push(family);
        }
        if by_mode.is_empty() {
            continue;
        }
        writeln!(out, "\nGauges of {}, by how they are merged (all: one series per worker):", observation.source.name)?;
        for (mode, families) in by_mode {
            for (i, line) in wrap(&families.join(", "), WIDTH - 14).iter().enumerate() {
                writeln!(out, "  {:<10}  {line}", if i == 0 { mode } else { "" })?;
            }
        }
    }
    Ok(())
}

/// Every gauge of a source's workers with its mode.
pub(super) fn gauges<'o>(observation: &'o Observation<'_>) -> BTreeMap<&'o str, &'static str> {
    observation.workers().flat_map(|(_, facts)| facts.gauges.iter().map(|(family, gauge)| (family.as_str(), gauge.mode))).collect()
}

/// Lines of at most `width` characters, broken at blanks; a longer word gets a line of its own.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in plain(text).split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => line.extend([" ", word]),
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

/// The text without control characters: parts of it come from targets, and a terminal would obey them.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const DIM: &str = "2";
const BOLD: &str = "1";

fn state_color(state: &str) -> &'static str {
    match state {
        "up" => GREEN,
        "vacant" => DIM,
        "stuck" | "down" => RED,
        _ => "0",
    }
}

fn severity_color(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => RED,
        Severity::Warning => YELLOW,
        Severity::Note => DIM,
    }
}

fn paint(text: &str, code: &str, color: bool) -> String {
    if color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
}
