//! The kinds of sources, one file each. [`KINDS`] is the one list: a new kind is a new file and a line in it.

mod exporter;
mod joined;
mod lenient;
pub(crate) mod multiproc;
mod nginx;
mod nginx_vts;
mod relabelled;
#[cfg(test)]
mod testing;
mod uwsgi;
mod workers;

use crate::config::SourceConfig;
use crate::encode::{FamilyView, Rendered};
use crate::merge::{Explanation, LastWords, Life, Now, Reset, Stranger, Tally, Window};
use crate::scrape::{Missed, Part, Receipt, Scraped};
use crate::state::{Parts, Saved, Unreadable};
use crate::target::{AddressError, Target};

/// Every kind there is, in the order in which help and documentation show them.
pub static KINDS: &[&Kind] = &[&workers::KIND, &uwsgi::KIND, &nginx::KIND, &nginx_vts::KIND, &exporter::KIND, &multiproc::KIND];

/// A kind of source, as configuration and command line see it.
pub struct Kind {
    /// Value of `kind:`; also the name of the flag and the default name of a source.
    pub name: &'static str,
    /// One line for help texts: what it reads.
    pub about: &'static str,
    /// Whether its endpoints are workers (slots of one pool, merged) or targets of their own.
    pub endpoints: Endpoints,
    /// The path asked for when a target names none.
    pub default_path: &'static str,
    /// Understands one `targets:` entry; a range becomes several. The second argument is the path to use where none is given.
    pub targets: fn(&str, &str) -> Result<Vec<Target>, AddressError>,
    /// The Accept header of a scrape.
    pub accept: &'static str,
    /// Whether a target may answer with a bare stream even where its address says HTTP.
    pub may_stream: bool,
    /// Makes the state of one source of this kind; [`build`] adds labels and rules. Kinds of workers see to those themselves.
    pub build: fn(&SourceConfig) -> Box<dyn Source>,
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Makes the state of one source, with its static labels and rules.
pub fn build(config: &SourceConfig) -> Box<dyn Source> {
    let source = (config.kind.build)(config);
    // Workers are merged by their relabelled series, so their pool takes care of that.
    if config.relabelling.is_empty() || config.kind.endpoints == Endpoints::Workers {
        return source;
    }
    Box::new(relabelled::Relabelled::new(source, config.relabelling.clone()))
}

/// How endpoints of a kind are named in own metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoints {
    /// Slots of a pool: label `worker`, metrics `onescrape_worker_…`.
    Workers,
    /// Targets that stand alone: label `target`, metrics `onescrape_target_…`.
    Targets,
}

/// One source's state: scrapes go in round by round, families come out. No IO, no clock of its own: time is an argument.
pub trait Source: Send {
    /// Applies one round. `round[i]` is what target `i` of the configuration brought; `None` if it was not tried.
    /// Returns, by target, what each scrape came to once parsed: its number of samples, or why it was missed after all.
    fn apply(&mut self, round: &[Option<Scraped>], now: Now) -> Vec<Option<Result<usize, Missed>>>;

    /// Takes a part of a body of `target` as it comes, so that no body need be held. A source that wants whole bodies says so at once.
    ///
    /// # Errors
    /// The body is none of the expected kind.
    fn receive(&mut self, _target: usize, _part: Part<'_>) -> Result<Receipt, Missed> {
        Ok(Receipt::Whole)
    }

    /// The families as they stand, in any order; series need not be unique across sources.
    fn families(&self) -> Vec<FamilyView<'_>>;

    /// Every endpoint's own series apart (`?merge=none`), carrying the endpoint's label; `None` where [`families`](Self::families)
    /// merges nothing.
    fn unmerged(&self) -> Option<Rendered<'static>> {
        None
    }

    /// The families of the last answer were served at `now`: what counts as "exposed since" begins here.
    fn mark_served(&mut self, _now: Now) {}

    /// Takes the final exposition of the process behind a target, brought by itself before it ends.
    fn last_words(&mut self, _target: usize, _content_type: Option<&str>, _body: &[u8], _now: Now) -> LastWords {
        LastWords::Unknown(Stranger::Worker)
    }

    /// Writes what must outlive the process. By default nothing.
    fn save(&self, _to: &mut Parts<'_>) {}

    /// Takes back what [`save`](Self::save) wrote, before the first round. A source that fails here is built anew.
    ///
    /// # Errors
    /// A part that makes no sense.
    fn load(&mut self, _saved: Saved<'_>) -> Result<(), Unreadable> {
        Ok(())
    }

    /// What the values of a family are made of; `None` where there is no such family, or nothing is merged.
    fn explain(&self, _family: &str, _window: Window) -> Option<Explanation> {
        None
    }

    /// The resets that are remembered, at most `most`, the newest first.
    fn resets(&self, _most: usize) -> Vec<Reset> {
        Vec::new()
    }

    /// The processes that were seen behind a target, the oldest first (merge of workers only).
    fn lives(&self, _target: usize) -> Vec<Life> {
        Vec::new()
    }

    /// Counts of what was reset, dropped, repaired.
    fn tally(&self) -> &Tally;

    /// What of a target can't be used although its scrape was good, one line each.
    fn faults(&self, _target: usize) -> Vec<String> {
        Vec::new()
    }

    /// Whether the target's slot was retired (merge of workers only).
    fn is_retired(&self, _target: usize) -> bool {
        false
    }
}
