//! How targets let us in: `basic_auth`, `authorization`, `tls_config`, in the words of Prometheus' own configuration.

use super::draft::SourceDraft;
use super::headers::MASK;
use super::key::{Form, Key, names};
use super::reader::{Field, Map, Reader};
use super::secret::{Kept, Secret};
use super::shown::Shown;
use super::value::choice;
use hyper::header::{AUTHORIZATION, HeaderValue};
use std::path::PathBuf;

/// The type of an `authorization` that names none.
const BEARER: &str = "Bearer";

const BASIC_AUTH_KEYS: &[Key] = &[
    Key::new("username", Form::Text, "who logs in; or `username_file`"),
    Key::new("username_file", Form::Text, "file with the name; read again when it changes"),
    Key::new("password", Form::Text, "never shown; or `password_file`"),
    Key::new("password_file", Form::Text, "file with the password; read again when it changes"),
];

const AUTHORIZATION_KEYS: &[Key] = &[
    Key::new("type", Form::Text, "first word of the header").or(BEARER),
    Key::new("credentials", Form::Text, "the token, never shown; or `credentials_file`"),
    Key::new("credentials_file", Form::Text, "file with the token; read again when it changes"),
];

const TLS_KEYS: &[Key] = &[
    Key::new("ca_file", Form::Text, "PEM file of the authorities to trust. Not given: those of the system"),
    Key::new("cert_file", Form::Text, "PEM file of our own certificate, for targets that ask for one"),
    Key::new("key_file", Form::Text, "PEM file of its key"),
    Key::new("server_name", Form::Text, "the name the target's certificate must have. Not given: the host of the target"),
    Key::new("insecure_skip_verify", Form::Flag, "take any certificate").or("false"),
];

/// Keys under `basic_auth`.
pub(super) fn basic_auth_keys() -> Vec<&'static Key> {
    BASIC_AUTH_KEYS.iter().collect()
}

/// Keys under `authorization`.
pub(super) fn authorization_keys() -> Vec<&'static Key> {
    AUTHORIZATION_KEYS.iter().collect()
}

/// Keys under `tls_config`.
pub(super) fn tls_keys() -> Vec<&'static Key> {
    TLS_KEYS.iter().collect()
}

/// What is sent as `Authorization` with every scrape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// `basic_auth`.
    Basic {
        /// User name, not a secret.
        username: Kept,
        /// Password; none is an empty one.
        password: Option<Kept>,
    },
    /// `authorization`.
    Token {
        /// First word of the header, `Bearer` for most.
        scheme: String,
        /// The rest.
        credentials: Kept,
    },
}

/// `tls_config`: how `https` targets are spoken to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// PEM file of the authorities that may have signed the target's certificate. Default: those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// PEM files of our own certificate and its key, for targets that ask for one.
    pub identity: Option<Identity>,
    /// The name the target's certificate must have. Default: the host of its address.
    pub server_name: Option<String>,
    /// Take any certificate.
    pub insecure_skip_verify: bool,
}

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// PEM file of the certificate, with those between it and the authority.
    pub cert_file: PathBuf,
    /// PEM file of its key.
    pub key_file: PathBuf,
}

pub(super) fn read_basic_auth(reader: &mut Reader<'_>, field: &Field<'_>, draft: &mut SourceDraft) {
    let Some(map) = reader.map_of(field, &names(BASIC_AUTH_KEYS)) else { return };
    let username = read_kept(reader, &map, "username", "username_file");
    let password = read_kept(reader, &map, "password", "password_file");
    if let Some(Kept::Here(name)) = &username
        && name.expose().contains(':')
    {
        reader.problem(field.node.place, &map.path_of("username"), "a user name for basic auth can't have a colon");
    }
    match username {
        Some(username) => put(reader, field, draft, Credentials::Basic { username, password }),
        None if map.get("username").is_none() && map.get("username_file").is_none() => {
            reader.missing(&map, "username", "who logs in (or username_file)");
        }
        None => {}
    }
}

pub(super) fn read_authorization(reader: &mut Reader<'_>, field: &Field<'_>, draft: &mut SourceDraft) {
    let Some(map) = reader.map_of(field, &names(AUTHORIZATION_KEYS)) else { return };
    let given = map.get("type").map(|field| reader.value(&field, scheme));
    let Some(scheme) = given.unwrap_or_else(|| Some(BEARER.into())) else { return };
    match read_kept(reader, &map, "credentials", "credentials_file") {
        Some(credentials) => put(reader, field, draft, Credentials::Token { scheme, credentials }),
        None if map.get("credentials").is_none() && map.get("credentials_file").is_none() => {
            reader.missing(&map, "credentials", "the token to send (or credentials_file)");
        }
        None => {}
    }
}

/// A value that stands here or in a file, not both.
fn read_kept(reader: &mut Reader<'_>, map: &Map<'_>, here: &str, file: &str) -> Option<Kept> {
    match (map.get(here), map.get(file)) {
        (Some(both), Some(_)) => {
            reader.problem(both.node.place, &map.path_of(here), format!("{file} is given too; one of them is enough"));
            None
        }
        (Some(field), None) => reader.value(&field, sendable).map(|text| Kept::Here(Secret::new(text))),
        (None, Some(field)) => reader.file(&field).map(Kept::File),
        (None, None) => None,
    }
}

/// What can stand in a header. The text isn't repeated: it may be a secret.
fn sendable(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return Err("control characters, such as a line feed, can't be sent; check what the variable holds".into());
    }
    Ok(text.to_string())
}

fn scheme(text: &str) -> Result<String, String> {
    if text.eq_ignore_ascii_case("basic") {
        return Err("for Basic use basic_auth: {username: …, password_file: …}".into());
    }
    let legal = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) && HeaderValue::from_str(text).is_ok();
    if legal { Ok(text.to_string()) } else { Err(format!("{text:?} is no authorization type; Bearer is what most expect")) }
}

fn put(reader: &mut Reader<'_>, field: &Field<'_>, draft: &mut SourceDraft, credentials: Credentials) {
    let slot = &mut draft.config.credentials;
    if slot.is_some() {
        reader.problem(field.node.place, &field.path, "basic_auth and authorization are given; a request can send only one");
    } else if draft.config.http_headers.0.keys().any(|name| name.eq_ignore_ascii_case(AUTHORIZATION.as_str())) {
        reader.problem(field.node.place, &field.path, "http_headers has an Authorization too; a request can send only one");
    } else {
        *slot = Some(credentials);
    }
}

pub(super) fn show_basic_auth(credentials: Option<&Credentials>) -> Shown {
    let Some(Credentials::Basic { username, password }) = credentials else { return Shown::Nothing };
    let username = match username {
        Kept::Here(name) => ("username".to_string(), Shown::text(name.expose())),
        Kept::File(path) => ("username_file".to_string(), shown_path(path)),
    };
    let password = password.iter().map(|kept| shown_kept(kept, "password", "password_file"));
    Shown::Map([username].into_iter().chain(password).collect())
}

pub(super) fn show_authorization(credentials: Option<&Credentials>) -> Shown {
    let Some(Credentials::Token { scheme, credentials }) = credentials else { return Shown::Nothing };
    Shown::Map(vec![("type".into(), Shown::text(scheme)), shown_kept(credentials, "credentials", "credentials_file")])
}

fn shown_kept(kept: &Kept, here: &str, file: &str) -> (String, Shown) {
    match kept {
        Kept::Here(_) => (here.into(), Shown::text(MASK)),
        Kept::File(path) => (file.into(), shown_path(path)),
    }
}

fn shown_path(path: &std::path::Path) -> Shown {
    Shown::text(&path.display().to_string())
}

pub(super) fn read_tls_config(reader: &mut Reader<'_>, field: &Field<'_>) -> TlsConfig {
    let mut tls = TlsConfig::default();
    let Some(map) = reader.map_of(field, &names(TLS_KEYS)) else { return tls };
    tls.ca_file = map.get("ca_file").and_then(|field| reader.file(&field));
    tls.identity = match (map.get("cert_file"), map.get("key_file")) {
        (Some(cert), Some(key)) => {
            let (cert_file, key_file) = (reader.file(&cert), reader.file(&key));
            cert_file.zip(key_file).map(|(cert_file, key_file)| Identity { cert_file, key_file })
        }
        (Some(_), None) => {
            reader.missing(&map, "key_file", "the key of the certificate in cert_file");
            None
        }
        (None, Some(_)) => {
            reader.missing(&map, "cert_file", "the certificate that key_file belongs to");
            None
        }
        (None, None) => None,
    };
    tls.server_name = map.get("server_name").and_then(|field| reader.value(&field, server_name));
    if let Some(field) = map.get("insecure_skip_verify") {
        reader.set(&mut tls.insecure_skip_verify, &field, choice);
    }
    tls
}

fn server_name(text: &str) -> Result<String, String> {
    let legal = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._:".contains(c));
    if legal { Ok(text.to_string()) } else { Err(format!("{text:?} is no name of a certificate: a host name or an IP address")) }
}

pub(super) fn show_tls_config(tls: &TlsConfig) -> Shown {
    if *tls == TlsConfig::default() {
        return Shown::Nothing;
    }
    let file = |path: Option<&PathBuf>| path.map_or(Shown::Nothing, |path| shown_path(path));
    Shown::Map(vec![
        ("ca_file".into(), file(tls.ca_file.as_ref())),
        ("cert_file".into(), file(tls.identity.as_ref().map(|identity| &identity.cert_file))),
        ("key_file".into(), file(tls.identity.as_ref().map(|identity| &identity.key_file))),
        ("server_name".into(), tls.server_name.as_deref().map_or(Shown::Nothing, Shown::text)),
        ("insecure_skip_verify".into(), Shown::Word(tls.insecure_skip_verify.to_string())),
    ])
}
