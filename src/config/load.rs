//! File, flags and environment → one [`Config`], or every mistake in them.

use super::django;
use super::draft::{Draft, SourceDraft};
use super::duration::show_duration;
use super::expand::Env;
use super::file::{read_bytes, read_file};
use super::memory;
use super::overrides::Overrides;
use super::problem::{ConfigErrors, Given, Origin, Problem, Problems};
use super::side_file::SideFileError;
use super::web::{DEFAULT_LISTEN, DEFAULT_TELEMETRY_PATH, comparable, is_own, listen_address};
use super::web_file::read_web_file;
use super::{Config, LogConfig, SourceConfig, WebConfig};
use crate::files::Reading;
use crate::source::KINDS;
use crate::target::{Address, Target};
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

/// Longest time one scrape of everything takes unless told otherwise.
const DEFAULT_SCRAPE_TIMEOUT: Duration = Duration::from_secs(5);

/// Said where there is nothing to scrape.
const NOTHING_TO_SCRAPE: &str = "nothing to scrape: no source is given. Any of these gives one:
  onescrape --workers 127.0.0.1:5001-5008 --uwsgi tcp://127.0.0.1:1717 --nginx http://127.0.0.1:8080/stub_status
  onescrape --config.file /etc/onescrape.yml      (with `sources:` in it)
  METRICS_START_PORT=5001 WEB_CONCURRENCY=4 onescrape      (or ONESCRAPE_WORKERS=127.0.0.1:5001-5008)
`onescrape demo` shows it at work without any of them.";

/// Reads the file, if there is one, puts the overrides on top and validates the whole.
///
/// # Errors
/// Every mistake found, each with its place.
pub fn load(file: Option<&Path>, overrides: &Overrides, env: &Env<'_>) -> Result<Config, ConfigErrors> {
    with_sources(load_maybe_empty(file, overrides, env)?, env)
}

/// The same for what scrapes nothing itself: that there is no source is no mistake.
///
/// # Errors
/// See [`load`].
pub fn load_maybe_empty(file: Option<&Path>, overrides: &Overrides, env: &Env<'_>) -> Result<Config, ConfigErrors> {
    let (mut draft, mut problems) = (Draft::default(), Problems::default());
    if let Some(path) = file {
        read_file(path, env, &mut draft, &mut problems);
    }
    finish(draft, overrides, env, problems)
}

/// The same with the file's bytes in memory; `name` stands for the file in messages.
///
/// # Errors
/// See [`load`].
pub fn parse(name: &str, bytes: &[u8], overrides: &Overrides, env: &Env<'_>) -> Result<Config, ConfigErrors> {
    let (mut draft, mut problems) = (Draft::default(), Problems::default());
    read_bytes(name, bytes, env, &mut draft, &mut problems);
    with_sources(finish(draft, overrides, env, problems)?, env)
}

fn with_sources(config: Config, env: &Env<'_>) -> Result<Config, ConfigErrors> {
    if config.sources.is_empty() { Err(ConfigErrors { problems: vec![nothing_to_scrape(env)] }) } else { Ok(config) }
}

fn finish(mut draft: Draft, overrides: &Overrides, env: &Env<'_>, mut problems: Problems) -> Result<Config, ConfigErrors> {
    let whole_file = problems.0.is_empty();
    if draft.sources.is_empty()
        && overrides.sources.is_empty()
        && whole_file
        && let Some(workers) = KINDS.iter().find(|kind| kind.name == "workers")
    {
        draft.sources.extend(django::pool(workers, env, &mut problems));
    }
    overrides.apply(&mut draft, &mut problems);
    let scrape_timeout = draft.scrape_timeout.unwrap_or(DEFAULT_SCRAPE_TIMEOUT);
    let web = web(&draft, &mut problems);
    if let Some(given) = &draft.web_config_file {
        check_web_file(given, env, &mut problems);
    }
    let mut seen = Seen::default();
    let mut limits = draft.limits.limits;
    let mut sources: Vec<SourceConfig> = draft
        .sources
        .into_iter()
        .map(|source| {
            seen.name(&source, &mut problems);
            // A flag may well cut the whole shorter than a file meant it: not the file's mistake.
            if overrides.scrape_timeout.is_none() {
                check_timeout(&source, scrape_timeout, &mut problems);
            }
            let mut config = SourceConfig { limits: limits.source, cold_start: draft.state.cold_start, ..source.config };
            config.targets = seen.targets(&config, &source.targets, &web, &mut problems);
            check_expect(&config, source.expect.as_ref(), &mut problems);
            config
        })
        .collect();
    limits.source.max_series = draft.limits.max_series.unwrap_or_else(|| memory::max_series(&limits, &sources));
    sources.iter_mut().for_each(|source| source.limits = limits.source);
    let log = LogConfig { level: draft.log_level.unwrap_or_default(), format: draft.log_format.unwrap_or_default() };
    problems.into_result(Config { scrape_timeout, sources, limits, web, state: draft.state, log })
}

fn nothing_to_scrape(env: &Env<'_>) -> Problem {
    let set = |name: &str| env(name).is_some_and(|value| !value.trim().is_empty());
    let half = match (set(django::START), set(django::WORKERS)) {
        (true, false) => format!("\n({} is set, {} is not)", django::START, django::WORKERS),
        _ => String::new(),
    };
    Problem { origin: Origin::Nowhere, key: String::new(), message: format!("{NOTHING_TO_SCRAPE}{half}") }
}

fn web(draft: &Draft, problems: &mut Problems) -> WebConfig {
    let mut listen_addresses: Vec<String> = Vec::new();
    for given in &draft.listen_addresses {
        match problems.keep(given.parse(listen_address)) {
            // Several free ports may be asked for.
            Some(address) if listen_addresses.contains(&address) && !address.ends_with(":0") => {
                problems.0.push(given.problem(format!("{address} stands twice")));
            }
            Some(address) => listen_addresses.push(address),
            None => {}
        }
    }
    if listen_addresses.is_empty() {
        listen_addresses.push(DEFAULT_LISTEN.into());
    }
    let telemetry_path = draft.telemetry_path.clone().unwrap_or_else(|| DEFAULT_TELEMETRY_PATH.into());
    WebConfig {
        listen_addresses,
        config_file: draft.web_config_file.as_ref().map(|given| given.text.clone().into()),
        telemetry_path,
        openmetrics_created: draft.openmetrics_created.unwrap_or_default(),
        enable_lifecycle: draft.enable_lifecycle.unwrap_or_default(),
        pages: draft.pages.unwrap_or_default(),
    }
}

/// The file that says how the endpoint is protected is read again when it is put to use; here only for its mistakes.
fn check_web_file(given: &Given, env: &Env<'_>, problems: &mut Problems) {
    match read_web_file(Path::new(&given.text), env, &mut Reading::default()) {
        Ok(_) => {}
        Err(SideFileError::File(error)) => problems.0.push(given.problem(error.to_string())),
        Err(SideFileError::Mistakes(mistakes)) => problems.0.extend(mistakes.problems),
    }
}

fn check_timeout(source: &SourceDraft, whole: Duration, problems: &mut Problems) {
    if let (Some(own), Some(given)) = (source.config.scrape_timeout, &source.timeout)
        && own > whole
    {
        let message = format!(
            "longer than the scrape_timeout of the whole, {}: it would never be reached; raise that one",
            show_duration(whole)
        );
        problems.0.push(given.problem(message));
    }
}

fn check_expect(config: &SourceConfig, given: Option<&Given>, problems: &mut Problems) {
    let targets = config.targets.len();
    if let (Some(expect), Some(given)) = (config.expect, given)
        && targets > 0
        && config.lookups.is_empty()
        && usize::try_from(expect).unwrap_or(usize::MAX) > targets
    {
        problems.0.push(given.problem(format!("{expect} workers are expected on {targets} targets; add targets")));
    }
}

/// What other sources have already taken.
#[derive(Default)]
struct Seen {
    names: HashMap<String, Given>,
    addresses: HashMap<Address, Given>,
}

impl Seen {
    fn name(&mut self, source: &SourceDraft, problems: &mut Problems) {
        match self.names.get(&source.config.name) {
            Some(first) => {
                let message = format!("the name {:?} is already taken by {first}", source.config.name);
                problems.0.push(source.name.problem(message));
            }
            None => {
                self.names.insert(source.config.name.clone(), source.name.clone());
            }
        }
    }

    /// The targets of a source, ranges expanded; what can't be used is a problem.
    fn targets(&mut self, config: &SourceConfig, given: &[Given], web: &WebConfig, problems: &mut Problems) -> Vec<Target> {
        let mut targets = Vec::new();
        for entry in given {
            let expanded = config.targets_of(&entry.text);
            let Some(expanded) = problems.keep(expanded.map_err(|e| entry.problem(e.to_string()))) else { continue };
            if targets.len() + expanded.len() > config.limits.max_slots {
                let most = config.limits.max_slots;
                problems.0.push(entry.problem(format!("more than {most} targets in this source (limits.max_slots)")));
                break;
            }
            for target in expanded {
                match self.refusal(&target, entry, web) {
                    Some(message) => problems.0.push(entry.problem(message)),
                    None => targets.push(target),
                }
            }
        }
        targets
    }

    /// Why a target that can be understood still isn't taken.
    fn refusal(&mut self, target: &Target, entry: &Given, web: &WebConfig) -> Option<String> {
        if let Some(own) = web.listen_addresses.iter().find(|own| is_own(&target.address, own)) {
            return Some(format!("{} is this proxy's own address ({own}); it can't scrape itself", target.address));
        }
        match self.addresses.get(&comparable(&target.address)) {
            Some(first) if first == entry => Some(format!("{} stands twice in it", target.address)),
            Some(first) => {
                Some(format!("{} is already a target: {:?} at {first}; its metrics would count twice", target.address, first.text))
            }
            None => {
                self.addresses.insert(comparable(&target.address), entry.clone());
                None
            }
        }
    }
}
