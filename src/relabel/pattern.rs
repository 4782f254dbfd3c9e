//! Regular expressions as Prometheus reads them: RE2's syntax, anchored at both ends, `.` matching line feeds too.
//!
//! The `regex` crate is RE2's sister but for details: `\d`, `\w`, `\s` and `\b` know all of Unicode there and only ASCII in RE2,
//! `[` `&&` `--` `~~` mean something within brackets, a `{` that begins no repetition is refused, and `\Q…\E` is missing. The expression is rewritten where that shows.

use super::expression::{self, Regex};
use std::iter::Peekable;
use std::str::Chars;

/// An anchored expression.
#[derive(Debug, Clone)]
pub(super) struct Pattern(Regex);

impl Pattern {
    /// # Errors
    /// What is wrong with the expression, in a line.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let translated = translate(text);
        // Alone first: the anchors around it would make some broken expressions whole.
        Regex::new(&translated).map_err(|error| refusal(text, &error))?;
        Regex::new(&format!("^(?s:{translated})$")).map(Self).map_err(|error| refusal(text, &error))
    }

    pub(super) fn regex(&self) -> &Regex {
        &self.0
    }
}

fn refusal(text: &str, error: &expression::Error) -> String {
    let long = error.to_string();
    let last = long.lines().last().unwrap_or_default().trim();
    format!("{text:?} is not a regular expression (RE2): {}", last.strip_prefix("error: ").unwrap_or(last))
}

/// The same expression in the words of the `regex` crate.
fn translate(re2: &str) -> String {
    let mut out = String::with_capacity(re2.len());
    let mut chars = re2.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('b') => out.push_str(r"(?-u:\b)"),
                Some('B') => out.push_str(r"(?-u:\B)"),
                Some('Q') => quoted(&mut chars, &mut out),
                other => escape(other, &mut chars, &mut out),
            },
            '{' if !begins_repetition(chars.clone()) => out.push_str(r"\{"),
            '[' => brackets(&mut chars, &mut out),
            c => out.push(c),
        }
    }
    out
}

/// An escape sequence, its `\` read, within brackets or not.
fn escape(c: Option<char>, chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    match c {
        Some('d') => out.push_str("[0-9]"),
        Some('D') => out.push_str("[^0-9]"),
        Some('w') => out.push_str("[0-9A-Za-z_]"),
        Some('W') => out.push_str("[^0-9A-Za-z_]"),
        Some('s') => out.push_str(r"[\t\n\x0C\r ]"),
        Some('S') => out.push_str(r"[^\t\n\x0C\r ]"),
        c => {
            out.push('\\');
            out.extend(c);
            // `\p{Lu}`, `\x{e9}`
            if matches!(c, Some('p' | 'P' | 'x')) && chars.peek() == Some(&'{') {
                for c in chars.by_ref() {
                    out.push(c);
                    if c == '}' {
                        break;
                    }
                }
            }
        }
    }
}

/// Whether what follows a `{` is `2}`, `2,}` or `2,3}`; anything else is text to RE2.
fn begins_repetition(rest: Peekable<Chars<'_>>) -> bool {
    let inside: String = rest.take_while(|c| c.is_ascii_digit() || *c == ',' || *c == '}').collect();
    let Some((counts, _)) = inside.split_once('}') else { return false };
    let (least, most) = counts.split_once(',').unwrap_or((counts, ""));
    !least.is_empty() && !most.contains(',')
}

/// What stands between `\Q` and `\E`, or the end.
fn quoted(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        if c == '\\' && chars.next_if_eq(&'E').is_some() {
            break;
        }
        text.push(c);
    }
    out.push_str(&expression::escape(&text));
}

/// What stands between brackets, the `[` read.
fn brackets(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('[');
    if chars.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    // First of all `]` is a character like any other.
    if chars.next_if_eq(&']').is_some() {
        out.push_str(r"\]");
    }
    let mut dash = false;
    while let Some(c) = chars.next() {
        let after_dash = std::mem::replace(&mut dash, c == '-');
        match c {
            ']' => return out.push(']'),
            '\\' => escape(chars.next(), chars, out),
            '[' if chars.peek() == Some(&':') => named_class(chars, out),
            '[' | '&' | '~' => out.extend(['\\', c]),
            '-' if after_dash => out.push_str(r"\-"),
            c => out.push(c),
        }
    }
}

/// `[:alpha:]` and its like, the `[` read.
fn named_class(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    let rest: String = chars.clone().collect();
    match rest.find(":]") {
        Some(end) => {
            let class = &rest[..end + ":]".len()];
            out.push('[');
            out.push_str(class);
            chars.nth(class.chars().count() - 1);
        }
        None => out.push_str(r"\["),
    }
}

#[cfg(all(test, feature = "relabel"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn expressions_mean_what_they_mean_in_re2() {
        for (pattern, yes, no) in [
            ("a|b", &["a", "b"][..], &["ab", "xa", ""][..]),
            ("", &[""], &["a"]),
            ("a.b", &["a\nb", "aéb"], &["ab"]),
            ("^a$", &["a"], &["a\n"]),
            (r"\d+", &["12"], &["١٢"]),
            (r"[\d.]+", &["1.2"], &["1,2", "١"]),
            (r"[^\d]", &["x", "١"], &["1"]),
            (r"[\D]", &["x", "١"], &["1"]),
            (r"\w+", &["aZ_9"], &["é", "a-b"]),
            (r"[\W]", &["é"], &["e"]),
            (r"a\sb", &["a b", "a\tb"], &["a\u{a0}b", "a\u{b}b"]),
            (r"a\b.c", &["a-c"], &["abc"]),
            (r"a\Bbc", &["abc"], &["ac"]),
            (r"\Qa.b\E+", &["a.b", "a.bb"], &["axb"]),
            (r"\Q[", &["["], &["x"]),
            ("[]a]+", &["]a"], &["b"]),
            ("[^]a]", &["b"], &["]", "a"]),
            ("[[]", &["["], &["]"]),
            ("[a[:digit:]]+", &["a1"], &["b"]),
            ("[[:^digit:]]", &["a"], &["1"]),
            ("[a&&b]+", &["a&b"], &["c"]),
            ("[a~~b]+", &["a~b"], &["c"]),
            ("[+--]+", &["+,-"], &["."]),
            ("[a-]+", &["a-"], &["b"]),
            ("(?i)straSSe", &["STRASSE", "strasse"], &["strase"]),
            ("(?i)é", &["É"], &["e"]),
            (r"\pL+", &["aé"], &["1"]),
            (r"\p{Lu}", &["É"], &["é"]),
            (r"[\p{Lu}x]+", &["Éx"], &["é", "{"]),
            ("a{2}b{1,}c{0,1}", &["aab", "aabbc"], &["ab"]),
            ("${HOST}", &[], &["x", "${HOST}"]),
            ("a{b}{,2}{}", &["a{b}{,2}{}"], &["ab"]),
            (r"\x41\x{e9}", &["Aé"], &["A"]),
            ("(?U)(a+)(a*)", &["aaa"], &["b"]),
            ("(?P<x>a)(?<y>b)", &["ab"], &["a"]),
        ] {
            let compiled = Pattern::new(pattern).unwrap();
            for text in yes {
                assert!(compiled.regex().is_match(text), "{pattern:?} must match {text:?}");
            }
            for text in no {
                assert!(!compiled.regex().is_match(text), "{pattern:?} must not match {text:?}");
            }
        }
        for bad in ["(", "a)|(b", "[a", r"\1", "(?=a)", "*", "a{2,1}", r"\p{Nobody}", r"a\"] {
            let told = Pattern::new(bad).unwrap_err();
            assert!(told.contains("RE2") && !told.contains('\n'), "{told}");
        }
    }

    proptest! {
        #[test]
        fn no_expression_brings_it_down(text in r"([\[\]\\^$.|?*+(){}&~:a0-9QEdDwWsSbB-]|\PC){0,24}") {
            let _ = Pattern::new(&text);
        }
    }
}
