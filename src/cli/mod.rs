//! The command line.

pub mod args;
pub mod ask;
#[cfg(feature = "tools")]
pub mod check;
pub mod config;
#[cfg(feature = "demo")]
pub mod demo;
#[cfg(feature = "tools")]
pub mod explain;
pub mod healthcheck;
mod left_out;
pub mod logging;
#[cfg(feature = "manual")]
pub mod manual;
#[cfg(feature = "tools")]
pub mod multiproc;
pub mod run;
pub mod scrape;
pub mod serve;
mod source_flags;
#[cfg(feature = "tools")]
pub mod tools;
#[cfg(feature = "tools")]
pub mod top;
