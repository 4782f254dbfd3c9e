//! OpenMetrics, read as an exporter's and written again.
#![no_main]
use onescrape_fuzz::{Counters, live};

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    let _ = onescrape::parse::openmetrics(body);
    live("exporter", &["http://127.0.0.1:9100/metrics"], Counters::AsTheyAre, body);
});
