//! `http_headers`: what may be sent with a scrape, and which values are secrets.

use super::reader::{Field, Reader};
use hyper::header::{self, HeaderName, HeaderValue};
use std::collections::BTreeMap;
use std::fmt;

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

/// Headers by name, a type of their own so that nothing prints their secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HttpHeaders(pub BTreeMap<String, String>);

impl HttpHeaders {
    /// Names and values as they may be shown.
    pub(crate) fn masked(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), if is_secret_header(name) { MASK } else { value }))
    }
}

impl fmt::Debug for HttpHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.masked()).finish()
    }
}

/// Reads the headers. Values are never repeated in messages: they may be secrets.
pub(crate) fn read_headers(reader: &mut Reader<'_>, field: &Field<'_>) -> HttpHeaders {
    let mut headers = HttpHeaders::default();
    let Some(map) = reader.map(field) else { return headers };
    for entry in map.entries {
        let path = map.path_of(&entry.key);
        match HeaderName::from_bytes(entry.key.as_bytes()) {
            Err(_) => reader.problem(entry.place, &path, "not a header's name: letters, digits and - are allowed"),
            Ok(name) if OWN.contains(&name) => reader.problem(entry.place, &path, "this header is set by onescrape itself"),
            Ok(_) if headers.0.keys().any(|known| known.eq_ignore_ascii_case(&entry.key)) => {
                reader.problem(entry.place, &path, "stands twice; case makes no difference in header names");
            }
            Ok(_) => {
                let legal = |text: &str| match HeaderValue::from_str(text) {
                    Ok(value) if value.to_str().is_ok() => Ok(text.to_string()),
                    _ => Err("not a header's value: printable ASCII on one line is allowed".to_string()),
                };
                if let Some(value) = reader.value(&map.field(entry), legal) {
                    headers.0.insert(entry.key.clone(), value);
                }
            }
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        let headers = [("Host", "shop.example"), ("X-Api-Key", "s3cret")];
        let headers = HttpHeaders(headers.map(|(name, value)| (name.into(), value.into())).into());
        assert_eq!(format!("{headers:?}"), r#"{"Host": "shop.example", "X-Api-Key": "<secret>"}"#);
    }
}
