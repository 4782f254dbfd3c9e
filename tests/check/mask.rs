//! What differs from run to run, made the same: ports, times, numbers of samples, directories.

use std::path::Path;

/// Digits of the ports that tests are given.
const PORT_DIGITS: usize = 5;
/// Digits from which on a number is a time since 1970, or between one long ago and now.
const SECONDS_DIGITS: usize = 9;

/// The text with all that masked. In the table, columns are kept apart by two blanks: its widths depend on what was masked.
/// Where `chance` is given, the list of numbers after it is masked as well, and the lines it is in are joined.
pub fn masked(text: &str, dir: &Path, chance: &str) -> String {
    let text = without_chance(&text.replace(&dir.display().to_string(), "DIR"), chance);
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
        let is_time = number.contains('.') && [" s", " ms"].iter().any(|unit| after.starts_with(unit));
        masked.push_str(match number.len() {
            _ if is_time => "T",
            PORT_DIGITS if !number.contains('.') => "PORT",
            SECONDS_DIGITS.. if !number.contains('.') => "SECONDS",
            _ => number,
        });
        rest = after;
    }
    masked + rest
}

fn without_chance(text: &str, chance: &str) -> String {
    let Some((before, rest)) = text.split_once(chance).filter(|_| !chance.is_empty()) else { return text.into() };
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c.is_whitespace() || c == ',')).unwrap_or(rest.len());
    let (sentence, after) = rest.split_at(end).1.split_once("->").unwrap_or((&rest[end..], ""));
    let words: Vec<_> = sentence.split_whitespace().collect();
    format!("{before}{chance}NUMBERS {}\n         ->{after}", words.join(" "))
}
