//! Who may ask: TLS, users, rate limit and added headers, as the web configuration file says. The file and those it names are looked
//! at anew for every connection and request; a change that can't be used is told once, and what was in force stays in force.

mod limiter;
mod logins;
mod policy;

pub use policy::GateError;

use super::respond::{Response, set, text};
use super::socket::Socket;
use crate::files::Fresh;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap, WWW_AUTHENTICATE};
use http::{Request, StatusCode};
use limiter::Limiter;
use logins::{Logins, Verdict};
use policy::Policy;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Paths that need no login and are not limited: they say one word, and what asks for them (a kubelet, `onescrape healthcheck`) has
/// no password. A client certificate, which is asked for before there is a path, they do need.
const OPEN_PATHS: [&str; 2] = ["/-/healthy", "/-/ready"];

/// Stands before everything that is served.
#[derive(Debug, Default)]
pub struct Gate {
    policy: Option<Fresh<Policy, GateError>>,
    logins: Logins,
    limiter: Limiter,
    /// Of last words, apart: neither workers that end nor scrapers take the other's turns.
    last_words: Limiter,
    /// The mistake told last, so that it isn't told again at every request.
    told: Mutex<Option<GateError>>,
}

impl Gate {
    /// As the web configuration file says; open to all without one.
    ///
    /// # Errors
    /// The file, or one of those it names, can't be used.
    pub fn open(file: Option<&Path>) -> Result<Self, GateError> {
        let Some(file) = file.map(PathBuf::from) else { return Ok(Self::default()) };
        let policy = Fresh::new(move |reading| policy::read(&file, reading));
        policy.get()?;
        Ok(Self { policy: Some(policy), ..Self::default() })
    }

    /// What is in force.
    fn policy(&self) -> Option<Arc<Policy>> {
        let fresh = self.policy.as_ref()?;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match fresh.get() {
            Ok(policy) => {
                *told = None;
                Some(policy)
            }
            Err(error) => {
                if told.as_ref() != Some(&error) {
                    tracing::error!(%error, "the web configuration can't be used as it is now; what was in force stays");
                    *told = Some(error);
                }
                fresh.last()
            }
        }
    }

    /// Whether TLS is spoken.
    pub fn is_secure(&self) -> bool {
        self.policy().is_some_and(|policy| policy.is_secure())
    }

    /// Makes a connection a secure one, if it is to be, within `limit`.
    pub(super) async fn secure(&self, socket: Socket, limit: Duration) -> std::io::Result<Socket> {
        match self.policy() {
            Some(policy) => policy.secure(socket, limit).await,
            None => Ok(socket),
        }
    }

    /// Lets a request in, or says why not.
    ///
    /// # Errors
    /// The answer for one who may not come in.
    pub(super) async fn admit<B>(&self, request: &Request<B>) -> Result<(), Response> {
        let Some(policy) = self.policy() else { return Ok(()) };
        if OPEN_PATHS.contains(&request.uri().path()) {
            return Ok(());
        }
        if let Some(too_many) = over(&policy, &self.limiter) {
            return Err(too_many);
        }
        if policy.users.is_empty() {
            return Ok(());
        }
        let verdict = match basic(request.headers()) {
            Some((user, password)) => self.logins.check(&policy.users, user, password).await,
            None => Verdict::No,
        };
        match verdict {
            Verdict::Yes => Ok(()),
            Verdict::Busy => Err(text(StatusCode::SERVICE_UNAVAILABLE, "too many logins at once; try again")),
            Verdict::No => {
                let mut response = text(StatusCode::UNAUTHORIZED, "a login is needed: user and password of the web configuration");
                set(&mut response, WWW_AUTHENTICATE, "Basic");
                Err(response)
            }
        }
    }

    /// The answer for last words that are too many. Those of one who may not speak count like any other request.
    pub(super) fn over_limit(&self, may_speak: bool) -> Option<Response> {
        over(&*self.policy()?, if may_speak { &self.last_words } else { &self.limiter })
    }

    /// Adds the configured headers to an answer.
    pub(super) fn dress(&self, response: &mut Response) {
        if let Some(policy) = self.policy() {
            let added = policy.headers.iter().map(|(name, value)| (name.clone(), value.clone()));
            response.headers_mut().extend(added);
        }
    }
}

/// The answer for one request too many; any other counts.
fn over(policy: &Policy, limiter: &Limiter) -> Option<Response> {
    let limit = policy.rate_limit.filter(|limit| !limiter.allows(*limit, Instant::now()));
    limit.map(|_| text(StatusCode::TOO_MANY_REQUESTS, "too many requests (rate_limit of the web configuration)"))
}

/// User and password of basic auth (RFC 7617).
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    text.split_once(':').map(|(user, password)| (user.to_string(), password.to_string()))
}
