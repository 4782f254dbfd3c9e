//! Size of the program.

use super::proxy::PROGRAM;
use super::report::{Limit, Report, Row};
use std::path::Path;

/// Bytes of a megabyte.
const MEGABYTE: f64 = 1e6;
const SIZE: Limit = Limit::AtMost { must: 3.0, aim: 1.5 };
/// Names the program without any feature, built small: `make bench` builds it.
const SMALLEST: &str = "ONESCRAPE_SMALLEST";

pub fn section(report: &mut Report) {
    report.add(Row::plain("size of the program with all features, stripped, MB".into(), megabytes(Path::new(PROGRAM))));
    match std::env::var_os(SMALLEST) {
        Some(path) => {
            let row = Row::plain("size of the program without any feature, built small, MB".into(), megabytes(Path::new(&path)));
            report.add(row.limit(SIZE));
        }
        None => eprintln!("  {SMALLEST} names no program: its size is left out"),
    }
}

fn megabytes(program: &Path) -> f64 {
    std::fs::metadata(program).expect("no program").len() as f64 / MEGABYTE
}
