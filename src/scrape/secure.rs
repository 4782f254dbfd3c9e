//! TLS toward a target, and what is wrong where it fails, as a type: hints and people branch on it.

use super::{Missed, TlsFault};
use crate::config::TlsConfig;
use crate::files::Fresh;
use crate::tls::{Client, client};
use rustls::{AlertDescription, CertificateError, Error};
use std::error::Error as StdError;
use std::io;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Speaks TLS as configured, files read again when they change.
#[derive(Debug)]
pub(super) struct Secure(Fresh<Client, Missed>);

impl Secure {
    pub(super) fn new(how: TlsConfig) -> Self {
        Self(Fresh::new(move |reading| {
            client(&how, reading).map_err(|error| Missed::Tls { fault: TlsFault::Setup, why: error.to_string() })
        }))
    }

    /// Makes a connection to `host` a secure one.
    pub(super) async fn connect(&self, socket: TcpStream, host: &str) -> Result<TlsStream<TcpStream>, Missed> {
        let client = self.0.get()?;
        let name = client.name(host).map_err(|error| Missed::Tls { fault: TlsFault::Setup, why: error.to_string() })?;
        client.connector().connect(name, socket).await.map_err(|error| match fault_in(&error) {
            Some(missed) => missed,
            None => Missed::Tls { fault: TlsFault::Other, why: format!("the connection broke in the handshake ({error})") },
        })
    }
}

/// The TLS error that is behind another one, if there is one: a target may also refuse our certificate after the handshake.
pub(super) fn fault_in(error: &(dyn StdError + 'static)) -> Option<Missed> {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = error.downcast_ref::<Error>().or_else(|| inner.and_then(|inner| inner.downcast_ref::<Error>()));
        if let Some(tls) = tls {
            return Some(Missed::Tls { fault: fault(tls), why: tls.to_string() });
        }
        next = error.source();
    }
    None
}

fn fault(error: &Error) -> TlsFault {
    match error {
        Error::InvalidCertificate(why) => match why {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => TlsFault::Name,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFault::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsFault::NotYetValid,
            CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFault::UnknownIssuer,
            // rustls' checker takes a certificate authority as a server's own certificate for a mistake: what most make by hand.
            CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => TlsFault::SelfSigned,
            _ => TlsFault::Other,
        },
        Error::InvalidMessage(_) => TlsFault::PlainHttp,
        Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            // Signed by one of the same name as an authority known there, but with another key.
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied,
        ) => TlsFault::OwnCertificate,
        _ => TlsFault::Other,
    }
}
