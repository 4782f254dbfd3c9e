//! Unpacking as bytes come: nothing is held but a buffer, and no body may become larger than a limit, however small it came.

use super::Encoding;

/// Room for unpacked bytes on their way.
#[cfg(feature = "compression")]
const BUFFER_BYTES: usize = 32 << 10;
/// gzip's window, as the power of two that zlib wants: the largest, which every stream may use.
#[cfg(feature = "compression")]
const GZIP_WINDOW_LOG: u8 = 15;
/// The largest window of a zstd stream, as a power of two: 8 MiB, which is all that HTTP allows (RFC 9659).
#[cfg(feature = "compression")]
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Why a body can't be unpacked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    /// Larger than allowed, packed or unpacked.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The stream has no end.
    #[error("its Content-Encoding is {}, and after {came} bytes that stream has no end", encoding.as_str())]
    Truncated {
        /// What the head says it is.
        encoding: Encoding,
        /// Packed bytes.
        came: usize,
    },
    /// It is no such stream.
    #[error("the body is not what its Content-Encoding {} says: {why}", encoding.as_str())]
    Broken {
        /// What the head says it is.
        encoding: Encoding,
        /// The decoder's words.
        why: String,
    },
}

/// Takes a body as it comes and hands on what it says.
#[derive(Debug)]
pub struct Unpacker {
    encoding: Encoding,
    codec: Codec,
    limit: usize,
    /// Bytes taken.
    came: usize,
    /// Bytes handed on.
    gave: usize,
    /// Whether the stream may end here.
    whole: bool,
}

enum Codec {
    Plain,
    #[cfg(feature = "compression")]
    Packed {
        stream: Stream,
        buffer: Vec<u8>,
    },
}

#[cfg(feature = "compression")]
enum Stream {
    Gzip(flate2::Decompress),
    Zstd(zstd::stream::raw::Decoder<'static>),
}

impl std::fmt::Debug for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Codec")
    }
}

impl Unpacker {
    /// For a body with this encoding that may have `limit` bytes, packed or unpacked.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn new(encoding: Encoding, limit: usize) -> Result<Self, UnpackError> {
        let codec = match encoding {
            Encoding::Identity => Codec::Plain,
            #[cfg(feature = "compression")]
            Encoding::Gzip | Encoding::Zstd => {
                let stream = Stream::new(encoding).map_err(|e| broken(encoding, &e))?;
                Codec::Packed { stream, buffer: vec![0; BUFFER_BYTES] }
            }
            #[cfg(not(feature = "compression"))]
            Encoding::Gzip | Encoding::Zstd => return Err(broken(encoding, &"this build cannot unpack")),
        };
        Ok(Self { encoding, codec, limit, came: 0, gave: 0, whole: encoding == Encoding::Identity })
    }

    /// Bytes handed on so far.
    pub fn length(&self) -> usize {
        self.gave
    }

    /// Takes the next bytes, and hands on to `to` what they come to.
    ///
    /// # Errors
    /// [`UnpackError`], or what `to` says.
    pub fn push<E: From<UnpackError>>(&mut self, bytes: &[u8], mut to: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        self.came = self.came.saturating_add(bytes.len());
        within(self.came, self.limit)?;
        match &mut self.codec {
            Codec::Plain => {
                self.gave = self.came;
                to(bytes)
            }
            #[cfg(feature = "compression")]
            Codec::Packed { stream, buffer } => {
                let mut rest = bytes;
                while !rest.is_empty() {
                    if std::mem::take(&mut self.whole) {
                        // Streams may follow one another.
                        stream.begin_next();
                    }
                    loop {
                        let step = stream.step(rest, buffer).map_err(|e| broken(self.encoding, &e))?;
                        rest = rest.get(step.took..).unwrap_or_default();
                        self.gave = self.gave.saturating_add(step.gave);
                        within(self.gave, self.limit)?;
                        to(buffer.get(..step.gave).unwrap_or_default())?;
                        if step.ended {
                            self.whole = true;
                            break;
                        }
                        // More may wait inside as long as the buffer gets full.
                        if step.gave < buffer.len() {
                            if rest.is_empty() {
                                break;
                            }
                            if step.took == 0 && step.gave == 0 {
                                return Err(broken(self.encoding, &"it makes no progress").into());
                            }
                        }
                    }
                }
                Ok(())
            }
        }
    }

    /// The body is over.
    ///
    /// # Errors
    /// [`UnpackError::Truncated`].
    pub fn finish(&self) -> Result<(), UnpackError> {
        if self.whole { Ok(()) } else { Err(UnpackError::Truncated { encoding: self.encoding, came: self.came }) }
    }
}

fn within(bytes: usize, limit: usize) -> Result<(), UnpackError> {
    if bytes > limit { Err(UnpackError::TooLarge { limit }) } else { Ok(()) }
}

fn broken(encoding: Encoding, why: &dyn std::fmt::Display) -> UnpackError {
    UnpackError::Broken { encoding, why: why.to_string() }
}

/// What a decoder did.
#[cfg(feature = "compression")]
struct Step {
    took: usize,
    gave: usize,
    /// The stream is over, and everything in it was given.
    ended: bool,
}

#[cfg(feature = "compression")]
impl Stream {
    fn new(encoding: Encoding) -> std::io::Result<Self> {
        if encoding == Encoding::Gzip {
            return Ok(Self::Gzip(flate2::Decompress::new_gzip(GZIP_WINDOW_LOG)));
        }
        let mut decoder = zstd::stream::raw::Decoder::new()?;
        decoder.set_parameter(zstd::stream::raw::DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX))?;
        Ok(Self::Zstd(decoder))
    }

    fn begin_next(&mut self) {
        match self {
            Self::Gzip(decoder) => *decoder = flate2::Decompress::new_gzip(GZIP_WINDOW_LOG),
            // It does so by itself.
            Self::Zstd(_) => {}
        }
    }

    fn step(&mut self, bytes: &[u8], buffer: &mut [u8]) -> std::io::Result<Step> {
        match self {
            Self::Gzip(decoder) => {
                let (took, gave) = (decoder.total_in(), decoder.total_out());
                let status = decoder.decompress(bytes, buffer, flate2::FlushDecompress::None)?;
                // Both are bounded by the lengths of slices.
                let since = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
                let (took, gave) = (since(decoder.total_in(), took), since(decoder.total_out(), gave));
                Ok(Step { took, gave, ended: status == flate2::Status::StreamEnd })
            }
            Self::Zstd(decoder) => {
                use zstd::stream::raw::Operation;
                // The library is built without words for its errors.
                let why = || std::io::Error::other("no zstd stream, a damaged one, or one with a window beyond 8 MiB");
                let status = decoder.run_on_buffers(bytes, buffer).map_err(|_| why())?;
                Ok(Step { took: status.bytes_read, gave: status.bytes_written, ended: status.remaining == 0 })
            }
        }
    }
}

#[cfg(all(test, feature = "compression"))]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::compression::pack;
    use proptest::prelude::*;

    fn unpack(encoding: Encoding, packed: &[u8], chunk: usize, limit: usize) -> Result<Vec<u8>, UnpackError> {
        let mut unpacker = Unpacker::new(encoding, limit)?;
        let mut out = Vec::new();
        for bytes in packed.chunks(chunk) {
            unpacker.push::<UnpackError>(bytes, |part| {
                out.extend_from_slice(part);
                Ok(())
            })?;
        }
        unpacker.finish()?;
        assert_eq!(unpacker.length(), out.len());
        Ok(out)
    }

    #[test]
    fn no_stream_is_whole_until_its_last_byte_and_none_after_it() {
        let body = "http_requests_total{view=\"index\"} 1027\n".repeat(2000);
        for encoding in Encoding::PACKED.iter().copied() {
            let packed = pack(body.as_bytes(), encoding).unwrap();
            assert!(packed.len() * 5 < body.len());
            for length in 0..packed.len() {
                let cut = unpack(encoding, &packed[..length], 64 << 10, body.len());
                assert!(matches!(cut, Err(UnpackError::Truncated { .. })), "{encoding:?} {length}: {cut:?}");
            }
            let twice = [packed.as_slice(), &packed].concat();
            assert_eq!(unpack(encoding, &twice, 100, 2 * body.len()).unwrap(), body.repeat(2).as_bytes());
            let more = unpack(encoding, &[packed.as_slice(), b"more"].concat(), 100, body.len());
            assert!(matches!(more, Err(UnpackError::Broken { .. } | UnpackError::Truncated { .. })), "{more:?}");
        }
    }

    #[test]
    fn a_small_body_that_becomes_a_large_one_ends_at_the_limit() {
        for encoding in Encoding::PACKED.iter().copied() {
            let bomb = pack(&vec![b'x'; 10 << 20], encoding).unwrap();
            assert!(bomb.len() < 64 << 10);
            let mut unpacker = Unpacker::new(encoding, 1 << 20).unwrap();
            let mut most = 0;
            let ended = bomb.chunks(7).try_for_each(|bytes| {
                unpacker.push::<UnpackError>(bytes, |part| {
                    most += part.len();
                    Ok(())
                })
            });
            assert_eq!(ended, Err(UnpackError::TooLarge { limit: 1 << 20 }));
            assert!(most <= 1 << 20, "handed on {most} bytes");
            // Packed bytes that come to nothing count, too.
            let nothing = pack(b"", encoding).unwrap().repeat(100);
            assert_eq!(unpack(encoding, &nothing, 50, 99), Err(UnpackError::TooLarge { limit: 99 }));
        }
    }

    #[test]
    fn a_window_beyond_what_http_allows_is_refused() {
        use std::io::Write;
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.set_parameter(zstd::stream::raw::CParameter::WindowLog(24)).unwrap();
        encoder.write_all(&[b'x'; 100_000]).unwrap();
        let got = unpack(Encoding::Zstd, &encoder.finish().unwrap(), 1000, 1 << 20);
        assert!(matches!(got, Err(UnpackError::Broken { .. })), "{got:?}");
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(runs in proptest::collection::vec((any::<u8>(), 1..2000_usize), 0..40), chunk in 10..70_000_usize) {
            let body: Vec<u8> = runs.into_iter().flat_map(|(byte, times)| std::iter::repeat_n(byte, times)).collect();
            for encoding in Encoding::PACKED.iter().copied() {
                let packed = pack(&body, encoding).unwrap();
                prop_assert_eq!(&unpack(encoding, &packed, chunk, body.len().max(packed.len())).unwrap(), &body);
            }
            prop_assert_eq!(&unpack(Encoding::Identity, &body, chunk, body.len()).unwrap(), &body);
        }

        #[test]
        fn any_bytes_end(body in proptest::collection::vec(any::<u8>(), 0..500), at in 0..500_usize, byte: u8) {
            for encoding in Encoding::PACKED.iter().copied() {
                let _ = unpack(encoding, &body, 50, 1000);
                let mut packed = pack(&body, encoding).unwrap();
                if let Some(old) = packed.get_mut(at) {
                    *old = byte;
                }
                let _ = unpack(encoding, &packed, 50, 1000);
            }
        }
    }
}
