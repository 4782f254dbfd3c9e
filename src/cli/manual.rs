//! What packages install beside the program, made from the flags themselves: completions for shells, and the manual page.

use super::args::{Args, env_name};
use clap::{Command, CommandFactory};
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::io::{self, Write};

/// The program's name, as it is completed.
const PROGRAM: &str = "onescrape";

/// Prints what a shell needs to complete commands and flags.
///
/// # Errors
/// Those of writing.
pub fn completions(shell: Shell, out: &mut dyn Write) -> io::Result<()> {
    // clap panics where it can't write, so it writes to memory.
    let mut script = Vec::new();
    generate(shell, &mut Args::command(), PROGRAM, &mut script);
    out.write_all(&script)
}

/// Prints the manual page, one for all commands.
///
/// # Errors
/// Those of writing.
pub fn page(out: &mut dyn Write) -> io::Result<()> {
    let mut command = Args::command();
    command.build();
    let commands = commands(&command);
    let man = Man::new(command);
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    commands.to_writer(out)?;
    man.render_options_section(out)?;
    environment().to_writer(out)?;
    man.render_extra_section(out)?;
    man.render_version_section(out)
}

/// The commands, each with its own flags: those that every command takes stand among the options.
fn commands(command: &Command) -> Roff {
    let mut roff = Roff::default();
    roff.control("SH", ["COMMANDS"]);
    push_commands(command, "", &mut roff);
    roff
}

fn push_commands(command: &Command, before: &str, roff: &mut Roff) {
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = format!("{before}{}", command.get_name());
        if command.has_subcommands() {
            push_commands(command, &format!("{name} "), roff);
            continue;
        }
        let about = |styled: Option<&clap::builder::StyledStr>| roman(styled.map(ToString::to_string).unwrap_or_default());
        roff.control("TP", []);
        roff.text([bold(name)]);
        roff.text([about(command.get_about())]);
        for arg in command.get_arguments().filter(|arg| !arg.is_global_set() && !arg.is_hide_set() && arg.get_id() != "help") {
            roff.control("RS", []);
            roff.control("TP", []);
            roff.text([bold(arg.to_string())]);
            roff.text([about(arg.get_help())]);
            roff.control("RE", []);
        }
    }
}

fn environment() -> Roff {
    let mut roff = Roff::default();
    roff.control("SH", ["ENVIRONMENT"]);
    let command = Args::command();
    for flag in command.get_arguments().filter(|arg| arg.is_global_set()).filter_map(clap::Arg::get_long) {
        roff.control("TP", []);
        roff.text([bold(env_name(flag))]);
        roff.text([roman(format!("stands for --{flag}"))]);
    }
    roff
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    fn text(print: impl Fn(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        print(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_shell_is_told_every_command() {
        for shell in Shell::value_variants() {
            let script = text(|out| completions(*shell, out));
            for word in ["healthcheck", "web.listen-address", "nginx-vts", "schema"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }

    #[test]
    fn the_page_has_every_command_and_flag() {
        let page = text(page);
        for word in ["config schema", "multiproc compact", "\\-\\-json", "\\-\\-state.file", "ONESCRAPE_NGINX_VTS", "SH OPTIONS"] {
            assert!(page.contains(word), "{word}: {page}");
        }
        assert!(!page.contains("onescrape\\-check"), "there is one page: {page}");
    }

    /// A reader that has gone is told, not panicked about.
    #[test]
    fn a_full_disk_is_an_error() {
        let mut full: &mut [u8] = &mut [0; 10];
        assert!(completions(Shell::Bash, &mut full).is_err());
    }
}
