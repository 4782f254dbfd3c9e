//! Kind `multiproc`: directories of `prometheus_client`'s multiprocess mode, added up as its own collector does, with totals that
//! don't fall when files are removed.
//!
//! With several directories in the source, series carry `target`.

mod catalog;
mod column;
mod directory;
mod held;
mod ledger;
mod meaning;
mod sums;
#[cfg(test)]
mod tests;

use super::joined::{joined_views, share};
use super::{Endpoints, Kind, Source};
use crate::config::SourceConfig;
use crate::encode::{FamilyView, Rendered};
use crate::merge::{Now, Tally};
use crate::model::{Family, MetricType};
use crate::scrape::{Missed, Part, Receipt, Scraped, replay};
use crate::target::AddressError;
use catalog::Catalog;
use directory::Directory;
use std::borrow::Cow;

/// How many files are in which state.
pub(crate) const FILES: &str = "onescrape_multiproc_files";
/// The states: values of the label `state`.
pub(crate) const STATES: [&str; 4] = ["live", "unknown", "dead", "bad"];

/// Whether this build reads directories at all. Unit tests do so always.
pub(crate) const IS_IN: bool = cfg!(any(feature = "multiproc", test));
/// Said where directories are asked of a build without them.
pub(crate) const LEFT_OUT: &str =
    "this onescrape was built without the files of the multiprocess mode; use one with the cargo feature multiproc";

pub(super) static KIND: Kind = Kind {
    name: "multiproc",
    about: "a PROMETHEUS_MULTIPROC_DIR shared with the application, its files read directly",
    endpoints: Endpoints::Targets,
    default_path: "",
    targets: |text, path| match IS_IN {
        true => crate::target::directory_targets(text, path),
        false => Err(AddressError { text: text.into(), why: LEFT_OUT.into() }),
    },
    accept: "*/*",
    may_stream: false,
    // In a build without, no configuration comes so far.
    build: if IS_IN { |config| Box::new(Multiproc::new(config)) } else { super::exporter::KIND.build },
};

struct Multiproc {
    /// The source's name.
    name: String,
    /// The targets' ids.
    ids: Vec<String>,
    directories: Vec<Directory>,
    /// What is told of the files themselves.
    own: Rendered<'static>,
    tally: Tally,
}

impl Multiproc {
    fn new(config: &SourceConfig) -> Self {
        let several = config.targets.len() > 1;
        let max_series = share(&config.limits, config.targets.len());
        let directory = |id: &String| {
            let target = several.then(|| id.clone());
            Directory::new(Catalog::new(target, config.limits, max_series), config.multiproc)
        };
        let ids: Vec<String> = config.targets.iter().map(|target| target.id.clone()).collect();
        Self {
            name: config.name.clone(),
            directories: ids.iter().map(directory).collect(),
            ids,
            own: Rendered::default(),
            tally: Tally::default(),
        }
    }

    fn take(&mut self, index: usize, scraped: &Scraped) -> Result<usize, Missed> {
        let Self { directories, tally, .. } = self;
        let Some(directory) = directories.get_mut(index) else { return Err(Missed::fault()) };
        let received = match &scraped.result {
            Ok(body) if body.streamed.is_some() => Ok(()),
            Ok(body) => replay(&body.bytes, &mut |part| directory.receive(part, index, tally)),
            Err(missed) => Err(missed.clone()),
        };
        received.and_then(|()| directory.apply()).inspect_err(|_| directory.miss())
    }

    fn count_files(&mut self) {
        let mut files =
            Family::new(FILES, MetricType::Gauge, "Multiprocess files by state of their process, and files that can't be used.");
        for (id, directory) in self.ids.iter().zip(&self.directories) {
            let census = directory.census();
            for (state, count) in STATES.into_iter().zip([census.live, census.unknown, census.dead, census.bad]) {
                let own = |text: &String| Cow::Owned(text.clone());
                files.push([("source", own(&self.name)), ("state", Cow::Borrowed(state)), ("target", own(id))], count as f64);
            }
        }
        self.own = Rendered::new(vec![files]);
    }
}

impl Source for Multiproc {
    fn apply(&mut self, round: &[Option<Scraped>], _now: Now) -> Vec<Option<Result<usize, Missed>>> {
        let outcomes = round.iter().enumerate().map(|(i, scraped)| scraped.as_ref().map(|scraped| self.take(i, scraped))).collect();
        self.tally.type_conflicts = self.directories.iter().map(Directory::conflicts).sum();
        self.count_files();
        outcomes
    }

    fn receive(&mut self, target: usize, part: Part<'_>) -> Result<Receipt, Missed> {
        match self.directories.get_mut(target) {
            Some(directory) => directory.receive(part, target, &mut self.tally),
            None => Err(Missed::fault()),
        }
    }

    fn families(&self) -> Vec<FamilyView<'_>> {
        joined_views(self.directories.iter().flat_map(Directory::families).chain(self.own.views()))
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn faults(&self, target: usize) -> Vec<String> {
        self.directories.get(target).map(Directory::faults).unwrap_or_default()
    }
}
