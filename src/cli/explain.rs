//! `onescrape explain FAMILY`: asks the running proxy what the values of a family are made of.

use super::healthcheck::{Unhealthy, ask};
use crate::config::Config;
use crate::scrape::Missed;
use std::io::{self, Write};

/// Status of a name that stands for nothing.
const NOT_FOUND: u16 = 404;

/// Why nothing is explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The proxy can't be asked.
    #[error(transparent)]
    Proxy(#[from] Unhealthy),
    /// There is no such family; the words are the proxy's.
    #[error("{0}")]
    Unknown(String),
    /// The explanation can't be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// Writes the explanation to `out`.
///
/// # Errors
/// See [`ExplainError`].
pub async fn explain(config: &Config, family: &str, out: &mut dyn Write) -> Result<(), ExplainError> {
    let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("name", family).finish();
    let asked = ask(config, &format!("/api/v1/explain?format=text&{query}")).await?;
    match asked.result {
        Ok(body) => Ok(out.write_all(&body.bytes)?),
        Err(Missed::Status { code: NOT_FOUND, detail: Some(why) }) => Err(ExplainError::Unknown(why)),
        Err(missed) => Err(Unhealthy::Missed { url: asked.url, missed }.into()),
    }
}
