//! TLS both ways: what rustls needs, made from the configuration and its files. The cargo feature of this name.

mod any_certificate;
mod client;
mod pem;
mod server;
#[cfg(test)]
mod tests;

pub(crate) use client::{Client, client};
pub(crate) use server::server;

use crate::files::FileError;
use rustls::crypto::CryptoProvider;
use std::sync::{Arc, OnceLock};

/// Why there can be no TLS as configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TlsSetupError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// What is in it, or how things go together.
    #[error("{0}")]
    Unusable(String),
}

/// The cryptography: ring's.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())).clone()
}
