//! What most lines are, read without looking at them as text: the head expected, then a number.

use memchr::{memchr, memrchr};

/// Bytes of a head that are compared at once.
const COMPARED_BYTES: usize = 32;

/// Whether two heads are the same. Compared in blocks of a fixed size, the last one overlapping: no call for some hundred bytes.
#[inline]
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    match (a.last_chunk::<COMPARED_BYTES>(), b.last_chunk::<COMPARED_BYTES>()) {
        (Some(x), Some(y)) if a.len() == b.len() => {
            x == y && a.as_chunks().0.iter().zip(b.as_chunks().0).all(|(x, y): (&[u8; COMPARED_BYTES], _)| x == y)
        }
        _ => a == b,
    }
}

/// What stands behind `head`; `None` if `data` begins otherwise.
#[inline]
pub(super) fn behind<'d>(data: &'d [u8], head: &[u8]) -> Option<&'d [u8]> {
    let (begin, rest) = data.split_at_checked(head.len())?;
    equal(begin, head).then_some(rest)
}

/// A finite number up to the line feed, and how many bytes it took with it; `None` where more than a number stands there.
#[inline]
pub(super) fn quick_number(bytes: &[u8]) -> Option<(f64, usize)> {
    if let Some(found) = bytes.first_chunk().and_then(|first| short_integer(*first, bytes)) {
        return Some(found);
    }
    let (value, length) = fast_float2::parse_partial::<f64, _>(bytes).ok()?;
    (value.is_finite() && bytes.get(length) == Some(&b'\n')).then_some((value, length + 1))
}

/// An integer of less than eight digits, `N` or `N.0`, up to the line feed: the counts that most lines have. All digits at once: eight
/// bytes as one number, pairs of digits added up, then pairs of pairs.
#[inline]
fn short_integer(first: [u8; 8], bytes: &[u8]) -> Option<(f64, usize)> {
    let digits = u64::from_le_bytes(first) ^ 0x3030_3030_3030_3030;
    let others = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080;
    let length = others.trailing_zeros() / 8;
    if length == 0 || length == 8 {
        return None;
    }
    let end = length as usize;
    let behind = match bytes.get(end)? {
        b'\n' => 1,
        b'.' if bytes.get(end + 1..end + 3) == Some(b"0\n") => 3,
        _ => return None,
    };
    let aligned = digits << (64 - 8 * length);
    let pairs = (aligned & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul(10 * 256 + 1) >> 8;
    let fours = (pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul(100 * 65_536 + 1) >> 16;
    let integer = (fours & 0x0000_ffff_0000_ffff).wrapping_mul(10_000 * 4_294_967_296 + 1) >> 32;
    Some((integer as f64, end + behind))
}

/// The head of a sample line that ends with its value: all before the last blank.
pub(super) fn head_before_value(line: &[u8]) -> Option<&[u8]> {
    let blank = memrchr(b' ', line)?;
    line.get(..blank)
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
    fn numbers_up_to_the_line_feed() {
        for text in [
            "0",
            "7",
            "12.0",
            "1234567",
            "12345678",
            "123456789012",
            "0.5",
            "1234567.0",
            "1e3",
            "-3",
            "007.0",
            "1.7976931348623157e308",
            "+4.25",
        ] {
            let value: f64 = text.parse().unwrap();
            for rest in ["", "more than eight bytes behind it"] {
                let line = format!("{text}\n{rest}");
                assert_eq!(quick_number(line.as_bytes()), Some((value, text.len() + 1)), "{line:?}");
            }
        }
        for odd in
            ["", "\n", "NaN\n", "+Inf\n", "1 2\n", "1", "12345678", "1.0", ".\n", "1.0 # {} 1\n", "a\n", "1.\u{e9}\n", "1e400\n"]
        {
            assert_eq!(quick_number(odd.as_bytes()), None, "{odd:?}");
        }
    }

    #[test]
    fn heads_are_compared_whole() {
        for length in [0, 1, 31, 32, 33, 63, 64, 65, 200] {
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
        assert_eq!(likely_head(b"a{b=\"c\"} 1 # {} 2"), b"a{b=\"c\"}");
    }
}
