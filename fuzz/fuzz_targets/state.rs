//! A state file: damaged in any way it is refused, and what gets past the checksum is refused or goes on.
#![no_main]
use onescrape::state::Document;
use onescrape_fuzz::resume;

/// Bytes of the checksum at the end.
const SUM_BYTES: usize = 4;
/// Kinds that keep something, with targets as in the seed; sources have the names of their kinds.
const KEPT: [(&str, &[&str]); 2] = [("workers", &["127.0.0.1:18101-18102"]), ("uwsgi", &["file:///tmp/uwsgi.json"])];

libfuzzer_sys::fuzz_target!(|file: &[u8]| {
    let _ = Document::read(file.to_vec());
    // With the checksum that it should have, or hardly an input would get any further.
    let Some((contents, _)) = file.split_last_chunk::<SUM_BYTES>() else { return };
    let whole = [contents, &crc32fast::hash(contents).to_le_bytes()].concat();
    let Ok(document) = Document::read(whole) else { return };
    for (kind, targets) in KEPT {
        if let Some(saved) = document.section(kind, kind) {
            resume(kind, targets, saved);
        }
    }
});
