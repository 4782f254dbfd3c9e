use super::line::Why;
use std::borrow::Cow;

/// What to do with a backslash before a character that needs none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// Both characters stay, as servers and clients have it for label values and HELP.
    Keep,
    /// An error: names.
    Refuse,
}

/// The meaning of escaped text; `quotes`: whether `\"` is an escape there.
pub(super) fn unescape(raw: &str, quotes: bool, unknown: Unknown) -> Result<String, Why> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut after = escaped.chars();
        match after.next() {
            Some('\\') => out.push('\\'),
            Some('n') => out.push('\n'),
            Some('"') if quotes => out.push('"'),
            _ if unknown == Unknown::Refuse => return Err("an unknown escape in a quoted name"),
            other => {
                out.push('\\');
                out.extend(other);
            }
        }
        rest = after.as_str();
    }
    out.push_str(rest);
    Ok(out)
}

/// The meaning of a HELP text.
pub(super) fn unescape_help(raw: &str, quotes: bool) -> Result<Cow<'_, str>, Why> {
    if raw.contains('\\') { unescape(raw, quotes, Unknown::Keep).map(Cow::Owned) } else { Ok(Cow::Borrowed(raw)) }
}
