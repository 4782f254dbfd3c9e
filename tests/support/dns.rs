//! A DNS server on loopback whose answers the test says. Written from RFC 1035 and RFC 2782: no library of the program's is asked.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the server looks whether it is to end.
const LOOK_PAUSE: Duration = Duration::from_millis(20);
/// Seconds that a record may be cached: long, so that a test fails if anybody does.
const TTL: u32 = 3600;
/// Longest message over UDP (RFC 1035, 4.2.1). Of a longer one the records that fit are sent, with a bit that says so.
const UDP_BYTES_MAX: usize = 512;
/// That bit, in the first byte of the flags.
const TRUNCATED: u8 = 0x02;
/// Longest time for a client of TCP to send its question.
const TCP_PATIENCE: Duration = Duration::from_secs(10);

/// What a name has.
#[derive(Clone)]
pub enum Reply {
    /// Addresses; those of the type asked for are given.
    Addresses(Vec<IpAddr>),
    /// Services: host and port.
    Services(Vec<(String, u16)>),
    /// The name exists, without records.
    Empty,
    /// An error code: 2 is SERVFAIL, 3 NXDOMAIN.
    Code(u8),
    /// No answer at all.
    Silent,
}

/// The server. A name it doesn't know does not exist.
pub struct DnsServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    replies: HashMap<String, Reply>,
    asked: usize,
    asked_over_tcp: usize,
    ended: bool,
}

impl DnsServer {
    /// Over UDP and TCP.
    pub fn start() -> Self {
        let (socket, listener) = both();
        let mut server = Self::over_udp(socket);
        let shared = server.state.clone();
        server.threads.push(std::thread::spawn(move || serve_tcp(&listener, &shared)));
        server
    }

    /// Over UDP only: over TCP nobody answers.
    pub fn start_udp() -> Self {
        Self::over_udp(both().0)
    }

    fn over_udp(socket: UdpSocket) -> Self {
        socket.set_read_timeout(Some(LOOK_PAUSE)).expect("a time limit");
        let address = socket.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        let thread = std::thread::spawn(move || serve(&socket, &shared));
        Self { address, state, threads: vec![thread] }
    }

    /// What this name has from now on.
    pub fn set(&self, name: &str, reply: Reply) {
        self.state.lock().expect("the server panicked").replies.insert(name.to_ascii_lowercase(), reply);
    }

    /// Addresses as text.
    pub fn set_addresses(&self, name: &str, addresses: &[&str]) {
        self.set(name, Reply::Addresses(addresses.iter().map(|ip| ip.parse().expect("an IP address")).collect()));
    }

    /// How many questions came.
    pub fn asked(&self) -> usize {
        self.state.lock().expect("the server panicked").asked
    }

    /// How many of them over TCP.
    pub fn asked_over_tcp(&self) -> usize {
        self.state.lock().expect("the server panicked").asked_over_tcp
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        if let Ok(mut state) = self.state.lock() {
            state.ended = true;
        }
        for thread in self.threads.drain(..) {
            // A panic of its own the test has seen by missing answers.
            let _ = thread.join();
        }
    }
}

fn serve(socket: &UdpSocket, state: &Mutex<State>) {
    let mut packet = [0; 1500];
    loop {
        let received = socket.recv_from(&mut packet);
        let mut state = state.lock().expect("a test panicked");
        if state.ended {
            return;
        }
        let Ok((length, client)) = received else { continue };
        state.asked += 1;
        if let Some(answer) = answer(&packet[..length], &state.replies, UDP_BYTES_MAX) {
            // The client may have gone.
            let _ = socket.send_to(&answer, client);
        }
    }
}

/// Sockets for both, on one port.
fn both() -> (UdpSocket, TcpListener) {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("no TCP port");
        match UdpSocket::bind(listener.local_addr().expect("an address")) {
            Ok(socket) => return (socket, listener),
            Err(error) => assert_eq!(error.kind(), ErrorKind::AddrInUse, "no UDP port: {error}"),
        }
    }
}

/// One question per connection.
fn serve_tcp(listener: &TcpListener, state: &Mutex<State>) {
    listener.set_nonblocking(true).expect("a listener that can be looked at");
    while !state.lock().expect("a test panicked").ended {
        match listener.accept() {
            // The client may have gone.
            Ok((stream, _)) => drop(answer_tcp(stream, state)),
            Err(_) => std::thread::sleep(LOOK_PAUSE),
        }
    }
}

/// Before every message stands its length (RFC 1035, 4.2.2).
fn answer_tcp(mut stream: TcpStream, state: &Mutex<State>) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(TCP_PATIENCE))?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut query)?;
    let mut state = state.lock().expect("a test panicked");
    state.asked += 1;
    state.asked_over_tcp += 1;
    let Some(answer) = answer(&query, &state.replies, usize::from(u16::MAX)) else { return Ok(()) };
    let length = u16::try_from(answer.len()).expect("no longer than asked for");
    stream.write_all(&[&length.to_be_bytes()[..], &answer].concat())
}

/// The answer to one question, cut to as many whole records as fit into `bytes_max`; `None`: none is given.
fn answer(query: &[u8], replies: &HashMap<String, Reply>, bytes_max: usize) -> Option<Vec<u8>> {
    let (name, end) = read_name(query, 12);
    let question = &query[12..end + 4];
    let asked_type = u16::from_be_bytes([query[end], query[end + 1]]);
    let reply = replies.get(&name).cloned().unwrap_or(Reply::Code(3));
    let (code, records): (u8, Vec<(u16, Vec<u8>)>) = match reply {
        Reply::Silent => return None,
        Reply::Code(code) => (code, Vec::new()),
        Reply::Empty => (0, Vec::new()),
        Reply::Addresses(addresses) => (0, addresses.into_iter().map(address_record).collect()),
        Reply::Services(services) => (0, services.iter().map(service_record).collect()),
    };
    let records: Vec<_> = records.into_iter().filter(|(kind, _)| *kind == asked_type).collect();
    // The query's id; an answer, recursion desired and available; one question, no answers yet.
    let mut packet = vec![query[0], query[1], 0x81, 0x80 | code, 0, 1, 0, 0, 0, 0, 0, 0];
    packet.extend(question);
    let mut count: u16 = 0;
    for (kind, data) in records {
        let record = record(kind, &data);
        if packet.len() + record.len() > bytes_max {
            packet[2] |= TRUNCATED;
            break;
        }
        packet.extend(record);
        count += 1;
    }
    packet[6..8].copy_from_slice(&count.to_be_bytes());
    Some(packet)
}

/// The name is that of the question, at byte 12; class IN.
fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("short data").to_be_bytes();
    [&[0xc0, 12], &kind.to_be_bytes()[..], &1u16.to_be_bytes(), &TTL.to_be_bytes(), &length, data].concat()
}

fn address_record(address: IpAddr) -> (u16, Vec<u8>) {
    match address {
        IpAddr::V4(ip) => (1, ip.octets().to_vec()),
        IpAddr::V6(ip) => (28, ip.octets().to_vec()),
    }
}

fn service_record((host, port): &(String, u16)) -> (u16, Vec<u8>) {
    let mut data = [0u16, 0, *port].map(u16::to_be_bytes).concat();
    for label in host.split('.').filter(|label| !label.is_empty()) {
        data.push(u8::try_from(label.len()).expect("a short label"));
        data.extend(label.as_bytes());
    }
    data.push(0);
    (33, data)
}

/// The name at `at` in lower case, and where it ends.
fn read_name(packet: &[u8], mut at: usize) -> (String, usize) {
    let mut labels = Vec::new();
    while packet[at] != 0 {
        let length = usize::from(packet[at]);
        labels.push(String::from_utf8_lossy(&packet[at + 1..at + 1 + length]).to_ascii_lowercase());
        at += length + 1;
    }
    (labels.join("."), at + 1)
}
