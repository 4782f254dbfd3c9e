//! Files of targets: which there are, and what they held when they could last be read.

use super::found::{Found, Group, Lookup};
use super::groups;
use crate::config::FileSd;
use crate::files::Reading;
use crate::merge::rules::matches;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Most files that one pattern is followed to.
const FILES_MAX: usize = 1000;

/// The files of one entry under `file_sd_configs`.
pub(super) struct Files {
    patterns: Vec<PathBuf>,
    known: BTreeMap<PathBuf, Kept>,
}

/// One file.
#[derive(Default)]
struct Kept {
    reading: Reading,
    lookup: Lookup,
}

impl Files {
    /// `known` is what was found before, by path.
    pub(super) fn new(config: &FileSd, known: Found) -> Self {
        let kept = |(path, lookup): (String, Lookup)| {
            // Whatever was known, it is read before it is believed.
            let failure = lookup.failure.clone().or(Some("not read yet".into()));
            (PathBuf::from(path), Kept { lookup: Lookup { failure, ..lookup }, ..Kept::default() })
        };
        Self { patterns: config.files.clone(), known: known.into_iter().map(kept).collect() }
    }

    /// Looks which files there are and reads those that have changed; all of them if `anew`.
    pub(super) fn look(&mut self, anew: bool) -> Found {
        let mut failures = Found::new();
        let mut paths = BTreeSet::new();
        for pattern in &self.patterns {
            match expand(pattern) {
                Ok(found) => paths.extend(found),
                // What the pattern stood for is kept, as where a file can't be read.
                Err(failure) => {
                    failures.insert(pattern.display().to_string(), Lookup { failure: Some(failure), ..Lookup::default() });
                    paths.extend(self.known.keys().filter(|path| fits(pattern, path)).cloned());
                }
            }
        }
        // A file that a pattern no longer finds is gone; one that is named stays, whatever becomes of it.
        self.known.retain(|path, _| paths.contains(path));
        let now = SystemTime::now();
        for path in paths {
            let kept = self.known.entry(path.clone()).or_default();
            kept.refresh(&path, anew, now);
        }
        failures.extend(self.known.iter().map(|(path, kept)| (path.display().to_string(), kept.lookup.clone())));
        failures
    }
}

impl Kept {
    fn refresh(&mut self, path: &Path, anew: bool, now: SystemTime) {
        let never_read = self.reading.is_empty();
        if !anew && !never_read && self.lookup.failure.is_none() && self.reading.still_holds(now) {
            return;
        }
        self.reading = Reading::default();
        self.lookup.take(read(&mut self.reading, path));
    }
}

fn read(reading: &mut Reading, path: &Path) -> Result<Vec<Group>, String> {
    let bytes = reading.read(path).map_err(|error| error.why)?;
    groups::parse(&bytes)
}

/// The files a pattern stands for, in order.
fn expand(pattern: &Path) -> Result<Vec<PathBuf>, String> {
    if !is_pattern(pattern) {
        return Ok(vec![pattern.to_path_buf()]);
    }
    let directory = pattern.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let error = |e: std::io::Error| format!("cannot list {}: {e}", directory.display());
    let mut found = Vec::new();
    for entry in directory.read_dir().map_err(error)? {
        let path = pattern.with_file_name(entry.map_err(error)?.file_name());
        if fits(pattern, &path) {
            found.push(path);
        }
        if found.len() > FILES_MAX {
            return Err(format!("more than {FILES_MAX} files"));
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn is_pattern(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains('*'))
}

/// As shells do, `*` leaves out names that begin with a dot: Kubernetes puts its own there.
fn fits(pattern: &Path, path: &Path) -> bool {
    let (Some(glob), Some(name)) = (pattern.file_name(), path.file_name()) else { return false };
    let (glob, name) = (glob.to_string_lossy(), name.to_string_lossy());
    pattern.parent() == path.parent() && (!name.starts_with('.') || glob.starts_with('.')) && matches(&glob, &name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::Duration;

    fn targets(found: &Found) -> Vec<(String, Vec<String>, bool)> {
        let name = |path: &str| Path::new(path).file_name().unwrap().to_string_lossy().into_owned();
        let all = |lookup: &Lookup| lookup.groups.iter().flat_map(|group| group.targets.clone()).collect();
        found.iter().map(|(path, lookup)| (name(path), all(lookup), lookup.failure.is_some())).collect()
    }

    #[test]
    fn files_come_change_break_and_go() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let config = FileSd { files: vec![at("*.yml"), at("named.json")], refresh_interval: Duration::from_secs(30) };
        let mut files = Files::new(&config, Found::new());
        assert_eq!(targets(&files.look(false)), [("named.json".into(), vec![], true)], "named, but not there");

        fs::write(at("named.json"), "[]").unwrap();
        fs::write(at("b.yml"), "- targets: [b:1]").unwrap();
        fs::write(at("a.yml"), "- targets: [a:1]").unwrap();
        fs::write(at(".hidden.yml"), "- targets: [h:1]").unwrap();
        fs::write(at("c.txt"), "- targets: [c:1]").unwrap();
        let both = |a: &str, broken| {
            vec![
                ("a.yml".to_string(), vec![a.to_string()], broken),
                ("b.yml".into(), vec!["b:1".into()], false),
                ("named.json".into(), vec![], false),
            ]
        };
        assert_eq!(targets(&files.look(false)), both("a:1", false));
        fs::write(at("a.yml"), "- targets: [a:2]").unwrap();
        assert_eq!(targets(&files.look(false)), both("a:2", false));
        fs::write(at("a.yml"), "- targets: [a:3").unwrap();
        assert_eq!(targets(&files.look(false)), both("a:2", true), "what is known is kept");
        fs::write(at("a.yml"), "- targets: [a:3]").unwrap();
        assert_eq!(targets(&files.look(true)), both("a:3", false));

        fs::remove_file(at("b.yml")).unwrap();
        fs::remove_file(at("named.json")).unwrap();
        let left = vec![("a.yml".to_string(), vec!["a:3".to_string()], false), ("named.json".into(), vec![], true)];
        assert_eq!(targets(&files.look(false)), left);
        fs::remove_dir_all(dir.path()).unwrap();
        let kept = targets(&files.look(false));
        assert!(kept.contains(&("a.yml".into(), vec!["a:3".into()], true)), "the directory has gone, not its files: {kept:?}");
    }

    #[test]
    fn what_was_known_before_lasts_until_it_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.yml");
        let config = FileSd { files: vec![path.clone()], refresh_interval: Duration::from_secs(30) };
        let group = Group { targets: vec!["a:1".into()], ..Group::default() };
        let known = Found::from([(path.display().to_string(), Lookup { groups: vec![group], failure: None })]);
        let mut files = Files::new(&config, known);
        assert_eq!(targets(&files.look(false)), [("a.yml".into(), vec!["a:1".into()], true)]);
        fs::write(&path, "[]").unwrap();
        assert_eq!(targets(&files.look(false)), [("a.yml".into(), vec![], false)]);
    }
}
