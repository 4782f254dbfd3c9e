use super::socket::{Listener, SocketFile};
use listenfd::ListenFd;
use std::io::{Error, ErrorKind, Result as IoResult};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use tokio::net::{TcpListener, UnixListener, UnixStream};

/// What an address that is a unix socket begins with.
const UNIX: &str = "unix://";

/// An address we can't listen on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address:?}: {error}{}", advice(address, error))]
pub struct ListenError {
    /// As configured.
    pub address: String,
    /// Why.
    pub error: Error,
}

fn advice(address: &str, error: &Error) -> &'static str {
    match (error.kind(), address.starts_with(UNIX)) {
        (ErrorKind::AddrInUse, true) => "; another process listens on it: end it, or choose another path with --web.listen-address",
        (ErrorKind::PermissionDenied, true) => "; this user may not write into that directory",
        (ErrorKind::NotFound, true) => "; the directory must be there",
        (ErrorKind::AddrInUse, _) => "; something else has this port: end it, or choose another with --web.listen-address",
        (ErrorKind::PermissionDenied, _) => "; ports below 1024 need privileges: choose another with --web.listen-address",
        (ErrorKind::AddrNotAvailable, _) => "; no interface has this address: use 0.0.0.0 for all",
        (ErrorKind::InvalidInput, _) => "; expected HOST:PORT or unix:///path",
        _ => "",
    }
}

/// Listens on every address: `HOST:PORT`, `:PORT` for all interfaces, or `unix:///path`.
///
/// # Errors
/// The first address that can't be had; none is listened on then.
pub async fn bind(addresses: &[String]) -> Result<Vec<Listener>, ListenError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let listener = bind_one(address).await.map_err(|error| ListenError { address: address.clone(), error })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

async fn bind_one(address: &str) -> IoResult<Listener> {
    if let Some(path) = address.strip_prefix(UNIX) {
        return bind_unix(Path::new(path)).await;
    }
    let full = if address.starts_with(':') { format!("0.0.0.0{address}") } else { address.to_string() };
    Ok(TcpListener::bind(&full).await?.into())
}

/// A socket file that nobody listens on any more, left by a process that was killed, is replaced; nothing else is.
async fn bind_unix(path: &Path) -> IoResult<Listener> {
    let ours = |listener| Listener::Unix(listener, Some(SocketFile(path.to_path_buf())));
    match UnixListener::bind(path) {
        Err(e) if e.kind() == ErrorKind::AddrInUse => {
            let is_socket = path.symlink_metadata()?.file_type().is_socket();
            let refused = |e: &Error| e.kind() == ErrorKind::ConnectionRefused;
            if !is_socket || !UnixStream::connect(path).await.is_err_and(|e| refused(&e)) {
                return Err(e);
            }
            std::fs::remove_file(path)?;
            UnixListener::bind(path).map(ours)
        }
        bound => bound.map(ours),
    }
}

/// The sockets that systemd hands over (`LISTEN_FDS`, sd_listen_fds(3)); none where it doesn't.
///
/// # Errors
/// One of them is neither a TCP nor a unix stream socket that listens.
pub fn inherited() -> Result<Vec<Listener>, ListenError> {
    let mut handed = ListenFd::from_env();
    let count = handed.len();
    (0..count).filter_map(|i| one_of(&mut handed, i).transpose()).collect()
}

fn one_of(handed: &mut ListenFd, i: usize) -> Result<Option<Listener>, ListenError> {
    let error = |error| ListenError { address: format!("socket {i} of LISTEN_FDS"), error };
    if let Ok(listener) = handed.take_tcp_listener(i) {
        let adopted = listener.map(|listener| {
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener).map(Listener::Tcp)
        });
        return adopted.transpose().map_err(error);
    }
    let adopted = handed.take_unix_listener(i).map_err(error)?.map(|listener| {
        listener.set_nonblocking(true)?;
        UnixListener::from_std(listener).map(|listener| Listener::Unix(listener, None))
    });
    adopted.transpose().map_err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_cannot_be_had_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let error = bind(std::slice::from_ref(&address)).await.unwrap_err().to_string();
        assert!(error.contains(&address) && error.contains("--web.listen-address"), "{error}");
        let error = bind(&["nonsense".into()]).await.unwrap_err().to_string();
        assert!(error.contains("HOST:PORT"), "{error}");
        let error = bind(&["unix:///no/such/dir/x.sock".into()]).await.unwrap_err().to_string();
        assert!(error.contains("directory"), "{error}");
    }

    #[tokio::test]
    async fn a_socket_file_goes_with_its_listener_and_a_stale_one_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.sock");
        let address = [format!("unix://{}", path.display())];
        let listeners = bind(&address).await.unwrap();
        let error = bind(&address).await.unwrap_err().to_string();
        assert!(error.contains("another process listens"), "{error}");
        drop(listeners);
        assert!(!path.exists());
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "as a killed process leaves it");
        drop(bind(&address).await.unwrap());
        std::fs::write(&path, "precious").unwrap();
        bind(&address).await.unwrap_err();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }
}
