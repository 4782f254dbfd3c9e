//! What unit tests of several modules need: a source configuration, a fake target.
#![allow(clippy::unwrap_used)]

use crate::config::{Limits, MergeConfig, NginxNames, SourceConfig};
use crate::source::{Endpoints, Kind, Source};
use crate::target::{Address, Target};
use std::collections::BTreeMap;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpListener;

/// A kind that is only its name and how it is built.
pub(crate) fn kind(name: &'static str, endpoints: Endpoints, build: fn(&SourceConfig) -> Box<dyn Source>) -> &'static Kind {
    let targets = crate::target::http_targets;
    Box::leak(Box::new(Kind { name, about: "", endpoints, default_path: "/metrics", targets, accept: "*/*", build }))
}

/// A source of a kind that can't be built, for what never builds it.
pub(crate) fn source(kind_name: &str, targets: Vec<Target>) -> SourceConfig {
    let name: &'static str = kind_name.to_string().leak();
    source_of(kind(name, Endpoints::Workers, |_| unreachable!()), targets)
}

/// A source with default settings.
pub(crate) fn source_of(kind: &'static Kind, targets: Vec<Target>) -> SourceConfig {
    SourceConfig {
        name: kind.name.into(),
        kind,
        targets,
        expect: None,
        scrape_timeout: None,
        http_headers: BTreeMap::new(),
        required: false,
        merge: MergeConfig::default(),
        cores: false,
        names: NginxNames::Official,
        limits: Limits::default(),
    }
}

/// A target over HTTP on loopback.
pub(crate) fn http_target(port: u16) -> Target {
    let address = Address::Http { host: "127.0.0.1".into(), port, path: "/metrics".into() };
    Target { id: format!("127.0.0.1:{port}"), text: format!("127.0.0.1:{port}"), address }
}

/// A port nobody listens on.
pub(crate) async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// Reads a request up to the blank line.
pub(crate) async fn read_head(socket: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}
