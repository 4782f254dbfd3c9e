//! `onescrape healthcheck`: asks the running proxy on its own listen address, for images without a shell.

use crate::config::{Config, Scheme, SourceConfig, WebFileError, process_env, read_web_file};
use crate::files::Reading;
use crate::scrape::{BadHeader, Body, Missed, ProcessId, Request, TlsFault, scrape};
use crate::source::KINDS;
use crate::target::{Address, AddressError, http_or_unix_targets};
use tokio::time::Instant;

/// What is asked for. It takes no password.
const PATH: &str = "/-/healthy";

/// Why the proxy isn't known to be healthy.
#[derive(Debug, thiserror::Error)]
pub enum Unhealthy {
    /// There is no address to ask.
    #[error("no listen address to ask")]
    NoAddress,
    /// The listen address can't be asked.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The web configuration, which says whether TLS is spoken.
    #[error("the web configuration can't be read: {0}")]
    WebConfig(String),
    /// A header of the configuration.
    #[error(transparent)]
    Header(#[from] BadHeader),
    /// It did not answer well.
    #[error("{url}: {missed}")]
    Missed {
        /// What was asked.
        url: Address,
        /// What came of it.
        missed: Missed,
    },
}

impl From<WebFileError> for Unhealthy {
    fn from(error: WebFileError) -> Self {
        Self::WebConfig(error.to_string())
    }
}

/// Asks `/-/healthy` on the first listen address. Where clients must show a certificate, which it has none of, being asked for one is
/// answer enough.
///
/// # Errors
/// See [`Unhealthy`].
pub async fn healthcheck(config: &Config) -> Result<(), Unhealthy> {
    let Asked { url, wants_certificate, result } = ask(config, PATH).await?;
    match result {
        Ok(_) => Ok(()),
        Err(Missed::Tls { fault: TlsFault::OwnCertificate, .. }) if wants_certificate => Ok(()),
        Err(missed) => Err(Unhealthy::Missed { url, missed }),
    }
}

/// What the running proxy was asked, and what came of it.
pub(super) struct Asked {
    pub(super) url: Address,
    /// Clients must show a certificate.
    wants_certificate: bool,
    pub(super) result: Result<Body, Missed>,
}

/// Asks the running proxy for a path, with its query, on the first listen address. Over TLS any certificate will do: it asks its own host
/// and sends no secret.
pub(super) async fn ask(config: &Config, path: &str) -> Result<Asked, Unhealthy> {
    let address = config.web.listen_addresses.first().ok_or(Unhealthy::NoAddress)?;
    let file = config.web.config_file.as_deref().map(|file| read_web_file(file, &process_env, &mut Reading::default()));
    let tls = file.transpose()?.and_then(|file| file.tls);
    // Who listens on all addresses can be asked on loopback.
    let address = address.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:");
    let mut targets = http_or_unix_targets(&address, path)?;
    let (Some(target), Some(kind)) = (targets.first_mut(), KINDS.iter().find(|kind| kind.name == "exporter")) else {
        return Err(Unhealthy::NoAddress);
    };
    let mut source = SourceConfig::new("onescrape", kind, Vec::new());
    if tls.is_some() {
        target.address.secure();
        source.scheme = Scheme::Https;
        source.tls_config.insecure_skip_verify = true;
    }
    let request = Request::new(&source, &ProcessId::random())?;
    let result = scrape(target, &request, Instant::now() + config.scrape_timeout).await.result;
    let wants_certificate = tls.is_some_and(|tls| tls.client_auth.is_required());
    Ok(Asked { url: target.address.clone(), wants_certificate, result })
}
