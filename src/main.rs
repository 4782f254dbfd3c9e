//! The story of a run: what was typed → configuration → logging → runtime → the command → exit code.

use onescrape::cli::args::Args;
use onescrape::cli::run;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = Args::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    run::run(&args)
}
