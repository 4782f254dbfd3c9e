//! What most lines are, read without looking at them as text: the head expected, then a number.

use memchr::{memchr, memrchr};

/// Whether two heads are the same. Compared in blocks of a fixed size, the last one overlapping: no call for some hundred bytes.
#[inline]
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && equal_blocks::<64>(a, b).or_else(|| equal_blocks::<16>(a, b)).unwrap_or_else(|| a == b)
}

/// Whether two texts of one length are the same; `None` if they are shorter than a block.
#[inline]
fn equal_blocks<const N: usize>(a: &[u8], b: &[u8]) -> Option<bool> {
    let same_end = is_same(a.last_chunk::<N>()?, b.last_chunk::<N>()?);
    Some(same_end && a.as_chunks().0.iter().zip(b.as_chunks().0).all(|(a, b)| is_same::<N>(a, b)))
}

/// Whether two blocks are the same, with one branch for all of it.
#[inline]
fn is_same<const N: usize>(a: &[u8; N], b: &[u8; N]) -> bool {
    let words = a.as_chunks().0.iter().zip(b.as_chunks().0);
    words.fold(0, |differ, (a, b)| differ | (u128::from_ne_bytes(*a) ^ u128::from_ne_bytes(*b))) == 0
}

/// What stands behind `head`; `None` if `data` begins otherwise.
#[inline]
pub(super) fn behind<'d>(data: &'d [u8], head: &[u8]) -> Option<&'d [u8]> {
    let (begin, rest) = data.split_at_checked(head.len())?;
    equal(begin, head).then_some(rest)
}

/// The head of a sample line that ends with its value: all before the last blank.
#[inline]
pub(super) fn head_before_value(line: &[u8]) -> Option<&[u8]> {
    let blank = line.last_chunk().and_then(|end| last_blank(*end)).map(|back| line.len() - back).or_else(|| memrchr(b' ', line))?;
    line.get(..blank)
}

/// How far before the end the last blank of eight bytes stands: short values are found without a call.
#[inline]
fn last_blank(end: [u8; 8]) -> Option<usize> {
    let others = u64::from_le_bytes(end) ^ 0x2020_2020_2020_2020;
    // The highest bit of each byte that is 0.
    let blanks = !(((others & 0x7f7f_7f7f_7f7f_7f7f) + 0x7f7f_7f7f_7f7f_7f7f) | others | 0x7f7f_7f7f_7f7f_7f7f);
    (blanks != 0).then(|| 1 + blanks.leading_zeros() as usize / 8)
}

/// Where the head of a sample most likely ends. Wrong only where a label value holds `}`, or blanks stand before `{`: then the line is
/// not found and tokenised.
pub(super) fn likely_head(line: &[u8]) -> &[u8] {
    let name = line.iter().position(|b| matches!(b, b'{' | b' ')).unwrap_or(line.len());
    match line.get(name) {
        Some(b'{') => memchr(b'}', line).map_or(line, |end| &line[..=end]),
        _ => &line[..name],
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_compared_whole() {
        for length in [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 200] {
            let head: Vec<u8> = (0..length).map(|i| b'a' + (i % 26) as u8).collect();
            let line = [&head[..], b" 1\n"].concat();
            assert_eq!(behind(&line, &head), Some(&b" 1\n"[..]));
            for at in 0..length {
                let mut other = line.clone();
                other[at] ^= 1;
                assert_eq!(behind(&other, &head), None, "{length} {at}");
            }
        }
        assert_eq!(behind(b"ab", b"abc"), None);
    }

    #[test]
    fn heads_end_before_the_last_blank() {
        assert_eq!(head_before_value(b"a{b=\"c d\"} 1"), Some(&b"a{b=\"c d\"}"[..]));
        assert_eq!(head_before_value(b"a"), None);
        for value in ["1", "1.0\n", "12.0\n", "123.0\n", "1.25e+06\n", "1.790000123456789e+09\n", "!\n", "\u{a0}\n", "a!! !\n"] {
            let line = format!("a{{b=\"c d\"}} {value}");
            let before = line.rsplit_once(' ').unwrap().0;
            assert_eq!(head_before_value(line.as_bytes()), Some(before.as_bytes()), "{line:?}");
        }
        assert_eq!(head_before_value(b"no_blank_in_here"), None);
        assert_eq!(head_before_value(b" 2345678"), Some(&b""[..]));
        assert_eq!(likely_head(b"a{b=\"c\"} 1 # {} 2"), b"a{b=\"c\"}");
    }
}
