use super::TlsSetupError;
use super::any_certificate::{AllowedNames, AnyCertificate};
use super::pem::Pem;
use crate::config::{ClientAuth, ServerTls, TlsVersion};
use crate::files::Reading;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use rustls::{NamedGroup, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// What our endpoint speaks; HTTP/2 is not offered.
const PROTOCOL: &[u8] = b"http/1.1";

/// Made from `tls_server_config` and its files.
pub(crate) fn server(how: &ServerTls, reading: &mut Reading) -> Result<TlsAcceptor, TlsSetupError> {
    let provider = Arc::new(narrowed(how));
    let (cert, key) = (Pem::read(&how.cert, "cert", reading)?, Pem::read(&how.key, "key", reading)?);
    let mut config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions(how))
        .map_err(|e| TlsSetupError::Unusable(format!("the cipher suites and versions do not go together: {e}")))?
        .with_client_cert_verifier(clients(how, provider, reading)?)
        .with_single_cert(cert.certificates()?, key.key()?)
        .map_err(|e| cert.unusable(format!("does not go with its key: {e}")))?;
    config.ignore_client_order = how.prefer_server_cipher_suites;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn versions(how: &ServerTls) -> Vec<&'static SupportedProtocolVersion> {
    let all = [(TlsVersion::Tls12, &rustls::version::TLS12), (TlsVersion::Tls13, &rustls::version::TLS13)];
    let spoken = all.into_iter().filter(|(version, _)| (how.min_version..=how.max_version).contains(version));
    spoken.map(|(_, version)| version).collect()
}

/// The cryptography with only the cipher suites and groups asked for, in that order. As in Go, those of TLS 1.3 can't be chosen.
fn narrowed(how: &ServerTls) -> CryptoProvider {
    let mut provider = CryptoProvider::clone(&super::provider());
    if !how.cipher_suites.is_empty() {
        let (newer, older): (Vec<_>, Vec<_>) = provider.cipher_suites.drain(..).partition(|suite| suite.tls13().is_some());
        let named = |name: &&str| older.iter().find(|suite| name_of(suite) == **name).copied();
        provider.cipher_suites = newer.iter().copied().chain(how.cipher_suites.iter().filter_map(named)).collect();
    }
    if !how.curve_preferences.is_empty() {
        let groups = std::mem::take(&mut provider.kx_groups);
        let named = |name: &&str| groups.iter().find(|group| Some(group.name()) == group_of(name)).copied();
        provider.kx_groups = how.curve_preferences.iter().filter_map(named).collect();
    }
    provider
}

/// The name of a cipher suite in the lists of IANA.
pub(super) fn name_of(suite: &SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")
}

fn group_of(curve: &str) -> Option<NamedGroup> {
    match curve {
        "CurveP256" => Some(NamedGroup::secp256r1),
        "CurveP384" => Some(NamedGroup::secp384r1),
        "X25519" => Some(NamedGroup::X25519),
        _ => None,
    }
}

fn clients(
    how: &ServerTls,
    provider: Arc<CryptoProvider>,
    reading: &mut Reading,
) -> Result<Arc<dyn ClientCertVerifier>, TlsSetupError> {
    let inner: Arc<dyn ClientCertVerifier> = match (how.client_auth, &how.client_ca) {
        (ClientAuth::NoClientCert, _) => return Ok(Arc::new(NoClientAuth)),
        (ClientAuth::RequestClientCert | ClientAuth::RequireAnyClientCert, _) => {
            Arc::new(AnyCertificate { mandatory: how.client_auth.is_required() })
        }
        // Refused when the file was read; without authorities nobody could be let in.
        (_, None) => return Err(TlsSetupError::Unusable("client_ca_file is missing".into())),
        (_, Some(ca)) => {
            let ca = Pem::read(ca, "client_ca", reading)?;
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(ca.authorities()?), provider);
            let builder = if how.client_auth.is_required() { builder } else { builder.allow_unauthenticated() };
            builder.build().map_err(|e| ca.unusable(format!("cannot be used to check clients: {e}")))?
        }
    };
    match how.client_allowed_sans.as_slice() {
        [] => Ok(inner),
        allowed => Ok(Arc::new(AllowedNames { inner, allowed: allowed.to_vec() })),
    }
}
