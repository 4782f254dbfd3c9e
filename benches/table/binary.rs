//! Size of the program.

use super::proxy::PROGRAM;
use super::report::{Limit, Report, Row};

/// Bytes of a megabyte.
const MEGABYTE: f64 = 1e6;
const SIZE: Limit = Limit::AtMost { must: 3.0, aim: 1.5 };

pub fn section(report: &mut Report) {
    let bytes = std::fs::metadata(PROGRAM).expect("no program").len();
    report.add(Row::plain("size of the program, stripped, MB".into(), bytes as f64 / MEGABYTE).limit(SIZE));
}
