//! Numbers up to the line feed, as most lines have them: counts, sums, times. Correctly rounded, as all that is read.
//!
//! Eight digits at a time, as one number. Up to nineteen of them are an integer that 64 bits hold; what the point and the exponent make
//! of it is one operation that rounds once. Anything else is left to the library.

/// Digits read at once.
const BLOCK: usize = 8;
/// So many digits always fit 64 bits.
const DIGITS_MAX: usize = 19;
/// Integers below are exact as `f64`.
const EXACT_BELOW: u64 = 1 << 53;
/// By how many bits a dividend of 64 is raised, so that the quotient of two normalised integers has 63 or 64.
const RAISED_BITS: u32 = 63;
/// Where the exponent stands in the bits of an `f64`, and what is added to it.
const EXPONENT_SHIFT: u32 = 52;
const EXPONENT_BIAS: u64 = 1023;

/// Powers of ten that 64 bits hold.
static INTEGER_POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = 10 * powers[at - 1];
        at += 1;
    }
    powers
};

/// Powers of ten that are exact as `f64`.
static EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// A finite number up to the line feed, and how many bytes it took with it; `None` where more than a number stands there.
#[inline]
pub(super) fn quick_number(bytes: &[u8]) -> Option<(f64, usize)> {
    if let Some(block) = bytes.first_chunk() {
        // `N` or `N.0`: the counts that most lines have.
        let (integer, length) = leading_digits(*block);
        match bytes.get(length..).filter(|_| length > 0) {
            Some([b'\n', ..]) => return Some((f64::from(integer), length + 1)),
            Some([b'.', b'0', b'\n', ..]) => return Some((f64::from(integer), length + 3)),
            _ => {}
        }
        if let Some(found) = decimal(bytes, integer, length) {
            return Some(found);
        }
    }
    any_number(bytes)
}

/// What no shorter way reads.
#[cold]
#[inline(never)]
fn any_number(bytes: &[u8]) -> Option<(f64, usize)> {
    let (value, length) = fast_float2::parse_partial::<f64, _>(bytes).ok()?;
    (value.is_finite() && bytes.get(length) == Some(&b'\n')).then_some((value, length + 1))
}

/// The number that the digits at the beginning make, and how many they are.
#[inline]
fn leading_digits(block: [u8; BLOCK]) -> (u32, usize) {
    let digits = u64::from_le_bytes(block) ^ 0x3030_3030_3030_3030;
    let others = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080;
    let length = others.trailing_zeros() / 8;
    // Zeros come in before the first digit; then pairs of digits are added up, then pairs of pairs.
    let half_missing = 32 - 4 * length;
    let aligned = digits << half_missing << half_missing;
    let pairs = (aligned & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul(10 * 256 + 1) >> 8;
    let fours = (pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul(100 * 65_536 + 1) >> 16;
    let eight = (fours & 0x0000_ffff_0000_ffff).wrapping_mul(10_000 * 4_294_967_296 + 1) >> 32;
    (eight as u32, length as usize)
}

/// Digits read so far.
struct Digits {
    /// What they make; of more than [`DIGITS_MAX`] of them it says nothing.
    integer: u64,
    count: usize,
}

impl Digits {
    /// Reads the digits that come next; `None` where too few bytes stand behind them.
    #[inline]
    fn take<'d>(&mut self, mut bytes: &'d [u8]) -> Option<&'d [u8]> {
        loop {
            let (digits, length) = leading_digits(*bytes.first_chunk()?);
            self.integer = self.integer.wrapping_mul(INTEGER_POWERS[length]).wrapping_add(u64::from(digits));
            self.count += length;
            bytes = bytes.get(length..)?;
            if length < BLOCK || !bytes.first()?.is_ascii_digit() {
                return Some(bytes);
            }
        }
    }
}

/// `D[.D][e±D]` up to the line feed, with digits on both sides of a point: floats as they are printed. Of the digits it begins with, at
/// most eight are read already.
#[inline(never)]
fn decimal(bytes: &[u8], integer: u32, count: usize) -> Option<(f64, usize)> {
    let mut digits = Digits { integer: integer.into(), count };
    let mut rest = bytes.get(count..)?;
    if count == BLOCK {
        rest = digits.take(rest)?;
    }
    let whole = digits.count;
    if let Some(fraction) = rest.strip_prefix(b".") {
        rest = digits.take(fraction)?;
        (digits.count > whole).then_some(())?;
    }
    let mut exponent = whole as i32 - digits.count as i32;
    if let [b'e' | b'E', sign @ (b'+' | b'-'), tens @ b'0'..=b'9', ones @ b'0'..=b'9', behind @ ..] = rest {
        let printed = 10 * i32::from(tens - b'0') + i32::from(ones - b'0');
        exponent += if *sign == b'-' { -printed } else { printed };
        rest = behind;
    }
    let rest = rest.strip_prefix(b"\n").filter(|_| whole > 0 && digits.count <= DIGITS_MAX)?;
    Some((rounded(digits.integer, exponent)?, bytes.len() - rest.len()))
}

/// The `f64` nearest to `integer · 10^exponent`, where one rounding makes it.
#[inline]
fn rounded(integer: u64, exponent: i32) -> Option<f64> {
    let power = exponent.unsigned_abs() as usize;
    if integer < EXACT_BELOW && power < EXACT_POWERS.len() {
        // Both exact, so the one operation rounds as it must.
        let (integer, power) = (integer as f64, EXACT_POWERS[power]);
        return Some(if exponent < 0 { integer / power } else { integer * power });
    }
    (exponent <= 0).then(|| INTEGER_POWERS.get(power).map(|power| quotient(integer, *power)))?
}

/// The `f64` nearest to `dividend / divisor`, both above 0. The quotient has ten bits more than an `f64`; with the last one set where
/// something is left over, it rounds as the exact one does.
#[inline]
fn quotient(dividend: u64, divisor: u64) -> f64 {
    let (up, down) = (dividend.leading_zeros(), divisor.leading_zeros());
    let raised = u128::from(dividend << up) << RAISED_BITS;
    let divisor = divisor << down;
    let whole = (raised / u128::from(divisor)) as u64;
    let is_left_over = (raised as u64) != whole.wrapping_mul(divisor);
    let exponent = EXPONENT_BIAS + u64::from(down) - u64::from(up) - u64::from(RAISED_BITS);
    (whole | u64::from(is_left_over)) as f64 * f64::from_bits(exponent << EXPONENT_SHIFT)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn agrees(text: &str) {
        let value: f64 = text.parse().unwrap();
        for rest in ["", "more than eight bytes behind it"] {
            let line = format!("{text}\n{rest}");
            assert_eq!(
                quick_number(line.as_bytes()).map(|(v, n)| (v.to_bits(), n)),
                Some((value.to_bits(), text.len() + 1)),
                "{line:?}"
            );
        }
    }

    #[test]
    fn numbers_up_to_the_line_feed() {
        for text in [
            "0",
            "7",
            "12.0",
            "1234567",
            "12345678",
            "12345678.0",
            "123456789012",
            "0.5",
            "1234567.0",
            "1e3",
            "-3",
            "007.0",
            "+4.25",
            "1.7976931348623157e308",
            "1.790000123456789e+09",
            "1.7900001234567891e+09",
            "1.79000012345678912345e+09",
            "9.5e-07",
            "0.000000000000000000001",
            "18446744073709551615",
            "18446744073709551616",
            "9007199254740993",
            "9007199254740993.0",
            "9999999999999999999",
            "9007199254740992.5",
            "9007199254740993e-19",
            "0.0",
            "0.0e+00",
            "00000000000000000000.5",
            "1e-22",
            "5E-99",
            "1.5e+22",
            "1.5e+23",
            "9999999999999999999e-19",
        ] {
            agrees(text);
        }
        for odd in [
            "",
            "\n",
            "NaN\n",
            "+Inf\n",
            "1 2\n",
            "1",
            "12345678",
            "1.0",
            ".\n",
            "1.0 # {} 1\n",
            "a\n",
            "1.\u{e9}\n",
            "1e400\n",
            "1e\n",
            "1e+\n",
            "1.5e+09 1\n",
            "12345678901234567890 1\n",
            "e+09\n",
        ] {
            assert_eq!(quick_number(odd.as_bytes()), None, "{odd:?}");
            let more = format!("{odd}more than eight bytes behind it");
            assert_eq!(quick_number(more.as_bytes()), None, "{more:?}");
        }
    }

    #[test]
    fn half_way_between_two_floats() {
        // Just below, at and just above the middle of two neighbours: the even one wins only at the very middle.
        for text in
            ["9007199254740993.0", "9007199254740992.999", "9007199254740993.001", "4503599627370496.5", "4503599627370497.5"]
        {
            agrees(text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn short_ways_round_as_the_long_one(integer in any::<u64>(), bits in 0u32..64, point in 1usize..20, exponent in -30i32..30) {
            let digits = (integer >> bits).to_string();
            let at = point.min(digits.len());
            let (whole, fraction) = digits.split_at(at);
            agrees(&digits);
            agrees(&format!("{whole}.{fraction}0"));
            let sign = if exponent < 0 { '-' } else { '+' };
            agrees(&format!("{whole}.{fraction}5e{sign}{:02}", exponent.abs()));
        }

        #[test]
        fn printed_floats_are_read_back(value in prop_oneof![1e-9..1e12f64, 1.7e9..1.9e9f64, 0.0..1e5f64]) {
            agrees(&value.to_string());
            agrees(&format!("{value:e}"));
            let text = format!("{value:e}");
            let (mantissa, exponent) = text.split_once('e').unwrap();
            let exponent: i32 = exponent.parse().unwrap();
            agrees(&format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()));
        }
    }
}
