use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Longest request head the simulated servers read.
const REQUEST_BYTES_MAX: usize = 16 << 10;
/// How long a client may take over its request, and a server over its answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Largest answer [`get`] keeps.
const ANSWER_BYTES_MAX: u64 = 8 << 20;

/// Serves one connection after the other, as Python's `http.server` in one thread does; HTTP/1.0, no Content-Length, closed at the
/// end. `answer` gets the request head and gives Content-Type and body. Ends only with its task.
pub(super) async fn serve(listener: TcpListener, answer: impl Fn(&str) -> (&'static str, String)) {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: give others time to close theirs.
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let exchange = async {
            let head = read_head(&mut stream).await?;
            let (content_type, body) = answer(&head);
            let head = format!("HTTP/1.0 200 OK\r\nServer: WSGIServer/0.2 CPython/3.11.2\r\nContent-Type: {content_type}\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(body.as_bytes()).await?;
            stream.shutdown().await
        };
        // A client that leaves or dawdles costs only itself.
        let _ = timeout(PATIENCE, exchange).await;
    }
}

/// Writes `answer()` to whoever connects and closes, reading nothing: uWSGI's stats server.
pub(super) async fn serve_raw(listener: TcpListener, answer: impl Fn() -> String) {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let body = answer();
        let _ = timeout(PATIENCE, async {
            stream.write_all(body.as_bytes()).await?;
            stream.shutdown().await
        })
        .await;
    }
}

/// Asks for the text exposition at `path`; the body of a 200.
pub(super) async fn get(address: &str, path: &str) -> io::Result<String> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nAccept: text/plain;version=0.0.4\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
        io::Result::Ok(answer)
    };
    let answer = timeout(PATIENCE, exchange).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| io::Error::other("no HTTP head in the answer"))?;
    match head.split_whitespace().nth(1) {
        Some("200") => Ok(body.to_string()),
        other => Err(io::Error::other(format!("HTTP status {}", other.unwrap_or("missing")))),
    }
}

async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut part = [0; 1024];
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        let n = stream.read(&mut part).await?;
        if n == 0 || head.len() > REQUEST_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.extend_from_slice(&part[..n]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
