//! What is listened on and what comes of it: TCP or a unix socket, later with TLS over it.

use std::io::{IoSlice, Result};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// Something that accepts connections.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A unix socket, and its file if it is ours to remove.
    Unix(UnixListener, Option<SocketFile>),
}

/// The file of a unix socket; removed with it.
#[derive(Debug)]
pub struct SocketFile(pub(super) PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Best effort: it may be gone, and the next start removes what nobody listens on.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl Listener {
    pub(super) async fn accept(&self) -> Result<Socket> {
        Ok(match self {
            Self::Tcp(listener) => {
                let (stream, _peer) = listener.accept().await?;
                // Without it the last small write of an answer could wait for an acknowledgement; a failure only costs that time.
                let _ = stream.set_nodelay(true);
                Socket::Tcp(stream)
            }
            Self::Unix(listener, _) => Socket::Unix(listener.accept().await?.0),
        })
    }

    /// Where it listens, as a URL of `path`.
    pub fn url(&self, secure: bool, path: &str) -> String {
        match self {
            Self::Tcp(listener) => {
                let scheme = if secure { "https" } else { "http" };
                listener.local_addr().map_or_else(|_| String::new(), |address| format!("{scheme}://{address}{path}"))
            }
            Self::Unix(listener, _) => {
                let address = listener.local_addr().ok();
                let file = address.as_ref().and_then(|address| address.as_pathname()).unwrap_or(Path::new(""));
                format!("unix://{}:{path}", file.display())
            }
        }
    }
}

/// How a connection came; an extension of its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// Over the network, with or without TLS.
    Tcp,
    /// The same from a loopback address.
    Loopback,
    /// Over a unix socket.
    Unix,
}

/// A connection.
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    #[cfg(feature = "tls")]
    Secure(Box<tokio_rustls::server::TlsStream<TcpStream>>),
}

impl Socket {
    pub(super) fn peer(&self) -> Peer {
        let stream = match self {
            Self::Unix(_) => return Peer::Unix,
            Self::Tcp(stream) => stream,
            #[cfg(feature = "tls")]
            Self::Secure(stream) => stream.get_ref().0,
        };
        let is_loopback = stream.peer_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback());
        if is_loopback { Peer::Loopback } else { Peer::Tcp }
    }
}

/// Calls the same method of whatever it is.
macro_rules! each {
    ($self:expr, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Socket::Tcp($stream) => $call,
            Socket::Unix($stream) => $call,
            #[cfg(feature = "tls")]
            Socket::Secure($stream) => $call,
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        each!(self, stream => Pin::new(stream).poll_read(cx, into))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write_vectored(cx, parts))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        each!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        each!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
