//! The commands for people at a terminal, beside the proxy itself: what is typed and what is done.

use super::args::{Args, load, load_maybe_empty, one};
use super::run::{FAILED, Failure, accepted, block_on};
use super::{check, explain, multiproc, top};
use crate::config::{self, Config, Env, process_env};
use clap::{Args as ClapArgs, Subcommand};
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

/// What people ask for.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Tool {
    /// Read every source and say what is up, what is wrong and what to do
    Check(CheckArgs),
    /// Ask the running proxy what the values of a family are made of: by worker, with offsets and resets
    Explain {
        /// Its name, or a line of the exposition
        #[arg(value_name = "FAMILY")]
        family: String,
        /// How the proxy lets us in.
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Show how the targets of the running proxy stand, again and again; once, where the output is no terminal
    Top(ClientArgs),
    /// Work on directories of prometheus_client's multiprocess mode
    Multiproc {
        /// What to do with one.
        #[command(subcommand)]
        command: MultiprocCommand,
    },
}

/// What to do with a directory of multiprocess files.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum MultiprocCommand {
    /// Fold the files of processes that have ended into one per type; stop the application first
    Compact {
        /// What PROMETHEUS_MULTIPROC_DIR is set to
        #[arg(value_name = "DIR")]
        directory: PathBuf,
        /// Also while processes run; their files are left alone
        #[arg(long)]
        force: bool,
    },
}

/// Flags of `check`.
#[derive(Debug, Clone, Default, PartialEq, Eq, ClapArgs)]
pub struct CheckArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print only what is wrong
    #[arg(long)]
    pub quiet: bool,
    /// Try again until all is well, for at most this long
    #[arg(long, value_name = "DURATION", value_parser = wait)]
    pub wait: Option<Duration>,
}

/// Flags of commands that ask a running proxy for what is not open to all.
#[derive(Debug, Clone, Default, PartialEq, Eq, ClapArgs)]
pub struct ClientArgs {
    /// File with basic_auth or authorization, and tls_config: how the proxy lets us in, as promtool has it (variable:
    /// ONESCRAPE_HTTP_CONFIG_FILE)
    #[arg(long = "http.config.file", value_name = "FILE")]
    http_config_file: Option<String>,
}

impl ClientArgs {
    /// The file that says how the proxy lets us in, if one is given.
    pub fn file(&self, env: &Env<'_>) -> Option<PathBuf> {
        one("http.config.file", self.http_config_file.as_ref(), env).map(|given| PathBuf::from(given.text))
    }
}

/// Carries out what was typed.
pub(super) fn run(tool: Tool, args: &Args) -> Result<u8, Failure> {
    let mut out = io::stdout();
    match tool {
        Tool::Check(options) => block_on(check_all(&accepted(load(args, &process_env))?, &options)),
        Tool::Explain { family, client } => {
            let (config, client) = (accepted(load_maybe_empty(args, &process_env))?, client.file(&process_env));
            block_on(explain::explain(&config, client.as_deref(), &family, &mut out)).map(|()| 0)
        }
        Tool::Top(client) => {
            let (config, client) = (accepted(load_maybe_empty(args, &process_env))?, client.file(&process_env));
            block_on(top::top(&config, client.as_deref(), io::stdout().is_terminal(), &mut out)).map(|()| 0)
        }
        Tool::Multiproc { command: MultiprocCommand::Compact { directory, force } } => {
            multiproc::compact(&directory, force, &mut out)?;
            Ok(0)
        }
    }
}

async fn check_all(config: &Config, options: &CheckArgs) -> io::Result<u8> {
    let options = check::Options {
        json: options.json,
        quiet: options.quiet,
        color: io::stdout().is_terminal() && wants_colors(&process_env),
        wait: options.wait,
        terminal: io::stderr().is_terminal(),
        around: check::Surroundings::look(&process_env),
        ..check::Options::default()
    };
    let well = check::check(config, &options, &mut io::stdout(), &mut io::stderr()).await?;
    Ok(if well { 0 } else { FAILED })
}

/// Whether a terminal is to be given colours: not if it has none, nor where NO_COLOR is set to anything (<https://no-color.org>).
fn wants_colors(env: &Env<'_>) -> bool {
    env("NO_COLOR").is_none_or(|value| value.is_empty()) && env("TERM").is_none_or(|term| term != "dumb")
}

fn wait(text: &str) -> Result<Duration, String> {
    config::duration(text, &(config::TIMEOUT_MIN..=config::DURATION_MAX))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::cli::args::Command;

    fn typed(line: &str) -> Command {
        Args::read(format!("onescrape {line}").split_whitespace()).unwrap().what()
    }

    #[test]
    fn tools_are_commands_like_the_others() {
        let quiet = CheckArgs { quiet: true, ..CheckArgs::default() };
        assert_eq!(typed("--workers h:1 check --quiet"), Command::Tool(Tool::Check(quiet)));
        let command = MultiprocCommand::Compact { directory: "/run/m".into(), force: true };
        assert_eq!(typed("multiproc compact /run/m --force"), Command::Tool(Tool::Multiproc { command }));
        assert!(Args::read(["onescrape", "multiproc", "compact"]).is_err());
    }
}
