//! `POST /-/reload` and `/-/quit`: orders to the running program, and who may give them.
//!
//! A browser that can reach this address must not be made to give them for a page of somebody else. Such a page can post, but then says
//! where it is from (`Origin`, `Sec-Fetch-Site`) or sends a form's content type; and a name that an attacker lets point here (DNS
//! rebinding) stands in `Host`, where only addresses, local names and our own are taken.

use super::respond::{Response, set, text};
use http::header::{ALLOW, CONTENT_TYPE, HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, Method, Request, StatusCode};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc, oneshot};

/// Loads the configuration anew.
pub(super) const RELOAD: &str = "/-/reload";
/// Drains and ends.
pub(super) const QUIT: &str = "/-/quit";

/// Content types of a form, which any page may post without being asked.
const FORM_TYPES: [&str; 3] = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];
/// Where a request comes from that no other site has caused, as browsers say it.
const OWN_SITES: [&str; 2] = ["none", "same-origin"];
/// Orders to reload that may wait for the one before them; further ones wait to be given.
const RELOADS_WAITING: usize = 1;

/// What an order to reload came to: what to say, for good or ill.
pub type Outcome = Result<String, String>;

/// Gives orders.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    reloads: mpsc::Sender<oneshot::Sender<Outcome>>,
    quit: Arc<Notify>,
}

/// Orders given.
#[derive(Debug)]
pub struct Orders {
    /// To reload; each wants to know what came of it.
    pub reloads: mpsc::Receiver<oneshot::Sender<Outcome>>,
    /// To end.
    pub quit: Arc<Notify>,
}

impl Lifecycle {
    /// One who gives orders, and how they arrive.
    pub fn new() -> (Self, Orders) {
        let (reloads, ordered) = mpsc::channel(RELOADS_WAITING);
        let quit = Arc::new(Notify::new());
        (Self { reloads, quit: quit.clone() }, Orders { reloads: ordered, quit })
    }

    /// Carries out what a request wants; `names` are those of the listen addresses.
    pub(super) async fn obey<B>(&self, request: &Request<B>, names: &[String]) -> Response {
        if request.method() != Method::POST {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only POST");
            set(&mut response, ALLOW, "POST");
            return response;
        }
        if let Err((status, why)) = check(request.headers(), names) {
            return text(status, why);
        }
        if request.uri().path() == QUIT {
            self.quit.notify_one();
            return text(StatusCode::OK, "ending: requests under way may finish");
        }
        let (done, told) = oneshot::channel();
        let given = self.reloads.send(done).await.is_ok();
        match told.await {
            Ok(Ok(said)) if given => text(StatusCode::OK, said),
            Ok(Err(why)) => text(StatusCode::INTERNAL_SERVER_ERROR, why),
            _ => {
                text(StatusCode::SERVICE_UNAVAILABLE, "nobody loads a configuration here: it is ending, or was started without one")
            }
        }
    }
}

/// Said where orders are not enabled.
pub(super) fn not_enabled() -> Response {
    text(StatusCode::FORBIDDEN, "not enabled; start onescrape with --web.enable-lifecycle to allow /-/reload and /-/quit")
}

/// Whether the request comes from one who knows whom it asks.
fn check(headers: &HeaderMap, names: &[String]) -> Result<(), (StatusCode, String)> {
    let refused = |why: String| Err((StatusCode::FORBIDDEN, why));
    let mut hosts = headers.get_all(HOST).iter();
    // Without one it is a client of HTTP/1.0, which no browser is.
    let host = hosts.next().map(|host| host.to_str().unwrap_or_default());
    if hosts.next().is_some() || host.is_some_and(|host| !is_local(host, names)) {
        let host = host.unwrap_or_default();
        return refused(format!(
            "the Host {host:?} is not known here; ask by IP address, as localhost, or by a name of web.listen_addresses"
        ));
    }
    if headers.contains_key(ORIGIN) {
        return refused("a web page may not give orders (Origin)".into());
    }
    let site = headers.get("sec-fetch-site").map(|site| site.to_str().unwrap_or_default());
    if site.is_some_and(|site| !OWN_SITES.contains(&site)) {
        return refused("another site may not give orders (Sec-Fetch-Site)".into());
    }
    let media = headers.get(CONTENT_TYPE).map(|media| media.to_str().unwrap_or_default());
    let media = media.map(|media| media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    if media.is_some_and(|media| FORM_TYPES.contains(&media.as_str())) {
        let why = "a form may not give orders; send no body and no Content-Type: curl -X POST";
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, why.into()));
    }
    Ok(())
}

/// Whether a name can't have been made to point here by a stranger: an address; localhost; one of our own; or one without a dot, which
/// only a resolver in the same network knows.
fn is_local(host: &str, names: &[String]) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_end_matches('.').to_ascii_lowercase();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let own = names.iter().any(|own| own.eq_ignore_ascii_case(&name));
    address.is_ok() || own || name == "localhost" || name.ends_with(".localhost") || !name.contains('.')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn status(headers: &[(&str, &str)]) -> Option<u16> {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        check(request.headers(), &["metrics.example.org".into()]).err().map(|(status, _)| status.as_u16())
    }

    #[test]
    fn those_who_know_whom_they_ask_are_obeyed() {
        for host in [
            "127.0.0.1:11011",
            "[::1]:11011",
            "10.0.0.7",
            "localhost:11011",
            "LOCALHOST",
            "a.localhost",
            "web:11011",
            "metrics.example.org",
        ] {
            assert_eq!(status(&[("host", host)]), None, "{host}");
        }
        assert_eq!(status(&[]), None);
        assert_eq!(status(&[("host", "localhost"), ("sec-fetch-site", "none"), ("content-type", "application/json")]), None);
    }

    #[test]
    fn browsers_led_here_by_others_are_not() {
        for host in ["evil.example.com:11011", "127.0.0.1.nip.io", "metrics.example.org.evil.com", "", "a b", "localhost.evil.com."]
        {
            assert_eq!(status(&[("host", host)]), Some(403), "{host}");
        }
        let local = ("host", "localhost");
        for (refused, why) in [
            (("origin", "http://localhost"), 403),
            (("origin", "null"), 403),
            (("host", "evil.com"), 403),
            (("sec-fetch-site", "cross-site"), 403),
            (("sec-fetch-site", "same-site"), 403),
            (("content-type", "text/plain"), 415),
            (("content-type", "Multipart/Form-Data; boundary=x"), 415),
            (("content-type", "application/x-www-form-urlencoded"), 415),
        ] {
            assert_eq!(status(&[local, refused]), Some(why), "{refused:?}");
        }
    }
}
