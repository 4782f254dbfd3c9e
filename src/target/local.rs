//! Addresses beyond plain HTTP: unix sockets, bare streams, files.

use super::{Address, AddressError, Target, http_targets};
use std::path::PathBuf;

/// Understands what [`http_targets`] does, and HTTP over a unix socket: `unix:///path:/uri`, `unix:/path:/uri`; without `:/uri` the
/// `default_path` is asked for.
///
/// # Errors
/// See [`http_targets`]; a socket without an absolute path.
pub fn http_or_unix_targets(text: &str, default_path: &str) -> Result<Vec<Target>, AddressError> {
    let Some(rest) = unix_rest(text) else { return http_targets(text, default_path) };
    let (socket, path) = match rest.find(":/") {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (rest.strip_suffix(':').unwrap_or(rest), default_path),
    };
    let socket = absolute(text, socket, "unix:///path/to/socket:/uri")?;
    Ok(vec![alone(text, Address::HttpUnix { socket, path: path.to_string() })])
}

/// Understands addresses of uWSGI's stats server: `tcp://HOST:PORT`, `http://HOST:PORT[/path]`, `unix:///path`, `file:///path`, and
/// `HOST:PORT`, which stands for `http://` as in the known uWSGI exporter. A port range becomes one target per port.
///
/// # Errors
/// See [`http_targets`]; a `tcp://` address with a path, a socket or file without an absolute path.
pub fn stats_targets(text: &str, default_path: &str) -> Result<Vec<Target>, AddressError> {
    if let Some(rest) = unix_rest(text) {
        return Ok(vec![alone(text, Address::Unix(absolute(text, rest, "unix:///path/to/socket")?))]);
    }
    if let Some(rest) = text.strip_prefix("file://") {
        return Ok(vec![alone(text, Address::File(absolute(text, rest, "file:///path/to/stats.json")?))]);
    }
    let Some(rest) = text.strip_prefix("tcp://") else {
        let allowed = "use tcp://HOST:PORT, http://HOST:PORT, unix:///path or file:///path";
        return match text.split_once("://") {
            Some((scheme, _)) if scheme != "http" => Err(error(text, format!("scheme {scheme:?} is not known here; {allowed}"))),
            _ => http_targets(text, default_path),
        };
    };
    if rest.contains('/') {
        return Err(error(text, "a tcp:// address has no path; use tcp://HOST:PORT".into()));
    }
    let mut targets = http_targets(rest, default_path).map_err(|e| error(text, e.why))?;
    for target in &mut targets {
        target.text = format!("tcp://{}", target.text);
        if let Address::Http { host, port, .. } = &target.address {
            target.address = Address::Tcp { host: host.clone(), port: *port };
        }
    }
    Ok(targets)
}

/// Understands the path of a directory, also as `file:///path`; a relative one begins where the program was started.
///
/// # Errors
/// No path, or another scheme.
pub fn directory_targets(text: &str, _default_path: &str) -> Result<Vec<Target>, AddressError> {
    let path = match text.split_once("://") {
        Some(("file", path)) => absolute(text, path, "file:///path/to/directory")?,
        Some((scheme, _)) => return Err(error(text, format!("scheme {scheme:?} is not known here; use /path/to/directory"))),
        None => PathBuf::from(text),
    };
    if path.as_os_str().is_empty() {
        return Err(error(text, "expected the path of a directory: what PROMETHEUS_MULTIPROC_DIR is set to".into()));
    }
    // One spelling for one directory: without a slash at its end.
    Ok(vec![alone(text, Address::Directory(path.components().collect()))])
}

/// What follows `unix://` or `unix:`.
fn unix_rest(text: &str) -> Option<&str> {
    text.strip_prefix("unix:").map(|rest| rest.strip_prefix("//").unwrap_or(rest))
}

fn absolute(text: &str, path: &str, shape: &str) -> Result<PathBuf, AddressError> {
    if path.len() > 1 && path.starts_with('/') {
        Ok(PathBuf::from(path))
    } else {
        Err(error(text, format!("expected an absolute path: {shape}")))
    }
}

fn alone(text: &str, address: Address) -> Target {
    Target { id: text.to_string(), text: text.to_string(), address }
}

fn error(text: &str, why: String) -> AddressError {
    AddressError { text: text.to_string(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(targets: Result<Vec<Target>, AddressError>) -> Result<Vec<(String, String)>, AddressError> {
        targets.map(|all| all.into_iter().map(|t| (t.text, t.address.to_string())).collect())
    }

    #[test]
    fn http_over_unix_sockets() {
        let one = |text| shown(http_or_unix_targets(text, "/stub_status")).unwrap().remove(0).1;
        assert_eq!(one("unix:///run/nginx.sock:/basic"), "unix:///run/nginx.sock:/basic");
        assert_eq!(one("unix:/run/nginx.sock:/basic?a=b"), "unix:///run/nginx.sock:/basic?a=b");
        assert_eq!(one("unix:///run/nginx.sock"), "unix:///run/nginx.sock:/stub_status");
        assert_eq!(one("unix:///run/nginx.sock:"), "unix:///run/nginx.sock:/stub_status");
        assert_eq!(one("localhost:8080"), "http://localhost:8080/stub_status");
        for bad in ["unix:", "unix://", "unix:///", "unix://run/x.sock:/y", "unix://:/y", "ftp://a/b", ""] {
            assert!(http_or_unix_targets(bad, "/").is_err(), "{bad}");
        }
    }

    #[test]
    fn directories() {
        for (text, address) in
            [("/run/m", "/run/m"), ("/run//m/", "/run/m"), ("file:///run/m", "/run/m"), ("m", "m"), ("./m", "./m")]
        {
            let shown = shown(directory_targets(text, "")).unwrap();
            assert_eq!(shown, [(text.to_string(), address.to_string())]);
        }
        for bad in ["", "file://", "file://m", "http://a/b"] {
            assert!(directory_targets(bad, "").is_err(), "{bad}");
        }
    }

    #[test]
    fn stats_addresses_keep_their_text() {
        for (text, address) in [
            ("tcp://127.0.0.1:1717", "tcp://127.0.0.1:1717"),
            ("tcp://[::1]:1717", "tcp://[::1]:1717"),
            ("http://127.0.0.1:1717", "http://127.0.0.1:1717/"),
            ("http://127.0.0.1:1717/stats", "http://127.0.0.1:1717/stats"),
            ("localhost:1717", "http://localhost:1717/"),
            ("unix:///run/stats.sock", "unix:///run/stats.sock"),
            ("file:///tmp/stats.json", "file:///tmp/stats.json"),
        ] {
            assert_eq!(shown(stats_targets(text, "/")).unwrap(), [(text.to_string(), address.to_string())]);
        }
        let texts: Vec<_> = stats_targets("tcp://a:1-2", "/").unwrap().into_iter().map(|t| t.text).collect();
        assert_eq!(texts, ["tcp://a:1", "tcp://a:2"]);
        for bad in ["tcp://a", "tcp://a:1/x", "tcp://u:p@a:1", "unix://x", "file://x", "file:///", "ftp://a:1", "https://a:1", "a"]
        {
            let wrong = stats_targets(bad, "/").unwrap_err();
            assert_eq!(wrong.text, bad);
        }
    }
}
