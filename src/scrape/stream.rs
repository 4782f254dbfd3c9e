//! uWSGI's stats server: writes its document as soon as it accepts and closes, or (`--stats-http`) waits for a request first and
//! puts an HTTP head before it. Which of the two can only be found out by listening.

use super::connect::{Stream, UNIX_HOST};
use super::http::{HEAD_LINES_MAX, encoding, first_words, head_too_large, text};
use super::{Body, Missed, Request};
use crate::compression::{Encoding, Unpacker};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

/// How long a server may stay silent after it accepted before it is taken for one that waits for a request. A plain stats server
/// writes as soon as its event loop comes round.
const FIRST_BYTE_WAIT: Duration = Duration::from_millis(100);
/// Bytes read at once.
const CHUNK: usize = 64 << 10;
/// What an HTTP answer begins with.
const HTTP_MARK: &[u8] = b"HTTP/";

/// When a request is sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Speak<'a> {
    /// At once: the address says HTTP.
    AtOnce { host: &'a str, path: &'a str },
    /// Only to a server that stays silent, or did so last time.
    WhenSilent,
}

/// Reads one document to its end.
pub(super) async fn read(mut socket: Box<dyn Stream>, how: &Request, speak: Speak<'_>, deadline: Instant) -> Result<Body, Missed> {
    let limit = how.body_bytes_max();
    let mut got = Vec::new();
    match speak {
        Speak::AtOnce { host, path } => ask(&mut *socket, how, host, path, deadline).await,
        Speak::WhenSilent if how.asks_first() => ask(&mut *socket, how, UNIX_HOST, "/", deadline).await,
        Speak::WhenSilent => match timeout(FIRST_BYTE_WAIT, more(&mut *socket, &mut got)).await {
            Ok(Ok(0)) => return Err(nothing()),
            Ok(Ok(_)) => {}
            Ok(Err(e)) => return Err(Missed::Truncated(format!("no byte came ({e})"))),
            Err(_silent) => ask(&mut *socket, how, UNIX_HOST, "/", deadline).await,
        },
    }
    let ended_by = loop {
        if got.len() > limit.saturating_add(how.header_bytes_max()) {
            return Err(Missed::TooLarge { limit });
        }
        match more(&mut *socket, &mut got).await {
            Ok(0) => break None,
            Ok(_) => {}
            // A server that closes with our request unread resets the connection, after the document or in the midst of it.
            Err(e) => break Some(e),
        }
    };
    if got.is_empty() {
        return Err(ended_by.map_or_else(nothing, |e| Missed::Truncated(format!("no byte came ({e})"))));
    }
    how.set_asks_first(got.starts_with(HTTP_MARK));
    let Document { body, announced, encoding } = if got.starts_with(HTTP_MARK) {
        strip_head(got, how.header_bytes_max())?
    } else {
        let body = Body { content_type: None, bytes: got.into(), streamed: None, date: None };
        Document { body, announced: None, encoding: Encoding::Identity }
    };
    if body.bytes.len() > limit {
        return Err(Missed::TooLarge { limit });
    }
    match (announced, ended_by) {
        (Some(announced), _) if body.bytes.len() < announced => {
            Err(Missed::Truncated(format!("{} of {announced} bytes came", body.bytes.len())))
        }
        (None, Some(e)) if encoding == Encoding::Identity && body.bytes.trim_ascii_end().last() != Some(&b'}') => {
            Err(Missed::Truncated(format!("{} bytes came, then {e}", body.bytes.len())))
        }
        _ => unpacked(body, encoding, limit),
    }
}

/// A body as it came.
struct Document {
    body: Body,
    /// Its length as the head says.
    announced: Option<usize>,
    encoding: Encoding,
}

fn unpacked(body: Body, encoding: Encoding, limit: usize) -> Result<Body, Missed> {
    if encoding == Encoding::Identity {
        return Ok(body);
    }
    let mut bytes = Vec::new();
    let mut unpacker = Unpacker::new(encoding, limit)?;
    unpacker.push(&body.bytes, |part| {
        bytes.extend_from_slice(part);
        Ok::<_, Missed>(())
    })?;
    unpacker.finish()?;
    Ok(Body { bytes: bytes.into(), ..body })
}

fn nothing() -> Missed {
    Missed::Truncated("connected, then closed without a byte: the server could not write its document".into())
}

/// Reads once. The room grows as bytes come, so a server can't make us reserve what it never sends.
async fn more(socket: &mut dyn Stream, got: &mut Vec<u8>) -> std::io::Result<usize> {
    got.reserve(CHUNK);
    socket.read_buf(got).await
}

/// Sends a GET as HTTP/1.0, so that the answer comes in one piece. A failure shows when reading.
async fn ask(socket: &mut dyn Stream, how: &Request, host: &str, path: &str, deadline: Instant) {
    let mut request = format!("GET {path} HTTP/1.0\r\n").into_bytes();
    for (name, value) in &how.headers(host, deadline.saturating_duration_since(Instant::now())) {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            request.extend_from_slice(part);
        }
    }
    request.extend_from_slice(b"\r\n");
    let _ = socket.write_all(&request).await;
}

/// Takes the HTTP head off; the rest is the body.
fn strip_head(got: Vec<u8>, longest: usize) -> Result<Document, Missed> {
    let mut lines = [httparse::EMPTY_HEADER; HEAD_LINES_MAX];
    let mut head = httparse::Response::new(&mut lines);
    let start = got.get(..longest).unwrap_or(&got);
    let length = match head.parse(start) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if got.len() >= longest => return Err(head_too_large(longest)),
        Err(httparse::Error::TooManyHeaders) => return Err(head_too_large(longest)),
        Ok(httparse::Status::Partial) => return Err(Missed::Truncated("the HTTP head is not whole".into())),
        Err(e) => return Err(Missed::Parse(format!("the HTTP head cannot be read: {e}"))),
    };
    let mut headers = HeaderMap::new();
    for line in head.headers.iter() {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(line.name), HeaderValue::try_from(line.value)) {
            headers.append(name, value);
        }
    }
    let code = head.code.unwrap_or_default();
    let body = got.get(length..).unwrap_or_default();
    if code != StatusCode::OK.as_u16() {
        let detail =
            text(&headers, LOCATION).map_or_else(|| first_words(body), |to| format!("Location: {}", first_words(to.as_bytes())));
        return Err(Missed::Status { code, detail: Some(detail).filter(|d| !d.is_empty()) });
    }
    let encoding = encoding(&headers)?;
    if headers.contains_key(TRANSFER_ENCODING) {
        return Err(Missed::Parse("Transfer-Encoding in the answer to an HTTP/1.0 request".into()));
    }
    let announced = text(&headers, CONTENT_LENGTH).and_then(|n| n.parse().ok());
    let mut bytes = bytes::Bytes::from(got).split_off(length);
    if let Some(announced) = announced {
        bytes.truncate(announced);
    }
    Ok(Document {
        body: Body { content_type: text(&headers, CONTENT_TYPE), bytes, streamed: None, date: None },
        announced,
        encoding,
    })
}
