//! What a compaction leaves beside the files: which of them went into which. It lets a compaction that was cut off be finished, and
//! tells a running proxy that the files which have gone are in the new ones, and not to be counted twice.

use serde::{Deserialize, Serialize};

/// The journal's name in the directory; not one that prometheus_client reads.
pub const JOURNAL: &str = "onescrape-compaction.json";
/// Stands for the process in the names of compacted files.
pub const COMPACTED: &str = "compacted";

/// The journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// One per compacted file.
    pub groups: Vec<Group>,
}

/// One compacted file. It is in force as soon as it stands in the directory; until then its members are what counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The new file.
    pub into: Member,
    /// What it holds; these are to be removed.
    pub members: Vec<Member>,
}

/// A file, told from another that had or will have its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its inode.
    pub inode: u64,
    /// When it was made, in Unix nanoseconds, where the file system says so.
    pub born: Option<u64>,
    /// When it was changed, in Unix nanoseconds.
    pub modified: i64,
}

impl Journal {
    /// Reads a journal.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}
