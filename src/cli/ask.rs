//! One question to the running proxy, on its own listen address.

use crate::config::{Config, Env, Scheme, SideFileError, SourceConfig, TlsConfig, read_client_file, read_web_file};
use crate::files::Reading;
use crate::scrape::{BadHeader, Body, Missed, ProcessId, Request, hint, scrape};
use crate::source::KINDS;
use crate::target::{Address, AddressError, Target, http_or_unix_targets};
use std::path::Path;
use tokio::time::Instant;

/// The kind of source that the proxy itself would be.
const KIND: &str = "exporter";
/// Status of an answer to one who must log in first.
const UNAUTHORIZED: u16 = 401;
/// Status and words with which servers of TLS answer plain HTTP.
const PLAIN_HTTP: (u16, &str) = (400, "HTTPS server");

/// Why the running proxy gave no good answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// There is no address to ask.
    #[error("no listen address to ask")]
    NoAddress,
    /// The listen address can't be asked.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The web configuration, which says whether TLS is spoken.
    #[error("the web configuration can't be read: {0}")]
    WebConfig(String),
    /// The file that says how we are let in.
    #[error("the file of --http.config.file can't be read: {0}")]
    ClientConfig(String),
    /// A header of the configuration.
    #[error(transparent)]
    Header(#[from] BadHeader),
    /// It wants to know who asks.
    #[error(
        "{url} asks for a login: give --http.config.file FILE with basic_auth: {{username: …, password_file: …}} of a user of its web \
         configuration"
    )]
    Login {
        /// What was asked.
        url: Address,
    },
    /// It knows no such user, or not with this password.
    #[error("{url} refuses the login in the file of --http.config.file: compare user and password with its web configuration")]
    WrongLogin {
        /// What was asked.
        url: Address,
    },
    /// It speaks TLS, and was asked without.
    #[error("{url} speaks TLS: give its --web.config.file, or --http.config.file FILE with tls_config: {{ca_file: …}}")]
    SpeaksTls {
        /// What was asked.
        url: Address,
    },
    /// TLS failed.
    #[error("{url}: {missed}; {hint} (--http.config.file)")]
    Tls {
        /// What was asked.
        url: Address,
        /// What came of it.
        missed: Missed,
        /// What to do.
        hint: String,
    },
    /// It did not answer well.
    #[error("{url}: {missed}")]
    Missed {
        /// What was asked.
        url: Address,
        /// What came of it.
        missed: Missed,
    },
}

/// What the running proxy was asked, and what came of it.
pub(super) struct Asked {
    target: Target,
    /// Clients must show a certificate.
    pub(super) wants_certificate: bool,
    /// A login was sent.
    had_login: bool,
    pub(super) result: Result<Body, Missed>,
}

impl Asked {
    /// What it answered.
    pub(super) fn body(self) -> Result<Body, AskError> {
        let url = self.target.address.clone();
        self.result.map_err(|missed| match &missed {
            Missed::Status { code: UNAUTHORIZED, .. } if self.had_login => AskError::WrongLogin { url },
            Missed::Status { code: UNAUTHORIZED, .. } => AskError::Login { url },
            Missed::Status { code, detail: Some(why) } if *code == PLAIN_HTTP.0 && why.contains(PLAIN_HTTP.1) => {
                AskError::SpeaksTls { url }
            }
            Missed::Tls { .. } => match hint(KIND, &missed, &self.target) {
                Some(hint) => AskError::Tls { url, missed, hint },
                None => AskError::Missed { url, missed },
            },
            _ => AskError::Missed { url, missed },
        })
    }
}

/// Asks the running proxy for a path, with its query, on the first listen address. `client` says how we are let in; without it no secret
/// is sent, and since it is the own host that is asked, any certificate will do.
pub(super) async fn ask(config: &Config, path: &str, client: Option<&Path>, env: &Env<'_>) -> Result<Asked, AskError> {
    let address = config.web.listen_addresses.first().ok_or(AskError::NoAddress)?;
    let mut reading = Reading::default();
    let file = config.web.config_file.as_deref().map(|file| read_web_file(file, env, &mut reading));
    let tls = file.transpose().map_err(|error: SideFileError| AskError::WebConfig(error.to_string()))?.and_then(|file| file.tls);
    // Who listens on all addresses can be asked on loopback.
    let address = address.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:");
    let target = http_or_unix_targets(&address, path)?.into_iter().next();
    let (Some(mut target), Some(kind)) = (target, KINDS.iter().find(|kind| kind.name == KIND)) else {
        return Err(AskError::NoAddress);
    };
    let mut source = SourceConfig::new("onescrape", kind, Vec::new());
    match client {
        Some(file) => {
            source =
                read_client_file(file, source, env, &mut reading).map_err(|error| AskError::ClientConfig(error.to_string()))?;
        }
        None => source.tls_config.insecure_skip_verify = tls.is_some(),
    }
    if tls.is_some() || source.tls_config != TlsConfig::default() {
        target.address.secure();
        source.scheme = Scheme::Https;
    }
    let had_login = source.credentials.is_some();
    let request = Request::new(&source, &ProcessId::random())?;
    let result = scrape(&target, &request, Instant::now() + config.scrape_timeout).await.result;
    let wants_certificate = tls.is_some_and(|tls| tls.client_auth.is_required());
    Ok(Asked { target, wants_certificate, had_login, result })
}
