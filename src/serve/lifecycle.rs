//! `POST /-/reload` and `/-/quit`: orders to the running program, and who may give them.
//!
//! A browser that can reach this address must not be made to give them for a page of somebody else: [`refuse_browsers`], and no form.

use super::browser::refuse_browsers;
use super::respond::{Response, set, text};
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, StatusCode};
use std::sync::Arc;
use tokio::sync::{Notify, mpsc, oneshot};

/// Loads the configuration anew.
pub(super) const RELOAD: &str = "/-/reload";
/// Drains and ends.
pub(super) const QUIT: &str = "/-/quit";

/// Content types of a form, which any page may post without being asked.
const FORM_TYPES: [&str; 3] = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];
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
        if let Err(refused) = refuse_browsers(request, names) {
            return refused;
        }
        if is_form(request.headers()) {
            let why = "a form may not give orders; send no body and no Content-Type: curl -X POST";
            return text(StatusCode::UNSUPPORTED_MEDIA_TYPE, why);
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

/// Whether the request is a form, which any page may post without being asked.
fn is_form(headers: &HeaderMap) -> bool {
    let media = headers.get(CONTENT_TYPE).map(|media| media.to_str().unwrap_or_default());
    let media = media.map(|media| media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    media.is_some_and(|media| FORM_TYPES.contains(&media.as_str()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_known_by_their_content_type() {
        let is_form = |media: &'static str| is_form(&HeaderMap::from_iter([(CONTENT_TYPE, media.parse().unwrap())]));
        for media in ["text/plain", "Multipart/Form-Data; boundary=x", "application/x-www-form-urlencoded"] {
            assert!(is_form(media), "{media}");
        }
        assert!(!is_form("application/json"));
        assert!(!super::is_form(&HeaderMap::new()));
    }
}
