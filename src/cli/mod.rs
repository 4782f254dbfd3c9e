//! The command line.

pub mod args;
pub mod check;
pub mod config;
pub mod demo;
pub mod logging;
mod source_flags;
