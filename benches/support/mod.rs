//! What benches and the tests beside them share: expositions made up for measuring, and the crate as they drive it.
#![allow(dead_code, reason = "every program that compiles this module uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that can't run says so by panicking")]

pub mod django;
pub mod exposition;
pub mod ours;
pub mod random;
pub mod shuffle;
