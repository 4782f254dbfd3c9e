use super::any_certificate::AnyCertificate;
use super::pem::Pem;
use super::{TlsSetupError, provider};
use crate::config::{Kept, TlsConfig};
use crate::files::Reading;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::sync::{Arc, OnceLock};
use tokio_rustls::TlsConnector;

/// How the `https` targets of a source are spoken to.
pub(crate) struct Client {
    connector: TlsConnector,
    /// The name a certificate must have, where that isn't the host of the address.
    name: Option<String>,
}

/// Made from `tls_config` and its files.
pub(crate) fn client(how: &TlsConfig, reading: &mut Reading) -> Result<Client, TlsSetupError> {
    let unusable = |e: rustls::Error| TlsSetupError::Unusable(e.to_string());
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().map_err(unusable)?;
    let builder = if how.insecure_skip_verify {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate { mandatory: false }))
    } else {
        let roots = match &how.ca_file {
            Some(path) => Arc::new(Pem::read(&Kept::File(path.clone()), "ca_file", reading)?.authorities()?),
            None => system_roots()?,
        };
        builder.with_root_certificates(roots)
    };
    let config = match &how.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let cert = Pem::read(&Kept::File(identity.cert_file.clone()), "cert_file", reading)?;
            let key = Pem::read(&Kept::File(identity.key_file.clone()), "key_file", reading)?;
            let built = builder.with_client_auth_cert(cert.certificates()?, key.key()?);
            built.map_err(|e| cert.unusable(format!("does not go with the key in {}: {e}", identity.key_file.display())))?
        }
    };
    Ok(Client { connector: TlsConnector::from(Arc::new(config)), name: how.server_name.clone() })
}

impl Client {
    /// What to connect with.
    pub(crate) fn connector(&self) -> &TlsConnector {
        &self.connector
    }

    /// The name that the certificate of `host` must have.
    pub(crate) fn name(&self, host: &str) -> Result<ServerName<'static>, TlsSetupError> {
        let name = self.name.as_deref().unwrap_or(host);
        let unusable = |_| TlsSetupError::Unusable(format!("{name:?} can't be the name of a certificate; set server_name"));
        ServerName::try_from(name.to_string()).map_err(unusable)
    }
}

/// The authorities that the system trusts, read once: they change with the image.
fn system_roots() -> Result<Arc<RootCertStore>, TlsSetupError> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        // Single certificates that can't be read are not missed: the list is long, and some are old.
        let _counts = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    });
    if roots.is_empty() {
        let why =
            "this system has no list of certificate authorities (an image without ca-certificates?); set tls_config: {ca_file: …}";
        return Err(TlsSetupError::Unusable(why.into()));
    }
    Ok(roots.clone())
}
