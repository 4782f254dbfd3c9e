use super::*;
#[cfg(feature = "compression")]
use crate::compression::{Encoding, pack};
use crate::config::SourceConfig;
use crate::source::KINDS;
use crate::testing;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, UnixListener};

fn how(kind: &str, change: impl FnOnce(&mut SourceConfig)) -> Request {
    let kind = KINDS.iter().find(|known| known.name == kind).unwrap();
    let mut source = testing::source_of(kind, vec![]);
    change(&mut source);
    Request::new(&source, &ProcessId::random()).unwrap()
}

/// A server that reads a request head (unless `mute`) and answers `answer`, then closes. Returns its port and the head it got.
async fn answers(answer: &'static [u8], waits: bool) -> (u16, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let got = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let head = if waits { testing::read_head(&mut socket).await } else { String::new() };
        socket.write_all(answer).await.unwrap();
        socket.shutdown().await.unwrap();
        // Stays until the client has gone: closing with unread input would reset the connection.
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest).await;
        head + &String::from_utf8_lossy(&rest)
    });
    (port, got)
}

fn target(address: Address) -> Target {
    Target { id: address.to_string(), text: address.to_string(), address }
}

fn http_at(port: u16) -> Target {
    target(Address::Http { tls: false, host: "127.0.0.1".into(), port, path: "/metrics".into() })
}

fn tcp_at(port: u16) -> Target {
    target(Address::Tcp { host: "127.0.0.1".into(), port })
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

async fn over_http(answer: &'static [u8]) -> Result<Body, Missed> {
    let (port, _got) = answers(answer, true).await;
    scrape(&http_at(port), &how("workers", |c| c.limits.body_bytes_max = 100), soon()).await.result
}

async fn over_stream(answer: &'static [u8], waits: bool) -> Result<Body, Missed> {
    let (port, _got) = answers(answer, waits).await;
    scrape(&tcp_at(port), &how("uwsgi", |c| c.limits.body_bytes_max = 100), soon()).await.result
}

#[tokio::test]
async fn http_1_0_without_a_length_is_read_to_its_end() {
    let body = over_http(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\na 1\n").await.unwrap();
    assert_eq!((body.content_type.as_deref(), &body.bytes[..]), (Some("text/plain"), &b"a 1\n"[..]));
}

#[tokio::test]
async fn the_request_says_what_it_must() {
    let (port, got) = answers(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true).await;
    let request = how("workers", |c| {
        for (name, value) in [("Host", "shop.example"), ("X-Mine", "1"), ("Accept-Encoding", "gzip"), ("Connection", "keep-alive")]
        {
            c.http_headers.0.insert(name.into(), value.into());
        }
    });
    scrape(&http_at(port), &request, soon()).await.result.unwrap();
    let head = got.await.unwrap().to_ascii_lowercase();
    for line in
        ["get /metrics http/1.1", "host: shop.example", "x-mine: 1", "accept-encoding: identity", "connection: close", "accept: "]
    {
        assert!(head.contains(line), "{line} in {head}");
    }
    assert!(head.contains(&format!("user-agent: onescrape/{}", env!("CARGO_PKG_VERSION"))), "{head}");
    assert!(head.contains("x-onescrape-id: "), "{head}");
    let timeout = head.split("x-prometheus-scrape-timeout-seconds: ").nth(1).unwrap().lines().next().unwrap();
    assert!(timeout.parse::<f64>().unwrap() > 0.0, "{head}");
}

#[tokio::test]
async fn what_is_not_a_whole_200_is_a_typed_miss() {
    let got = over_http(b"HTTP/1.1 301 Moved\r\nLocation: /metrics/\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(got.unwrap_err(), Missed::Status { code: 301, detail: Some("Location: /metrics/".into()) });
    let got = over_http(b"HTTP/1.1 400 Bad\r\nContent-Length: 39\r\n\r\n<h1>Bad Request</h1>\n<p>Invalid\tHost</p>").await;
    assert_eq!(got.unwrap_err(), Missed::Status { code: 400, detail: Some("Bad Request Invalid Host".into()) });
    let got = over_http(b"HTTP/1.1 204 No\r\n\r\n").await;
    assert_eq!(got.unwrap_err(), Missed::Status { code: 204, detail: None });
    let got = over_http(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na 1\n").await;
    assert!(matches!(&got, Err(Missed::Truncated(why)) if why.contains("4 of 9 bytes")), "{got:?}");
    let got = over_http(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na 1\n\r\n").await;
    assert!(matches!(got, Err(Missed::Truncated(_))), "{got:?}");
    let got = over_http(b"").await;
    assert!(matches!(got, Err(Missed::Truncated(_))), "{got:?}");
    let got = over_http(b"{\"version\": 1}\n\n").await;
    assert!(matches!(got, Err(Missed::Parse(_))), "{got:?}");
    let got = over_http(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx").await;
    assert!(matches!(&got, Err(Missed::Parse(why)) if why.contains("Content-Encoding is \"br\"")), "{got:?}");
    let got = over_http(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx").await;
    assert!(matches!(&got, Err(Missed::Parse(why)) if why.contains("\"gzip, gzip\"")), "{got:?}");
    let got = over_http(b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n").await;
    assert_eq!(got.unwrap_err(), Missed::TooLarge { limit: 100 });
    let got = over_http(&[b"HTTP/1.0 200 OK\r\n\r\n".as_slice(), &[b'x'; 101]].concat().leak()[..]).await;
    assert_eq!(got.unwrap_err(), Missed::TooLarge { limit: 100 });
}

/// A status 200 with this body packed, at `limit` bytes a body.
#[cfg(feature = "compression")]
async fn packed(kind: &str, encoding: Encoding, body: Vec<u8>, limit: usize) -> Result<Body, Missed> {
    let head = format!("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: {}\r\n\r\n", encoding.as_str());
    let (port, _got) = answers([head.into_bytes(), body].concat().leak(), true).await;
    scrape(&http_at(port), &how(kind, |c| c.limits.body_bytes_max = limit), soon()).await.result
}

#[cfg(feature = "compression")]
#[tokio::test]
async fn what_is_packed_unasked_is_unpacked() {
    let text = "a_total 1\n".repeat(1000);
    for encoding in Encoding::PACKED.iter().copied() {
        let whole = pack(text.as_bytes(), encoding).unwrap();
        for kind in ["workers", "uwsgi"] {
            let body = packed(kind, encoding, whole.clone(), text.len()).await.unwrap();
            assert_eq!((body.content_type.as_deref(), &body.bytes[..]), (Some("text/plain"), text.as_bytes()), "{kind}");
            assert_eq!(body.length(), text.len());

            let bomb = pack(&vec![b'0'; 10 << 20], encoding).unwrap();
            assert_eq!(packed(kind, encoding, bomb, 1 << 20).await.unwrap_err(), Missed::TooLarge { limit: 1 << 20 }, "{kind}");
            let got = packed(kind, encoding, whole[..whole.len() - 1].to_vec(), 1 << 20).await;
            assert!(matches!(&got, Err(Missed::Truncated(why)) if why.contains(encoding.as_str())), "{kind}: {got:?}");
            let got = packed(kind, encoding, text.clone().into_bytes(), 1 << 20).await;
            assert!(matches!(&got, Err(Missed::Parse(why)) if why.contains("Content-Encoding")), "{kind}: {got:?}");
            let got = packed(kind, encoding, Vec::new(), 1 << 20).await;
            assert!(matches!(got, Err(Missed::Truncated(_))), "{kind}: {got:?}");
        }
    }
}

#[tokio::test]
async fn failures_to_connect_are_told_apart() {
    let free = testing::free_port().await;
    let workers = how("workers", |_| {});
    assert_eq!(scrape(&http_at(free), &workers, soon()).await.result.unwrap_err(), Missed::Refused);
    let named = target(Address::Http { tls: false, host: "localhost".into(), port: free, path: "/".into() });
    assert_eq!(scrape(&named, &workers, soon()).await.result.unwrap_err(), Missed::Refused);
    let nowhere = target(Address::Http { tls: false, host: "nowhere.invalid".into(), port: 1, path: "/".into() });
    let got = scrape(&nowhere, &workers, soon()).await.result;
    assert!(matches!(&got, Err(Missed::Connect(why)) if why.contains("nowhere.invalid") && why.contains("DNS")), "{got:?}");
    let got = scrape(&target(Address::Unix("/no/such.sock".into())), &workers, soon()).await.result;
    assert!(matches!(&got, Err(Missed::Connect(why)) if why.contains("/no/such.sock")), "{got:?}");
}

#[tokio::test]
async fn a_silent_target_ends_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Duration::from_millis(150);
    for (target, kind) in [(http_at(port), "workers"), (tcp_at(port), "uwsgi")] {
        let got = scrape(&target, &how(kind, |_| {}), Instant::now() + asked).await;
        assert!(matches!(got.result, Err(Missed::Timeout { after }) if after >= asked), "{got:?}");
    }
}

#[tokio::test]
async fn a_stream_is_read_with_and_without_a_head() {
    assert_eq!(&over_stream(b"{\"a\":1}", false).await.unwrap().bytes[..], b"{\"a\":1}");
    let body = over_stream(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{}", true).await.unwrap();
    assert_eq!((body.content_type.as_deref(), &body.bytes[..]), (Some("application/json"), &b"{}"[..]));
    let (port, got) = answers(b"{}", true).await;
    let body = scrape(&http_at(port), &how("uwsgi", |_| {}), soon()).await.result.unwrap();
    assert_eq!(&body.bytes[..], b"{}");
    assert!(got.await.unwrap().starts_with("GET /metrics HTTP/1.0\r\n"));
}

#[tokio::test]
async fn a_stream_that_fails_says_how() {
    let got = over_stream(b"", false).await;
    assert!(matches!(&got, Err(Missed::Truncated(why)) if why.contains("without a byte")), "{got:?}");
    let got = over_stream(b"HTTP/1.0 403 No\r\n\r\nGo away", true).await;
    assert_eq!(got.unwrap_err(), Missed::Status { code: 403, detail: Some("Go away".into()) });
    let got = over_stream(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n{}", true).await;
    assert!(matches!(&got, Err(Missed::Truncated(_))), "{got:?}");
    let got = over_stream(b"HTTP/1.0 200 OK\r\nContent-Le", true).await;
    assert!(matches!(&got, Err(Missed::Truncated(_))), "{got:?}");
    let got = over_stream(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true).await;
    assert!(matches!(&got, Err(Missed::Parse(_))), "{got:?}");
    let got = over_stream(&[b'x'; 40_000], false).await;
    assert_eq!(got.unwrap_err(), Missed::TooLarge { limit: 100 });
}

/// A connection that brings these bytes and is then reset.
struct Reset(&'static [u8]);

impl AsyncRead for Reset {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        if self.0.is_empty() {
            return Poll::Ready(Err(std::io::ErrorKind::ConnectionReset.into()));
        }
        into.put_slice(std::mem::take(&mut self.0));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Reset {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_reset_keeps_a_whole_document_and_drops_a_part() {
    let uwsgi = how("uwsgi", |_| {});
    for speak in [stream::Speak::WhenSilent, stream::Speak::AtOnce { host: "h", path: "/" }] {
        let read = |sent| stream::read(Box::new(Reset(sent)), &uwsgi, speak, soon());
        assert_eq!(&read(b"{\"a\":1}\n").await.unwrap().bytes[..], b"{\"a\":1}\n");
        for part in [&b"{\"a\":"[..], b""] {
            assert!(matches!(read(part).await, Err(Missed::Truncated(_))));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_waits_for_a_request_is_listened_to_in_vain_only_once() {
    let uwsgi = how("uwsgi", |_| {});
    let mut at_once = Vec::new();
    for waiting in [true, true, false, false] {
        let (ours, mut theirs) = tokio::io::duplex(4096);
        let server = async move {
            if waiting {
                testing::read_head(&mut theirs).await;
                theirs.write_all(b"HTTP/1.0 200 OK\r\n\r\n").await.unwrap();
            }
            theirs.write_all(b"{}").await.unwrap();
        };
        let began = Instant::now();
        let (got, ()) = tokio::join!(stream::read(Box::new(ours), &uwsgi, stream::Speak::WhenSilent, soon()), server);
        assert_eq!(&got.unwrap().bytes[..], b"{}");
        at_once.push(began.elapsed().is_zero());
    }
    assert_eq!(at_once, [false, true, true, true]);
}

#[tokio::test]
async fn unix_sockets_and_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stats.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(b"{}").await.unwrap();
    };
    let (uwsgi, at) = (how("uwsgi", |_| {}), target(Address::Unix(path)));
    let (got, ()) = tokio::join!(scrape(&at, &uwsgi, soon()), server);
    assert_eq!(&got.result.unwrap().bytes[..], b"{}");

    let file = dir.path().join("stats.json");
    std::fs::write(&file, "{ }").unwrap();
    let read = |path, limit| {
        let how = how("uwsgi", |c| c.limits.body_bytes_max = limit);
        async move { scrape(&target(Address::File(path)), &how, soon()).await.result }
    };
    assert_eq!(&read(file.clone(), 3).await.unwrap().bytes[..], b"{ }");
    assert_eq!(read(file, 2).await.unwrap_err(), Missed::TooLarge { limit: 2 });
    for bad in ["", "none"] {
        assert!(matches!(read(dir.path().join(bad), 3).await, Err(Missed::Connect(_))));
    }
}

#[test]
fn a_header_that_cannot_be_sent_is_refused_without_its_value() {
    let mut source = testing::pool("workers", vec![]);
    source.http_headers.0.insert("Authorization".into(), "secret\n".into());
    let error = Request::new(&source, &ProcessId::random()).unwrap_err();
    assert!(error.to_string().contains("Authorization") && !error.to_string().contains("secret"));
}
