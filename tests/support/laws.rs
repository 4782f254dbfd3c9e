//! How often the laws are tried.

use proptest::prelude::ProptestConfig;

/// `cases` tries, times `PROPERTY_SCALE` where that is set. `make test` fixes the seed, so that it says the same on every machine;
/// `make properties` lets it vary.
pub fn tries(cases: u32) -> ProptestConfig {
    let scale = std::env::var("PROPERTY_SCALE").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    ProptestConfig { cases: cases * scale, failure_persistence: None, ..ProptestConfig::default() }
}
