//! `POST /api/v1/last-words?source=&worker=`: who may bring a worker's last words, and the answers.

use super::browser::refuse_browsers;
use super::gate::Gate;
use super::place::Place;
use super::respond::{Response, set, text};
use super::socket::Peer;
use crate::config::{Config, Limit};
use crate::files::{FileError, Fresh};
use crate::merge::LastWords;
use crate::parse::is_openmetrics;
use crate::round::Proxy;
use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, HeaderMap, WWW_AUTHENTICATE};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Bytes};
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Where they are brought to.
pub(super) const PATH: &str = "/api/v1/last-words";
/// How long a message may take to come. Workers wait for far less before they end.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// Room for messages is given out in pieces of so many bytes.
const ROOM_BYTES: usize = 1 << 10;

/// The sources that hear last words.
#[derive(Debug)]
pub(super) struct Ears {
    doors: Vec<(String, Door)>,
    body_bytes_max: usize,
    /// Pieces of room: those read at once have together as much as the largest may. More wait for those before them.
    room: Semaphore,
}

/// Who may speak to a source.
#[derive(Debug)]
struct Door {
    token: Option<Fresh<String, FileError>>,
    /// That the token can't be read was told, and not again at every request.
    told: AtomicBool,
}

/// One who asks: a source and a worker.
struct Asked {
    source: String,
    worker: String,
}

impl Ears {
    /// Those of a configuration.
    pub(super) fn new(config: &Config) -> Self {
        let enabled = config.sources.iter().filter(|source| source.last_words.enabled);
        let door = |file: &std::path::PathBuf| {
            let file = file.clone();
            Fresh::new(move |reading| reading.read_word(&file))
        };
        let doors = enabled.map(|source| {
            let token = source.last_words.token_file.as_ref().map(door);
            (source.name.clone(), Door { token, told: AtomicBool::new(false) })
        });
        let body_bytes_max = config.limits.source.body_bytes_max;
        Self { doors: doors.collect(), body_bytes_max, room: Semaphore::new(body_bytes_max.div_ceil(ROOM_BYTES)) }
    }

    /// Whether any source hears them.
    pub(super) fn are_open(&self) -> bool {
        !self.doors.is_empty()
    }

    /// Takes a message in and says what became of it; `names` are those of the listen addresses. No user is asked for: who has the token,
    /// or may open the socket, may speak.
    pub(super) async fn hear<B>(&self, proxy: &Proxy, gate: &Gate, names: &[String], request: Request<B>) -> Response
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let asked = match self.admit(&request, names) {
            Ok(asked) => asked,
            Err(refused) => return gate.over_limit(false).unwrap_or(*refused),
        };
        if let Some(too_many) = gate.over_limit(true) {
            return too_many;
        }
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_string);
        let wrong = |status, outcome: &'static str, why: &str| {
            proxy.count_last_words(&asked.source, outcome);
            text(status, format_args!("{outcome}: {why}"))
        };
        if !is_openmetrics(content_type.as_deref()) {
            let why = "the Content-Type must be application/openmetrics-text, whose end tells that it is whole";
            return wrong(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid", why);
        }
        let place = request.extensions().get::<Arc<Place>>().cloned();
        let reading = async {
            let _room = self.room.acquire_many(self.pieces(request.body())).await;
            Limited::new(request.into_body(), self.body_bytes_max).collect().await
        };
        // Who sends no body keeps no place from others.
        place.iter().for_each(|place| place.wait());
        let read = timeout(BODY_TIMEOUT, reading).await;
        place.iter().for_each(|place| place.go_on());
        let body = match read {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                proxy.count_limit(Limit::BodyBytesMax);
                return wrong(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is larger than limits.body_bytes_max");
            }
            Ok(Err(error)) => return wrong(StatusCode::BAD_REQUEST, "invalid", &error.to_string()),
            Err(_) => return wrong(StatusCode::REQUEST_TIMEOUT, "invalid", "the body did not come in time"),
        };
        answer(&proxy.last_words(&asked.source, &asked.worker, content_type.as_deref(), &body))
    }

    /// The room that a body may take: what it announces, and without that as much as any may.
    fn pieces(&self, body: &impl Body) -> u32 {
        let announced = body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
        let bytes = announced.map_or(self.body_bytes_max, |bytes| bytes.min(self.body_bytes_max));
        u32::try_from(bytes.div_ceil(ROOM_BYTES)).unwrap_or(u32::MAX)
    }

    /// Whether the request may speak, and about whom.
    fn admit<B>(&self, request: &Request<B>, names: &[String]) -> Result<Asked, Box<Response>> {
        refuse_browsers(request, names)?;
        if request.method() != Method::POST {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only POST");
            set(&mut response, ALLOW, "POST");
            return Err(response.into());
        }
        let query: Vec<_> = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).collect();
        let parameter = |name: &str| match &query.iter().filter(|(key, _)| key == name).collect::<Vec<_>>()[..] {
            [(_, value)] if !value.is_empty() => Ok(value.to_string()),
            _ => Err(Box::new(text(StatusCode::BAD_REQUEST, format_args!("the query must have {name}=… once")))),
        };
        let asked = Asked { source: parameter("source")?, worker: parameter("worker")? };
        let Some((_, door)) = self.doors.iter().find(|(source, _)| *source == asked.source) else {
            let why = format_args!("unknown: no source called {:?} hears last words (last_words.enabled)", asked.source);
            return Err(text(StatusCode::NOT_FOUND, why).into());
        };
        if request.extensions().get::<Peer>() == Some(&Peer::Unix) {
            return Ok(asked); // who may speak there is for the permissions of the socket's file to say
        }
        door.check(request.headers()).map(|()| asked)
    }
}

impl Door {
    fn check(&self, headers: &HeaderMap) -> Result<(), Box<Response>> {
        let Some(token) = &self.token else {
            return Err(unauthorized("without last_words.token_file they are heard over a unix socket only").into());
        };
        let wanted = match token.get() {
            Ok(token) if !token.is_empty() => token,
            unusable => {
                if !self.told.swap(true, Ordering::Relaxed) {
                    let reason = unusable.err().map_or_else(|| "it is empty".to_string(), |error| error.to_string());
                    tracing::error!(reason, "no token to compare with: last words are refused (last_words.token_file)");
                }
                return Err(
                    text(StatusCode::SERVICE_UNAVAILABLE, "the token to compare with can't be read; the log says why").into()
                );
            }
        };
        self.told.store(false, Ordering::Relaxed);
        match bearer(headers) {
            Some(token) if is_equal(token.as_bytes(), wanted.as_bytes()) => Ok(()),
            _ => Err(unauthorized("a bearer token is needed: that of last_words.token_file").into()),
        }
    }
}

fn unauthorized(why: &str) -> Response {
    let mut response = text(StatusCode::UNAUTHORIZED, why);
    set(&mut response, WWW_AUTHENTICATE, "Bearer");
    response
}

/// The token of `Authorization: Bearer …` (RFC 6750).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether they are equal. Takes as long wherever they differ, so that time tells nothing but the length.
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    let difference = one.iter().zip(other).fold(0, |difference, (a, b)| black_box(difference | (a ^ b)));
    one.len() == other.len() && difference == 0
}

fn answer(outcome: &LastWords) -> Response {
    let (status, why) = match outcome {
        LastWords::Taken => (StatusCode::OK, "what it counted after its last scrape is in the totals".into()),
        LastWords::Repeated => (StatusCode::OK, "they came before and count once".into()),
        LastWords::Late => (StatusCode::OK, "another process has long taken its place; nothing more of it counts".into()),
        LastWords::Unknown(why) => (StatusCode::NOT_FOUND, why.to_string()),
        LastWords::Refused(why) => (StatusCode::CONFLICT, why.to_string()),
        LastWords::TooLarge { child, growth } => {
            let why = format!("{child} would grow by {growth:e}, more than last_words.growth_max; nothing of the message counts");
            (StatusCode::UNPROCESSABLE_ENTITY, why)
        }
        LastWords::Invalid(why) => (StatusCode::BAD_REQUEST, why.clone()),
    };
    text(status, format_args!("{}: {why}", outcome.outcome()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_compared_whole() {
        assert!(is_equal(b"abc", b"abc"));
        for other in ["", "ab", "abd", "xbc", "abcd"] {
            assert!(!is_equal(b"abc", other.as_bytes()), "{other}");
        }
        let token = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            bearer(&headers).map(String::from)
        };
        assert_eq!(token("Bearer abc"), Some("abc".into()));
        assert_eq!(token("bearer  abc "), Some("abc".into()));
        assert_eq!((token("Basic abc"), token("abc")), (None, None));
    }
}
