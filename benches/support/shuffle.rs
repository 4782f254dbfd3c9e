//! The same exposition in an order that nobody can predict.

use super::random::Random;
use bytes::Bytes;

/// Shuffles the sample lines between two comments, so that families stay whole and no line stands where one would guess.
pub fn shuffled(body: &[u8], random: &mut Random) -> Bytes {
    let lines: Vec<&[u8]> = body.split_inclusive(|b| *b == b'\n').collect();
    let mut out = Vec::with_capacity(body.len());
    for run in lines.chunk_by(|a, b| a.starts_with(b"#") == b.starts_with(b"#")) {
        let mut run = run.to_vec();
        if !run.first().is_some_and(|line| line.starts_with(b"#")) {
            random.shuffle(&mut run);
        }
        run.iter().for_each(|line| out.extend_from_slice(line));
    }
    out.into()
}
