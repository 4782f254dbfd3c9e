//! The web configuration file: how our own endpoint is protected, in the format that the Prometheus exporters share
//! (<https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md>). What can't be done as asked is a mistake,
//! never passed over: a server less protected than its file says would be worse than none.

mod http;
mod tls;
mod users;

pub use http::RateLimit;
#[cfg(all(test, feature = "tls"))]
pub(crate) use tls::CIPHER_SUITES;
pub use tls::{ClientAuth, ServerTls, TlsVersion};

use super::expand::Env;
use super::reader::{Field, Reader};
use super::secret::Secret;
use super::side_file::{self, SideFileError};
use crate::files::Reading;
use ::http::HeaderMap;
use std::collections::BTreeMap;
use std::path::Path;

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WebFile {
    /// `tls_server_config`; none: plain HTTP.
    pub tls: Option<ServerTls>,
    /// Headers added to every answer.
    pub headers: HeaderMap,
    /// Users and their bcrypt hashes; none: no login is asked for.
    pub users: BTreeMap<String, Secret>,
    /// How often requests may come.
    pub rate_limit: Option<RateLimit>,
}

/// Reads the file; not the files it names.
pub(crate) fn read_web_file(path: &Path, env: &Env<'_>, reading: &mut Reading) -> Result<WebFile, SideFileError> {
    side_file::read(path, WebFile::default(), read_root, env, reading)
}

fn read_root(reader: &mut Reader<'_>, field: &Field<'_>, file: &mut WebFile) {
    let known = ["tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"];
    let Some(map) = reader.map_of(field, &known) else { return };
    file.tls = map.get("tls_server_config").and_then(|field| tls::read(reader, &field));
    if let Some(field) = map.get("http_server_config") {
        file.headers = http::read_headers(reader, &field);
    }
    if let Some(field) = map.get("basic_auth_users") {
        file.users = users::read(reader, &field);
    }
    file.rate_limit = map.get("rate_limit").and_then(|field| http::read_rate_limit(reader, &field));
}

#[cfg(test)]
mod tests;
