//! What is shown to be typed: commands of onescrape are read by onescrape itself, targets of make exist, and anything else says why it
//! is not tried.

use crate::page::{Block, readme_and_book};
use crate::support::repository;
use crate::{onescrape, page::Page};
use std::fs;

/// Begins the note of a block that is not tried, before the reason.
pub const NOT_RUN: &str = "not run: ";
/// Commands whose flags are a configuration: that is loaded, too.
const CONFIGURED: [&str; 5] = ["serve", "scrape", "check", "healthcheck", "config"];
/// Flags of `check` itself, which `config check` doesn't have.
const OWN_FLAGS: [&str; 2] = ["--json", "--quiet"];
/// Stands for a file that the reader has.
const EXAMPLE: &str = "config/onescrape.yml";

/// The commands of a block: where some lines begin with `$`, those; continued lines in one.
fn commands(block: &Block) -> Vec<String> {
    let joined = block.text.replace("\\\n", " ");
    let prompted = joined.lines().any(|line| line.starts_with("$ "));
    let lines = joined.lines().filter_map(|line| if prompted { line.strip_prefix("$ ") } else { Some(line) });
    let lines = lines.map(|line| line.split(" #").next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(Into::into).collect()
}

/// Words of a command up to a pipe, a redirection or what is optional (`[--json]`, in a synopsis), quotes around them removed, without the
/// variables set before it.
fn words(command: &str) -> Vec<String> {
    let words = command.split_whitespace().take_while(|word| !["|", ">", "&&", "&"].contains(word) && !word.starts_with('['));
    let words = words.map(|word| word.trim_matches(['\'', '"']).to_string());
    words
        .skip_while(|word| word.split_once('=').is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_')))
        .collect()
}

/// Whether onescrape takes these words as a command, and as a configuration where they are one.
pub fn taken(place: &str, words: &[String]) {
    let with = |more: &str| words.iter().cloned().chain([more.to_string()]).collect::<Vec<_>>();
    let help = onescrape(&with("--help"));
    assert!(help.status.success(), "{place}: {words:?}: {}", String::from_utf8_lossy(&help.stderr));
    let (command, flags): (Vec<_>, Vec<_>) = match words.iter().position(|word| word.starts_with("--")) {
        Some(first) => (words[..first].to_vec(), words[first..].to_vec()),
        None => (words.to_vec(), Vec::new()),
    };
    let configured = command.first().is_none_or(|command| CONFIGURED.contains(&command.as_str()));
    // Without flags there is nothing to load: whoever types it stands in an environment that says more.
    if configured && !flags.is_empty() {
        loaded(place, &flags);
    }
}

/// Whether these flags make a configuration.
pub fn loaded(place: &str, flags: &[String]) {
    let mut all = vec!["config".to_string(), "check".into()];
    let mut flags = flags.iter().filter(|flag| !OWN_FLAGS.contains(&flag.as_str()));
    while let Some(flag) = flags.next() {
        match flag.strip_prefix("--config.file") {
            Some(value) => {
                if value.is_empty() {
                    flags.next();
                }
                all.push(format!("--config.file={}", repository().join(EXAMPLE).display()));
            }
            None if flag == "--wait" => drop(flags.next()),
            None => all.push(flag.clone()),
        }
    }
    let checked = onescrape(&all);
    assert!(checked.status.success(), "{place}: {all:?}: {}", String::from_utf8_lossy(&checked.stderr));
}

fn try_command(place: &str, command: &str, makefile: &str) {
    let words = words(command);
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["onescrape", ..] => taken(place, &words[1..]),
        ["cargo", "run", "--", ..] => taken(place, &words[3..]),
        ["make", target] => assert!(makefile.lines().any(|line| line.starts_with(&format!("{target}:"))), "{place}: {command}"),
        _ => panic!("{place}: {command:?} is tried by nothing; write <!-- {NOT_RUN}REASON --> before the block"),
    }
}

fn is_shell(block: &Block) -> bool {
    ["", "sh"].contains(&block.language.as_str())
}

#[test]
fn commands_are_taken() {
    let makefile = fs::read_to_string(repository().join("Makefile")).unwrap();
    let mut tried = 0;
    for page in readme_and_book() {
        for block in page.blocks.iter().filter(|block| is_shell(block)) {
            if block.note.as_ref().is_some_and(|note| note.starts_with(NOT_RUN)) {
                continue;
            }
            for command in commands(block) {
                try_command(&block.place, &command, &makefile);
                tried += 1;
            }
        }
    }
    assert!(tried >= 10, "{tried}");
}

/// In running text the names of values may stand for values (`DIR`), so only the command and its flags are looked at.
#[test]
fn commands_in_running_text_exist() {
    let mut tried = 0;
    for page in readme_and_book() {
        let Page { path, .. } = &page;
        for span in page.spans().filter_map(|span| span.strip_prefix("onescrape ")) {
            for variant in alternatives(span) {
                taken_by_name(&path.display().to_string(), &variant);
                tried += 1;
            }
        }
    }
    assert!(tried >= 10, "{tried}");
}

fn taken_by_name(place: &str, text: &str) {
    let mut words = words(text);
    words.retain(|word| !word.contains('…'));
    words.push("--help".into());
    let help = onescrape(&words);
    assert!(help.status.success(), "{place}: onescrape {text}: {}", String::from_utf8_lossy(&help.stderr));
}

/// `config check|show` is two commands.
fn alternatives(text: &str) -> Vec<String> {
    match text.split_once(' ').filter(|(_, rest)| rest.contains('|') && !rest.contains(' ')) {
        Some((command, rest)) => rest.split('|').map(|word| format!("{command} {word}")).collect(),
        None => vec![text.into()],
    }
}
