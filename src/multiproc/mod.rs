//! The files of `prometheus_client`'s multiprocess mode (`PROMETHEUS_MULTIPROC_DIR`): their names, bytes and keys. Plain functions;
//! nothing here opens a file.
//!
//! A process writes one file per type, `counter_PID.db`, `gauge_<mode>_PID.db`, …, through a memory map and without any lock
//! (`mmap_dict.py`, `values.py` and `multiprocess.py` of prometheus_client 0.26).

mod file;
mod journal;
mod key;
mod name;

pub use file::{BadFile, ENTRY_TAIL, Entry, HEADER, read, used, write};
pub use journal::{COMPACTED, Group, JOURNAL, Journal, Member};
pub use key::{BadKey, Key};
pub use name::{FileKind, FileName, GaugeFold};
