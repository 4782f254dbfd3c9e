//! The proxy's own endpoint: its addresses and paths, and who is shown what.

use super::value::path;
use crate::target::Address;
use std::net::IpAddr;
use std::path::PathBuf;

/// Where the proxy listens unless told otherwise.
pub(crate) const DEFAULT_LISTEN: &str = "0.0.0.0:11011";
/// Where its exposition is unless told otherwise.
pub(crate) const DEFAULT_TELEMETRY_PATH: &str = "/metrics";
/// Paths that are taken.
const RESERVED: &[&str] = &["/-/", "/api/"];
/// The status page and what belongs to it.
const PAGES: &[&str] = &["/", "/explain", "/page.css", "/page.js"];

/// The proxy's own endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebConfig {
    /// `HOST:PORT` or `unix:///path` to listen on. Default `0.0.0.0:11011`.
    pub listen_addresses: Vec<String>,
    /// File that says how the endpoint is protected, in the format of the Prometheus exporters' web configuration.
    pub config_file: Option<PathBuf>,
    /// Path of the exposition. Default `/metrics`.
    pub telemetry_path: String,
    /// Whether OpenMetrics has `_created` series. Default false: most servers store them like any other. Protobuf says when a child
    /// began in any case.
    pub openmetrics_created: bool,
    /// Whether `POST /-/reload` and `/-/quit` are obeyed. Default false.
    pub enable_lifecycle: bool,
    /// Who is shown the status page and the API. Default `on`.
    pub pages: Pages,
}

/// Who is shown the status page, explanations and the API. They tell addresses, label values and the configuration, secrets masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pages {
    /// Whoever may read the metrics.
    #[default]
    On,
    /// Who asks from this machine, by a loopback address or a unix socket.
    Loopback,
    /// Nobody.
    Off,
}

/// `HOST:PORT` or `:PORT` (all addresses) → `HOST:PORT`; `unix:///path`. Port 0 stands for a free one.
pub(crate) fn listen_address(text: &str) -> Result<String, String> {
    let wrong = || format!("{text:?} is no address to listen on; write HOST:PORT, [IPV6]:PORT, :PORT or unix:///path");
    if let Some(path) = text.strip_prefix("unix://") {
        let legal = path.len() > 1 && path.starts_with('/') && !path.chars().any(char::is_control);
        return if legal { Ok(text.to_string()) } else { Err(wrong()) };
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.bytes().all(|b| b.is_ascii_digit()).then(|| port.parse().ok()).flatten().ok_or_else(wrong)?;
    let legal = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)),
    };
    match (legal, host) {
        (false, _) => Err(wrong()),
        (true, "") => Ok(format!("0.0.0.0:{port}")),
        (true, host) => Ok(format!("{host}:{port}")),
    }
}

/// The path of the exposition.
pub(crate) fn telemetry_path(text: &str) -> Result<String, String> {
    let path = path(text)?;
    if path.contains('?') {
        return Err(format!("{text:?}: a query is the scraper's to give"));
    }
    if PAGES.contains(&path.as_str()) || RESERVED.iter().any(|taken| path.starts_with(taken)) {
        return Err(format!("{text:?} is taken: the status page is at /, others below /-/ and /api/"));
    }
    Ok(path)
}

/// An address in the one spelling in which two can be compared: hosts in lower case, IP addresses as they print, `localhost` as
/// 127.0.0.1.
pub(crate) fn comparable(address: &Address) -> Address {
    match address {
        // A port speaks either TLS or not: both schemes lead to the same.
        Address::Http { tls: _, host, port, path } => {
            Address::Http { tls: false, host: comparable_host(host), port: *port, path: path.clone() }
        }
        Address::Tcp { host, port } => Address::Tcp { host: comparable_host(host), port: *port },
        other => other.clone(),
    }
}

fn comparable_host(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(ip) => ip.to_string(),
        Err(_) if host == "localhost" => "127.0.0.1".into(),
        Err(_) => host,
    }
}

/// Whether a scrape of `target` would reach the proxy that listens on `listen`.
pub(crate) fn is_own(target: &Address, listen: &str) -> bool {
    let (Address::Http { host, port, .. } | Address::Tcp { host, port }) = target else { return false };
    let Some((own_host, own_port)) = listen.rsplit_once(':') else { return false };
    if own_port.parse() != Ok(*port) {
        return false;
    }
    let (host, own_host) = (comparable_host(host), comparable_host(own_host));
    let ip = |host: &str| host.parse::<IpAddr>().ok();
    let on_this_machine = ip(&host).is_some_and(|ip| ip.is_loopback() || ip.is_unspecified());
    host == own_host || (on_this_machine && ip(&own_host).is_some_and(|ip| ip.is_unspecified()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::http_targets;

    #[test]
    fn listen_addresses() {
        for (text, want) in [
            (":9100", "0.0.0.0:9100"),
            ("[::]:1", "[::]:1"),
            ("localhost:0", "localhost:0"),
            ("10.0.0.1:80", "10.0.0.1:80"),
            ("unix:///run/x.sock", "unix:///run/x.sock"),
        ] {
            assert_eq!(listen_address(text).as_deref(), Ok(want));
        }
        for bad in ["", "9100", "::1:9", "a:", "a:70000", "http://a:1", "a b:1", "unix://x", "unix:///", "[x]:1", "a:+1"] {
            assert!(listen_address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn own_addresses_are_recognised() {
        let own = |target: &str, listen: &str| is_own(&http_targets(target, "/metrics").unwrap()[0].address, listen);
        assert!(own("localhost:11011", "0.0.0.0:11011"));
        assert!(own("127.0.0.1:11011", "[::]:11011"));
        assert!(own("[::1]:11011", "0.0.0.0:11011"));
        assert!(own("10.0.0.1:11011", "10.0.0.1:11011"));
        assert!(!own("10.0.0.2:11011", "0.0.0.0:11011"));
        assert!(!own("127.0.0.1:11012", "0.0.0.0:11011"));
    }

    #[test]
    fn telemetry_paths() {
        assert!(telemetry_path("/metrics/all").is_ok());
        for bad in ["", "metrics", "/", "/explain", "/-/healthy", "/api/v1", "/a?b", "/a b", "/a#b"] {
            assert!(telemetry_path(bad).is_err(), "{bad}");
        }
    }
}
