//! The command line.

pub mod args;
pub mod config;
pub mod logging;
mod source_flags;
