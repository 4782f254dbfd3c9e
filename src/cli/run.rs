//! Every command, from what was typed to its exit code.

use super::args::{Args, Command, ConfigCommand, load, load_maybe_empty};
#[cfg(feature = "demo")]
use super::demo;
#[cfg(feature = "manual")]
use super::manual;
#[cfg(feature = "tools")]
use super::tools;
use super::{config as show, healthcheck, logging, scrape, serve};
use crate::config::{Config, ConfigErrors, process_env};
use crate::reload::Supply;
use std::error::Error;
use std::future::Future;
use std::io;
use std::process::ExitCode;
#[cfg(feature = "demo")]
use tokio::net::TcpListener;

/// Something asked for is wrong, down or could not be done.
pub(super) const FAILED: u8 = 1;

/// Why a command came to nothing.
pub(super) struct Failure {
    message: String,
    code: u8,
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { message: error.to_string(), code: FAILED }
    }
}

/// Runs what was typed; what goes wrong is said on stderr. Exit code 0: done; 1: it failed, or something is down; 2: a wrong
/// configuration.
#[allow(clippy::print_stderr)] // where errors of a command belong
pub fn run(args: &Args) -> ExitCode {
    let code = carry_out(args).unwrap_or_else(|failure| {
        eprintln!("onescrape: {}", failure.message);
        failure.code
    });
    code.into()
}

fn carry_out(args: &Args) -> Result<u8, Failure> {
    let (mut out, mut err) = (io::stdout(), io::stderr());
    match args.what() {
        Command::Serve => {
            let supply = supply(args.clone());
            let config = accepted(supply.load())?;
            block_on(serve::serve(config, supply)).map(|()| 0)
        }
        Command::Scrape => block_on(scrape::scrape(&accepted(load(args, &process_env))?, &mut out, &mut err)),
        #[cfg(feature = "tools")]
        Command::Tool(tool) => tools::run(tool, args),
        Command::Config { command: ConfigCommand::Schema } => Ok(show::schema(&mut out).map(|()| 0)?),
        Command::Config { command } => Ok(show::run(command, &load(args, &process_env), &mut out, &mut err)?),
        #[cfg(feature = "demo")]
        Command::Demo => block_on(demo_proxy()).map(|()| 0),
        // An image's health check doesn't know the flags of its container, so it must do without sources.
        Command::Healthcheck => block_on(healthcheck::healthcheck(&accepted(load_maybe_empty(args, &process_env))?)).map(|()| 0),
        #[cfg(feature = "manual")]
        Command::Completions { shell } => Ok(manual::completions(shell, &mut out).map(|()| 0)?),
        #[cfg(feature = "manual")]
        Command::Man => Ok(manual::page(&mut out).map(|()| 0)?),
    }
}

/// Where the configuration comes from, now and later.
fn supply(args: Args) -> Supply {
    let file = args.config_file(&process_env);
    Supply::new(move || load(&args, &process_env), file)
}

/// The configuration; from here on, what happens is logged as it says.
pub(super) fn accepted(loaded: Result<Config, ConfigErrors>) -> Result<Config, Failure> {
    let config = loaded.map_err(|mistakes| Failure { message: mistakes.to_string(), code: show::BAD_CONFIGURATION })?;
    logging::init(config.log)?;
    Ok(config)
}

/// Runs on one thread: the program waits far more than it computes, and every thread would cost memory.
pub(super) fn block_on<T, E: Error>(command: impl Future<Output = Result<T, E>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(command);
    // Work on other threads that nobody waits for any more, like the look-up of a name, must not keep the program from ending.
    runtime.shutdown_background();
    Ok(result?)
}

/// The proxy over the built-in stack, configured as its users would: by flags.
#[cfg(feature = "demo")]
async fn demo_proxy() -> io::Result<()> {
    let serve_stack = async |stack: &demo::Demo, listener: TcpListener| {
        let expect = stack.expect.to_string();
        let typed = ["onescrape", "--log.level", "warn", "--expect", &expect, "--workers", &stack.workers];
        let typed = typed.into_iter().chain(["--uwsgi", &stack.uwsgi, "--nginx", &stack.nginx]);
        let args = Args::read(typed).map_err(io::Error::other)?;
        let supply = Supply::new(move || load(&args, &|_| None), None);
        let config = supply.load().map_err(io::Error::other)?;
        logging::init(config.log).map_err(io::Error::other)?;
        serve::serve_on(vec![listener.into()], &config, supply).await.map_err(io::Error::other)
    };
    demo::demo("/metrics", &mut io::stdout(), serve_stack).await
}
