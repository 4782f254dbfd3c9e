use std::io::ErrorKind;
use tokio::net::TcpListener;

/// An address we can't listen on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address:?}: {error}{}", advice(error))]
pub struct ListenError {
    /// As configured.
    pub address: String,
    /// Why.
    pub error: std::io::Error,
}

fn advice(error: &std::io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::AddrInUse => "; something else has this port: end it, or choose another with --web.listen-address",
        ErrorKind::PermissionDenied => "; ports below 1024 need privileges: choose another with --web.listen-address",
        ErrorKind::AddrNotAvailable => "; no interface has this address: use 0.0.0.0 for all",
        ErrorKind::InvalidInput => "; expected HOST:PORT",
        _ => "",
    }
}

/// Listens on every address, `HOST:PORT` or `:PORT` for all interfaces.
///
/// # Errors
/// The first address that can't be had; none is listened on then.
pub async fn bind(addresses: &[String]) -> Result<Vec<TcpListener>, ListenError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let full = if address.starts_with(':') { format!("0.0.0.0{address}") } else { address.clone() };
        let listener = TcpListener::bind(&full).await.map_err(|error| ListenError { address: address.clone(), error })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_cannot_be_had_is_named() {
        let taken = bind(&["127.0.0.1:0".into()]).await.unwrap();
        let address = taken[0].local_addr().unwrap().to_string();
        let error = bind(std::slice::from_ref(&address)).await.unwrap_err().to_string();
        assert!(error.contains(&address) && error.contains("--web.listen-address"), "{error}");
        let error = bind(&["nonsense".into()]).await.unwrap_err().to_string();
        assert!(error.contains("HOST:PORT"), "{error}");
    }
}
