//! Delimited protobuf, read as an exporter's and written again.
#![no_main]
use onescrape_fuzz::live_protobuf;

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    live_protobuf("exporter", "http://127.0.0.1:9100/metrics", body);
});
