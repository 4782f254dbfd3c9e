//! The command line.

pub mod args;
pub mod ask;
pub mod check;
pub mod config;
#[cfg(feature = "demo")]
pub mod demo;
pub mod explain;
pub mod healthcheck;
pub mod logging;
#[cfg(feature = "manual")]
pub mod manual;
pub mod multiproc;
pub mod run;
pub mod scrape;
pub mod serve;
mod source_flags;
pub mod top;
