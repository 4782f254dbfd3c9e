//! `onescrape healthcheck`: asks the running proxy on its own listen address, for images without a shell.

use super::ask::{AskError, ask};
use crate::config::{Config, process_env};
use crate::scrape::{Missed, TlsFault};

/// What is asked for. It takes no password.
const PATH: &str = "/-/healthy";

/// Asks `/-/healthy` on the first listen address. Where clients must show a certificate, which it has none of, being asked for one is
/// answer enough.
///
/// # Errors
/// See [`AskError`].
pub async fn healthcheck(config: &Config) -> Result<(), AskError> {
    let asked = ask(config, PATH, None, &process_env).await?;
    match asked.result {
        Err(Missed::Tls { fault: TlsFault::OwnCertificate, .. }) if asked.wants_certificate => Ok(()),
        _ => asked.body().map(drop),
    }
}
