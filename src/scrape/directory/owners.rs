use crate::multiproc::FileName;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

/// Where processes are shown.
const PROC: &str = "/proc";
/// Which field behind the command's name of `/proc/PID/stat` says when the process began, from 0.
const START_FIELD: usize = 19;

/// What is known of the process a file is named after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// It is named after no process id.
    Nameless,
    /// There is no such process that we can see.
    Gone,
    /// The process has a file of this name mapped: it is alive, and we see the same processes as the application.
    Holds,
    /// There is such a process, but it has no file of this name mapped: it has the id of one that has gone.
    Stranger,
    /// There is such a process, but we may not look into it; or no process can be seen here at all.
    Unseen,
}

/// The processes that were seen to hold their files, by id, with their start time: a process that did still does.
#[derive(Debug, Default)]
pub(super) struct Owners(Mutex<HashMap<u32, u64>>);

impl Owners {
    /// What is known of each of these processes.
    pub(super) fn look(&self, pids: &BTreeSet<u32>) -> HashMap<u32, Owner> {
        let Some(running) = running() else { return HashMap::new() };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|pid, _| running.contains(pid) && pids.contains(pid));
        let mut look = |pid: u32| {
            let Some(start) = start_time(pid) else {
                // It may have ended a moment ago: then the next listing says so.
                return Owner::Unseen;
            };
            if known.get(&pid) == Some(&start) {
                return Owner::Holds;
            }
            let owner = holds(pid);
            if owner == Owner::Holds {
                known.insert(pid, start);
            }
            owner
        };
        pids.iter().map(|pid| (*pid, if running.contains(pid) { look(*pid) } else { Owner::Gone })).collect()
    }
}

/// Every process id there is; `None` where that isn't shown.
fn running() -> Option<BTreeSet<u32>> {
    let entries = std::fs::read_dir(PROC).ok()?;
    let pids: BTreeSet<u32> = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    (!pids.is_empty()).then_some(pids)
}

/// When a process began, in ticks since the boot; `None` of one that has ended but was not yet waited for, too.
fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("{PROC}/{pid}/stat")).ok()?;
    // The command's name in parentheses may hold anything, parentheses too.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(START_FIELD)?.parse().ok()
}

/// Whether a process has a file mapped that is named after it.
fn holds(pid: u32) -> Owner {
    let Ok(maps) = std::fs::read(format!("{PROC}/{pid}/maps")) else { return Owner::Unseen };
    let is_own = |line: &[u8]| {
        let name = line.rsplit(|b| *b == b'/').next().and_then(|name| std::str::from_utf8(name).ok());
        name.and_then(FileName::parse).and_then(|name| name.pid()) == Some(pid)
    };
    match maps.split(|b| *b == b'\n').any(is_own) {
        true => Owner::Holds,
        // A kernel thread, or a process that has ended and was not waited for: it has nothing mapped.
        false => Owner::Stranger,
    }
}
