//! JSON of nginx' VTS module, two servers.
#![no_main]
use onescrape_fuzz::{Counters, live};

libfuzzer_sys::fuzz_target!(|bodies: &[u8]| {
    live("nginx_vts", &["http://127.0.0.1:8080/status", "unix:///run/nginx.sock:/status"], Counters::AsTheyAre, bodies);
});
