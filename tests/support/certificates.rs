//! Certificates made for a test, by a library that the program doesn't use.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// When a certificate is good.
#[derive(Debug, Clone, Copy)]
pub enum Validity {
    Good,
    Over,
    NotBegun,
}

/// An authority that signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
pub struct Pair {
    pub cert: String,
    pub key: String,
}

impl Pair {
    /// Writes `NAME.crt` and `NAME.key`.
    pub fn write(&self, dir: &Path, name: &str) -> (PathBuf, PathBuf) {
        let (cert, key) = (dir.join(format!("{name}.crt")), dir.join(format!("{name}.key")));
        std::fs::write(&cert, &self.cert).expect("cannot write a certificate");
        std::fs::write(&key, &self.key).expect("cannot write a key");
        (cert, key)
    }
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        // Two authorities of one name, or a certificate named as its authority, would be taken for one.
        static MADE: AtomicUsize = AtomicUsize::new(0);
        params.distinguished_name.push(DnType::CommonName, format!("authority {}", MADE.fetch_add(1, Ordering::Relaxed)));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("cannot make a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("cannot sign"))
    }

    /// Its certificate as PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Writes that to a file.
    pub fn write(&self, dir: &Path, name: &str) -> PathBuf {
        let path = dir.join(name);
        std::fs::write(&path, self.pem()).expect("cannot write a certificate");
        path
    }

    /// A certificate of these names for servers and clients.
    pub fn sign(&self, names: &[&str], validity: Validity) -> Pair {
        let mut params = CertificateParams::new(names.iter().map(|name| name.to_string()).collect::<Vec<_>>()).expect("bad names");
        params.distinguished_name.push(DnType::CommonName, "signed");
        (params.not_before, params.not_after) = match validity {
            Validity::Good => (date_time_ymd(2020, 1, 1), date_time_ymd(2099, 1, 1)),
            Validity::Over => (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1)),
            Validity::NotBegun => (date_time_ymd(2098, 1, 1), date_time_ymd(2099, 1, 1)),
        };
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("cannot make a key");
        let cert = params.signed_by(&key, &self.0).expect("cannot sign").pem();
        Pair { cert, key: key.serialize_pem() }
    }
}
