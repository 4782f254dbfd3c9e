//! `$1`, `${1}` and `${name}` in replacements: what Go's `regexp.Expand` makes of them.

use super::expression::{Captures, Regex};

/// Beyond this a number names no group (Go's own limit).
const GROUP_MAX: usize = 100_000_000;

/// Text with references to groups of a regular expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A group by number.
    Group(usize),
    /// A group that the expression doesn't have: empty.
    Nothing,
}

impl Template {
    /// Reads a template whose groups are those of `regex`. A `$` that begins no reference stands for itself, `$$` for `$`.
    pub(super) fn new(template: &str, regex: &Regex) -> Self {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('$') {
            text.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                text.push('$');
                rest = after;
            } else if let Some((name, after)) = reference(after) {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(group(name, regex));
                rest = after;
            } else {
                text.push('$');
                rest = after;
            }
        }
        text.push_str(rest);
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Self(parts)
    }

    /// The text for one match.
    pub(super) fn expand(&self, captures: &Captures<'_>) -> String {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Group(number) => out.push_str(captures.get(*number).map_or("", |group| group.as_str())),
                Part::Nothing => {}
            }
        }
        out
    }
}

/// Whether the text has a `$` that begins no reference.
pub(super) fn is_malformed(template: &str) -> bool {
    template.split('$').skip(1).any(|after| reference(after).is_none())
}

/// The name or number at the beginning of what follows a `$`, and what comes after it.
fn reference(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('{').unwrap_or(text);
    let end = inside.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(inside.len());
    let (name, rest) = inside.split_at_checked(end).filter(|(name, _)| !name.is_empty())?;
    if text.starts_with('{') { rest.strip_prefix('}').map(|rest| (name, rest)) } else { Some((name, rest)) }
}

fn group(name: &str, regex: &Regex) -> Part {
    let is_number = name.bytes().all(|b| b.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    let number = match is_number {
        true => name.parse().ok().filter(|number| *number < GROUP_MAX.min(regex.captures_len())),
        false => regex.capture_names().position(|group| group == Some(name)),
    };
    number.map_or(Part::Nothing, Part::Group)
}

#[cfg(all(test, feature = "relabel"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn references_are_those_of_go() {
        let regex = Regex::new("^(?P<first>[a-z]+)-(é+)?(x)?$").unwrap();
        let captures = regex.captures("ab-éé").unwrap();
        for (template, want) in [
            ("$1", "ab"),
            ("${1}2", "ab2"),
            ("$12", ""),
            ("$1_2", ""),
            ("$first", "ab"),
            ("${first}", "ab"),
            ("$first_", ""),
            ("$2-$1", "éé-ab"),
            ("$3", ""),
            ("$0", "ab-éé"),
            ("$00", ""),
            ("$9", ""),
            ("${nobody}", ""),
            ("$$1", "$1"),
            ("a$", "a$"),
            ("a$-b", "a$-b"),
            ("${", "${"),
            ("${}", "${}"),
            ("${1", "${1"),
            ("${1 }", "${1 }"),
            ("$999999999999999999999", ""),
            ("", ""),
        ] {
            assert_eq!(Template::new(template, &regex).expand(&captures), want, "{template}");
        }
        assert!(["$", "${", "a${}", "$-"].iter().all(|t| is_malformed(t)));
        assert!(!["", "a", "$1", "x${a}y$2"].iter().any(|t| is_malformed(t)));
    }
}
