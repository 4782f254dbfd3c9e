//! Text from anywhere as HTML. Names, labels, HELP and errors come from targets, which may be hostile.

use std::fmt::{self, Display, Formatter};

/// Characters of a text that are shown unless told otherwise; the rest is left out, and that is said.
const CHARS_SHOWN: usize = 300;
/// Longer addresses are not made: a request's head has a limit, ours and those of proxies before us.
const LINK_BYTES_MAX: usize = 4 << 10;

/// Text that shows as it is: nothing in it is markup, and marks that would turn the order of what stands around it are shown as codes.
pub(super) struct Shown<'a>(pub(super) &'a str);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.chars();
        for c in chars.by_ref().take(CHARS_SHOWN) {
            escape(c, f)?;
        }
        match chars.count() {
            0 => Ok(()),
            more => write!(f, "… ({more} more characters)"),
        }
    }
}

/// The same, however long: for what we wrote ourselves.
pub(super) struct Whole<'a>(pub(super) &'a str);

impl Display for Whole<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| escape(c, f))
    }
}

fn escape(c: char, f: &mut Formatter<'_>) -> fmt::Result {
    match c {
        '&' => f.write_str("&amp;"),
        '<' => f.write_str("&lt;"),
        '>' => f.write_str("&gt;"),
        '"' => f.write_str("&quot;"),
        '\'' => f.write_str("&#39;"),
        '\n' => f.write_str("\n"),
        c if c.is_control() || is_directional(c) => write!(f, "\\u{{{:x}}}", u32::from(c)),
        c => write!(f, "{c}"),
    }
}

/// Marks without a shape that change the direction of text (Unicode Bidirectional Algorithm, 2.1 to 2.6).
fn is_directional(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A family's name, leading to its explanation where its address is not too long.
pub(super) fn family_link(name: &str) -> String {
    let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("name", name).finish();
    match query.len() <= LINK_BYTES_MAX {
        true => format!("<a href=\"explain?{}\"><bdi>{}</bdi></a>", Whole(&query), Shown(name)),
        false => format!("<bdi>{}</bdi>", Shown(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_markup_and_nothing_turns_the_text() {
        assert_eq!(Shown("<b a='\"'>&").to_string(), "&lt;b a=&#39;&quot;&#39;&gt;&amp;");
        assert_eq!(Shown("a\u{202e}b\u{1}\u{200f}ש").to_string(), "a\\u{202e}b\\u{1}\\u{200f}ש");
    }

    #[test]
    fn long_texts_are_cut_and_say_so() {
        let shown = Shown(&"ä".repeat(CHARS_SHOWN + 7)).to_string();
        assert!(shown.ends_with("ä… (7 more characters)"), "{shown}");
        assert!(!family_link(&"x".repeat(10_000)).contains("href"));
        assert_eq!(family_link("a&b"), "<a href=\"explain?name=a%26b\"><bdi>a&amp;b</bdi></a>");
    }
}
