//! Targets over TLS: what is trusted, what isn't, and what is said about it.

use super::*;
use crate::config::{ClientAuth, Identity, Kept, Secret, ServerTls, SourceConfig, TlsConfig, TlsVersion};
use crate::files::Reading;
use crate::source::KINDS;
use crate::testing::certificates::{Authority, Pair, Validity};
use crate::testing::{self, http_target};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na 1\n";
const LOCAL: &[&str] = &["127.0.0.1", "localhost"];

fn acceptor(pair: &Pair, clients: Option<&Authority>) -> TlsAcceptor {
    let here = |pem: &str| Kept::Here(Secret::new(pem));
    let how = ServerTls {
        cert: here(&pair.cert),
        key: here(&pair.key),
        client_auth: clients.map_or(ClientAuth::NoClientCert, |_| ClientAuth::RequireAndVerifyClientCert),
        client_ca: clients.map(|ca| here(&ca.pem())),
        client_allowed_sans: Vec::new(),
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
        cipher_suites: Vec::new(),
        curve_preferences: Vec::new(),
        prefer_server_cipher_suites: true,
    };
    crate::tls::server(&how, &mut Reading::default()).unwrap()
}

/// A target that speaks TLS with this certificate, for any number of connections.
async fn target_with(acceptor: TlsAcceptor) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut target = http_target(listener.local_addr().unwrap().port());
    target.address.secure();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let Ok(mut socket) = acceptor.accept(socket).await else { continue };
            testing::read_head(&mut socket).await;
            let _ = socket.write_all(ANSWER).await;
            let _ = socket.shutdown().await;
            let _ = socket.read_to_end(&mut Vec::new()).await;
        }
    });
    target
}

fn request(tls_config: TlsConfig) -> Request {
    let kind = KINDS.iter().find(|known| known.name == "exporter").unwrap();
    Request::new(&SourceConfig { tls_config, ..testing::source_of(kind, vec![]) }, &ProcessId::random()).unwrap()
}

async fn read(target: &Target, how: &Request) -> Result<Body, Missed> {
    scrape(target, how, Instant::now() + Duration::from_secs(20)).await.result
}

/// The fault, and that there is a hint for it.
async fn fault(target: &Target, how: &Request) -> TlsFault {
    let missed = read(target, how).await.unwrap_err();
    assert_eq!(missed.outcome(), "connect");
    assert!(hint("exporter", &missed, target).is_some_and(|hint| !hint.contains('\n')), "{missed}");
    match missed {
        Missed::Tls { fault, why } => {
            assert!(!why.is_empty());
            fault
        }
        other => panic!("{other:?}"),
    }
}

fn trusting(dir: &TempDir, authority: &Authority) -> TlsConfig {
    TlsConfig { ca_file: Some(authority.write(dir.path(), "ca.crt")), ..TlsConfig::default() }
}

#[tokio::test]
async fn what_is_trusted_and_what_is_not() {
    let (dir, ours, theirs) = (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
    let trusted = trusting(&dir, &ours);
    let good = target_with(acceptor(&ours.sign(LOCAL, Validity::Good), None)).await;
    assert_eq!(&read(&good, &request(trusted.clone())).await.unwrap().bytes[..], b"a 1\n");

    for (pair, want) in [
        (theirs.sign(LOCAL, Validity::Good), TlsFault::UnknownIssuer),
        (ours.sign(LOCAL, Validity::Over), TlsFault::Expired),
        (ours.sign(LOCAL, Validity::NotBegun), TlsFault::NotYetValid),
        (ours.sign(&["shop.example"], Validity::Good), TlsFault::Name),
    ] {
        let bad = target_with(acceptor(&pair, None)).await;
        assert_eq!(fault(&bad, &request(trusted.clone())).await, want);
        let anything = TlsConfig { insecure_skip_verify: true, ..TlsConfig::default() };
        assert!(read(&bad, &request(anything)).await.is_ok(), "{want:?}: taken when asked for in so many words");
    }
    let named = target_with(acceptor(&ours.sign(&["shop.example"], Validity::Good), None)).await;
    let name = TlsConfig { server_name: Some("shop.example".into()), ..trusted };
    assert!(read(&named, &request(name)).await.is_ok());
    let missed = read(&named, &request(trusting(&dir, &ours))).await.unwrap_err().to_string();
    assert!(missed.contains("shop.example"), "says which names it has: {missed}");
}

#[tokio::test]
async fn our_own_certificate() {
    let (dir, ours, theirs) = (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
    let target = target_with(acceptor(&ours.sign(LOCAL, Validity::Good), Some(&ours))).await;
    let with = |name: &str, pair: &Pair| {
        let (cert_file, key_file) = pair.write(dir.path(), name);
        TlsConfig { identity: Some(Identity { cert_file, key_file }), ..trusting(&dir, &ours) }
    };
    assert_eq!(fault(&target, &request(trusting(&dir, &ours))).await, TlsFault::OwnCertificate, "none");
    let foreign = with("foreign", &theirs.sign(&["me"], Validity::Good));
    assert_eq!(fault(&target, &request(foreign)).await, TlsFault::OwnCertificate, "another's");
    let over = with("over", &ours.sign(&["me"], Validity::Over));
    assert_eq!(fault(&target, &request(over)).await, TlsFault::OwnCertificate, "an old one");

    // Replaced while in use: the same request, the same paths.
    let mine = request(with("mine", &theirs.sign(&["me"], Validity::Good)));
    assert_eq!(fault(&target, &mine).await, TlsFault::OwnCertificate);
    let new = ours.sign(&["me"], Validity::Good);
    std::fs::write(dir.path().join("mine.key"), &new.key).unwrap();
    assert_eq!(fault(&target, &mine).await, TlsFault::Setup, "half replaced");
    std::fs::write(dir.path().join("mine.crt"), &new.cert).unwrap();
    assert!(read(&target, &mine).await.is_ok());
}

#[tokio::test]
async fn what_is_no_tls_or_cannot_be_set_up() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut plain = http_target(listener.local_addr().unwrap().port());
    plain.address.secure();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n").await;
            let _ = socket.read_to_end(&mut Vec::new()).await;
        }
    });
    assert_eq!(fault(&plain, &request(trusting(&dir, &Authority::new()))).await, TlsFault::PlainHttp);
    std::fs::write(dir.path().join("empty"), "no PEM").unwrap();
    for file in ["empty", "missing"] {
        let bad = TlsConfig { ca_file: Some(dir.path().join(file)), ..TlsConfig::default() };
        assert_eq!(fault(&plain, &request(bad)).await, TlsFault::Setup, "{file}");
    }
}
