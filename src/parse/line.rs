//! The tokens of a line, and the head of a sample: name and labels. Both formats share them; they differ in where blanks may stand.

use super::unescape::{Unknown, unescape};
use crate::model::{Exemplar, Labels, MetricType, parse_number, sort_labels};
use std::borrow::Cow;

/// What is wrong with a line.
pub(crate) type Why = &'static str;

/// What one line says.
#[derive(Debug, PartialEq)]
pub(crate) enum Line<'a> {
    /// Nothing, or words for people.
    Words,
    /// HELP of a name, unescaped.
    Help(Cow<'a, str>, Cow<'a, str>),
    /// TYPE of a name.
    Type(Cow<'a, str>, MetricType),
    /// UNIT of a name.
    Unit(Cow<'a, str>, Cow<'a, str>),
    /// A sample.
    Sample(Head<'a>, Tail<'a>),
}

/// What stands behind the head of a sample.
#[derive(Debug, PartialEq)]
pub(crate) struct Tail<'a> {
    pub(crate) value: f64,
    /// Unix seconds.
    pub(crate) timestamp: Option<f64>,
    pub(crate) exemplar: Option<Exemplar<'a>>,
}

/// Where blanks (space and tab) may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blanks {
    /// Anywhere between tokens, in any number: the text format. A comma may trail in the braces.
    Free,
    /// One space before the value, none in or before the braces, no trailing comma: OpenMetrics.
    Strict,
}

/// The name and labels of a sample.
#[derive(Debug, PartialEq)]
pub(crate) struct Head<'a> {
    pub(crate) name: Cow<'a, str>,
    /// Sorted, without empty values; `le` and `quantile` are still among them.
    pub(crate) labels: Labels<'a>,
}

/// What is left to read of a line.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    rest: &'a str,
    blanks: Blanks,
}

const fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

const fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Bytes of a metric name without quotes.
static NAME_BYTES: [bool; 256] = {
    let mut are = [false; 256];
    let mut byte = 0;
    while byte < are.len() {
        are[byte] = is_label_byte(byte as u8) || byte as u8 == b':';
        byte += 1;
    }
    are
};

fn is_name_byte(byte: u8) -> bool {
    NAME_BYTES[usize::from(byte)]
}

impl<'a> Cursor<'a> {
    pub(super) fn new(line: &'a str, blanks: Blanks) -> Self {
        Self { rest: line, blanks }
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads `token` if it comes next.
    pub(super) fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Skips what blanks there may be between any two tokens; whether there were some.
    pub(super) fn skip_blanks(&mut self) -> bool {
        self.blanks == Blanks::Free && !self.take_while(is_blank).is_empty()
    }

    /// Reads up to the next blank (text) or space (OpenMetrics) or the end.
    pub(super) fn field(&mut self) -> &'a str {
        match self.blanks {
            Blanks::Free => self.take_while(|byte| !is_blank(byte)),
            Blanks::Strict => self.take_while(|byte| byte != b' '),
        }
    }

    /// Reads a number.
    pub(super) fn number(&mut self) -> Result<f64, Why> {
        match self.field() {
            "" => Err("expected a number"),
            text => parse_number(text).ok_or("not a decimal number"),
        }
    }

    /// Reads the name of a family in a metadata line, quoted or not.
    pub(super) fn family_name(&mut self) -> Result<Cow<'a, str>, Why> {
        if self.eat("\"") {
            return self.quoted_name();
        }
        self.bare_name().map(Cow::Borrowed).ok_or("expected a metric name")
    }

    /// Reads name and labels of a sample.
    pub(super) fn head(&mut self) -> Result<Head<'a>, Why> {
        let bare = self.bare_name();
        let blank_follows = self.skip_blanks();
        if self.eat("{") {
            let (name, labels) = self.braces(bare.map(Cow::Borrowed))?;
            return Ok(Head { name, labels: canonical(labels)? });
        }
        let name = bare.ok_or("expected a metric name")?;
        if self.blanks == Blanks::Free && !blank_follows && !self.is_at_end() {
            return Err("a character that a metric name can't have");
        }
        Ok(Head { name: Cow::Borrowed(name), labels: Vec::new() })
    }

    /// Reads the labels of an exemplar, from `{` on; in the order given.
    pub(super) fn exemplar_labels(&mut self) -> Result<Labels<'a>, Why> {
        if !self.eat("{") {
            return Err("expected `{` of an exemplar");
        }
        let mut labels = Labels::new();
        // The name slot is taken: a quoted text without `=` has no meaning here.
        self.label_pairs(&mut Some(Cow::Borrowed("")), &mut labels)?;
        let mut names: Vec<&str> = labels.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err("a label name stands twice");
        }
        Ok(labels)
    }

    fn braces(&mut self, mut name: Option<Cow<'a, str>>) -> Result<(Cow<'a, str>, Labels<'a>), Why> {
        let mut labels = Labels::new();
        self.label_pairs(&mut name, &mut labels)?;
        Ok((name.ok_or("no metric name")?, labels))
    }

    /// Reads label pairs up to and with the `}`. A quoted text without `=` is the metric name.
    fn label_pairs(&mut self, name: &mut Option<Cow<'a, str>>, labels: &mut Labels<'a>) -> Result<(), Why> {
        self.skip_blanks();
        if self.eat("}") {
            return Ok(());
        }
        loop {
            let quoted = self.eat("\"");
            let key = if quoted { self.quoted_name()? } else { Cow::Borrowed(self.label_name()?) };
            self.skip_blanks();
            if self.eat("=") {
                self.skip_blanks();
                if !self.eat("\"") {
                    return Err("a label value is not in double quotes");
                }
                if key == "__name__" {
                    return Err("`__name__` is no label of a sample");
                }
                labels.push((key, self.quoted_value()?));
            } else if !quoted {
                return Err("expected `=` after a label name");
            } else if name.replace(key).is_some() {
                return Err("a quoted name where there is a name already");
            }
            self.skip_blanks();
            if self.eat("}") {
                return Ok(());
            }
            if !self.eat(",") {
                return Err("expected `,` or `}` after a label");
            }
            self.skip_blanks();
            if self.blanks == Blanks::Free && self.eat("}") {
                return Ok(());
            }
        }
    }

    fn bare_name(&mut self) -> Option<&'a str> {
        if self.rest.bytes().next().is_none_or(|first| first.is_ascii_digit()) {
            return None;
        }
        Some(self.take_while(is_name_byte)).filter(|name| !name.is_empty())
    }

    fn label_name(&mut self) -> Result<&'a str, Why> {
        if self.rest.bytes().next().is_some_and(|first| first.is_ascii_digit()) {
            return Err("a label name begins with a digit");
        }
        match self.take_while(is_label_byte) {
            "" => Err("expected a label name"),
            name => Ok(name),
        }
    }

    /// Reads a quoted name, its opening quote read already.
    fn quoted_name(&mut self) -> Result<Cow<'a, str>, Why> {
        match self.quoted_raw().ok_or("a quoted name is not closed")? {
            ("", _) => Err("a name is empty"),
            (raw, false) => Ok(Cow::Borrowed(raw)),
            (raw, true) => unescape(raw, true, Unknown::Refuse).map(Cow::Owned),
        }
    }

    /// Reads a label value, its opening quote read already.
    fn quoted_value(&mut self) -> Result<Cow<'a, str>, Why> {
        match self.quoted_raw().ok_or("a label value is not closed")? {
            (raw, false) => Ok(Cow::Borrowed(raw)),
            (raw, true) => unescape(raw, true, Unknown::Keep).map(Cow::Owned),
        }
    }

    /// Reads up to the closing quote; also whether there are backslashes.
    fn quoted_raw(&mut self) -> Option<(&'a str, bool)> {
        let bytes = self.rest.as_bytes();
        let mut at = 0;
        let mut escaped = false;
        loop {
            let found = at + memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
            if bytes.get(found) == Some(&b'"') {
                let raw = self.rest.get(..found)?;
                self.rest = self.rest.get(found + 1..)?;
                return Some((raw, escaped));
            }
            escaped = true;
            at = found + 2;
        }
    }

    /// Reads while `accept` holds, which must treat all bytes above ASCII alike: a character is never cut.
    fn take_while(&mut self, accept: impl Fn(u8) -> bool) -> &'a str {
        let length = self.rest.bytes().position(|byte| !accept(byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or(("", self.rest));
        self.rest = rest;
        taken
    }
}

/// Sorts labels by name and drops those without a value.
fn canonical(mut labels: Labels<'_>) -> Result<Labels<'_>, Why> {
    if !labels.is_sorted_by(|a, b| a.0 < b.0) {
        sort_labels(&mut labels);
        if labels.windows(2).any(|pair| matches!(pair, [a, b] if a.0 == b.0)) {
            return Err("a label name stands twice");
        }
    }
    labels.retain(|(_, value)| !value.is_empty());
    Ok(labels)
}
