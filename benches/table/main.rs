//! `make bench`: one table of what the program costs, beside what the same work costs otherwise. `benches/README.md` says what each
//! row means. Arguments pick sections: `cargo bench --bench table -- parse rounds`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a table is what it is for")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that can't run says so by panicking")]

mod binary;
mod child;
#[cfg(feature = "compression")]
mod compression;
mod fake_workers;
mod memory;
mod multiproc;
mod parse;
mod prometheus_parse_way;
mod proxy;
mod readers;
mod report;
mod rounds;
mod scrapes;
mod state;
#[path = "../support/mod.rs"]
mod support;
mod timer;

use report::Report;

/// A section of the table.
type Section = fn(&mut Report);

/// Every section by the word that picks it, in the order of the table.
const SECTIONS: &[(&str, Section)] = &[
    ("parse", parse::section),
    ("rounds", rounds::section),
    #[cfg(feature = "compression")]
    ("compression", compression::section),
    ("scrapes", scrapes::section),
    ("multiproc", multiproc::section),
    ("state", state::section),
    ("memory", memory::section),
    ("binary", binary::section),
];

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if arguments.first().is_some_and(|a| a == child::ROLE) {
        arguments.remove(0);
        return child::play(&arguments);
    }
    let mut report = Report::default();
    for (word, section) in SECTIONS.iter().copied() {
        if arguments.is_empty() || arguments.iter().any(|a| a == word) {
            eprintln!("measuring: {word}");
            section(&mut report);
        }
    }
    report.print();
}
