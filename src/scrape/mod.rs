//! Reading targets: every target of a round at once, one deadline, one typed outcome each.

mod error;

pub use error::{Body, Missed, Scraped};
