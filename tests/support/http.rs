//! A small blocking HTTP/1.1 client that takes nothing on trust: a body shorter than announced is an error.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for a connection or a read; decides how long a failure takes, not whether a test passes.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body that isn't UTF-8")
    }
}

/// GET.
pub fn get(to: SocketAddr, path: &str, headers: &[(&str, &str)]) -> io::Result<Response> {
    request("GET", to, path, headers)
}

/// Any method, without a body.
pub fn request(method: &str, to: SocketAddr, path: &str, headers: &[(&str, &str)]) -> io::Result<Response> {
    request_within(PATIENCE, method, to, path, headers)
}

/// The same with a limit for the connection and for every read.
pub fn request_within(limit: Duration, method: &str, to: SocketAddr, path: &str, headers: &[(&str, &str)]) -> io::Result<Response> {
    exchange(limit, method, to, path, headers, b"")
}

/// POST with a body.
pub fn post(to: SocketAddr, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Response> {
    let length = body.len().to_string();
    let headers: Vec<_> = headers.iter().copied().chain([("Content-Length", length.as_str())]).collect();
    exchange(PATIENCE, "POST", to, path, &headers, body)
}

fn exchange(
    limit: Duration,
    method: &str,
    to: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let mut stream = TcpStream::connect_timeout(&to, limit)?;
    stream.set_read_timeout(Some(limit))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    parse(&bytes, method == "HEAD")
}

fn parse(bytes: &[u8], head_only: bool) -> io::Result<Response> {
    let end = find(bytes, b"\r\n\r\n").ok_or_else(|| cut("the head"))?;
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| broken("a head that isn't UTF-8"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let headers: Vec<_> = lines
        .map(|line| line.split_once(':').map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_string())))
        .collect::<Option<_>>()
        .ok_or_else(|| broken("a header line without a colon"))?;
    let mut response = Response { status: status.ok_or_else(|| broken("no status"))?, headers, body: bytes[end + 4..].to_vec() };
    if head_only {
        return Ok(response);
    }
    if response.header("transfer-encoding") == Some("chunked") {
        response.body = dechunk(&response.body)?;
    } else if let Some(length) = response.header("content-length") {
        let length: usize = length.parse().map_err(|_| broken("Content-Length isn't a number"))?;
        if response.body.len() != length {
            return Err(cut("the body"));
        }
    }
    Ok(response)
}

fn dechunk(mut rest: &[u8]) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = find(rest, b"\r\n").ok_or_else(|| cut("a chunk's size"))?;
        let size = std::str::from_utf8(&rest[..end]).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        let size = size.ok_or_else(|| broken("a chunk's size isn't hexadecimal"))?;
        let chunk = rest.get(end + 2..end + 2 + size).ok_or_else(|| cut("a chunk"))?;
        if size == 0 {
            return Ok(body);
        }
        body.extend_from_slice(chunk);
        rest = rest.get(end + 4 + size..).ok_or_else(|| cut("a chunk's end"))?;
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn cut(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("{what} was cut short"))
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
