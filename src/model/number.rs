//! Reading and printing of numbers: correctly rounded both ways, in the spelling of Go's `%g`.

/// From this power of ten on a number is printed with an exponent: `strconv.FormatFloat(v, 'g', -1, 64)` decides as if it had six digits.
const EXPONENT_FROM: i32 = 6;
/// Below this power of ten a number is printed with an exponent.
const EXPONENT_BELOW: i32 = -4;
/// 10 to the power of [`EXPONENT_FROM`] and [`EXPONENT_BELOW`].
const PLAIN: std::ops::Range<f64> = 1e-4..1e6;
/// Integers below 2^53 are exact, so their digits are their shortest form.
const EXACT_INTEGERS_BELOW: f64 = 9_007_199_254_740_992.0;

/// zmij's longest output, `-2.2250738585072014e-308`, as its buffer has it.
const SHORTEST_BYTES_MAX: usize = 24;

/// Where text is appended: a [`String`], or the bytes of a body under construction.
pub trait TextSink {
    /// Appends `text`.
    fn push_text(&mut self, text: &str);
}

impl TextSink for String {
    fn push_text(&mut self, text: &str) {
        self.push_str(text);
    }
}

impl TextSink for Vec<u8> {
    fn push_text(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }
}

/// Reads a decimal number as the exposition formats have it: nearest `f64`; `NaN`, `Inf`, `Infinity` in any case, with a sign;
/// no hexadecimal, no `_`, nothing around it.
pub fn parse_number(text: &str) -> Option<f64> {
    fast_float2::parse(text).ok()
}

/// Appends `value` in its shortest form that reads back equal, spelled as Go's `strconv.FormatFloat(v, 'g', -1, 64)`: with an exponent
/// below 1e-4 and from 1e6 on, of at least two digits; `NaN`, `+Inf`, `-Inf`, `-0`.
pub fn push_number<S: TextSink>(out: &mut S, value: f64) {
    let magnitude = value.abs();
    if !value.is_finite() {
        out.push_text(match value {
            f64::INFINITY => "+Inf",
            f64::NEG_INFINITY => "-Inf",
            _ => "NaN",
        });
    } else if magnitude < EXACT_INTEGERS_BELOW && magnitude.fract() == 0.0 {
        push_integer(out, value);
    } else if PLAIN.contains(&magnitude) {
        out.push_text(zmij::Buffer::new().format_finite(value));
    } else {
        push_relaid(out, zmij::Buffer::new().format_finite(value));
    }
}

/// Appends a bucket bound or quantile in the canonical spelling of Prometheus 3: as [`push_number`], but plain integers with `.0`.
pub fn push_bound<S: TextSink>(out: &mut S, bound: f64) {
    // -0 is the bound 0: bounds are told apart by number.
    let bound = if bound == 0.0 { 0.0 } else { bound };
    push_number(out, bound);
    if bound.fract() == 0.0 && (bound == 0.0 || PLAIN.contains(&bound.abs())) {
        out.push_text(".0");
    }
}

fn push_integer<S: TextSink>(out: &mut S, value: f64) {
    if value.is_sign_negative() {
        out.push_text("-");
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // integral, not negative and below 2^53
    let integer = value.abs() as u64;
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(integer);
    if value.abs() < PLAIN.end {
        out.push_text(digits);
    } else {
        push_scientific(out, digits, digits.len() as i32 - 1);
    }
}

/// Lays out anew what zmij wrote, such as `1234567.8`, `1.5e-7` or `1e16`.
fn push_relaid<S: TextSink>(out: &mut S, shortest: &str) {
    let unsigned = shortest.strip_prefix('-').unwrap_or(shortest);
    if unsigned.len() < shortest.len() {
        out.push_text("-");
    }
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut joined = [b'0'; SHORTEST_BYTES_MAX];
    let both = integer.bytes().chain(fraction.bytes());
    let length = joined.iter_mut().zip(both).map(|(to, digit)| *to = digit).count();
    let joined = joined.get(..length).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default();
    let digits = joined.trim_start_matches('0');
    let leading_zeros = (joined.len() - digits.len()) as i32;
    let exponent = exponent.parse::<i32>().unwrap_or_default() + integer.len() as i32 - 1 - leading_zeros;
    debug_assert!(!(EXPONENT_BELOW..EXPONENT_FROM).contains(&exponent), "{shortest} needs no exponent");
    push_scientific(out, digits, exponent);
}

/// `d.ddde±XX` without trailing zeros.
fn push_scientific<S: TextSink>(out: &mut S, digits: &str, exponent: i32) {
    let digits = digits.trim_end_matches('0');
    let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, ""));
    out.push_text(first);
    if !rest.is_empty() {
        out.push_text(".");
        out.push_text(rest);
    }
    out.push_text(if exponent < 0 { "e-" } else { "e+" });
    if exponent.unsigned_abs() < 10 {
        out.push_text("0");
    }
    out.push_text(itoa::Buffer::new().format(exponent.unsigned_abs()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(value: f64) -> String {
        let mut out = String::new();
        push_number(&mut out, value);
        out
    }

    /// Numbers as `strconv.FormatFloat(v, 'g', -1, 64)` spells them.
    const GO: &[(f64, &str)] = &[
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (-7.0, "-7"),
        (42.5, "42.5"),
        (0.1, "0.1"),
        (0.30000000000000004, "0.30000000000000004"),
        (100000.0, "100000"),
        (999999.0, "999999"),
        (-999999.0, "-999999"),
        (999999.9999999999, "999999.9999999999"),
        (1000000.0, "1e+06"),
        (-1000000.0, "-1e+06"),
        (1000000.5, "1.0000005e+06"),
        (1234567.0, "1.234567e+06"),
        (1234567.8, "1.2345678e+06"),
        (12345678900.0, "1.23456789e+10"),
        (1795308639.18, "1.79530863918e+09"),
        (1795308640.2819295, "1.7953086402819295e+09"),
        (128733184.0, "1.28733184e+08"),
        (9007199254740991.0, "9.007199254740991e+15"),
        (9007199254740992.0, "9.007199254740992e+15"),
        (9007199254740994.0, "9.007199254740994e+15"),
        (1e15, "1e+15"),
        (1e16, "1e+16"),
        (123456789012345680.0, "1.2345678901234568e+17"),
        (1e21, "1e+21"),
        (1e22, "1e+22"),
        (1e23, "1e+23"),
        (1e100, "1e+100"),
        (f64::MAX, "1.7976931348623157e+308"),
        (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
        (5e-324, "5e-324"),
        (-5e-324, "-5e-324"),
        (0.001, "0.001"),
        (0.0001, "0.0001"),
        (0.00012345, "0.00012345"),
        (0.00001, "1e-05"),
        (0.000099999, "9.9999e-05"),
        (-0.000015, "-1.5e-05"),
        (1.5e-7, "1.5e-07"),
        (1e-10, "1e-10"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
    ];

    #[test]
    fn prints_as_go_does() {
        for (value, text) in GO {
            assert_eq!(&number(*value), text);
        }
    }

    #[test]
    fn bounds_are_canonical() {
        for (bound, text) in [
            (0.005, "0.005"),
            (0.0, "0.0"),
            (-0.0, "0.0"),
            (1.0, "1.0"),
            (-1.0, "-1.0"),
            (10.0, "10.0"),
            (2.5, "2.5"),
            (100000.0, "100000.0"),
            (1e6, "1e+06"),
            (-1e6, "-1e+06"),
            (1e17, "1e+17"),
            (1e-5, "1e-05"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            let mut out = Vec::new();
            push_bound(&mut out, bound);
            assert_eq!(String::from_utf8_lossy(&out), text);
        }
    }

    #[test]
    fn reads_every_spelling_of_the_formats() {
        for (text, value) in [
            ("0", 0.0),
            ("+5", 5.0),
            ("-5", -5.0),
            (".5", 0.5),
            ("-.5", -0.5),
            ("5.", 5.0),
            ("0042", 42.0),
            ("1e5", 1e5),
            ("1E+05", 1e5),
            ("1e-05", 1e-5),
            ("9007199254740993", 9007199254740992.0),
            ("1.2345678901e+10", 12345678901.0),
            ("0.1000000000000000055511151231257827021181583404541015625", 0.1),
            ("inf", f64::INFINITY),
            ("+Inf", f64::INFINITY),
            ("INFINITY", f64::INFINITY),
            ("+infinity", f64::INFINITY),
            ("-iNf", f64::NEG_INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
        ] {
            assert_eq!(parse_number(text), Some(value), "{text}");
        }
        assert!(parse_number("-0").is_some_and(|v| v == 0.0 && v.is_sign_negative()));
        for text in ["NaN", "nan", "NAN", "+nan", "-NaN"] {
            assert!(parse_number(text).is_some_and(f64::is_nan), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_decimal_number() {
        for text in [
            "",
            " ",
            "+",
            "-",
            ".",
            "e5",
            "1e",
            "1e+",
            "1e5.",
            "++1",
            "+-1",
            "0x10",
            "0x1p-3",
            "0b1",
            "0o7",
            "1p3",
            "1_000",
            "1,000",
            " 1",
            "1 ",
            "1\r",
            "\t1",
            "one",
            "nanx",
            "infinit",
            "infinityx",
            "in",
            "--inf",
            "1f",
            "1d",
            "١",
        ] {
            assert_eq!(parse_number(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn printed_numbers_read_back_bit_for_bit(bits: u64) {
            let value = f64::from_bits(bits);
            let back = parse_number(&number(value));
            if value.is_nan() {
                prop_assert!(back.is_some_and(f64::is_nan));
            } else {
                prop_assert_eq!(back.map(f64::to_bits), Some(bits));
            }
        }

        #[test]
        fn everyday_numbers_read_back_and_have_gos_exponent_rule(mantissa in -100_000_000_i64..100_000_000, scale in -10..10) {
            let value = mantissa as f64 * 10_f64.powi(scale);
            let text = number(value);
            prop_assert_eq!(parse_number(&text), Some(value));
            let plain = value == 0.0 || (1e-4..1e6).contains(&value.abs());
            prop_assert_eq!(text.contains('e'), !plain, "{}", text);
        }

        #[test]
        fn std_reads_the_same(text in r"[+-]?[0-9]{0,25}\.?[0-9]{0,25}([eE][+-]?[0-9]{1,4})?") {
            prop_assert_eq!(parse_number(&text).map(f64::to_bits), text.parse::<f64>().ok().map(f64::to_bits));
        }
    }
}
