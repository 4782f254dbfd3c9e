use super::accept::accept;
use super::credentials::Authorizer;
use super::directory::Reading;
#[cfg(feature = "tls")]
use super::secure::Secure;
use super::{GUARD_HEADER, Missed, ProcessId, USER_AGENT};
use crate::config::{Limits, SourceConfig, is_secret_header};
use http::header::{ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, USER_AGENT as USER_AGENT_HEADER};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Says to the target how long this scrape may take, in seconds: the same header Prometheus sends.
const SCRAPE_TIMEOUT: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");

/// How the targets of one source are asked.
#[derive(Debug, Clone)]
pub struct Request {
    headers: HeaderMap,
    limits: Limits,
    stream: bool,
    authorizer: Option<Arc<Authorizer>>,
    #[cfg(feature = "tls")]
    secure: Arc<Secure>,
    follows_redirects: bool,
    /// Whether the last raw stream waited for a request.
    asks_first: Arc<AtomicBool>,
    /// How directories are read.
    reading: Arc<Reading>,
}

/// A header of the configuration that HTTP doesn't allow. Its value is not repeated: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "source {source_name:?}: http_headers: {header:?} has a name or value that HTTP does not allow; use visible ASCII characters"
)]
pub struct BadHeader {
    /// The source's name.
    pub source_name: String,
    /// The header's name.
    pub header: String,
}

impl Request {
    /// What the targets of `source` are asked with.
    ///
    /// # Errors
    /// A header of `http_headers` that can't be sent.
    pub fn new(source: &SourceConfig, id: &ProcessId) -> Result<Self, BadHeader> {
        let mut headers = HeaderMap::new();
        // Always one that HTTP allows.
        if let Ok(accept) = HeaderValue::try_from(accept(source)) {
            headers.insert(ACCEPT, accept);
        }
        headers.insert(USER_AGENT_HEADER, HeaderValue::from_static(USER_AGENT));
        for (name, text) in &source.http_headers.0 {
            let bad = || BadHeader { source_name: source.name.clone(), header: name.clone() };
            let key = HeaderName::try_from(name.as_str()).map_err(|_| bad())?;
            let mut value = HeaderValue::try_from(text.as_str()).map_err(|_| bad())?;
            // Keeps it out of what is printed with {:?}.
            value.set_sensitive(is_secret_header(name));
            headers.insert(key, value);
        }
        // Ours alone: the way the answer is framed, and the guard against loops.
        headers.remove(CONTENT_LENGTH);
        headers.remove(TRANSFER_ENCODING);
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(GUARD_HEADER, id.header().clone());
        Ok(Self {
            headers,
            limits: source.limits,
            stream: source.kind.may_stream,
            authorizer: source.credentials.clone().map(|credentials| Arc::new(Authorizer::new(credentials))),
            #[cfg(feature = "tls")]
            secure: Arc::new(Secure::new(source.tls_config.clone())),
            follows_redirects: source.follow_redirects,
            asks_first: Arc::default(),
            reading: Arc::new(Reading::new(source.multiproc)),
        })
    }

    /// Puts the configured credentials among the headers.
    ///
    /// # Errors
    /// [`Missed::Credentials`]: a file that holds them can't be read.
    pub(super) fn authorize(&self, headers: &mut HeaderMap) -> Result<(), Missed> {
        self.authorizer.as_ref().map_or(Ok(()), |authorizer| authorizer.authorize(headers))
    }

    /// How TLS is spoken.
    #[cfg(feature = "tls")]
    pub(super) fn secure(&self) -> &Secure {
        &self.secure
    }

    /// Whether redirects are followed.
    pub(super) fn follows_redirects(&self) -> bool {
        self.follows_redirects
    }

    /// The configured Host header; empty if there is none.
    pub(super) fn host(&self) -> &str {
        self.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default()
    }

    /// The headers of one scrape that may still take `left`; `host` where none is configured.
    pub(super) fn headers(&self, host: &str, left: Duration) -> HeaderMap {
        let mut headers = self.headers.clone();
        if !headers.contains_key(HOST)
            && let Ok(host) = HeaderValue::try_from(host)
        {
            headers.insert(HOST, host);
        }
        if let Ok(seconds) = HeaderValue::try_from(format!("{:.3}", left.as_secs_f64())) {
            headers.insert(SCRAPE_TIMEOUT, seconds);
        }
        headers
    }

    /// Largest body taken, in bytes.
    pub(super) fn body_bytes_max(&self) -> usize {
        self.limits.body_bytes_max
    }

    /// Largest head of an answer taken, in bytes.
    pub(super) fn header_bytes_max(&self) -> usize {
        self.limits.header_bytes_max
    }

    /// Most redirects followed in one scrape.
    pub(super) fn redirects_max(&self) -> usize {
        self.limits.redirects_max
    }

    /// How directories are read.
    pub(super) fn reading(&self) -> &Arc<Reading> {
        &self.reading
    }

    /// Whether the last raw stream waited for a request, so that the next one need not be listened to in vain.
    pub(super) fn asks_first(&self) -> bool {
        self.asks_first.load(Ordering::Relaxed)
    }

    /// Remembers it for the next scrape.
    pub(super) fn set_asks_first(&self, first: bool) {
        self.asks_first.store(first, Ordering::Relaxed);
    }

    /// Whether an HTTP address too may answer with a bare stream.
    pub(super) fn is_stream(&self) -> bool {
        self.stream
    }
}
