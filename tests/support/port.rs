//! Ports that belong to one test.

use rustix::net::{
    AddressFamily, Ipv4Addr, SocketAddrV4, SocketFlags, SocketType, bind, getsockname, listen, socket_with, sockopt,
};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU16, Ordering};

const BACKLOG: i32 = 128;
/// Where port ranges are looked for: below Linux' ephemeral ports (from 32768), so that no outgoing connection sits in them.
const RANGES: std::ops::Range<u16> = 20_000..32_000;

/// A port of 127.0.0.1 held by a bound socket that doesn't listen. Connections to it are refused, nobody is given it by chance, and yet
/// whoever binds it with `SO_REUSEADDR`, as servers do, may listen on it: so a server can go away and come back on its port.
#[derive(Debug)]
pub struct Port {
    held_by: OwnedFd,
    number: u16,
}

impl Port {
    /// A free port.
    pub fn reserve() -> Self {
        Self::hold(0).expect("no free port on 127.0.0.1")
    }

    /// `count` free ports in a row.
    pub fn reserve_range(count: u16) -> Vec<Self> {
        static TRIED: AtomicU16 = AtomicU16::new(0);
        let places = (RANGES.end - RANGES.start) / count;
        let offset = u16::try_from(std::process::id() % u32::from(places)).expect("smaller than a u16");
        for _ in 0..places {
            let place = (offset + TRIED.fetch_add(1, Ordering::Relaxed)) % places;
            let first = RANGES.start + place * count;
            if let Ok(ports) = (first..first + count).map(Self::hold).collect() {
                return ports;
            }
        }
        panic!("no {count} free ports in a row in {RANGES:?}");
    }

    fn hold(number: u16) -> rustix::io::Result<Self> {
        let held_by = tcp_socket()?;
        bind(&held_by, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, number))?;
        // Only now: bound with the option, two tests could be given the same port.
        sockopt::set_socket_reuseaddr(&held_by, true)?;
        let bound = SocketAddrV4::try_from(getsockname(&held_by)?).map_err(|_| rustix::io::Errno::AFNOSUPPORT)?;
        Ok(Self { number: bound.port(), held_by })
    }

    /// Listens on it.
    pub fn listen(&self) -> TcpListener {
        self.listen_with_backlog(BACKLOG)
    }

    /// The same with room for so many connections that nobody has accepted yet.
    pub fn listen_with_backlog(&self, backlog: i32) -> TcpListener {
        let socket = tcp_socket().expect("no socket");
        sockopt::set_socket_reuseaddr(&socket, true).expect("SO_REUSEADDR refused");
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.number)).expect("a reserved port could not be bound");
        listen(&socket, backlog).expect("a reserved port is listened on already");
        TcpListener::from(socket)
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.number))
    }
}

fn tcp_socket() -> rustix::io::Result<OwnedFd> {
    socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)
}
