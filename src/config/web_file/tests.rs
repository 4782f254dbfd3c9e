use super::*;
use crate::config::Kept;
use std::time::Duration;

const HASH: &str = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";

fn read(yaml: &str) -> Result<WebFile, String> {
    side_file::parse("dir/web.yml", yaml.as_bytes(), WebFile::default(), read_root, &|_| None).map_err(|errors| errors.to_string())
}

#[test]
fn nothing_asks_for_nothing() {
    for empty in
        ["", "tls_server_config:\nbasic_auth_users:\n", "tls_server_config: {min_version: TLS13}", "http_server_config: {}"]
    {
        assert_eq!(read(empty).unwrap(), WebFile::default(), "{empty}");
    }
}

/// The example beside the annotated configuration.
#[cfg(feature = "tls")]
#[test]
fn the_example() {
    let file = read(include_str!("../../../config/web.yml")).unwrap();
    assert!(file.tls.is_some_and(|tls| tls.client_auth.is_required()) && file.rate_limit.is_some() && file.headers.len() == 2);
    assert!(bcrypt::verify("change me", file.users["prometheus"].expose()).unwrap(), "the password it names");
}

#[test]
fn every_key() {
    let file = read(&format!(
        "tls_server_config:\n  cert_file: a.crt\n  key_file: /k/a.key\n  client_auth_type: RequireAndVerifyClientCert\n  \
         client_ca_file: ca.crt\n  client_allowed_sans: [prometheus.example, 10.0.0.1]\n  min_version: TLS10\n  max_version: TLS12\n  \
         cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]\n  curve_preferences: [X25519, CurveP256]\n  \
         prefer_server_cipher_suites: false\nhttp_server_config:\n  http2: true\n  headers:\n    X-Frame-Options: deny\n    \
         Content-Security-Policy: default-src 'self'\n    X-XSS-Protection: ''\nbasic_auth_users:\n  alice: {HASH}\n\
         rate_limit: {{interval: 1s, burst: 20}}\n"
    ))
    .unwrap_or_else(|mistakes| if cfg!(feature = "tls") { panic!("{mistakes}") } else { WebFile::default() });
    if !cfg!(feature = "tls") {
        return;
    }
    let tls = file.tls.unwrap();
    assert_eq!((tls.cert, tls.key), (Kept::File("dir/a.crt".into()), Kept::File("/k/a.key".into())), "beside the file");
    assert_eq!((tls.client_auth, tls.client_ca), (ClientAuth::RequireAndVerifyClientCert, Some(Kept::File("dir/ca.crt".into()))));
    assert_eq!((tls.min_version, tls.max_version), (TlsVersion::Tls10, TlsVersion::Tls12));
    assert_eq!((tls.curve_preferences, tls.prefer_server_cipher_suites), (vec!["X25519", "CurveP256"], false));
    assert_eq!((tls.client_allowed_sans.len(), tls.cipher_suites.len()), (2, 1));
    assert_eq!((file.headers.len(), file.headers["x-frame-options"].to_str().unwrap()), (2, "deny"));
    assert_eq!(file.users.get("alice").unwrap().expose(), HASH);
    assert_eq!(file.rate_limit, Some(RateLimit { interval: Duration::from_secs(1), burst: 20 }));
}

#[test]
fn what_cannot_be_done_as_asked_is_a_mistake() {
    for (yaml, part) in [
        ("tls: {}", "unknown key"),
        ("tls_server_config: {cert_file: a}", "key_file: missing"),
        ("tls_server_config: {client_auth_type: RequestClientCert}", "cert_file: missing"),
        ("tls_server_config: {cert_file: a, cert: b, key_file: k}", "cert_file is given too"),
        ("tls_server_config: {cert_file: a, key_file: k, client_ca_file: c}", "would check nothing"),
        ("tls_server_config: {cert_file: a, key_file: k, client_auth_type: VerifyClientCertIfGiven}", "client_ca_file: missing"),
        ("tls_server_config: {cert_file: a, key_file: k, client_auth_type: Sometimes}", "is not one of NoClientCert"),
        ("tls_server_config: {cert_file: a, key_file: k, client_allowed_sans: [a]}", "RequireAndVerifyClientCert"),
        (
            "tls_server_config: {cert_file: a, key_file: k, client_auth_type: RequireAnyClientCert, client_allowed_sans: [a@b]}",
            "e-mail",
        ),
        ("tls_server_config: {max_version: TLS11}", "not spoken"),
        ("tls_server_config: {min_version: TLS13, max_version: TLS12}", "older than min_version"),
        ("tls_server_config: {cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]}", "is not built in; there are TLS_ECDHE"),
        ("tls_server_config: {curve_preferences: [CurveP521]}", "is not built in"),
        ("http_server_config: {headers: {Server: x}}", "can't be set"),
        ("http_server_config: {headers: {X-Frame-Options: allow}}", "deny, sameorigin"),
        ("basic_auth_users: {alice: s3cret}", "not a bcrypt hash"),
        ("basic_auth_users: {alice: $2y$31$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG}", "cost 31"),
        ("basic_auth_users: {alice: }", "missing"),
        ("basic_auth_users: {\"a:b\": $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG}", "colon"),
        ("rate_limit: {interval: 1s}", "no request would ever pass"),
        ("rate_limit: {interval: soon, burst: 1}", "not a duration"),
    ] {
        let told = read(yaml).expect_err(yaml);
        assert!(told.contains(part) && told.starts_with("dir/web.yml:1:"), "{yaml}: {told}");
        assert!(!told.contains("s3cret"), "{told}");
    }
    assert_eq!(read("rate_limit: {interval: 0, burst: 0}").unwrap().rate_limit, None);
}
