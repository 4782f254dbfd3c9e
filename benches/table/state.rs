//! Memory of a pool's state, to the byte: counted by the bench `state`, which runs under a counting allocator and so apart.

use super::report::{Limit, Report, Row};

/// Where the bench `state` leaves what it has counted: lines of name, tabulator, bytes.
const COUNTED: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/state.tsv");
const PER_WORKER: Limit = Limit::AtMost { must: 16.0, aim: 8.0 };
const SHARED: Limit = Limit::AtMost { must: 256.0, aim: 160.0 };

pub fn section(report: &mut Report) {
    let Ok(counted) = std::fs::read_to_string(COUNTED) else {
        return eprintln!("  not there: run cargo bench --bench state first, as make bench does");
    };
    for (name, bytes) in counted.lines().filter_map(|line| line.split_once('\t')) {
        let row = Row::plain(name.into(), bytes.parse().expect("not a number"));
        report.add(match name {
            _ if name.starts_with("state per series and worker") => row.limit(PER_WORKER),
            _ if name.starts_with("state per series, shared") => row.limit(SHARED),
            _ => row,
        });
    }
}
