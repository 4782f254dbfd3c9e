//! Commands that a build does without: who types one is told so, and not that there is no such command.

use super::args::Args;
use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

/// Commands, the cargo features they come with, and whether this build has them.
const COMMANDS: &[(&str, &str, bool)] = &[
    ("check", "tools", cfg!(feature = "tools")),
    ("completions", "manual", cfg!(feature = "manual")),
    ("demo", "demo", cfg!(feature = "demo")),
    ("explain", "tools", cfg!(feature = "tools")),
    ("man", "manual", cfg!(feature = "manual")),
    ("multiproc", "tools", cfg!(feature = "tools")),
    ("top", "tools", cfg!(feature = "tools")),
];

/// Says of a command that isn't known where it is.
pub(super) fn say(error: Error) -> Error {
    let typed = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(typed)) => typed.as_str(),
        _ => return error,
    };
    match COMMANDS.iter().find(|(command, _, is_in)| *command == typed && !is_in) {
        Some((command, feature, _)) => {
            let why = format!("this onescrape was built without `{command}`; use one with the cargo feature {feature}");
            Args::command().error(ErrorKind::InvalidSubcommand, why)
        }
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_types_a_command_that_was_left_out_is_told() {
        for (command, feature, is_in) in COMMANDS {
            let told = Args::read(["onescrape", command]).err().map(|error| error.to_string()).unwrap_or_default();
            let wanted = format!("built without `{command}`; use one with the cargo feature {feature}");
            assert_eq!(told.contains(&wanted), !is_in, "{told}");
        }
        let told = Args::read(["onescrape", "chekc"]).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(told.contains("chekc") && !told.contains("built without"), "{told}");
    }
}
