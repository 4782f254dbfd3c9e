use super::super::NO_TLS;
use super::super::choice::Choice;
use super::super::reader::{Field, Map, Reader};
use super::super::secret::{Kept, Secret};
use super::super::value::{choice, listed};

/// Cipher suites there are, under the names of Go and IANA. Those of TLS 1.3 are always on, there as here.
pub(crate) const CIPHER_SUITES: &[&str] = &[
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
];
/// Groups there are, under the names of Go.
const CURVES: &[&str] = &["CurveP256", "CurveP384", "X25519"];

/// `tls_server_config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// PEM of the certificate, with those between it and the authority.
    pub cert: Kept,
    /// PEM of its key.
    pub key: Kept,
    /// Whether clients must show a certificate.
    pub client_auth: ClientAuth,
    /// PEM of the authorities that may have signed it.
    pub client_ca: Option<Kept>,
    /// Names of which a client's certificate must have one; empty: any will do.
    pub client_allowed_sans: Vec<String>,
    /// Oldest version spoken.
    pub min_version: TlsVersion,
    /// Newest version spoken.
    pub max_version: TlsVersion,
    /// The only cipher suites of TLS 1.2 to use, the best first; empty: all there are.
    pub cipher_suites: Vec<&'static str>,
    /// The only groups to use, the best first; empty: all there are.
    pub curve_preferences: Vec<&'static str>,
    /// Whether our order of cipher suites decides, not the client's.
    pub prefer_server_cipher_suites: bool,
}

/// Whether clients must show a certificate, by Go's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it all
pub enum ClientAuth {
    NoClientCert,
    RequestClientCert,
    RequireAnyClientCert,
    VerifyClientCertIfGiven,
    RequireAndVerifyClientCert,
}

/// Versions of TLS in their order. The two oldest are not spoken, but may stand as the least to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // the names say it all
pub enum TlsVersion {
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

impl Choice for ClientAuth {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::NoClientCert, "NoClientCert"),
        (Self::RequestClientCert, "RequestClientCert"),
        (Self::RequireAnyClientCert, "RequireAnyClientCert"),
        (Self::VerifyClientCertIfGiven, "VerifyClientCertIfGiven"),
        (Self::RequireAndVerifyClientCert, "RequireAndVerifyClientCert"),
        // The exporters still take this older name.
        (Self::RequireAnyClientCert, "RequireClientCert"),
    ];
}

impl Choice for TlsVersion {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Tls13, "TLS13"), (Self::Tls12, "TLS12"), (Self::Tls11, "TLS11"), (Self::Tls10, "TLS10")];
}

impl ClientAuth {
    /// Whether a client without a certificate is turned away.
    pub fn is_required(self) -> bool {
        matches!(self, Self::RequireAnyClientCert | Self::RequireAndVerifyClientCert)
    }

    /// Whether a certificate must be signed by one of the authorities.
    pub fn is_verified(self) -> bool {
        matches!(self, Self::VerifyClientCertIfGiven | Self::RequireAndVerifyClientCert)
    }
}

/// Reads `tls_server_config`. Without certificate, key, authority and policy it switches nothing on, as in the exporters.
pub(super) fn read(reader: &mut Reader<'_>, field: &Field<'_>) -> Option<ServerTls> {
    let known = [
        "cert",
        "cert_file",
        "key",
        "key_file",
        "client_auth_type",
        "client_ca",
        "client_ca_file",
        "client_allowed_sans",
        "min_version",
        "max_version",
        "cipher_suites",
        "curve_preferences",
        "prefer_server_cipher_suites",
    ];
    let map = reader.map_of(field, &known)?;
    let cert = pem(reader, &map, "cert", "cert_file");
    let key = pem(reader, &map, "key", "key_file");
    let client_ca = pem(reader, &map, "client_ca", "client_ca_file");
    let mut client_auth = ClientAuth::NoClientCert;
    if let Some(field) = map.get("client_auth_type") {
        reader.set(&mut client_auth, &field, |text| if text.is_empty() { Ok(ClientAuth::NoClientCert) } else { choice(text) });
    }
    let versions = read_versions(reader, &map);
    let client_allowed_sans = read_sans(reader, &map, client_auth);
    let cipher_suites = words(reader, &map, "cipher_suites", CIPHER_SUITES);
    let curve_preferences = words(reader, &map, "curve_preferences", CURVES);
    let mut prefer_server_cipher_suites = true;
    if let Some(field) = map.get("prefer_server_cipher_suites") {
        reader.set(&mut prefer_server_cipher_suites, &field, choice);
    }
    if cert.is_none() && key.is_none() && client_ca.is_none() && map.get("client_auth_type").is_none() {
        return None;
    }
    if !cfg!(feature = "tls") {
        reader.problem(field.node.place, &field.path, NO_TLS);
    }
    if client_ca.is_some() && client_auth == ClientAuth::NoClientCert {
        let message = "clients are not asked for a certificate (client_auth_type is NoClientCert), so this would check nothing";
        reader.problem(field.node.place, &map.path_of("client_ca_file"), message);
    }
    if client_ca.is_none() && client_auth.is_verified() {
        let what = "the authorities that signed the clients' certificates; those of the system would let anyone in who has any";
        reader.missing(&map, "client_ca_file", what);
    }
    for (missing, name) in [(cert.is_none(), "cert_file"), (key.is_none(), "key_file")] {
        if missing {
            reader.missing(&map, name, "TLS takes a certificate and its key, as PEM");
        }
    }
    let ((cert, key), (min_version, max_version)) = (cert.zip(key)?, versions);
    Some(ServerTls {
        cert,
        key,
        client_auth,
        client_ca,
        client_allowed_sans,
        min_version,
        max_version,
        cipher_suites,
        curve_preferences,
        prefer_server_cipher_suites,
    })
}

fn pem(reader: &mut Reader<'_>, map: &Map<'_>, here: &str, file: &str) -> Option<Kept> {
    match (map.get(here), map.get(file)) {
        (Some(both), Some(_)) => {
            reader.problem(both.node.place, &map.path_of(here), format!("{file} is given too; one of them is enough"));
            None
        }
        (Some(field), None) => reader.value(&field, |text| Ok(Kept::Here(Secret::new(text)))),
        (None, Some(field)) => reader.file(&field).map(Kept::File),
        (None, None) => None,
    }
}

/// The names in client certificates, which are compared only where a certificate is sure to come.
fn read_sans(reader: &mut Reader<'_>, map: &Map<'_>, client_auth: ClientAuth) -> Vec<String> {
    let Some(field) = map.get("client_allowed_sans") else { return Vec::new() };
    if !client_auth.is_required() {
        let message = "takes a client_auth_type of RequireAndVerifyClientCert (or RequireAnyClientCert): else there may be no \
                       certificate to look at";
        reader.problem(field.node.place, &field.path, message);
    }
    let mut sans = Vec::new();
    for item in reader.list(&field).unwrap_or_default() {
        sans.extend(reader.value(&item, |text| match text {
            "" => Err("an empty name matches nothing".to_string()),
            _ if text.contains('@') && !text.contains("://") => {
                Err(format!("{text:?}: e-mail addresses in certificates can't be compared here; use a DNS name, an IP or a URI"))
            }
            _ => Ok(text.to_string()),
        }));
    }
    sans
}

fn read_versions(reader: &mut Reader<'_>, map: &Map<'_>) -> (TlsVersion, TlsVersion) {
    let (mut min, mut max) = (TlsVersion::Tls12, TlsVersion::Tls13);
    if let Some(field) = map.get("min_version") {
        reader.set(&mut min, &field, choice);
    }
    if let Some(field) = map.get("max_version") {
        reader.set(&mut max, &field, |text| match choice(text)? {
            TlsVersion::Tls10 | TlsVersion::Tls11 => Err(format!("{text}: versions before TLS12 are broken and not spoken here")),
            version => Ok(version),
        });
        if min > max {
            reader.problem(field.node.place, &field.path, "older than min_version: no version is left");
        }
    }
    (min, max)
}

/// A list of words, each one of those known.
fn words(reader: &mut Reader<'_>, map: &Map<'_>, key: &str, known: &'static [&'static str]) -> Vec<&'static str> {
    let Some(field) = map.get(key) else { return Vec::new() };
    let mut words = Vec::new();
    for item in reader.list(&field).unwrap_or_default() {
        words.extend(reader.value(&item, |text| {
            let found = known.iter().find(|word| **word == text).copied();
            found.ok_or_else(|| format!("{text:?} is not built in; there are {}", listed(known.iter().copied())))
        }));
    }
    words
}
