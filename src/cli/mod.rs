//! The command line.

pub mod scrape;
pub mod serve;
