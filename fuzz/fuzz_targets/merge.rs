//! Two workers of a pool over any number of rounds.
#![no_main]
use onescrape_fuzz::{Counters, live};

libfuzzer_sys::fuzz_target!(|bodies: &[u8]| {
    live("workers", &["127.0.0.1:5001-5002"], Counters::NeverFall, bodies);
});
