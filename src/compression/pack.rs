use super::Encoding;

/// gzip's level: a sixth smaller than 1. From here on it only gets dearer: 3 takes 40 % more time for 8 % less, 6, the usual default, 140 %
/// more for 13 % (`benches/README.md`).
#[cfg(feature = "compression")]
const GZIP_LEVEL: u32 = 2;
/// zstd's level: smaller than gzip's 2 in about half its time; 3 is slower and no smaller.
#[cfg(feature = "compression")]
const ZSTD_LEVEL: i32 = 1;

/// The body packed; `None` if it is to stay as it is, or could not be packed for want of memory.
#[cfg_attr(not(feature = "compression"), expect(unused_variables, reason = "there is nothing to pack with"))]
pub fn pack(body: &[u8], encoding: Encoding) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Identity => None,
        #[cfg(feature = "compression")]
        Encoding::Gzip => gzip(body, GZIP_LEVEL).ok(),
        #[cfg(feature = "compression")]
        Encoding::Zstd => zstd::bulk::compress(body, ZSTD_LEVEL).ok(),
        #[cfg(not(feature = "compression"))]
        Encoding::Gzip | Encoding::Zstd => None,
    }
}

#[cfg(feature = "compression")]
fn gzip(body: &[u8], level: u32) -> std::io::Result<Vec<u8>> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(body)?;
    encoder.finish()
}
