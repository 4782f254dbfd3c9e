//! Multiprocess files: the bytes of one, and a directory of them over any number of rounds.
#![no_main]
use onescrape::multiproc::{read, write};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Ok(entries) = read(input) {
        let written = write(entries.iter().copied()).expect("entries that were read can be written");
        let again = read(&written).expect("what was written can be read");
        assert_eq!(again.len(), entries.len());
    }
    onescrape_fuzz::directory(input);
});
