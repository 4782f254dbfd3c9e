//! Whether a target is this very proxy.

use crate::config::is_own;
use crate::target::Address;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Whether a scrape of `address` would reach the proxy that listens on `listen`: also by an address of this machine, where it listens on
/// all of them.
pub(super) fn leads_here(address: &Address, listen: &str) -> bool {
    if is_own(address, listen) {
        return true;
    }
    let (Address::Http { host, port, .. } | Address::Tcp { host, port }) = address else { return false };
    let listens_everywhere = listen.parse::<SocketAddr>().is_ok_and(|own| own.ip().is_unspecified() && own.port() == *port);
    listens_everywhere && host.parse().is_ok_and(is_of_this_machine)
}

/// Whether an address is one of this machine's. Nothing is sent: the system is only asked from which address it would send there, and to
/// its own addresses it sends from themselves.
fn is_of_this_machine(ip: IpAddr) -> bool {
    let any = match ip {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    // Any port but 0 will do: it is the discard service's.
    let from = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((ip, 9))?;
        socket.local_addr()
    });
    from.is_ok_and(|from| from.ip() == ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(host: &str, port: u16) -> Address {
        Address::Http { tls: false, host: host.into(), port, path: "/metrics".into() }
    }

    #[test]
    fn addresses_of_this_machine_are_known() {
        assert!(is_of_this_machine(IpAddr::from([127, 0, 0, 1])));
        assert!(!is_of_this_machine(IpAddr::from([192, 0, 2, 1])), "of a network for documentation (RFC 5737)");
        assert!(leads_here(&at("127.0.0.1", 11011), "0.0.0.0:11011"));
        assert!(!leads_here(&at("127.0.0.1", 11012), "0.0.0.0:11011"));
        assert!(!leads_here(&at("192.0.2.1", 11011), "0.0.0.0:11011"));
        assert!(leads_here(&at("192.0.2.1", 11011), "192.0.2.1:11011"));
    }
}
