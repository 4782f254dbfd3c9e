use super::Missed;
use std::io::{Error, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream, lookup_host};

/// The Host header of HTTP over a unix socket, where the address has none.
pub(super) const UNIX_HOST: &str = "localhost";

/// A connection of whatever kind. What speaks over it is the same code for all: a call through a table costs less than the copies.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// `host:port` as a Host header wants it.
pub(super) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Connects to the first address of `host` that accepts. Refused by any of them and accepted by none: refused, whatever the others
/// said, since `localhost` often has an IPv6 address that nobody can reach.
pub(super) async fn tcp(host: &str, port: u16) -> Result<TcpStream, Missed> {
    let mut missed: Option<Missed> = None;
    for address in resolve(host, port).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Without it the last small write of a request could wait for an acknowledgement; a failure only costs that time.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(e) => {
                let new = failure(&e, &address.to_string());
                if missed.is_none() || new == Missed::Refused {
                    missed = Some(new);
                }
            }
        }
    }
    Err(missed.unwrap_or_else(|| Missed::Connect(format!("{host:?} has no address"))))
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Missed> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    match lookup_host((host, port)).await {
        Ok(found) => Ok(found.collect()),
        Err(e) => Err(Missed::Connect(format!("cannot resolve {host:?} (DNS): {e}"))),
    }
}

/// Connects to a unix socket.
pub(super) async fn unix(path: &Path) -> Result<UnixStream, Missed> {
    UnixStream::connect(path).await.map_err(|e| match e.kind() {
        ErrorKind::NotFound => Missed::Connect(format!("no socket file {}", path.display())),
        _ => failure(&e, &path.display().to_string()),
    })
}

fn failure(e: &Error, address: &str) -> Missed {
    match e.kind() {
        ErrorKind::ConnectionRefused => Missed::Refused,
        _ => Missed::Connect(format!("{address}: {e}")),
    }
}
