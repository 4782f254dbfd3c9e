//! `onescrape healthcheck`: asks the running proxy on its own listen address, for images without a shell.

use crate::config::{Config, SourceConfig};
use crate::scrape::{BadHeader, Missed, ProcessId, Request, scrape};
use crate::source::KINDS;
use crate::target::{AddressError, http_targets};
use tokio::time::Instant;

/// Why the proxy isn't known to be healthy.
#[derive(Debug, thiserror::Error)]
pub enum Unhealthy {
    /// There is no address to ask.
    #[error("no listen address to ask")]
    NoAddress,
    /// The listen address can't be asked.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A header of the configuration.
    #[error(transparent)]
    Header(#[from] BadHeader),
    /// It did not answer well.
    #[error("{url}: {missed}")]
    Missed {
        /// What was asked.
        url: String,
        /// What came of it.
        missed: Missed,
    },
}

/// Asks `/-/healthy` on the first listen address.
///
/// # Errors
/// See [`Unhealthy`].
pub async fn healthcheck(config: &Config) -> Result<(), Unhealthy> {
    let address = config.web.listen_addresses.first().ok_or(Unhealthy::NoAddress)?;
    // Who listens on all addresses can be asked on loopback.
    let address = address.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:");
    let targets = http_targets(&format!("http://{address}/-/healthy"), "/")?;
    let (Some(target), Some(kind)) = (targets.first(), KINDS.iter().find(|k| k.name == "exporter")) else {
        return Err(Unhealthy::NoAddress);
    };
    let request = Request::new(&SourceConfig::new("healthcheck", kind, targets.clone()), &ProcessId::random())?;
    match scrape(target, &request, Instant::now() + config.scrape_timeout).await.result {
        Ok(_) => Ok(()),
        Err(missed) => Err(Unhealthy::Missed { url: target.text.clone(), missed }),
    }
}
