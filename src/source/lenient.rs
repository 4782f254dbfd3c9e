//! Reading JSON that is not quite JSON.
//!
//! uWSGI prints paths, names and request variables as they are: raw control characters, invalid UTF-8 and lone backslashes get
//! into strings; nginx' VTS module does so with what clients send, and old releases of it left commas behind last members. Both print
//! signed numbers as unsigned ones, so what went below zero shows as almost 2^64.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt::{self, Write};

/// The text with what a strict parser refuses made valid: inside strings control characters and lone backslashes are escaped and invalid
/// UTF-8 is replaced by U+FFFD; a comma behind the last member of an object or list is left out.
pub(super) fn mend(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    let mut in_string = false;
    while let Some(at) = rest.find(|c: char| c == '"' || if in_string { c == '\\' || c < ' ' } else { c == ',' }) {
        let (run, special) = rest.split_at(at);
        out.push_str(run);
        let mut chars = special.chars();
        match chars.next() {
            Some('"') => {
                in_string = !in_string;
                out.push('"');
            }
            // Found outside strings only.
            Some(',') if chars.as_str().trim_ascii_start().starts_with(['}', ']']) => {}
            Some(',') => out.push(','),
            Some('\\') if is_escape(chars.as_str()) => {
                out.push('\\');
                out.extend(chars.next());
            }
            Some('\\') => out.push_str("\\\\"),
            Some(control) => drop(write!(out, "\\u{:04x}", u32::from(control))), // writing to a String can't fail
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}

/// Whether what follows a backslash makes it a JSON escape.
fn is_escape(after: &str) -> bool {
    match after.as_bytes() {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => true,
        [b'u', hex @ ..] => hex.get(..4).is_some_and(|h| h.iter().all(u8::is_ascii_hexdigit)),
        _ => false,
    }
}

/// A number of any JSON spelling, or nothing where something else stands. What is above 2^63 was negative before it was printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Number(pub(super) Option<i64>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl<'de> Visitor<'de> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }
    fn visit_u64<E>(self, value: u64) -> Result<Number, E> {
        Ok(Number(Some(value.cast_signed())))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Number, E> {
        Ok(Number(Some(value)))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Number, E> {
        Ok(Number(Some(value as i64))) // saturates
    }
    fn visit_bool<E>(self, value: bool) -> Result<Number, E> {
        Ok(Number(Some(value.into())))
    }
    fn visit_str<E>(self, _: &str) -> Result<Number, E> {
        Ok(Number(None))
    }
    fn visit_unit<E>(self) -> Result<Number, E> {
        Ok(Number(None))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Number, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Number(None))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Number, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Number(None))
    }
}

/// How many values of an object are numbers other than 0; the keys are not kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct NonZero(pub(super) i64);

impl<'de> Deserialize<'de> for NonZero {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counting;
        impl<'de> Visitor<'de> for Counting {
            type Value = NonZero;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NonZero, A::Error> {
                let mut count = 0;
                while let Some((_, value)) = map.next_entry::<IgnoredAny, Number>()? {
                    count += i64::from(value.0.is_some_and(|n| n != 0));
                }
                Ok(NonZero(count))
            }
        }
        deserializer.deserialize_map(Counting)
    }
}

/// Whether a key is there, whatever its value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Present(pub(super) bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_mended_and_the_rest_is_left_alone() {
        for (raw, mended) in [
            (&b"{\"a\":\n\t1}"[..], "{\"a\":\n\t1}"),
            (b"\"a\tb\x01\"", r#""a\u0009b\u0001""#),
            (b"\"a\xffb\"", "\"a\u{fffd}b\""),
            (br#""a\"b\\" "#, r#""a\"b\\" "#),
            (br#""C:\srv\user\u00e9""#, r#""C:\\srv\\user\u00e9""#),
            (br#""cut \"#, r#""cut \\"#),
            (br#"{"a,}":[1,2, ],"b":{"c,":3,},}"#, r#"{"a,}":[1,2 ],"b":{"c,":3}}"#),
            (b"", ""),
        ] {
            assert_eq!(mend(raw), mended);
        }
    }

    #[test]
    fn numbers_of_every_spelling() {
        let read = |text| serde_json::from_str::<Number>(text).unwrap().0;
        assert_eq!(read("18446744073709551615"), Some(-1));
        assert_eq!(read("9223372036854775807"), Some(i64::MAX));
        assert_eq!(read("-7"), Some(-7));
        assert_eq!(read("1e3"), Some(1000));
        assert_eq!(read("true"), Some(1));
        for none in ["null", "\"7\"", "[7,[8]]", "{\"a\":7}"] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
