use super::connect::Stream;
use super::{Body, Ended, Missed, Part, Receipt, Request, Sink};
use crate::compression::{Encoding, Unpacker};
use crate::config::Limit;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, LOCATION};
use http::{HeaderMap, HeaderName, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::error::Error as _;
use tokio::time::Instant;

/// Room for what a connection has brought and nobody has looked at yet; hundreds of workers may answer at once. Of this size from the
/// start: a buffer that grows to it costs more than the reads it saves. With 64 KiB a round was no faster, and each worker cost 48 KiB
/// more.
const READ_BUFFER_BYTES: usize = 16 << 10;
/// What the detail of a redirect begins with.
pub(super) const LOCATION_MARK: &str = "Location: ";
/// Most lines of the head of an answer.
pub(super) const HEAD_LINES_MAX: usize = 100;
/// What a line of a head has beside name and value: colon, blank, line end.
const HEAD_LINE_EXTRA: usize = 4;
/// How much of the body of a refusal is read for its first words.
const REFUSAL_BYTES: usize = 2048;
/// How much room is made at once for a body that announces its length; beyond, it grows as it comes.
const BODY_RESERVE_MAX: usize = 1 << 20;

/// The redirects that keep a GET a GET.
const FOLLOWED: [StatusCode; 5] = [
    StatusCode::MOVED_PERMANENTLY,
    StatusCode::FOUND,
    StatusCode::SEE_OTHER,
    StatusCode::TEMPORARY_REDIRECT,
    StatusCode::PERMANENT_REDIRECT,
];

/// One GET on a fresh connection, which ends with it.
pub(super) async fn get(
    socket: Box<dyn Stream>,
    host: &str,
    path: &str,
    how: &Request,
    deadline: Instant,
    sink: &mut Sink<'_>,
) -> Result<Body, Ended> {
    let (mut sender, connection) = http1::Builder::new()
        .ignore_invalid_headers_in_responses(true)
        .read_buf_exact_size(Some(READ_BUFFER_BYTES.max(how.header_bytes_max())))
        .max_headers(HEAD_LINES_MAX)
        .handshake::<_, Empty<Bytes>>(TokioIo::new(socket))
        .await
        .map_err(|e| broken(&e, how))?;
    let left = deadline.saturating_duration_since(Instant::now());
    let mut request = http::Request::new(Empty::new());
    *request.uri_mut() = path.parse().map_err(|e| Missed::Connect(format!("the path {path:?} is no path of a URL: {e}")))?;
    let mut headers = how.headers(host, left);
    how.authorize(&mut headers)?;
    *request.headers_mut() = headers;
    let exchange = async {
        let (head, body) = sender.send_request(request).await.map_err(|e| broken(&e, how))?.into_parts();
        if head_length(&head.headers) > how.header_bytes_max() {
            return Err(head_too_large(how.header_bytes_max()).into());
        }
        if head.status != StatusCode::OK {
            if how.follows_redirects()
                && FOLLOWED.contains(&head.status)
                && let Some(to) = text(&head.headers, LOCATION)
            {
                return Err(Ended::Moved { code: head.status.as_u16(), to });
            }
            let detail = refusal(&head.headers, body).await;
            return Err(Missed::Status { code: head.status.as_u16(), detail }.into());
        }
        let encoding = encoding(&head.headers)?;
        let incoming = Arriving { body, announced: announced(&head.headers, how.body_bytes_max())? };
        let unpacker = Unpacker::new(encoding, how.body_bytes_max())?;
        let content_type = text(&head.headers, CONTENT_TYPE);
        let date = head.headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        match sink(Part::Begin(content_type.as_deref()))? {
            Receipt::Whole | Receipt::Wanted => {
                let mut bytes = Vec::with_capacity(incoming.announced.min(BODY_RESERVE_MAX));
                let collect = |part: &[u8]| {
                    bytes.extend_from_slice(part);
                    Ok(())
                };
                incoming.unpack(unpacker, collect).await?;
                Ok(Body { content_type, bytes: bytes.into(), streamed: None, date })
            }
            Receipt::Taken => {
                let taken = |receipt| if receipt == Receipt::Again { Err(Ended::Again) } else { Ok(()) };
                let length = incoming.unpack(unpacker, |part| taken(sink(Part::Bytes(part))?)).await?;
                taken(sink(Part::End)?)?;
                Ok(Body { content_type, bytes: Bytes::new(), streamed: Some(length), date })
            }
            Receipt::Again => Err(Ended::Again),
        }
    };
    tokio::pin!(exchange);
    // The connection is driven here, not in a task of its own: dropped at the deadline, it takes the socket with it.
    tokio::select! {
        biased;
        result = &mut exchange => result,
        _ended = connection => exchange.await,
    }
}

/// How the body is encoded. `identity` is asked for, but some pack all the same.
pub(super) fn encoding(headers: &HeaderMap) -> Result<Encoding, Missed> {
    let names: Vec<_> = headers.get_all(CONTENT_ENCODING).iter().map(|name| String::from_utf8_lossy(name.as_bytes())).collect();
    let name = names.join(", ");
    let name = name.trim();
    if name.is_empty() {
        return Ok(Encoding::Identity);
    }
    Encoding::of_name(name).ok_or_else(|| {
        let known: Vec<_> = Encoding::PACKED.iter().map(|encoding| encoding.as_str()).collect();
        let name = first_words(name.as_bytes());
        let or = if known.is_empty() { String::new() } else { format!(", and only {} can be read", known.join(" and ")) };
        Missed::Parse(format!("Content-Encoding is {name:?} although identity was asked for{or}"))
    })
}

/// A body on its way.
struct Arriving {
    body: Incoming,
    /// Bytes the head announces, 0 if it doesn't.
    announced: usize,
}

impl Arriving {
    /// Hands what comes on to `to`, unpacked; returns the length of that.
    async fn unpack(mut self, mut unpacker: Unpacker, mut to: impl FnMut(&[u8]) -> Result<(), Ended>) -> Result<usize, Ended> {
        let mut came = 0;
        while let Some(frame) = self.body.frame().await {
            let Ok(data) = frame.map_err(|e| cut(&e, came, self.announced))?.into_data() else { continue };
            came += data.len();
            unpacker.push(&data, &mut to)?;
        }
        unpacker.finish()?;
        Ok(unpacker.length())
    }
}

/// The length that the head announces, 0 if it doesn't.
fn announced(headers: &HeaderMap, limit: usize) -> Result<usize, Missed> {
    let announced = text(headers, CONTENT_LENGTH).and_then(|n| n.parse::<usize>().ok()).unwrap_or(0);
    if announced > limit { Err(Missed::TooLarge { limit }) } else { Ok(announced) }
}

/// What a status other than 200 says: where it redirects to, or the first words of its body.
async fn refusal(headers: &HeaderMap, mut body: Incoming) -> Option<String> {
    if let Some(location) = text(headers, LOCATION) {
        return Some(location_detail(&location));
    }
    let mut bytes = Vec::new();
    while bytes.len() < REFUSAL_BYTES {
        match body.frame().await {
            Some(Ok(frame)) => bytes.extend(frame.into_data().unwrap_or_default()),
            _ => break,
        }
    }
    Some(first_words(&bytes)).filter(|words| !words.is_empty())
}

fn location_detail(location: &str) -> String {
    format!("{LOCATION_MARK}{}", first_words(location.as_bytes()))
}

/// A redirect that isn't followed.
pub(super) fn moved(code: u16, to: &str) -> Missed {
    Missed::Status { code, detail: Some(location_detail(to)) }
}

/// The first words of a text or HTML page, on one line, without tags and control characters.
pub(super) fn first_words(body: &[u8]) -> String {
    const CHARS_MAX: usize = 80;
    let body = body.get(..REFUSAL_BYTES).unwrap_or(body);
    let mut words = String::new();
    let (mut in_tag, mut blank, mut length) = (false, false, 0);
    for c in String::from_utf8_lossy(body).chars() {
        match c {
            '<' => (in_tag, blank) = (true, true),
            '>' if in_tag => in_tag = false,
            _ if in_tag => {}
            c if c.is_whitespace() || c.is_control() => blank = true,
            _ if length >= CHARS_MAX => {
                words.push('…');
                break;
            }
            c => {
                if std::mem::take(&mut blank) && !words.is_empty() {
                    words.push(' ');
                    length += 1;
                }
                words.push(c);
                length += 1;
            }
        }
    }
    words
}

/// A header's value, if it is text.
pub(super) fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).map(|v| String::from_utf8_lossy(v.as_bytes()).trim().to_string())
}

/// Bytes of the header lines of an answer.
fn head_length(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + HEAD_LINE_EXTRA).sum()
}

pub(super) fn head_too_large(limit: usize) -> Missed {
    let what = format!("the head of the answer is larger than {limit} bytes, or has more than {HEAD_LINES_MAX} lines");
    Missed::OverLimit { limit: Limit::HeaderBytesMax, what }
}

/// An exchange that failed before the body.
fn broken(e: &hyper::Error, how: &Request) -> Missed {
    #[cfg(feature = "tls")]
    if let Some(missed) = super::secure::fault_in(e) {
        return missed;
    }
    if e.is_parse_too_large() {
        head_too_large(how.header_bytes_max())
    } else if e.is_parse() {
        Missed::Parse(format!("the answer is not HTTP ({})", with_cause(e)))
    } else {
        Missed::Truncated(format!("the connection ended before an answer ({})", with_cause(e)))
    }
}

/// A body that failed midway.
fn cut(e: &hyper::Error, got: usize, announced: usize) -> Missed {
    let of = if announced > 0 { format!(" of {announced}") } else { String::new() };
    Missed::Truncated(format!("{got}{of} bytes came ({})", with_cause(e)))
}

fn with_cause(e: &hyper::Error) -> String {
    match e.source() {
        Some(cause) => format!("{e}: {cause}"),
        None => e.to_string(),
    }
}
