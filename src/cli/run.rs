//! Every command, from what was typed to its exit code.

use super::args::{Args, CheckArgs, Command, load};
use super::{check, config as show, demo, healthcheck, logging, scrape, serve};
use crate::config::{self, Config};
use std::future::Future;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

/// Something asked for is wrong, down or could not be done.
const FAILED: u8 = 1;

/// Runs what was typed; what goes wrong is said on stderr. Exit code 0: done; 1: it failed, or something is down; 2: a wrong
/// configuration.
pub fn run(args: &Args) -> ExitCode {
    if args.what() == Command::Demo {
        return block_on(async { demo_proxy().await.map(|()| 0) });
    }
    let loaded = load(args, &config::process_env);
    let (mut out, mut err) = (io::stdout(), io::stderr());
    if let Command::Config { command } = args.what() {
        return match show::run(command, &loaded, &mut out, &mut err) {
            Ok(code) => code.into(),
            Err(error) => failed(&error),
        };
    }
    let config = match loaded {
        Ok(config) => config,
        Err(errors) => {
            complain(&errors);
            return show::BAD_CONFIGURATION.into();
        }
    };
    if let Err(error) = logging::init(config.log) {
        return failed(&error);
    }
    match args.what() {
        Command::Serve => block_on(async { serve::serve(config).await.map(|()| 0) }),
        Command::Scrape => block_on(async { scrape::scrape(&config, &mut out, &mut err).await }),
        Command::Check(options) => block_on(check_all(&config, &options)),
        Command::Healthcheck => block_on(async { healthcheck::healthcheck(&config).await.map(|()| 0) }),
        Command::Demo | Command::Config { .. } => ExitCode::SUCCESS, // done above: they need no configuration of their own
    }
}

/// Runs on one thread: the program waits far more than it computes, and every thread would cost memory.
fn block_on<E: std::fmt::Display>(command: impl Future<Output = Result<u8, E>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    match runtime.block_on(command) {
        Ok(code) => code.into(),
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn std::fmt::Display) -> ExitCode {
    complain(error);
    FAILED.into()
}

#[allow(clippy::print_stderr)] // where errors of a command belong
fn complain(what: &dyn std::fmt::Display) {
    eprintln!("onescrape: {what}");
}

async fn check_all(config: &Config, options: &CheckArgs) -> io::Result<u8> {
    let options = check::Options {
        json: options.json,
        quiet: options.quiet,
        color: io::stdout().is_terminal(),
        wait: options.wait,
        ..check::Options::default()
    };
    let well = check::check(config, &options, &mut io::stdout()).await?;
    Ok(if well { 0 } else { FAILED })
}

/// The proxy over the built-in stack, configured as its users would: by flags.
async fn demo_proxy() -> io::Result<()> {
    let serve_stack = async |stack: &demo::Demo, listener| {
        let expect = stack.expect.to_string();
        let typed = ["onescrape", "--log.level", "warn", "--expect", &expect, "--workers", &stack.workers];
        let typed = typed.into_iter().chain(["--uwsgi", &stack.uwsgi, "--nginx", &stack.nginx]);
        let args = Args::read(typed).map_err(io::Error::other)?;
        let config = load(&args, &|_| None).map_err(io::Error::other)?;
        logging::init(config.log).map_err(io::Error::other)?;
        serve::serve_on(vec![listener], &config).await.map_err(io::Error::other)
    };
    demo::demo("/metrics", &mut io::stdout(), serve_stack).await
}
