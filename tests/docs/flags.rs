//! docs/flags.md, made of the flags as clap knows them; and completions and the manual page, by the shell and `man` themselves.

use crate::support::repository;
use crate::{assert_generated, onescrape};
use clap::{Arg, Command, CommandFactory};
use onescrape::cli::args::{Args, env_name};
use std::fmt::Write;
use std::fs;

const PAGE: &str = "docs/flags.md";

const BEGINNING: &str = "\
# Commands and flags

This page is made from the program itself; `onescrape --help` says the same. A flag goes before its variable, a variable before the
[file](configuration.md); sources are added to those of the file. In variables, lists are separated by commas or blanks.

Completions and a manual page for packages:

```sh
onescrape completions bash > /usr/share/bash-completion/completions/onescrape
onescrape man > /usr/share/man/man1/onescrape.1
```
";

#[test]
fn the_reference_is_what_the_program_takes() {
    let mut page = BEGINNING.to_string();
    page.push_str("\n## Commands\n\n| command | its own flags | what it does |\n|---|---|---|\n");
    push_commands(&Args::command(), "", &mut page);
    let command = Args::command();
    let mut heading = "";
    for flag in command.get_arguments().filter(|arg| arg.is_global_set()) {
        let its = flag.get_help_heading().unwrap_or_default();
        if its != heading {
            heading = its;
            write!(page, "\n## {its}\n\nEvery command takes them.\n\n| flag | variable | what it is |\n|---|---|---|\n").unwrap();
        }
        let long = flag.get_long().unwrap();
        let aliases: String = flag.get_visible_aliases().unwrap_or_default().iter().map(|alias| format!(", `--{alias}`")).collect();
        let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
        writeln!(page, "| `{}`{aliases} | `{}` | {} |", typed(flag), env_name(long), cell(&help)).unwrap();
    }
    assert_generated(PAGE, &page);
}

fn push_commands(command: &Command, before: &str, page: &mut String) {
    for command in command.get_subcommands() {
        let name = format!("{before}{}", command.get_name());
        if command.has_subcommands() {
            push_commands(command, &format!("{name} "), page);
            continue;
        }
        let own = command.get_arguments().map(|arg| format!("`{}`: {}", typed(arg), arg.get_help().unwrap_or_default()));
        let own = own.collect::<Vec<_>>().join("; ");
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        writeln!(page, "| `{name}` | {} | {} |", cell(&own), cell(&about)).unwrap();
    }
}

/// The flag and the name of its value.
fn typed(arg: &Arg) -> String {
    let values = arg.get_value_names().filter(|_| arg.get_action().takes_values());
    let value = values.map(|names| names.iter().map(|name| format!(" {name}")).collect::<String>()).unwrap_or_default();
    match arg.get_long() {
        Some(long) => format!("--{long}{value}"),
        None => value.trim().to_string(),
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The README has a table of its own, in other words.
#[test]
fn the_readme_names_every_flag_and_its_variable() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    for flag in Args::command().get_arguments().filter(|arg| arg.is_global_set()) {
        let long = flag.get_long().unwrap();
        let row = readme.lines().find(|line| line.starts_with('|') && line.contains(&format!("`--{long}")));
        assert!(row.is_some_and(|row| row.contains(&env_name(long))), "--{long}: {row:?}");
    }
}

/// bash itself completes with the script.
#[test]
fn bash_completes() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("onescrape");
    fs::write(&script, onescrape(&["completions", "bash"]).stdout).unwrap();
    let ask = format!(
        "source {} && COMP_WORDS=(onescrape config sch) COMP_CWORD=2 && _onescrape onescrape sch config && echo \"${{COMPREPLY[@]}}\"",
        script.display()
    );
    let told = std::process::Command::new("bash").args(["--norc", "-c", &ask]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&told.stdout).trim(), "schema", "{}", String::from_utf8_lossy(&told.stderr));
}

#[test]
fn the_manual_page_is_roff() {
    let page = String::from_utf8(onescrape(&["man"]).stdout).unwrap();
    assert!(page.contains(".TH onescrape 1") && page.contains(".SH COMMANDS") && page.contains("config schema"), "{page}");
    // A line that begins with a dot is an order: text that happens to begin so must be escaped.
    let orders = page.lines().filter(|line| line.starts_with('.')).filter_map(|line| line.get(1..)?.split(' ').next());
    let known = ["TH", "SH", "TP", "RS", "RE", "PP", "br", "ie", "el", "ds", "nf", "fi"];
    let strange: Vec<_> = orders.filter(|order| !known.contains(order)).collect();
    assert!(strange.is_empty(), "{strange:?}");
}
