use super::Socket;
use crate::config::{RateLimit, Secret, SideFileError, process_env, read_web_file};
use crate::files::Reading;
#[cfg(feature = "tls")]
use crate::tls::{TlsSetupError, server};
use http::HeaderMap;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Result as IoResult;
#[cfg(feature = "tls")]
use std::io::{Error, ErrorKind};
use std::path::Path;
use std::time::Duration;
#[cfg(feature = "tls")]
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
#[cfg(feature = "tls")]
use tokio_rustls::TlsAcceptor;

/// What the web configuration file says, ready for use.
pub(super) struct Policy {
    #[cfg(feature = "tls")]
    acceptor: Option<TlsAcceptor>,
    pub(super) users: BTreeMap<String, Secret>,
    pub(super) headers: HeaderMap,
    pub(super) rate_limit: Option<RateLimit>,
}

/// Why the web configuration can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct GateError(String);

impl From<SideFileError> for GateError {
    fn from(error: SideFileError) -> Self {
        Self(error.to_string())
    }
}

#[cfg(feature = "tls")]
impl From<TlsSetupError> for GateError {
    fn from(error: TlsSetupError) -> Self {
        Self(format!("tls_server_config: {error}"))
    }
}

/// Reads the file and those it names.
pub(super) fn read(path: &Path, reading: &mut Reading) -> Result<Policy, GateError> {
    let file = read_web_file(path, &process_env, reading)?;
    Ok(Policy {
        #[cfg(feature = "tls")]
        acceptor: file.tls.as_ref().map(|tls| server(tls, reading)).transpose()?,
        users: file.users,
        headers: file.headers,
        rate_limit: file.rate_limit,
    })
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").field("users", &self.users).field("rate_limit", &self.rate_limit).finish_non_exhaustive()
    }
}

#[cfg(not(feature = "tls"))]
impl Policy {
    pub(super) fn is_secure(&self) -> bool {
        false
    }

    pub(super) async fn secure(&self, socket: Socket, _limit: Duration) -> IoResult<Socket> {
        Ok(socket)
    }
}

#[cfg(feature = "tls")]
impl Policy {
    pub(super) fn is_secure(&self) -> bool {
        self.acceptor.is_some()
    }

    /// The handshake, over TCP: who may speak on a unix socket is for the permissions of its file to say.
    pub(super) async fn secure(&self, socket: Socket, limit: Duration) -> IoResult<Socket> {
        match (&self.acceptor, socket) {
            (Some(acceptor), Socket::Tcp(stream)) => timeout(limit, handshake(acceptor, stream))
                .await
                .unwrap_or_else(|_| Err(Error::new(ErrorKind::TimedOut, "no handshake in time"))),
            (_, socket) => Ok(socket),
        }
    }
}

/// One who speaks no TLS is told so in the words that Go's servers have for it.
#[cfg(feature = "tls")]
async fn handshake(acceptor: &TlsAcceptor, mut stream: TcpStream) -> IoResult<Socket> {
    let mut first = [0];
    if stream.peek(&mut first).await? > 0 && first != [HANDSHAKE] {
        stream.write_all(PLAIN_HTTP).await?;
        stream.shutdown().await?;
        return Err(Error::new(ErrorKind::InvalidData, "what came is not TLS"));
    }
    Ok(Socket::Secure(Box::new(acceptor.accept(stream).await?)))
}

/// What the first record of TLS begins with: its type, handshake.
#[cfg(feature = "tls")]
const HANDSHAKE: u8 = 0x16;
/// The answer to plain HTTP where TLS is spoken.
#[cfg(feature = "tls")]
const PLAIN_HTTP: &[u8] = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n\
    Client sent an HTTP request to an HTTPS server.\n";
