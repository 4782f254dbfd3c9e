//! nginx' stub_status page.

use crate::scrape::Missed;

/// How much of a body that isn't a status page an error quotes, in characters.
const EXCERPT_CHARS: usize = 40;

/// The seven numbers of the page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Status {
    pub(super) active: f64,
    pub(super) accepted: f64,
    pub(super) handled: f64,
    pub(super) requests: f64,
    pub(super) reading: f64,
    pub(super) writing: f64,
    pub(super) waiting: f64,
}

/// Reads a page, whatever its whitespace; further columns (Tengine's request time) are skipped.
///
/// # Errors
/// [`Missed::Truncated`] where the page ends early, [`Missed::Parse`] where it is another page: the reason names the likely cause.
pub(super) fn read(bytes: &[u8]) -> Result<Status, Missed> {
    let text = String::from_utf8_lossy(bytes);
    let mut words = text.split([' ', '\t', '\r', '\n', ':']).filter(|word| !word.is_empty()).peekable();
    if words.peek().is_none() {
        return Err(Missed::Truncated("an empty page where the stub_status page should be".into()));
    }
    if !(words.next() == Some("Active") && words.next().is_none_or(|word| word == "connections")) {
        return Err(Missed::Parse(other_page(&text)));
    }
    let mut words = words.map(|word| (word, word.parse::<u64>().ok()));
    let active = gauge(&mut words, "Active connections")?;
    let mut totals = words.by_ref().skip_while(|(_, number)| number.is_none());
    let mut total = |name| totals.next().ok_or_else(|| cut(name))?.1.map(|n| n as f64).ok_or_else(|| no_number(name));
    let (accepted, handled, requests) = (total("accepts")?, total("handled")?, total("requests")?);
    let mut named = |name| {
        words.by_ref().find(|(word, _)| *word == name).ok_or_else(|| cut(name))?;
        gauge(&mut words, name)
    };
    let (reading, writing, waiting) = (named("Reading")?, named("Writing")?, named("Waiting")?);
    Ok(Status { active, accepted, handled, requests, reading, writing, waiting })
}

/// The next word as a number that may be negative: nginx prints signed counts as unsigned ones, so below zero is almost 2^64.
fn gauge<'t>(words: &mut impl Iterator<Item = (&'t str, Option<u64>)>, name: &str) -> Result<f64, Missed> {
    let (_, number) = words.next().ok_or_else(|| cut(name))?;
    number.map(|n| n.cast_signed() as f64).ok_or_else(|| no_number(name))
}

fn cut(name: &str) -> Missed {
    Missed::Truncated(format!("the stub_status page ends before its number {name:?}"))
}

fn no_number(name: &str) -> Missed {
    Missed::Parse(format!("a stub_status page without a number at {name:?}"))
}

/// What the page looks like, and what to do.
fn other_page(text: &str) -> String {
    let start = text.trim_start();
    match start.as_bytes() {
        [b'<', ..] => "an HTML page where stub_status should be: the path has no `stub_status;` location, or another server block \
                       answered (then set http_headers: {Host: …})"
            .into(),
        [b'{', ..] => {
            "JSON where stub_status should be: perhaps the VTS module's status; give the path of a `stub_status;` location".into()
        }
        [b'#', ..] => "a Prometheus exposition where stub_status should be: read an exporter with a source of kind exporter".into(),
        _ => {
            let excerpt: String = start.chars().take(EXCERPT_CHARS).collect();
            format!("not a stub_status page, which begins with \"Active connections: \": {excerpt:?}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PAGE: &str = "Active connections: 42 \nserver accepts handled requests\n 45 44 399 \nReading: 1 Writing: 40 Waiting: 18446744073709551615 \n";

    #[test]
    fn whitespace_columns_and_negative_gauges() {
        let status =
            Status { active: 42.0, accepted: 45.0, handled: 44.0, requests: 399.0, reading: 1.0, writing: 40.0, waiting: -1.0 };
        let tengine = PAGE.replace("requests\n", "requests request_time\n").replace(" 399 ", " 399 123456 ");
        let squeezed = PAGE.replace(": ", ":");
        let windows = PAGE.replace('\n', "\r\n\r\n");
        for page in [PAGE, &tengine, &squeezed, &windows, PAGE.trim()] {
            assert_eq!(read(page.as_bytes()), Ok(status), "{page}");
        }
    }

    #[test]
    fn other_pages_are_named() {
        for (page, word) in [
            ("<html><body>404</body></html>", "HTML"),
            ("\n {\"hostName\":\"x\"}", "VTS"),
            ("# HELP up x\nup 1\n", "kind exporter"),
            ("ok", "\"ok\""),
            ("Active users: 3", "Active users"),
            ("Active connections: many", "number"),
            ("Active connections: 1 server accepts handled requests 1 x 3", "handled"),
        ] {
            assert!(matches!(read(page.as_bytes()), Err(Missed::Parse(why)) if why.contains(word)), "{page}");
        }
    }

    #[test]
    fn a_cut_page_is_truncated() {
        let whole_from = PAGE.find("18446744073709551615").unwrap();
        for end in 0..whole_from {
            let outcome = read(&PAGE.as_bytes()[..end]);
            let in_word = matches!(&outcome, Err(Missed::Parse(_))); // a word cut in two is no known word
            assert!(in_word || matches!(outcome, Err(Missed::Truncated(_))), "{end}: {outcome:?}");
        }
        assert!(matches!(read(b""), Err(Missed::Truncated(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0..PAGE.len(), byte: u8) {
            let _ = read(&bytes);
            let mut page = PAGE.as_bytes().to_vec();
            page[at] = byte;
            let _ = read(&page);
        }
    }
}
