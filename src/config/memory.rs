//! `max_series: auto`: as many series as fit into the memory that the control group leaves this process. docs/limits.md has the formula.

use super::{Limits, ProgramLimits, SourceConfig};
use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// What the process holds without any series: program, libraries, buffers of one answer. Measured 8 MB at rest.
const RESTING_BYTES: u64 = 8 << 20;
/// The buffers of a scrape under way, the kernel's included.
const SCRAPE_BYTES: u64 = 64 << 10;
/// Of a series, whatever the number of workers: its name and labels, its place in the tables. Measured 233 bytes.
const SHARED_BYTES: u64 = 240;
/// Of a series and worker: its value and what is remembered of it. Measured 14.6 bytes.
const COLUMN_BYTES: u64 = 15;
/// Of a series, its line in an answer (120 bytes), three times: the answer that is kept, the next one in the making, packed ones and
/// what the allocator can't give back.
const ENCODED_BYTES: u64 = 360;
/// Targets that a source which looks them up is reckoned to have, if it names no more.
const LOOKED_UP_TARGETS: u64 = 64;
/// The part of the memory that is planned with: the rest is for clients, and for what the kernel counts as ours.
const USABLE: (u64, u64) = (3, 4);
/// Fewer than these would be of no use to anybody; a process that has not the memory for them has none to run in either.
const SERIES_MIN: u64 = 1000;

/// How many series each of these sources may hold.
pub(crate) fn max_series(limits: &ProgramLimits, sources: &[SourceConfig]) -> usize {
    let most = Limits::default().max_series;
    memory_limit(Path::new("/")).map_or(most, |bytes| fitting(bytes, limits, sources).min(most))
}

fn fitting(bytes: u64, limits: &ProgramLimits, sources: &[SourceConfig]) -> usize {
    let slots = sources.iter().map(slots);
    let reading = slots.clone().sum::<u64>().min(limits.scrapes_max as u64).saturating_mul(SCRAPE_BYTES);
    let free = (bytes / USABLE.1 * USABLE.0).saturating_sub(RESTING_BYTES).saturating_sub(reading);
    // Each source may have as many as any other, so together one series of each must fit.
    let each: u64 = slots.map(|slots| SHARED_BYTES + ENCODED_BYTES + slots * COLUMN_BYTES).sum();
    usize::try_from((free / each.max(1)).max(SERIES_MIN)).unwrap_or(usize::MAX)
}

/// How many targets a source will have: what lookups find nobody knows yet.
fn slots(source: &SourceConfig) -> u64 {
    let configured = source.targets.len() as u64;
    if source.lookups.is_empty() { configured } else { configured.max(LOOKED_UP_TARGETS) }
}

/// Where a version of the control groups keeps its limits.
struct Version {
    /// Where the hierarchy is mounted.
    mounts: &'static [&'static str],
    file: &'static str,
    /// Whether a line of `/proc/self/cgroup` names controllers of this hierarchy.
    is_of: fn(&str) -> bool,
}

const VERSIONS: [Version; 2] = [
    Version { mounts: &["sys/fs/cgroup", "sys/fs/cgroup/unified"], file: "memory.max", is_of: str::is_empty },
    Version {
        mounts: &["sys/fs/cgroup/memory"],
        file: "memory.limit_in_bytes",
        is_of: |controllers| controllers.split(',').any(|name| name == "memory"),
    },
];

/// The least limit of this process' control group and those around it, in bytes; `None` without any. `root`: where `/proc` and `/sys` are.
fn memory_limit(root: &Path) -> Option<u64> {
    let groups = read_to_string(root.join("proc/self/cgroup")).ok()?;
    let limits = groups.lines().flat_map(|line| limits_of(root, line));
    // Version 1 says "none" by a number that no machine has.
    limits.min().filter(|bytes| *bytes < i64::MAX as u64 / 2)
}

/// The limits that a line of `/proc/self/cgroup` (cgroups(7): `ID:CONTROLLERS:PATH`) leads to.
fn limits_of(root: &Path, line: &str) -> Vec<u64> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { return Vec::new() };
    let version = VERSIONS.iter().find(|version| (version.is_of)(controllers));
    let directories = version.into_iter().flat_map(|version| {
        let files = move |mount: &&'static str| ancestors(root.join(mount), path).map(|directory| directory.join(version.file));
        version.mounts.iter().flat_map(files).collect::<Vec<_>>()
    });
    directories.filter_map(|file| read_to_string(file).ok()?.trim().parse().ok()).collect()
}

/// A group's directory and those of the groups around it, the mount itself included: in a container that is the container's own group,
/// and the path, which may be the host's, leads nowhere.
fn ancestors(mount: PathBuf, path: &str) -> impl Iterator<Item = PathBuf> {
    let relative = PathBuf::from(path.trim_start_matches('/'));
    let all: Vec<PathBuf> = relative.ancestors().map(|part| mount.join(part)).collect();
    all.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::KINDS;

    /// A tree with these files in it.
    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    fn limit(files: &[(&str, &str)]) -> Option<u64> {
        memory_limit(tree(files).path())
    }

    #[test]
    fn the_least_limit_around_counts() {
        let (v2, v1) = (("proc/self/cgroup", "0::/a/b\n"), ("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/a/b\n0::/\n"));
        assert_eq!(limit(&[v2, ("sys/fs/cgroup/a/b/memory.max", "100\n")]), Some(100));
        assert_eq!(limit(&[v2, ("sys/fs/cgroup/a/b/memory.max", "max\n"), ("sys/fs/cgroup/a/memory.max", "70\n")]), Some(70));
        assert_eq!(limit(&[v2, ("sys/fs/cgroup/a/b/memory.max", "60"), ("sys/fs/cgroup/a/memory.max", "70")]), Some(60));
        assert_eq!(limit(&[v2, ("sys/fs/cgroup/memory.max", "50\n")]), Some(50), "a container that sees the host's path");
        assert_eq!(limit(&[("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/memory.max", "40\n")]), Some(40), "or its own");
        assert_eq!(limit(&[v1, ("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "300\n")]), Some(300));
        assert_eq!(limit(&[v1, ("sys/fs/cgroup/memory/memory.limit_in_bytes", "200\n")]), Some(200));
    }

    #[test]
    fn no_limit_is_told_from_a_large_one() {
        let v1 = ("proc/self/cgroup", "4:memory:/a\n");
        assert_eq!(limit(&[]), None);
        assert_eq!(limit(&[("proc/self/cgroup", "0::/a\n"), ("sys/fs/cgroup/a/memory.max", "max\n")]), None);
        assert_eq!(limit(&[v1, ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n")]), None);
        assert_eq!(limit(&[v1, ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "nonsense\n")]), None);
        assert_eq!(limit(&[("proc/self/cgroup", "nonsense\n:\n4:memory\n")]), None);
    }

    #[test]
    fn series_follow_the_memory() {
        let workers = KINDS.iter().find(|kind| kind.name == "workers").unwrap();
        let source = |name: &str, ports: u16| {
            let source = SourceConfig::new(name, workers, Vec::new());
            let targets = source.targets_of(&format!("h:1-{ports}")).unwrap();
            SourceConfig { targets, ..source }
        };
        let fit = |mib: u64, sources: &[SourceConfig]| fitting(mib << 20, &ProgramLimits::default(), sources);
        let (one, many) = ([source("a", 8)], [source("a", 8), source("b", 64)]);
        // 48 MiB to plan with, less 8 and 8 × 64 KiB, by 600 + 8 × 15 bytes each.
        assert_eq!(fit(64, &one), ((48 - 8) * (1 << 20) - 8 * (64 << 10)) / (600 + 8 * 15));
        assert!(fit(64, &many) < fit(64, &one) / 2 && fit(32, &one) < fit(64, &one));
        assert_eq!(fit(1, &one), 1000, "never none");
        assert!(fit(16, &one) > 1000 && fit(1 << 20, &[]) > 1_000_000);
    }
}
