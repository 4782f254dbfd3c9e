//! The head of a sample line: its name and labels, in the one canonical spelling that also serves as the series' identity.
//!
//! Canonical: labels sorted by name, `le` and `quantile` among them in the spelling of [`push_bound`], no blanks, names outside the
//! legacy character set quoted (a quoted metric name stands first in the braces), values escaped as the text formats want it. Both
//! text formats and OpenMetrics print this head as it is. Python's client library spells heads the same way, so that a pool of its
//! workers stores each once.

use super::{Labels, MetricType, Role, TextSink, push_bound};
use std::borrow::Cow;

/// Whether `name` is `[a-zA-Z_:][a-zA-Z0-9_:]*`.
pub fn is_legacy_metric_name(name: &str) -> bool {
    // All bytes in step: names are short, and nearly all are legacy ones.
    name.bytes().next().is_some_and(|first| !first.is_ascii_digit()) && name.bytes().fold(true, |all, b| all & is_legacy_byte(b))
}

/// Whether `name` is `[a-zA-Z_][a-zA-Z0-9_]*`.
pub fn is_legacy_label_name(name: &str) -> bool {
    is_legacy_metric_name(name) && !name.bytes().fold(false, |any, b| any | (b == b':'))
}

/// Whether a legacy metric name may have the byte.
const fn is_legacy_byte(byte: u8) -> bool {
    let letter = (byte | b' ').wrapping_sub(b'a') < 26;
    let digit = byte.wrapping_sub(b'0') < 10;
    letter | digit | (byte == b'_') | (byte == b':')
}

/// The name on the sample line of `role` in a family with this canonical name and type.
pub fn sample_name(family: &str, kind: MetricType, role: Role) -> Cow<'_, str> {
    match name_parts(family, kind, role) {
        (name, "") => Cow::Borrowed(name),
        (stem, suffix) => Cow::Owned([stem, suffix].concat()),
    }
}

/// The same in two parts, of which the second is a suffix or nothing.
fn name_parts(family: &str, kind: MetricType, role: Role) -> (&str, &'static str) {
    let suffix = match (kind, role) {
        (_, Role::Value | Role::Quantile(_)) => "",
        (_, Role::Bucket(_)) => "_bucket",
        (MetricType::GaugeHistogram, Role::Count) => "_gcount",
        (MetricType::GaugeHistogram, Role::Sum) => "_gsum",
        (_, Role::Count) => "_count",
        (_, Role::Sum) => "_sum",
        (_, Role::Created) => return (family.strip_suffix("_total").unwrap_or(family), "_created"),
    };
    (family, suffix)
}

/// The canonical head of a sample, for example `http_seconds_bucket{view="index",le="0.5"}`.
pub fn sample_head<K: AsRef<str>, V: AsRef<str>>(family: &str, kind: MetricType, role: Role, labels: &[(K, V)]) -> String {
    let extra = match role {
        Role::Bucket(bound) => Some(("le", bound)),
        Role::Quantile(quantile) => Some(("quantile", quantile)),
        _ => None,
    };
    head_of(name_parts(family, kind, role), labels, extra)
}

/// The canonical head of a child: its family's name and labels, without `le` and `quantile`.
pub fn child_head<K: AsRef<str>, V: AsRef<str>>(family: &str, labels: &[(K, V)]) -> String {
    head_of((family, ""), labels, None)
}

/// Bytes of a head beside names and values: quotes, `=` and `,` of each label; braces, and a label with a number.
const LABEL_SPARE: usize = 4;
const HEAD_SPARE: usize = 40;

fn head_of<K: AsRef<str>, V: AsRef<str>>(name: (&str, &str), labels: &[(K, V)], extra: Option<(&str, f64)>) -> String {
    let pairs: usize = labels.iter().map(|(k, v)| k.as_ref().len() + v.as_ref().len() + LABEL_SPARE).sum();
    let mut head = String::with_capacity(name.0.len() + name.1.len() + pairs + HEAD_SPARE);
    push_head(&mut head, name, labels, extra);
    head
}

/// `stem` and `suffix`: the two parts of the name.
fn push_head<K: AsRef<str>, V: AsRef<str>>(
    out: &mut String,
    (stem, suffix): (&str, &str),
    labels: &[(K, V)],
    extra: Option<(&str, f64)>,
) {
    // A suffix is a legacy name itself.
    let legacy = is_legacy_metric_name(stem) || (stem.is_empty() && !suffix.is_empty());
    if legacy {
        out.push_str(stem);
        out.push_str(suffix);
        if labels.is_empty() && extra.is_none() {
            return;
        }
        out.push('{');
    } else {
        out.push_str("{\"");
        push_escaped(out, stem, true);
        out.push_str(suffix);
        out.push('"');
    }
    let mut first = legacy;
    let mut comma = |out: &mut String| {
        if !std::mem::take(&mut first) {
            out.push(',');
        }
    };
    let (before, after) =
        labels.split_at(extra.map_or(labels.len(), |(name, _)| labels.partition_point(|(k, _)| k.as_ref() < name)));
    let pair = |out: &mut String, (k, v): &(K, V)| {
        push_label_name(out, k.as_ref());
        out.push('=');
        push_quoted(out, v.as_ref());
    };
    for label in before {
        comma(out);
        pair(out, label);
    }
    if let Some((k, bound)) = extra {
        comma(out);
        out.push_str(k);
        out.push_str("=\"");
        push_bound(out, bound);
        out.push('"');
    }
    for label in after {
        comma(out);
        pair(out, label);
    }
    out.push('}');
}

/// Writes a label name, quoted if it must be.
pub(crate) fn push_label_name<S: TextSink>(out: &mut S, name: &str) {
    match is_legacy_label_name(name) {
        true => out.push_text(name),
        false => push_quoted(out, name),
    }
}

/// Writes `text` in double quotes with `\`, `"` and line feed escaped.
pub(crate) fn push_quoted<S: TextSink>(out: &mut S, text: &str) {
    out.push_text("\"");
    push_escaped(out, text, true);
    out.push_text("\"");
}

/// Writes `text` with `\` and line feed escaped, and `"` if `quotes`.
pub(crate) fn push_escaped<S: TextSink>(out: &mut S, text: &str, quotes: bool) {
    // Hardly any text has something to escape.
    if memchr::memchr3(b'\\', b'"', b'\n', text.as_bytes()).is_none() {
        return out.push_text(text);
    }
    for part in text.split_inclusive(['\\', '"', '\n']) {
        let (plain, escaped) = match part.as_bytes().last() {
            Some(b'\\') => (part.strip_suffix('\\'), "\\\\"),
            Some(b'\n') => (part.strip_suffix('\n'), "\\n"),
            Some(b'"') if quotes => (part.strip_suffix('"'), "\\\""),
            _ => (None, ""),
        };
        out.push_text(plain.unwrap_or(part));
        out.push_text(escaped);
    }
}

/// Takes a canonical head apart again: metric name and labels (with `le` and `quantile` where they stand). `None` if it is no
/// canonical head; never for one made by [`sample_head`].
pub fn split_head(head: &str) -> Option<(Cow<'_, str>, Labels<'_>)> {
    let (name, mut rest) = match head.find('{') {
        None => return Some((Cow::Borrowed(head), Labels::new())),
        Some(0) => {
            let (name, rest) = take_quoted(&head[1..])?;
            (name, rest.strip_prefix(',').unwrap_or(rest))
        }
        Some(at) => (Cow::Borrowed(&head[..at]), &head[at + 1..]),
    };
    let mut labels = Labels::new();
    while rest != "}" {
        let (label, after) = match rest.starts_with('"') {
            true => take_quoted(rest)?,
            false => rest.split_at_checked(rest.find('=')?).map(|(l, after)| (Cow::Borrowed(l), after))?,
        };
        let (value, after) = take_quoted(after.strip_prefix('=')?)?;
        labels.push((label, value));
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    Some((name, labels))
}

/// The labels in a canonical head as they stand there, without `le` or `quantile` of the sample's role and without the braces: what
/// tells the children of a family apart.
pub(crate) fn child_labels(head: &str, role: Role) -> Cow<'_, str> {
    let (_, rest) = head.split_once('{').unwrap_or(("", ""));
    let rest = rest.strip_suffix('}').unwrap_or(rest);
    let labels = match head.starts_with('{') {
        // A quoted metric name stands first.
        true => take_quoted(rest).map_or(rest, |(_, labels)| labels.strip_prefix(',').unwrap_or(labels)),
        false => rest,
    };
    let own = match role {
        Role::Bucket(_) => "le=",
        Role::Quantile(_) => "quantile=",
        _ => return Cow::Borrowed(labels),
    };
    let mut at = labels;
    while !at.is_empty() && !at.starts_with(own) {
        let Some(next) = behind_label(at) else { return Cow::Borrowed(labels) };
        at = next;
    }
    let before = labels.get(..labels.len() - at.len()).unwrap_or_default();
    match (before.strip_suffix(',').unwrap_or(before), behind_label(at).unwrap_or_default()) {
        ("", others) | (others, "") => Cow::Borrowed(others),
        (before, after) => Cow::Owned(format!("{before},{after}")),
    }
}

/// What follows the first of some labels.
fn behind_label(labels: &str) -> Option<&str> {
    let value = match labels.starts_with('"') {
        true => take_quoted(labels)?.1.strip_prefix('=')?,
        false => labels.split_once('=')?.1,
    };
    let (_, rest) = take_quoted(value)?;
    Some(rest.strip_prefix(',').unwrap_or(rest))
}

/// The unescaped text of a leading double-quoted string, and what follows it.
fn take_quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let body = text.strip_prefix('"')?;
    let mut owned: Option<String> = None;
    let mut from = 0;
    let bytes = body.as_bytes();
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', bytes.get(from..)?)?;
        if bytes[at] == b'"' {
            let text = match owned {
                None => Cow::Borrowed(&body[..at]),
                Some(mut s) => {
                    s.push_str(&body[from..at]);
                    Cow::Owned(s)
                }
            };
            return Some((text, &body[at + 1..]));
        }
        let s = owned.get_or_insert_with(String::new);
        s.push_str(&body[from..at]);
        s.push(match bytes.get(at + 1)? {
            b'n' => '\n',
            b'"' => '"',
            b'\\' => '\\',
            _ => return None,
        });
        from = at + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legacy_names_are_told_byte_by_byte() {
        for byte in 0..128 {
            let (byte, text) = (char::from(byte), format!("a{}", char::from(byte)));
            assert_eq!(is_legacy_metric_name(&text), byte.is_ascii_alphanumeric() || "_:".contains(byte), "{text:?}");
            assert_eq!(is_legacy_label_name(&text), byte.is_ascii_alphanumeric() || byte == '_', "{text:?}");
            assert_eq!(is_legacy_label_name(&text[1..]), byte.is_ascii_alphabetic() || byte == '_', "{byte:?}");
        }
        for odd in ["", "9a", "aä", "métrica", "a-b"] {
            assert!(!is_legacy_metric_name(odd), "{odd:?}");
        }
    }

    #[test]
    fn heads_are_canonical() {
        let none: [(&str, &str); 0] = [];
        let h = |name, kind, role, labels: &[(&str, &str)]| sample_head(name, kind, role, labels);
        assert_eq!(h("up", MetricType::Gauge, Role::Value, &none), "up");
        assert_eq!(h("a", MetricType::Histogram, Role::Bucket(10.0), &[("v", "x")]), r#"a_bucket{le="10.0",v="x"}"#);
        assert_eq!(h("a", MetricType::GaugeHistogram, Role::Count, &none), "a_gcount");
        for labels in [vec![], vec![("a", "x")], vec![("a.b", "q\"\\\n{},="), ("c", "y")]] {
            for name in ["m", "m.n"] {
                let head = h(name, MetricType::Gauge, Role::Value, &labels);
                let (n, l) = split_head(&head).unwrap();
                assert_eq!(
                    (n.as_ref(), l.iter().map(|(k, v)| (k.as_ref(), v.as_ref())).collect::<Vec<_>>()),
                    (name, labels.clone())
                );
            }
        }
        for name in ["m", "m.n", "le=\""] {
            for labels in
                [vec![], vec![("a", "x")], vec![("a.b", "q\"\\\n{},="), ("file", "le=\"1\"")], vec![("a", "x,le="), ("z", "1")]]
            {
                for (kind, roles) in [
                    (MetricType::Histogram, [Role::Bucket(0.5), Role::Count, Role::Created]),
                    (MetricType::Summary, [Role::Quantile(0.5), Role::Sum, Role::Created]),
                ] {
                    let heads = roles.map(|role| h(name, kind, role, &labels));
                    let child = child_head("m", &labels);
                    let want = child.trim_start_matches("m").trim_start_matches('{').trim_end_matches('}');
                    for (head, role) in heads.iter().zip(roles) {
                        assert_eq!(child_labels(head, role), want, "{head}");
                    }
                }
            }
        }
        assert_eq!(h("a_total", MetricType::Counter, Role::Created, &none), "a_created");
        assert_eq!(h("_total", MetricType::Counter, Role::Created, &none), "_created");
        assert_eq!(h("a b\"", MetricType::Histogram, Role::Count, &none), r#"{"a b\"_count"}"#);
        assert_eq!(h("a.b", MetricType::Gauge, Role::Value, &[("c.d", "\"\\\n")]), "{\"a.b\",\"c.d\"=\"\\\"\\\\\\n\"}");
    }
}
