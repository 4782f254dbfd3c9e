//! `onescrape config …`: looking at the configuration.

use super::args::ConfigCommand;
use crate::config::{self, Choice, Config, ConfigErrors, SourceConfig};
use crate::merge::rules::BUILT_IN;
use std::io::{self, Write};

/// Exit status of a configuration that can't be used, as of a wrong flag.
pub const BAD_CONFIGURATION: u8 = 2;
/// Said in place of the schema.
const NO_SCHEMA: &str = "this onescrape was built without the schema; use one with the cargo feature tools";

/// Carries out the command over what [`load`](super::args::load) gave; mistakes go to `err`. Returns the exit status.
///
/// # Errors
/// Those of writing.
pub fn run(
    command: ConfigCommand,
    loaded: &Result<Config, ConfigErrors>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<u8> {
    let config = match loaded {
        Ok(config) => config,
        Err(errors) => {
            writeln!(err, "{errors}")?;
            return Ok(BAD_CONFIGURATION);
        }
    };
    match command {
        ConfigCommand::Check => check(config, out)?,
        ConfigCommand::Show => out.write_all(config.to_yaml().as_bytes())?,
        ConfigCommand::Schema => schema(out)?,
        ConfigCommand::Rules => rules(config, out)?,
    }
    Ok(0)
}

/// Prints the JSON Schema, which needs no configuration.
///
/// # Errors
/// Those of writing; there is no schema in a build without the cargo feature `tools`.
pub fn schema(out: &mut dyn Write) -> io::Result<()> {
    if !cfg!(feature = "tools") {
        return Err(io::Error::other(NO_SCHEMA));
    }
    writeln!(out, "{:#}", config::schema())
}

fn check(config: &Config, out: &mut dyn Write) -> io::Result<()> {
    let targets = config.sources.iter().map(|source| source.targets.len()).sum();
    writeln!(out, "configuration is fine: {}, {}", counted(config.sources.len(), "source"), counted(targets, "target"))
}

fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// The rules by source of workers, in the order in which they are tried.
fn rules(config: &Config, out: &mut dyn Write) -> io::Result<()> {
    let merged = || config.sources.iter().filter(|source| source.has_key("gauges"));
    if merged().next().is_none() {
        return writeln!(out, "no source of workers: nothing is merged");
    }
    for (i, source) in merged().enumerate() {
        if i > 0 {
            writeln!(out)?;
        }
        rules_of(source, out)?;
    }
    Ok(())
}

fn rules_of(source: &SourceConfig, out: &mut dyn Write) -> io::Result<()> {
    let configured = source.merge.gauges.iter().map(|rule| (rule.pattern.as_str(), rule.mode, "configured"));
    let built_in = BUILT_IN.iter().map(|rule| (rule.pattern, rule.mode, rule.why));
    let default = [("*", source.merge.gauge_default, "gauge_default")];
    let rows: Vec<_> = configured.chain(built_in).chain(default).collect();
    let width = rows.iter().map(|(pattern, ..)| pattern.chars().count()).max().unwrap_or_default();
    let mode_width = rows.iter().map(|(_, mode, _)| mode.word().len()).max().unwrap_or_default();
    writeln!(out, "# gauges of source {}: the first rule that matches decides", source.name)?;
    for (pattern, mode, why) in rows {
        writeln!(out, "{pattern:width$}  {:mode_width$}  {why}", mode.word())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Overrides, parse};

    fn ran(command: ConfigCommand, yaml: &str) -> (u8, String, String) {
        let loaded = parse("c.yml", yaml.as_bytes(), &Overrides::default(), &|_| None);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run(command, &loaded, &mut out, &mut err).unwrap();
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    const YAML: &str = "sources: [{name: w, kind: workers, targets: [\"h:1-3\"], gauge_default: max, \
                        gauges: [{match: \"*_queue\", mode: sum}]}]";

    #[test]
    fn check_counts_or_tells_every_mistake() {
        let fine = "configuration is fine: 1 source, 3 targets\n";
        assert_eq!(ran(ConfigCommand::Check, YAML), (0, fine.into(), String::new()));
        let (code, out, err) = ran(ConfigCommand::Check, "a: 1\nb: 2\n");
        assert_eq!((code, out.as_str(), err.lines().count()), (BAD_CONFIGURATION, "", 2), "{err}");
    }

    #[test]
    fn rules_are_in_order() {
        let (_, out, _) = ran(ConfigCommand::Rules, YAML);
        let lines: Vec<_> = out.lines().collect();
        assert_eq!(lines.len(), BUILT_IN.len() + 3);
        assert!(lines[1].starts_with("*_queue ") && lines[1].ends_with("  sum   configured"), "{out}");
        assert!(lines.last().unwrap().starts_with("* ") && lines.last().unwrap().contains("max"), "{out}");
    }
}
