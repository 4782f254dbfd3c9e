//! Keeps browsers away from what changes something: a page that somebody has open must not be able to ask for it in their name.

use super::respond::{Response, text};
use http::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use http::uri::Authority;
use http::{Request, StatusCode};
use std::net::IpAddr;

/// What browsers say about where a request comes from (Fetch Metadata Request Headers); nothing else sends it.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses what a browser may have sent: it says where it comes from, or it asks for a host under a name that the owner of a page could
/// have pointed here (DNS rebinding). Taken are IP addresses, localhost, names without a dot such as those of containers, which nobody
/// outside can hand out, and our own `names`.
///
/// # Errors
/// The answer for one that is refused.
#[allow(clippy::result_large_err, reason = "the answer itself, made where the request is looked at and sent from there")]
pub(super) fn refuse_browsers<B>(request: &Request<B>, names: &[String]) -> Result<(), Response> {
    let headers = request.headers();
    if let Some(name) = [ORIGIN, SEC_FETCH_SITE].iter().find(|name| headers.contains_key(*name)) {
        return Err(text(StatusCode::FORBIDDEN, format_args!("browsers may not ask for this, and only they send {name}")));
    }
    match is_addressed_locally(request, names) {
        true => Ok(()),
        false => Err(text(
            StatusCode::FORBIDDEN,
            format_args!(
                "the Host {:?} is not known here; ask by IP address, as localhost, by a name without dots or one of \
                 web.listen_addresses, or over a unix socket",
                host(request.uri().authority(), headers).unwrap_or_default()
            ),
        )),
    }
}

/// Whether the request asks for a host under a name that nobody outside can hand out, or one of our own.
pub(super) fn is_addressed_locally<B>(request: &Request<B>, names: &[String]) -> bool {
    host(request.uri().authority(), request.headers()).is_some_and(|host| is_local(&host, names))
}

/// The host of the request without its port; `None` if it is not said, said twice, or makes no sense.
fn host(asked: Option<&Authority>, headers: &HeaderMap) -> Option<String> {
    let mut given = headers.get_all(HOST).iter();
    let header = given.next()?.to_str().ok()?.parse::<Authority>().ok()?;
    if given.next().is_some() {
        return None;
    }
    Some(asked.unwrap_or(&header).host().to_string())
}

fn is_local(host: &str, names: &[String]) -> bool {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if bare.parse::<IpAddr>().is_ok() {
        return true;
    }
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let own = names.iter().any(|own| own.eq_ignore_ascii_case(&name));
    own || name.ends_with(".localhost") || !(name.is_empty() || name.contains(['.', ':']))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn refused(headers: &[(&str, &str)]) -> bool {
        let request = headers.iter().fold(Request::post("/x"), |request, (name, value)| request.header(*name, *value));
        refuse_browsers(&request.body(()).unwrap(), &["metrics.example.org".to_string()]).is_err()
    }

    #[test]
    fn hosts_that_nobody_outside_can_name_are_taken() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:11011",
            "[::1]:11011",
            "10.1.2.3:1",
            "localhost",
            "LOCALHOST:80",
            "a.localhost",
            "onescrape:11011",
            "metrics.example.org",
        ] {
            assert!(!refused(&[("host", host)]), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:11011",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "localhost.evil.example.",
            "metrics.example.org.evil.example",
            "a b",
            "",
            ":80",
        ] {
            assert!(refused(&[("host", host)]), "{host}");
        }
        assert!(refused(&[]));
        assert!(refused(&[("host", "localhost"), ("host", "evil.example")]));
    }

    #[test]
    fn what_says_that_it_is_a_browsers_is_refused() {
        for (name, value) in [("origin", "http://localhost"), ("origin", "null"), ("sec-fetch-site", "none")] {
            assert!(refused(&[("host", "localhost"), (name, value)]), "{name}");
        }
    }
}
