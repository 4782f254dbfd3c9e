//! JSON of uWSGI's stats server over any number of rounds.
#![no_main]
use onescrape_fuzz::{Counters, live};

libfuzzer_sys::fuzz_target!(|bodies: &[u8]| {
    live("uwsgi", &["tcp://127.0.0.1:1717"], Counters::NeverFall, bodies);
});
