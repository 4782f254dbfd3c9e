use super::TlsSetupError;
use crate::config::Kept;
use crate::files::Reading;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// PEM and, for messages, where it came from.
pub(super) struct Pem {
    bytes: Vec<u8>,
    from: String,
}

impl Pem {
    /// Reads it; `what` names one that stands in the configuration itself.
    pub(super) fn read(kept: &Kept, what: &str, reading: &mut Reading) -> Result<Self, TlsSetupError> {
        Ok(match kept {
            Kept::Here(text) => Self { bytes: text.expose().as_bytes().to_vec(), from: what.to_string() },
            Kept::File(path) => Self { bytes: reading.read(path)?, from: path.display().to_string() },
        })
    }

    /// All certificates in it, at least one.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsSetupError> {
        let all = CertificateDer::pem_slice_iter(&self.bytes).collect::<Result<Vec<_>, _>>();
        let all = all.map_err(|e| self.unusable(format!("not PEM as it should be: {e}")))?;
        if all.is_empty() { Err(self.unusable("no certificate in it: expected -----BEGIN CERTIFICATE-----")) } else { Ok(all) }
    }

    /// The private key in it.
    pub(super) fn key(&self) -> Result<PrivateKeyDer<'static>, TlsSetupError> {
        // What the parser says is about the form alone; a key's bytes are never repeated.
        PrivateKeyDer::from_pem_slice(&self.bytes).map_err(|_| {
            self.unusable("no private key in it that can be read: expected PEM, not encrypted (-----BEGIN PRIVATE KEY-----)")
        })
    }

    /// Its certificates as authorities.
    pub(super) fn authorities(&self) -> Result<RootCertStore, TlsSetupError> {
        let mut roots = RootCertStore::empty();
        for certificate in self.certificates()? {
            roots.add(certificate).map_err(|e| self.unusable(format!("a certificate in it can't be an authority: {e}")))?;
        }
        Ok(roots)
    }

    pub(super) fn unusable(&self, why: impl std::fmt::Display) -> TlsSetupError {
        TlsSetupError::Unusable(format!("{}: {why}", self.from))
    }
}
