//! What the journal of the last compaction says, by the names of files.

use super::held::Held;
use crate::multiproc::{Journal, Member};
use crate::scrape::DirectoryFile;
use std::collections::HashMap;

/// A journal as it was read last.
#[derive(Debug)]
pub(super) struct Ledger {
    /// The journal's own file.
    file: DirectoryFile,
    /// The compacted files.
    into: Vec<Member>,
    /// What is in them, by name: which compacted file, and which file.
    members: HashMap<String, Vec<(usize, Member)>>,
    /// Why it can't be used.
    fault: Option<String>,
}

impl Ledger {
    /// Understands the journal's contents.
    pub(super) fn read(file: &DirectoryFile, contents: Result<&[u8], &str>) -> Self {
        let journal = contents.map_err(str::to_string).and_then(|bytes| Journal::parse(bytes).map_err(|e| e.to_string()));
        let (journal, fault) = match journal {
            Ok(journal) => (journal, None),
            Err(why) => (Journal::default(), Some(why)),
        };
        let mut ledger = Self { file: file.clone(), into: Vec::new(), members: HashMap::new(), fault };
        for (group, compacted) in journal.groups.into_iter().enumerate() {
            ledger.into.push(compacted.into);
            for member in compacted.members {
                ledger.members.entry(member.name.clone()).or_default().push((group, member));
            }
        }
        ledger
    }

    /// Whether it was read as it is now listed.
    pub(super) fn is(&self, file: &DirectoryFile) -> bool {
        self.file == *file
    }

    /// The compacted files.
    pub(super) fn into(&self) -> &[Member] {
        &self.into
    }

    /// Whether a file is in a compacted one of those that are in force.
    pub(super) fn has(&self, name: &str, held: &Held, is_there: bool, in_force: &[bool]) -> bool {
        self.members.get(name).into_iter().flatten().any(|(group, member)| {
            in_force.get(*group) == Some(&true) && held.is_member(member) && (!is_there || held.modified == member.modified)
        })
    }

    /// What is wrong with it.
    pub(super) fn fault(&self) -> Option<String> {
        Some(format!("{}: {}", self.file.name, self.fault.as_ref()?))
    }
}
