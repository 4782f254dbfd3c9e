#![no_main]
libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    let _ = onescrape::parse::openmetrics(body);
});
