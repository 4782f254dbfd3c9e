use std::fmt;
use std::path::PathBuf;

/// Where one target listens, and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// HTTP over TCP, and over TLS where `tls` is set.
    Http {
        /// Whether the address says `https`.
        tls: bool,
        /// Host name or IP address, without brackets.
        host: String,
        /// TCP port.
        port: u16,
        /// Path with its leading slash, and the query if there is one.
        path: String,
    },
    /// HTTP over a unix socket.
    HttpUnix {
        /// The socket.
        socket: PathBuf,
        /// Path with its leading slash.
        path: String,
    },
    /// A bare TCP stream: uWSGI's stats server.
    Tcp {
        /// Host name or IP address, without brackets.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// A bare unix stream: uWSGI's stats server.
    Unix(PathBuf),
    /// A file.
    File(PathBuf),
    /// A directory of multiprocess files.
    Directory(PathBuf),
}

/// One configured endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What stands in the `worker` or `target` label: `host:port` as configured for ports, else the text as configured.
    pub id: String,
    /// The text as configured, with a range expanded to this one port; value of `stats_uri` and `addr`. Never holds a password:
    /// `user:password@` is refused when parsed.
    pub text: String,
    /// The same, understood.
    pub address: Address,
}

/// Why a target can't be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressError {
    /// The text as configured.
    pub text: String,
    /// What is wrong with it and what is allowed.
    pub why: String,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot use target {:?}: {}", self.text, self.why)
    }
}

impl std::error::Error for AddressError {}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = |h: &str| if h.contains(':') { format!("[{h}]") } else { h.to_string() };
        match self {
            Self::Http { tls, host: h, port, path } => {
                write!(f, "{}://{}:{port}{path}", if *tls { "https" } else { "http" }, host(h))
            }
            Self::HttpUnix { socket, path } => write!(f, "unix://{}:{path}", socket.display()),
            Self::Tcp { host: h, port } => write!(f, "tcp://{}:{port}", host(h)),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::File(path) => write!(f, "file://{}", path.display()),
            Self::Directory(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Address {
    /// Speaks TLS to it, if it is spoken to by HTTP over TCP.
    pub fn secure(&mut self) {
        if let Self::Http { tls, .. } = self {
            *tls = true;
        }
    }

    /// Whether it is spoken to over TLS.
    pub fn is_secure(&self) -> bool {
        matches!(self, Self::Http { tls: true, .. })
    }
}

/// Understands `HOST:PORT[-PORT]` and `http(s)://HOST:PORT[-PORT][/path]`; a port range becomes one target per port, in order.
/// `default_path` stands in where no path is given.
///
/// # Errors
/// A text that is none of these, a port outside 1–65535, a range that falls, user and password in the URL.
pub fn http_targets(text: &str, default_path: &str) -> Result<Vec<Target>, AddressError> {
    let error = |why: String| AddressError { text: text.to_string(), why };
    let (rest, scheme) = match text.split_once("://") {
        Some(("http", rest)) => (rest, Some("http")),
        Some(("https", rest)) => (rest, Some("https")),
        Some((scheme, _)) => {
            return Err(error(format!("scheme {scheme:?} is not known here; use http://HOST:PORT/path or https://HOST:PORT/path")));
        }
        None => (text, None),
    };
    let tls = scheme == Some("https");
    let (authority, path) = match rest.find('/') {
        Some(at) => (&rest[..at], &rest[at..]),
        None => (rest, default_path),
    };
    if authority.contains('@') {
        return Err(error("user and password don't belong in an address".into()));
    }
    let (host, ports) = split_host_port(authority).ok_or_else(|| error("expected HOST:PORT or HOST:PORT-PORT".into()))?;
    let (first, last) = match ports {
        None if tls => (443, 443),
        None if scheme.is_some() => (80, 80),
        None => return Err(error("no port; expected HOST:PORT or HOST:PORT-PORT".into())),
        Some(ports) => port_range(ports).map_err(error)?,
    };
    let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_string() };
    Ok((first..=last)
        .map(|port| Target {
            id: format!("{bracketed}:{port}"),
            text: match (first == last, scheme) {
                (true, _) => text.to_string(),
                (false, Some(scheme)) => format!("{scheme}://{bracketed}:{port}{path}"),
                (false, None) => format!("{bracketed}:{port}"),
            },
            address: Address::Http { tls, host: host.to_string(), port, path: path.to_string() },
        })
        .collect())
}

/// Splits `host`, `host:port`, `[v6]`, `[v6]:port`; `None` where brackets or host are wrong.
fn split_host_port(authority: &str) -> Option<(&str, Option<&str>)> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        match after {
            "" => (host, None),
            _ => (host, Some(after.strip_prefix(':')?)),
        }
    } else {
        match authority.split_once(':') {
            Some((_, port)) if port.contains(':') => return None,
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let plain = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._:%".contains(c));
    plain.then_some((host, port))
}

/// `5001` or `5001-5008`: the first and the last.
pub(crate) fn port_range(text: &str) -> Result<(u16, u16), String> {
    let one = |t: &str| match t.parse::<u16>() {
        Ok(p) if p > 0 => Ok(p),
        _ => Err(format!("port {t:?} is not a number from 1 to 65535")),
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (one(first)?, one(last)?);
    if first > last { Err(format!("the port range {first}-{last} falls")) } else { Ok((first, last)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_urls() {
        let ids = |t: &str| http_targets(t, "/metrics").map(|v| v.into_iter().map(|t| t.address.to_string()).collect::<Vec<_>>());
        assert_eq!(ids("localhost:1-2").unwrap(), ["http://localhost:1/metrics", "http://localhost:2/metrics"]);
        assert_eq!(ids("http://a:5/x/?y=1").unwrap(), ["http://a:5/x/?y=1"]);
        assert_eq!(ids("[::1]:9").unwrap(), ["http://[::1]:9/metrics"]);
        assert_eq!(ids("http://a").unwrap(), ["http://a:80/metrics"]);
        assert_eq!(ids("https://a/x").unwrap(), ["https://a:443/x"]);
        assert_eq!(ids("https://a:1-2").unwrap(), ["https://a:1/metrics", "https://a:2/metrics"]);
        let texts = |t: &str| http_targets(t, "/metrics").unwrap().into_iter().map(|t| t.text).collect::<Vec<_>>();
        assert_eq!(texts("http://a"), ["http://a"], "one target keeps its text");
        assert_eq!(texts("http://a:1-2"), ["http://a:1/metrics", "http://a:2/metrics"]);
        for bad in ["", "a", "a:", ":1", "a:0", "a:70000", "a:9-3", "::1:9", "ftp://a:1", "http://u:p@a:1", "a b:1", "a:1-2-3"] {
            assert!(ids(bad).is_err(), "{bad}");
        }
    }
}
