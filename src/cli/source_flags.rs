//! The flags that say what to scrape: one for every kind of source, made from the list of kinds.

use super::args::SOURCES;
use crate::source::{KINDS, Kind};
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::collections::BTreeMap;

/// Names under which other exporters know a flag.
const ALIASES: &[(&str, &str)] = &[("uwsgi", "stats.uri"), ("nginx", "nginx.scrape-uri")];
/// What a flag takes, where that isn't a URL with or without a name.
const VALUE_NAMES: &[(&str, &str)] =
    &[("workers", "[NAME=]HOST:PORT[-PORT]"), ("exporter", "NAME=URL"), ("multiproc", "[NAME=]DIR")];
/// What the others take.
const VALUE_NAME: &str = "[NAME=]URL";

/// The values of the source flags, by kind, in the order given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceFlags(BTreeMap<&'static str, Vec<String>>);

impl SourceFlags {
    /// What was given for this kind.
    pub fn of(&self, kind: &Kind) -> &[String] {
        self.0.get(kind.name).map_or(&[], Vec::as_slice)
    }
}

/// The flag of a kind, without its dashes.
pub(super) fn flag_of(kind: &Kind) -> String {
    kind.name.replace('_', "-")
}

fn arg(kind: &'static Kind) -> Arg {
    let of_kind = |table: &[(&str, &'static str)]| table.iter().find(|(name, _)| *name == kind.name).map(|(_, word)| *word);
    let arg = Arg::new(kind.name)
        .long(flag_of(kind))
        .value_name(of_kind(VALUE_NAMES).unwrap_or(VALUE_NAME))
        .action(ArgAction::Append)
        .global(true)
        .help(kind.about)
        .help_heading(SOURCES);
    match of_kind(ALIASES) {
        Some(alias) => arg.visible_alias(alias),
        None => arg,
    }
}

impl clap::Args for SourceFlags {
    fn augment_args(command: Command) -> Command {
        command.args(KINDS.iter().map(|kind| arg(kind)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for SourceFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for kind in KINDS {
            if let Some(values) = matches.get_many::<String>(kind.name) {
                self.0.insert(kind.name, values.cloned().collect());
            }
        }
        Ok(())
    }
}
