//! Which encoding of a body the scraper asks for (`Accept-Encoding`).

use super::negotiate::{quality, split_outside_quotes};
use crate::compression::Encoding;

/// The encoding to answer an `Accept-Encoding` header with: the highest q wins, of equals zstd, then gzip. Only what is asked for, by its
/// name or by `*`, is ever used; a body as it is goes before that only where it is named with a higher q. No header, and nothing that
/// matches, is identity: a scraper is better served with that than with a 406.
pub(super) fn encoding(accept: Option<&str>) -> Encoding {
    let ranges: Vec<(&str, Option<f64>)> = split_outside_quotes(accept.unwrap_or_default(), ',').map(range).collect();
    // Of a name given twice the last counts.
    let asked = |encoding: Encoding| ranges.iter().rfind(|(name, _)| is(name, encoding)).map(|(_, quality)| *quality);
    let any = ranges.iter().rfind(|(name, _)| *name == "*").map(|(_, quality)| *quality);
    let packed = Encoding::PACKED.iter().filter_map(|encoding| Some((*encoding, asked(*encoding).or(any)??)));
    // Of equals `reduce` keeps the first.
    let best = packed.reduce(|best, next| if next.1 > best.1 { next } else { best });
    match (best, asked(Encoding::Identity).flatten()) {
        (Some((_, quality)), Some(identity)) if identity > quality => Encoding::Identity,
        (Some((encoding, _)), _) => encoding,
        (None, _) => Encoding::Identity,
    }
}

/// A name and its q; `None`: not acceptable.
fn range(text: &str) -> (&str, Option<f64>) {
    let (name, parameters) = text.split_once(';').unwrap_or((text, ""));
    (name.trim(), quality(parameters))
}

fn is(name: &str, encoding: Encoding) -> bool {
    Encoding::of_name(name) == Some(encoding)
}

#[cfg(all(test, feature = "compression"))]
mod tests {
    use super::*;
    use Encoding::{Gzip, Identity, Zstd};

    #[test]
    fn what_is_asked_for_and_nothing_else() {
        for (accept, want) in [
            // Prometheus, with compression and without.
            ("gzip", Gzip),
            ("identity", Identity),
            // Browsers, curl, Go, agents.
            ("gzip, deflate, br, zstd", Zstd),
            ("deflate, gzip, br", Gzip),
            ("zstd;q=1.0, gzip;q=0.8", Zstd),
            ("gzip;q=1.0, zstd;q=0.8", Gzip),
            ("", Identity),
            ("br", Identity),
            ("deflate", Identity),
            ("gzip;q=0", Identity),
            ("gzip;q=0.0", Identity),
            ("gzip; q=0.000 , zstd;q=0", Identity),
            ("gzip;q=0, *", Zstd),
            ("zstd;q=0, *", Gzip),
            ("zstd;q=0, *;q=0.1", Gzip),
            ("*", Zstd),
            ("*;q=0", Identity),
            ("gzip, *;q=0", Gzip),
            ("gzip;q=0.5, *;q=0.6", Zstd),
            ("identity, gzip", Gzip),
            ("identity;q=0.5, gzip;q=0.5", Gzip),
            ("identity;q=1, gzip;q=0.5", Identity),
            ("identity;q=0.2, gzip;q=0.5", Gzip),
            ("identity, *;q=0.5", Identity),
            ("identity;q=0", Identity),
            ("identity;q=0, gzip;q=0.001", Gzip),
            ("gzip;q=0.001", Gzip),
            ("GZIP", Gzip),
            ("x-gzip", Gzip),
            ("gzipped", Identity),
            (" gzip ;q = 0.5 ,, zstd ; Q=\"0.4\"", Gzip),
            ("gzip;q=2, zstd;q=0.1", Zstd),
            ("gzip;q=high", Gzip),
            ("gzip;q=", Gzip),
            ("gzip;level=9;q=0", Identity),
            ("gzip, gzip;q=0", Identity),
            ("gzip;q=0, gzip", Gzip),
            (";q=1", Identity),
            (",;=,", Identity),
        ] {
            assert_eq!(encoding(Some(accept)), want, "{accept:?}");
        }
        assert_eq!(encoding(None), Identity);
    }
}
