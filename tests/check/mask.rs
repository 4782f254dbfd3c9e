//! What differs from run to run, made the same: ports, times, numbers of samples, directories.

use std::path::Path;

/// Digits of the ports that tests are given.
const PORT_DIGITS: usize = 5;

/// The text with all that masked. In the table, columns are kept apart by two blanks: its widths depend on what was masked.
pub fn masked(text: &str, dir: &Path) -> String {
    let text = text.replace(&dir.display().to_string(), "DIR");
    let mut in_table = true;
    let mut lines = Vec::new();
    for line in text.lines() {
        in_table &= !line.is_empty();
        let line = numbers(line);
        lines.push(if in_table { cells(&line) } else { line });
    }
    lines.join("\n") + "\n"
}

/// Cells of a row, two blanks apart; those of digits alone are numbers of samples.
fn cells(row: &str) -> String {
    let cells = row.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
    let cells = cells.map(|cell| if cell.bytes().all(|b| b.is_ascii_digit()) { "N" } else { cell });
    let indent = if row.starts_with(' ') { "  " } else { "" };
    indent.to_string() + &cells.collect::<Vec<_>>().join("  ")
}

fn numbers(line: &str) -> String {
    let mut masked = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        let end = from.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(from.len());
        let (number, after) = from.split_at(end);
        masked.push_str(before);
        let is_time = number.matches('.').count() == 1 && !number.ends_with('.');
        masked.push_str(match number.trim_end_matches('.').len() {
            _ if is_time => "T",
            PORT_DIGITS => "PORT",
            _ => number,
        });
        rest = after;
    }
    masked + rest
}
