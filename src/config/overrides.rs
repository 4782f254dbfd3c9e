//! Settings given as flags and environment variables: the same things a file says, on top of it.

use super::draft::{Draft, SourceDraft};
use super::problem::{Given, Problems};
use super::source_keys::{expect, timeout};
use super::state::state_file;
use super::value::{choice, source_name};
use super::web::telemetry_path;
use crate::source::Kind;

/// Kinds whose name must be given on the command line: what they read could be anything.
const NAMED_KINDS: &[&str] = &["exporter"];
/// Characters that end a NAME: what stands before a `=` with one of these in it is part of an address.
const NOT_IN_FLAG_NAMES: &[char] = &['/', ':', '?', '[', '%', '&'];

/// What flags and environment say, as text. A flag's value is here in place of its variable's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// `[NAME=]ADDRESS` by kind.
    pub sources: Vec<(&'static Kind, Given)>,
    /// `--expect`.
    pub expect: Option<Given>,
    /// `--web.listen-address`.
    pub listen_addresses: Vec<Given>,
    /// `--web.config.file`.
    pub web_config_file: Option<Given>,
    /// `--web.telemetry-path`.
    pub telemetry_path: Option<Given>,
    /// `--web.enable-lifecycle`.
    pub enable_lifecycle: Option<Given>,
    /// `--scrape.timeout`.
    pub scrape_timeout: Option<Given>,
    /// `--state.file`.
    pub state_file: Option<Given>,
    /// `--log.level`.
    pub log_level: Option<Given>,
    /// `--log.format`.
    pub log_format: Option<Given>,
}

impl Overrides {
    /// Puts everything on top of what the file gave.
    pub(crate) fn apply(&self, draft: &mut Draft, problems: &mut Problems) {
        let mut touched = Vec::new();
        for (kind, given) in &self.sources {
            if let Some(at) = add_target(kind, given, draft, problems)
                && !touched.contains(&at)
            {
                touched.push(at);
            }
        }
        if let Some(given) = &self.expect {
            touched.retain(|at| draft.sources.get(*at).is_some_and(|s| s.config.kind.name == "workers"));
            self.apply_expect(given, &touched, draft, problems);
        }
        if !self.listen_addresses.is_empty() {
            draft.listen_addresses.clone_from(&self.listen_addresses);
        }
        if self.web_config_file.is_some() {
            draft.web_config_file.clone_from(&self.web_config_file);
        }
        set(&mut draft.telemetry_path, &self.telemetry_path, telemetry_path, problems);
        set(&mut draft.enable_lifecycle, &self.enable_lifecycle, choice, problems);
        set(&mut draft.scrape_timeout, &self.scrape_timeout, timeout, problems);
        set(&mut draft.state.file, &self.state_file, state_file, problems);
        set(&mut draft.log_level, &self.log_level, choice, problems);
        set(&mut draft.log_format, &self.log_format, choice, problems);
    }

    /// The number of workers belongs to the one source of workers that flags gave, or to the only one there is.
    fn apply_expect(&self, given: &Given, touched: &[usize], draft: &mut Draft, problems: &mut Problems) {
        let all = || (0..draft.sources.len()).filter(|i| draft.sources[*i].config.kind.name == "workers").collect();
        let candidates: Vec<usize> = if touched.is_empty() { all() } else { touched.to_vec() };
        let number = problems.keep(given.parse(expect));
        match candidates.as_slice() {
            [one] => {
                if let (Some(source), Some(number)) = (draft.sources.get_mut(*one), number) {
                    source.config.expect = Some(number);
                    source.expect = Some(given.clone());
                }
            }
            [] => problems.0.push(given.problem("there is no source of workers it could be for; give --workers too")),
            _ => problems.0.push(given.problem("it is for one source of workers, here are several; use `expect` in a file")),
        }
    }
}

fn set<T>(slot: &mut Option<T>, given: &Option<Given>, parse: impl FnOnce(&str) -> Result<T, String>, problems: &mut Problems) {
    if let Some(value) = given.as_ref().and_then(|given| problems.keep(given.parse(parse))) {
        *slot = Some(value);
    }
}

/// Adds `[NAME=]ADDRESS` to the source of this kind and name, a new one if there is none. Returns its index.
fn add_target(kind: &'static Kind, given: &Given, draft: &mut Draft, problems: &mut Problems) -> Option<usize> {
    let (name, address) = split_name(&given.text);
    if name.is_none() && NAMED_KINDS.contains(&kind.name) {
        problems.0.push(given.problem(format!("{:?} has no name; write NAME={}", given.text, given.text)));
        return None;
    }
    let name = problems.keep(source_name(name.unwrap_or(kind.name)).map_err(|e| given.problem(e)))?;
    let at = draft.sources.iter().position(|s| s.config.name == name && s.config.kind == kind).unwrap_or_else(|| {
        draft.sources.push(SourceDraft::new(Given { text: name, ..given.clone() }, kind));
        draft.sources.len() - 1
    });
    draft.sources.get_mut(at)?.targets.push(Given { text: address.to_string(), ..given.clone() });
    Some(at)
}

fn split_name(text: &str) -> (Option<&str>, &str) {
    match text.split_once('=') {
        Some((name, address)) if !name.contains(NOT_IN_FLAG_NAMES) => (Some(name), address),
        _ => (None, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_addresses() {
        assert_eq!(split_name("web=127.0.0.1:1"), (Some("web"), "127.0.0.1:1"));
        assert_eq!(split_name("127.0.0.1:1"), (None, "127.0.0.1:1"));
        assert_eq!(split_name("http://h/x?a=b"), (None, "http://h/x?a=b"));
        assert_eq!(split_name("x=http://h/x?a=b"), (Some("x"), "http://h/x?a=b"));
        assert_eq!(split_name("unix:///a=b"), (None, "unix:///a=b"));
        assert_eq!(split_name("=h:1"), (Some(""), "h:1"));
    }
}
