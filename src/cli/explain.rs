//! `onescrape explain FAMILY`: asks the running proxy what the values of a family are made of.

use super::ask::{AskError, ask};
use crate::config::{Config, process_env};
use crate::scrape::Missed;
use std::io::{self, Write};
use std::path::Path;

/// Status of a name that stands for nothing.
const NOT_FOUND: u16 = 404;

/// Why nothing is explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The proxy can't be asked.
    #[error(transparent)]
    Proxy(#[from] AskError),
    /// There is no such family; the words are the proxy's.
    #[error("{0}")]
    Unknown(String),
    /// The explanation can't be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// Writes the explanation to `out`. The file `client` says how we are let in.
///
/// # Errors
/// See [`ExplainError`].
pub async fn explain(config: &Config, client: Option<&Path>, family: &str, out: &mut dyn Write) -> Result<(), ExplainError> {
    let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("name", family).finish();
    let asked = ask(config, &format!("/api/v1/explain?format=text&{query}"), client, &process_env).await?;
    match &asked.result {
        Err(Missed::Status { code: NOT_FOUND, detail: Some(why) }) => Err(ExplainError::Unknown(why.clone())),
        _ => Ok(out.write_all(&asked.body()?.bytes)?),
    }
}
