//! What a web page is that came in place of metrics.

/// How much of a page is looked at.
const LOOKED_AT_BYTES: usize = 16 << 10;
/// Longest title shown, in characters.
const TITLE_CHARS_MAX: usize = 60;

/// A web page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its title, or nothing.
    pub title: String,
    /// Whether it asks for a password.
    pub is_login: bool,
}

impl Page {
    /// What `body` is, if it is HTML at all.
    pub fn of(body: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(body.get(..LOOKED_AT_BYTES).unwrap_or(body));
        let lower = text.trim_start().to_ascii_lowercase();
        if !["<!doctype html", "<html", "<head", "<body"].iter().any(|begin| lower.starts_with(begin)) {
            return None;
        }
        let is_login = ["type=\"password\"", "type='password'", "type=password"].iter().any(|field| lower.contains(field));
        // Lower case in ASCII alone keeps every place where it was.
        let title = lower.find("<title").and_then(|at| text.trim_start().get(at..)).and_then(|rest| {
            let (_, rest) = rest.split_once('>')?;
            Some(rest.split('<').next()?.split_whitespace().collect::<Vec<_>>().join(" "))
        });
        Some(Self { title: title.unwrap_or_default().chars().take(TITLE_CHARS_MAX).collect(), is_login })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_what_is_none() {
        let page = |body: &str| Page::of(body.as_bytes()).map(|page| (page.title, page.is_login));
        assert_eq!(page("\n<!DOCTYPE html><TITLE>Log\n in</TITLE><input type=\"password\">"), Some(("Log in".into(), true)));
        assert_eq!(page("<html><title>ÄÖ shop"), Some(("ÄÖ shop".into(), false)));
        assert_eq!(page("<html>"), Some((String::new(), false)));
        assert_eq!(page("# HELP a <html>\n"), None);
        assert_eq!(page(""), None);
    }
}
