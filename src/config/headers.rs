//! `http_headers`: what may be sent with a scrape, and which values are secrets.

use super::reader::{Field, Reader};
use super::shown::Shown;
use hyper::header::{self, HeaderName, HeaderValue};
use std::collections::BTreeMap;

/// What stands in place of a secret.
pub(crate) const MASK: &str = "<secret>";

/// Headers that the scrape itself sets, or that would change how its answer is framed.
const OWN: &[HeaderName] = &[
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::RANGE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Words in a header's name that make its value a secret.
const SECRET_WORDS: &[&str] = &["auth", "cookie", "token", "secret", "key", "password"];

/// Whether the value of this header must not be shown.
pub fn is_secret_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// Reads the headers. Values are never repeated in messages: they may be secrets.
pub(crate) fn read_headers(reader: &mut Reader<'_>, field: &Field<'_>) -> BTreeMap<String, String> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    let Some(map) = reader.map(field) else { return headers };
    for entry in map.entries {
        let path = map.path_of(&entry.key);
        match HeaderName::from_bytes(entry.key.as_bytes()) {
            Err(_) => reader.problem(entry.place, &path, "not a header's name: letters, digits and - are allowed"),
            Ok(name) if OWN.contains(&name) => reader.problem(entry.place, &path, "this header is set by onescrape itself"),
            Ok(_) if headers.keys().any(|known| known.eq_ignore_ascii_case(&entry.key)) => {
                reader.problem(entry.place, &path, "stands twice; case makes no difference in header names");
            }
            Ok(_) => {
                let legal = |text: &str| match HeaderValue::from_str(text) {
                    Ok(value) if value.to_str().is_ok() => Ok(text.to_string()),
                    _ => Err("not a header's value: printable ASCII on one line is allowed".to_string()),
                };
                if let Some(value) = reader.value(&map.field(entry), legal) {
                    headers.insert(entry.key.clone(), value);
                }
            }
        }
    }
    headers
}

/// The headers with secrets masked.
pub(crate) fn show_headers(headers: &BTreeMap<String, String>) -> Shown {
    let value = |name: &str, value: &str| Shown::text(if is_secret_header(name) { MASK } else { value });
    Shown::Map(headers.iter().map(|(k, v)| (k.clone(), value(k, v))).collect())
}
