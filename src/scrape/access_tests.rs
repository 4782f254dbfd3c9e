//! Credentials and redirects.

use super::*;
use crate::config::{Credentials, Kept, Secret, SourceConfig};
use crate::source::KINDS;
use crate::testing::{self, http_target};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A target that answers by path; the heads it got.
async fn target(answer: impl Fn(&str, u16) -> String + Send + 'static) -> (Target, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let got = heads.clone();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let head = testing::read_head(&mut socket).await;
            let path = head.split(' ').nth(1).unwrap_or_default().to_string();
            got.lock().unwrap().push(head);
            let _ = socket.write_all(answer(&path, port).as_bytes()).await;
            let _ = socket.shutdown().await;
            let _ = socket.read_to_end(&mut Vec::new()).await;
        }
    });
    (http_target(port), heads)
}

fn request(change: impl FnOnce(&mut SourceConfig)) -> Request {
    let kind = KINDS.iter().find(|known| known.name == "exporter").unwrap();
    let mut source = testing::source_of(kind, vec![]);
    change(&mut source);
    Request::new(&source, &ProcessId::random()).unwrap()
}

async fn read(target: &Target, how: &Request) -> Result<Body, Missed> {
    scrape(target, how, Instant::now() + Duration::from_secs(20)).await.result
}

fn good(_: &str, _: u16) -> String {
    "HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\na 1\n".into()
}

/// The `Authorization` of the last request.
fn sent(heads: &Mutex<Vec<String>>) -> Option<String> {
    let heads = heads.lock().unwrap();
    let line = heads.last().unwrap().lines().find(|line| line.to_ascii_lowercase().starts_with("authorization:"));
    line.map(|line| line["authorization: ".len()..].to_string())
}

#[tokio::test]
async fn a_password_and_a_token_from_files_that_change() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    let (target, heads) = target(good).await;
    let basic = request(|source| {
        source.credentials =
            Some(Credentials::Basic { username: Kept::Here(Secret::new("Aladdin")), password: Some(Kept::File(path.clone())) });
    });
    let missed = read(&target, &basic).await.unwrap_err();
    assert!(matches!(&missed, Missed::Credentials(why) if why.contains("no such file")), "{missed:?}");
    assert!(hint("exporter", &missed, &target).is_some() && heads.lock().unwrap().is_empty(), "nothing was sent");
    std::fs::write(&path, "open sesame\n").unwrap();
    read(&target, &basic).await.unwrap();
    assert_eq!(sent(&heads).as_deref(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), "the example of RFC 7617");
    std::fs::write(&path, "open sesamf\n").unwrap();
    read(&target, &basic).await.unwrap();
    assert_eq!(sent(&heads).as_deref(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZg=="), "changed at once");

    let token = request(|source| {
        source.credentials = Some(Credentials::Token { scheme: "Bearer".into(), credentials: Kept::File(path.clone()) });
    });
    std::fs::write(&path, " t0ken\n").unwrap();
    read(&target, &token).await.unwrap();
    assert_eq!(sent(&heads).as_deref(), Some("Bearer t0ken"));
    std::fs::write(&path, "s3cret\nsecond line").unwrap();
    let missed = read(&target, &token).await.unwrap_err().to_string();
    assert!(missed.contains("one line") && !missed.contains("s3cret"), "{missed}");
    assert!(!format!("{token:?}").contains("t0ken"));
}

#[tokio::test]
async fn redirects_are_followed_on_the_same_host_only_and_only_if_asked() {
    let moved = |to: String| format!("HTTP/1.1 301 Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
    let (target, heads) = target(move |path, port| match path {
        "/metrics" => moved("/metrics/".into()),
        "/metrics/" => moved(format!("http://127.0.0.1:{port}/here")),
        "/away" => moved("http://192.0.2.1/".into()),
        "/round" => moved("/round".into()),
        _ => good(path, port),
    })
    .await;
    let follow = |follow| {
        request(|source| {
            source.follow_redirects = follow;
            source.credentials = Some(Credentials::Token { scheme: "Bearer".into(), credentials: Kept::Here(Secret::new("t")) });
        })
    };
    let count = || heads.lock().unwrap().len();
    let missed = read(&target, &follow(false)).await.unwrap_err();
    assert_eq!((missed, count()), (Missed::Status { code: 301, detail: Some("Location: /metrics/".into()) }, 1));
    assert_eq!(&read(&target, &follow(true)).await.unwrap().bytes[..], b"a 1\n");
    assert_eq!((count(), sent(&heads).as_deref()), (4, Some("Bearer t")));

    let at = |path: &str| {
        let mut target = target.clone();
        if let Address::Http { path: at, .. } = &mut target.address {
            *at = path.into();
        }
        target
    };
    let missed = read(&at("/away"), &follow(true)).await.unwrap_err();
    assert_eq!(missed, Missed::Status { code: 301, detail: Some("Location: http://192.0.2.1/".into()) });
    let before = count();
    let missed = read(&at("/round"), &follow(true)).await.unwrap_err();
    assert_eq!((missed.limit(), missed.outcome()), (Some(Limit::RedirectsMax), "status"), "{missed}");
    assert!(missed.to_string().contains("Location: /round"), "{missed}");
    assert_eq!(count() - before, crate::config::Limits::default().redirects_max + 1);
}
