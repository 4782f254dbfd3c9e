//! A DNS server on loopback whose answers the test says. Written from RFC 1035 and RFC 2782: no library of the program's is asked.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the server looks whether it is to end.
const LOOK_PAUSE: Duration = Duration::from_millis(20);
/// Seconds that a record may be cached: long, so that a test fails if anybody does.
const TTL: u32 = 3600;

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
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    replies: HashMap<String, Reply>,
    asked: usize,
    ended: bool,
}

impl DnsServer {
    pub fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("no UDP port");
        socket.set_read_timeout(Some(LOOK_PAUSE)).expect("a time limit");
        let address = socket.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        let thread = std::thread::spawn(move || serve(&socket, &shared));
        Self { address, state, thread: Some(thread) }
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
        self.thread.take().map(JoinHandle::join);
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
        if let Some(answer) = answer(&packet[..length], &state.replies) {
            // The client may have gone.
            let _ = socket.send_to(&answer, client);
        }
    }
}

/// The answer to one question; `None`: none is given.
fn answer(query: &[u8], replies: &HashMap<String, Reply>) -> Option<Vec<u8>> {
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
    let count = u16::try_from(records.len()).expect("few records").to_be_bytes();
    // The query's id; an answer, recursion desired and available; one question, these answers.
    let mut packet = vec![query[0], query[1], 0x81, 0x80 | code, 0, 1, count[0], count[1], 0, 0, 0, 0];
    packet.extend(question);
    for (kind, data) in records {
        // The name is that of the question, at byte 12; class IN.
        packet.extend([0xc0, 12]);
        packet.extend(kind.to_be_bytes());
        packet.extend(1u16.to_be_bytes());
        packet.extend(TTL.to_be_bytes());
        packet.extend(u16::try_from(data.len()).expect("short data").to_be_bytes());
        packet.extend(data);
    }
    Some(packet)
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
