//! A small tree and its printing as YAML, for `config show`. Strings are printed plain where every YAML reader takes them for
//! strings, else in double quotes as JSON has them, which YAML shares.

use super::expand::escape;
use std::fmt::Write;

/// A value to be shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shown {
    /// Left out: not set, and nothing stands in for it.
    Nothing,
    /// A number, duration, size or word of a choice.
    Word(String),
    /// Any text.
    Text(String),
    /// Text of a key in which no variables are replaced.
    Verbatim(String),
    List(Vec<Shown>),
    Map(Vec<(String, Shown)>),
}

/// Blanks by which each level is set in.
const INDENT: usize = 2;

impl Shown {
    /// Any text.
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_string())
    }

    /// The document.
    pub(crate) fn to_yaml(&self) -> String {
        let mut out = String::new();
        self.block(0, &mut out);
        out
    }

    /// Writes the value with its first line where `out` stands, the others set in by `indent`.
    fn block(&self, indent: usize, out: &mut String) {
        match self {
            Self::Map(entries) if !entries.is_empty() => {
                let shown = entries.iter().filter(|(_, value)| *value != Self::Nothing);
                for (i, (key, value)) in shown.enumerate() {
                    if i > 0 {
                        push_indent(out, indent);
                    }
                    push_text(out, key);
                    out.push(':');
                    if value.is_leaf() {
                        out.push(' ');
                    } else {
                        out.push('\n');
                        push_indent(out, indent + INDENT);
                    }
                    value.block(indent + INDENT, out);
                }
            }
            Self::List(items) if !items.is_empty() => {
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        push_indent(out, indent);
                    }
                    out.push_str("- ");
                    item.block(indent + INDENT, out);
                }
            }
            leaf => leaf.push_leaf(out),
        }
    }

    fn is_leaf(&self) -> bool {
        match self {
            Self::Map(entries) => entries.is_empty(),
            Self::List(items) => items.is_empty(),
            _ => true,
        }
    }

    fn push_leaf(&self, out: &mut String) {
        match self {
            Self::Word(word) => out.push_str(word),
            Self::Text(text) => push_text(out, &escape(text)),
            Self::Verbatim(text) => push_text(out, text),
            Self::List(_) => out.push_str("[]"),
            Self::Map(_) => out.push_str("{}"),
            Self::Nothing => {}
        }
        out.push('\n');
    }
}

fn push_indent(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn push_text(out: &mut String, text: &str) {
    if is_plain(text) {
        return out.push_str(text);
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            // Also everything YAML calls a line break or refuses as it is.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Whether any YAML reader, of version 1.1 too, takes this for a string as it stands.
fn is_plain(text: &str) -> bool {
    let word = text.to_ascii_lowercase();
    let starts = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '/');
    let reserved = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"].contains(&word.as_str());
    starts && !reserved && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
}

#[cfg(test)]
mod tests {
    use super::super::expand::expand;
    use super::super::yaml::{Value, compose};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn yaml_reads_well() {
        let tree = Shown::Map(vec![
            ("a".into(), Shown::text("/metrics")),
            ("gone".into(), Shown::Nothing),
            (
                "list".into(),
                Shown::List(vec![Shown::Map(vec![("x".into(), Shown::text("yes")), ("y".into(), Shown::Map(vec![]))])]),
            ),
            ("targets".into(), Shown::List(vec![Shown::text("h:1"), Shown::text("${A}")])),
        ]);
        let want = "a: /metrics\nlist:\n  - x: \"yes\"\n    \"y\": {}\ntargets:\n  - \"h:1\"\n  - \"$${A}\"\n";
        assert_eq!(tree.to_yaml(), want);
    }

    proptest! {
        #[test]
        fn any_text_reads_back(text in "\\PC{0,8}|[\\s\\S]{0,8}") {
            let yaml = Shown::List(vec![Shown::text(&text)]).to_yaml();
            let (root, faults) = compose(yaml.as_bytes());
            prop_assert_eq!(faults, vec![]);
            let Value::List(items) = root.unwrap().value else { panic!("{yaml}") };
            let Value::Scalar(read) = &items[0].value else { panic!("{yaml}") };
            prop_assert_eq!(expand(read, &|_| None), Ok(text));
        }
    }
}
