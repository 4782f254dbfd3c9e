//! Flags, commands and their environment variables. What values mean is for the configuration to say: here they stay text, so that
//! a mistake in one is told together with all others.

use super::left_out;
use super::source_flags::SourceFlags;
#[cfg(feature = "tools")]
use super::tools::Tool;
use crate::config::{self, Config, ConfigErrors, Env, Given, Origin, Overrides};
use crate::source::KINDS;
use clap::{Args as ClapArgs, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

/// Begins the name of every environment variable that stands for a flag.
const ENV_PREFIX: &str = "ONESCRAPE_";
/// Heading of what says what to scrape.
pub(super) const SOURCES: &str = "Sources (repeatable; the same NAME joins into one source)";
/// Heading of the other settings.
const SETTINGS: &str = "Settings";

/// Said below the flags.
const AFTER_HELP: &str = "\
Examples:
  onescrape --workers 127.0.0.1:5001-5008 --uwsgi tcp://127.0.0.1:1717
  onescrape check --workers web=10.0.0.5:5001-5008 --nginx http://10.0.0.5/nginx/status
  onescrape --config.file /etc/onescrape.yml --log.level debug

Every flag is an environment variable too: --web.listen-address is ONESCRAPE_WEB_LISTEN_ADDRESS.
Lists in variables are separated by commas or blanks. A flag goes before its variable, a variable
before the file; sources are added to those of the file. Without any source, METRICS_START_PORT
and WEB_CONCURRENCY tell the ports of Django's workers.";

/// The command line.
#[derive(Debug, Clone, Default, Parser)]
#[command(
    name = "onescrape",
    version,
    about = "One honest /metrics from every worker, uWSGI and nginx of a Django pod",
    after_help = AFTER_HELP,
    disable_help_subcommand = true,
    max_term_width = 110
)]
pub struct Args {
    /// What to do; `serve` where nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Everything else.
    #[command(flatten)]
    pub settings: Settings,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Run the proxy (default)
    Serve,
    /// Scrape every source once, print the merged exposition, exit
    Scrape,
    /// What people ask for at a terminal.
    #[cfg(feature = "tools")]
    #[command(flatten)]
    Tool(Tool),
    /// Look at the configuration
    Config {
        /// How to look at it.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Run the proxy over a built-in stack: recycled workers, uWSGI and nginx, all simulated
    #[cfg(feature = "demo")]
    Demo,
    /// Ask the running proxy whether it is healthy: for images without a shell
    Healthcheck,
    /// Print completions of commands and flags for a shell
    #[cfg(feature = "manual")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, to be read with `man -l -`
    #[cfg(feature = "manual")]
    Man,
}

/// How to look at the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Say whether it is fine, or every mistake in it
    Check,
    /// Print the configuration in force as YAML: defaults included, secrets masked
    Show,
    /// Print the JSON Schema of the configuration file, for editors and pipelines
    Schema,
    /// Print which gauges are merged how, and why
    Rules,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Settings {
    #[command(flatten)]
    sources: SourceFlags,
    /// How many workers should be up, where there is one source of workers
    #[arg(long, global = true, value_name = "N", help_heading = SETTINGS)]
    expect: Option<String>,
    /// Configuration file (YAML)
    #[arg(long = "config.file", global = true, value_name = "FILE", help_heading = SETTINGS)]
    config_file: Option<String>,
    /// Where to listen, unix:///path too; repeatable [default: 0.0.0.0:11011]
    #[arg(long = "web.listen-address", global = true, value_name = "ADDRESS", help_heading = SETTINGS)]
    listen_addresses: Vec<String>,
    /// File for TLS and basic auth, as Prometheus' exporters have it
    #[arg(long = "web.config.file", global = true, value_name = "FILE", help_heading = SETTINGS)]
    web_config_file: Option<String>,
    /// Path of the merged exposition [default: /metrics]
    #[arg(long = "web.telemetry-path", global = true, value_name = "PATH", help_heading = SETTINGS)]
    telemetry_path: Option<String>,
    /// Obey POST /-/reload and /-/quit
    #[arg(long = "web.enable-lifecycle", global = true, help_heading = SETTINGS)]
    enable_lifecycle: bool,
    /// Longest time one scrape of everything takes [default: 5s]
    #[arg(long = "scrape.timeout", global = true, value_name = "DURATION", help_heading = SETTINGS)]
    scrape_timeout: Option<String>,
    /// Keeps counters over a restart of the proxy [default: none]
    #[arg(long = "state.file", global = true, value_name = "FILE", help_heading = SETTINGS)]
    state_file: Option<String>,
    /// error, warn, info, debug or trace [default: info]
    #[arg(long = "log.level", global = true, value_name = "LEVEL", help_heading = SETTINGS)]
    log_level: Option<String>,
    /// logfmt or json [default: logfmt]
    #[arg(long = "log.format", global = true, value_name = "FORMAT", help_heading = SETTINGS)]
    log_format: Option<String>,
}

impl Args {
    /// Reads a command line, the program's name first.
    ///
    /// # Errors
    /// A wrong command line, or one that asks for help or the version: to be printed with [`clap::Error::exit`], which knows the
    /// stream and the status (2 for mistakes).
    pub fn read<T: Into<OsString> + Clone>(arguments: impl IntoIterator<Item = T>) -> Result<Self, clap::Error> {
        Self::try_parse_from(arguments).map_err(left_out::say)
    }

    /// What to do.
    pub fn what(&self) -> Command {
        self.command.clone().unwrap_or(Command::Serve)
    }

    /// The file to read, if one is given. Asked again on every load, so that nothing of the environment is remembered.
    pub fn config_file(&self, env: &Env<'_>) -> Option<PathBuf> {
        one("config.file", self.settings.config_file.as_ref(), env).map(|given| PathBuf::from(given.text))
    }

    /// What flags and environment say.
    pub fn overrides(&self, env: &Env<'_>) -> Overrides {
        let s = &self.settings;
        let sources = KINDS
            .iter()
            .flat_map(|kind| {
                let flag = super::source_flags::flag_of(kind);
                many(&flag, s.sources.of(kind), env).into_iter().map(move |given| (*kind, given))
            })
            .collect();
        Overrides {
            sources,
            expect: one("expect", s.expect.as_ref(), env),
            listen_addresses: many("web.listen-address", &s.listen_addresses, env),
            web_config_file: one("web.config.file", s.web_config_file.as_ref(), env),
            telemetry_path: one("web.telemetry-path", s.telemetry_path.as_ref(), env),
            enable_lifecycle: one("web.enable-lifecycle", s.enable_lifecycle.then(|| "true".to_string()).as_ref(), env),
            scrape_timeout: one("scrape.timeout", s.scrape_timeout.as_ref(), env),
            state_file: one("state.file", s.state_file.as_ref(), env),
            log_level: one("log.level", s.log_level.as_ref(), env),
            log_format: one("log.format", s.log_format.as_ref(), env),
        }
    }
}

/// The configuration that file, flags and environment add up to. The file is read anew at each call.
///
/// # Errors
/// Every mistake in them, or that there is nothing to scrape.
pub fn load(args: &Args, env: &Env<'_>) -> Result<Config, ConfigErrors> {
    config::load(args.config_file(env).as_deref(), &args.overrides(env), env)
}

/// The same for a command that scrapes nothing: that there is no source is no mistake.
///
/// # Errors
/// Every mistake in file, flags and environment.
pub fn load_maybe_empty(args: &Args, env: &Env<'_>) -> Result<Config, ConfigErrors> {
    config::load_maybe_empty(args.config_file(env).as_deref(), &args.overrides(env), env)
}

/// The environment variable that stands for a flag, given without its dashes.
pub fn env_name(flag: &str) -> String {
    format!("{ENV_PREFIX}{}", flag.to_uppercase().replace(['.', '-'], "_"))
}

/// A variable that is set to nothing is not set.
fn variable(flag: &str, env: &Env<'_>) -> Option<(String, String)> {
    let name = env_name(flag);
    env(&name).filter(|value| !value.trim().is_empty()).map(|value| (name, value))
}

pub(super) fn one(flag: &str, value: Option<&String>, env: &Env<'_>) -> Option<Given> {
    match value {
        Some(text) => Some(from_flag(flag, text)),
        None => variable(flag, env).map(|(name, value)| from_env(&name, value.trim())),
    }
}

fn many(flag: &str, values: &[String], env: &Env<'_>) -> Vec<Given> {
    if !values.is_empty() {
        return values.iter().map(|text| from_flag(flag, text)).collect();
    }
    let Some((name, value)) = variable(flag, env) else { return Vec::new() };
    let parts = value.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty());
    parts.map(|part| from_env(&name, part)).collect()
}

fn from_flag(flag: &str, text: &str) -> Given {
    Given { text: text.to_string(), key: String::new(), origin: Origin::Flag(format!("--{flag}")) }
}

fn from_env(name: &str, text: &str) -> Given {
    Given { text: text.to_string(), key: String::new(), origin: Origin::Env(name.to_string()) }
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
