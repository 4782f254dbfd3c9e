//! Answers packed for those who ask: the same bytes once unpacked, and never unasked.

use crate::support::exposition::parse;
use crate::support::http::{Response, request};
use crate::support::proxy::Proxy;
use crate::worker;
use std::io::Read;

const OPENMETRICS: &str = "application/openmetrics-text;version=1.0.0";

/// The body, unpacked by the libraries' own readers.
fn unpacked(answer: &Response) -> Vec<u8> {
    let mut body = Vec::new();
    match answer.header("content-encoding") {
        Some("gzip") => drop(flate2::read::MultiGzDecoder::new(answer.body.as_slice()).read_to_end(&mut body).unwrap()),
        Some("zstd") => body = zstd::decode_all(answer.body.as_slice()).unwrap(),
        None => body.clone_from(&answer.body),
        Some(other) => panic!("Content-Encoding {other}"),
    }
    body
}

#[test]
fn what_is_asked_for_is_sent() {
    let worker = worker(3);
    let proxy = Proxy::of(&[&worker]);
    for (accept_encoding, sent) in [
        (None, None),
        (Some("identity"), None),
        (Some("gzip"), Some("gzip")),
        (Some("zstd"), Some("zstd")),
        (Some("gzip, zstd"), Some("zstd")),
        (Some("gzip;q=0"), None),
        (Some("br"), None),
        (Some("*"), Some("zstd")),
    ] {
        for accept in ["text/plain;version=0.0.4", OPENMETRICS] {
            let headers: Vec<_> =
                [("Accept", accept)].into_iter().chain(accept_encoding.map(|value| ("Accept-Encoding", value))).collect();
            let answer = proxy.get_with("/metrics", &headers);
            assert_eq!((answer.status, answer.header("content-encoding")), (200, sent), "{accept_encoding:?}");
            assert_eq!(answer.header("vary"), Some("Accept, Accept-Encoding"));
            let text = String::from_utf8(unpacked(&answer)).unwrap();
            assert_eq!(parse(&text).unwrap().value("c_total"), Some(3.0), "{accept_encoding:?}");
            assert_eq!(text.ends_with("# EOF\n"), accept == OPENMETRICS);
            assert!(sent.is_none() || answer.body.len() * 3 < text.len(), "{} of {} bytes", answer.body.len(), text.len());
        }
    }
    let counted = proxy.scrape();
    for (encoding, times) in [("gzip", 2.0), ("zstd", 6.0)] {
        let requests = counted.select(&format!("onescrape_http_requests_total{{code=\"200\",encoding=\"{encoding}\"}}"));
        assert_eq!(requests.iter().map(|sample| sample.value).sum::<f64>(), times, "{encoding}");
    }
}

#[test]
fn a_head_says_what_a_get_would() {
    let worker = worker(3);
    let proxy = Proxy::of(&[&worker]);
    let head = request("HEAD", proxy.address(), "/metrics", &[("Accept-Encoding", "gzip")]).unwrap();
    assert_eq!((head.status, head.header("content-encoding"), head.body.len()), (200, Some("gzip"), 0));
    let length = |answer: &Response| answer.header("content-length").and_then(|n| n.parse::<usize>().ok()).unwrap();
    assert!(length(&head) < length(&proxy.get("/metrics")));
}

#[test]
fn a_small_answer_stays_as_it_is() {
    let worker = worker(3);
    let proxy = Proxy::of(&[&worker]);
    let answer = proxy.get_with("/metrics?name[]=c_total", &[("Accept-Encoding", "gzip")]);
    assert_eq!(answer.header("content-encoding"), None);
    assert_eq!(parse(answer.text()).unwrap().value("c_total"), Some(3.0));
}
