use super::super::duration::{DURATION_MAX, duration};
use super::super::reader::{Field, Reader};
use super::super::value::{choice, count, listed};
use http::header::{
    CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS, X_XSS_PROTECTION,
};
use std::time::Duration;

/// The headers that may be added, with the values each may have; none: any. The same as in the exporters.
const HEADERS: &[(HeaderName, &[&str])] = &[
    (STRICT_TRANSPORT_SECURITY, &[]),
    (X_CONTENT_TYPE_OPTIONS, &["nosniff"]),
    (X_FRAME_OPTIONS, &["deny", "sameorigin"]),
    (X_XSS_PROTECTION, &[]),
    (CONTENT_SECURITY_POLICY, &[]),
];
/// Largest burst that may be allowed.
const BURST_MAX: usize = 1_000_000;

/// A token bucket over all requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Time in which the right to one request grows back.
    pub interval: Duration,
    /// How many requests may come at once; at least 1.
    pub burst: u32,
}

/// Reads `http_server_config`. `http2` is taken and changes nothing: HTTP/1.1 is all we speak, as any client can.
pub(super) fn read_headers(reader: &mut Reader<'_>, field: &Field<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some(map) = reader.map_of(field, &["http2", "headers"]) else { return headers };
    if let Some(field) = map.get("http2") {
        reader.value(&field, choice::<bool>);
    }
    let Some(map) = map.get("headers").and_then(|field| reader.map(&field)) else { return headers };
    for entry in map.entries {
        let known = HEADERS.iter().find(|(name, _)| entry.key.eq_ignore_ascii_case(name.as_str()));
        let Some((name, allowed)) = known else {
            let names = listed(HEADERS.iter().map(|(name, _)| name.as_str()));
            reader.problem(entry.place, &map.path_of(&entry.key), format!("this header can't be set; these can: {names}"));
            continue;
        };
        let Some(field) = map.get(&entry.key) else { continue };
        let value = reader.value(&field, |text| match HeaderValue::from_str(text) {
            Ok(value) if allowed.is_empty() || allowed.contains(&text) => Ok(value),
            Ok(_) => Err(format!("{text:?} is not one of {}", listed(allowed.iter().copied()))),
            Err(_) => Err(format!("{text:?} is not a header's value: printable ASCII on one line is allowed")),
        });
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            headers.insert(name.clone(), value);
        }
    }
    headers
}

/// Reads `rate_limit`; an interval of 0 switches it off.
pub(super) fn read_rate_limit(reader: &mut Reader<'_>, field: &Field<'_>) -> Option<RateLimit> {
    let map = reader.map_of(field, &["interval", "burst"])?;
    let interval =
        map.get("interval").and_then(|field| reader.value(&field, |text| duration(text, &(Duration::ZERO..=DURATION_MAX))));
    let burst = map.get("burst");
    let given = burst.is_some();
    let burst = burst.and_then(|field| reader.value(&field, |text| count(text, &(0..=BURST_MAX))));
    let interval = interval.filter(|interval| !interval.is_zero())?;
    match burst.map(|burst| u32::try_from(burst).unwrap_or(u32::MAX)) {
        None if given => None,
        None | Some(0) => {
            reader.problem(field.node.place, &map.path_of("burst"), "with less than 1 no request would ever pass; give 1 or more");
            None
        }
        Some(burst) => Some(RateLimit { interval, burst }),
    }
}
