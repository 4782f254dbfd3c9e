//! What unit tests of several modules need: a source configuration, a fake target.

/// The same as integration tests use.
#[cfg(feature = "tls")]
#[path = "../../tests/support/certificates.rs"]
#[allow(dead_code, reason = "each uses a part of it")]
pub(crate) mod certificates;
mod fake;
mod server;

pub(crate) use fake::Fake;
pub(crate) use server::Server;

use crate::config::{Config, LogConfig, Pages, ProgramLimits, SourceConfig, StateConfig, WebConfig};
use crate::source::{Endpoints, Kind, Source};
use crate::target::{Address, Target};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpListener;

/// A kind that is only its name and how it is built.
pub(crate) fn kind(name: &'static str, endpoints: Endpoints, build: fn(&SourceConfig) -> Box<dyn Source>) -> &'static Kind {
    let targets = crate::target::http_targets;
    Box::leak(Box::new(Kind {
        name,
        about: "",
        endpoints,
        default_path: "/metrics",
        targets,
        accept: "*/*",
        may_stream: false,
        build,
    }))
}

/// A source with default settings.
pub(crate) fn source_of(kind: &'static Kind, targets: Vec<Target>) -> SourceConfig {
    SourceConfig::new(kind.name, kind, targets)
}

/// A target over HTTP on loopback.
pub(crate) fn http_target(port: u16) -> Target {
    let address = Address::Http { host: "127.0.0.1".into(), port, path: "/metrics".into(), tls: false };
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

/// A pool of fakes.
pub(crate) fn pool(name: &'static str, targets: Vec<Target>) -> SourceConfig {
    source_of(kind(name, Endpoints::Workers, |_| Box::<Fake>::default()), targets)
}

/// A configuration that waits long.
pub(crate) fn config(sources: Vec<SourceConfig>) -> Config {
    Config {
        scrape_timeout: Duration::from_secs(20),
        sources,
        limits: ProgramLimits::default(),
        web: WebConfig {
            listen_addresses: vec!["127.0.0.1:0".into()],
            config_file: None,
            telemetry_path: "/metrics".into(),
            openmetrics_created: false,
            enable_lifecycle: false,
            pages: Pages::On,
        },
        state: StateConfig::default(),
        log: LogConfig::default(),
    }
}
