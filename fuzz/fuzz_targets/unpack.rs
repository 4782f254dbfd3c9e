//! Bodies that claim to be packed: they end within the limit, and come to the same however they are cut.
#![no_main]
use onescrape::compression::{Encoding, UnpackError, Unpacker};

/// Largest body, bytes.
const LIMIT: usize = 1 << 20;

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    for encoding in Encoding::PACKED {
        let whole = unpack(*encoding, body, body.len().max(1));
        let cut = unpack(*encoding, body, 13);
        // What is wrong may be seen later in one piece than in many, but wrong it is.
        assert_eq!(whole.as_ref().ok(), cut.as_ref().ok(), "{encoding:?}");
    }
});

fn unpack(encoding: Encoding, body: &[u8], chunk: usize) -> Result<Vec<u8>, UnpackError> {
    let mut unpacker = Unpacker::new(encoding, LIMIT)?;
    let mut out = Vec::new();
    for bytes in body.chunks(chunk) {
        unpacker.push::<UnpackError>(bytes, |part| {
            out.extend_from_slice(part);
            assert!(out.len() <= LIMIT);
            Ok(())
        })?;
    }
    unpacker.finish().map(|()| out)
}
