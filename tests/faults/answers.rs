//! A failing target costs its own data and no more, and says so once.

use crate::support::exposition::parse;
use crate::support::fake_worker::{Answer, FakeWorker, OPENMETRICS, TEXT};
use crate::support::proxy::{Proxy, workers_flag};
use crate::support::{expect, wait_for};
use crate::{exposition, worker};

/// Largest body in these tests, bytes.
pub(crate) const BODY_BYTES_MAX: usize = 10_000;

const PROTOBUF: &str = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
/// A family as a delimited message: `c_total`, a counter, 100.
const COUNTER: &[u8] =
    &[24, 10, 7, b'c', b'_', b't', b'o', b't', b'a', b'l', 24, 0, 34, 11, 26, 9, 9, 0, 0, 0, 0, 0, 0, 0x59, 0x40];

/// Bad answers, and the outcome under which each is counted.
pub(crate) fn bad_answers() -> Vec<(&'static str, Answer, &'static str)> {
    let raw = |text: &str| Answer::Bytes(text.as_bytes().to_vec());
    let large = format!("# TYPE c_total counter\nc_total{{a=\"{}\"}} 100\n", "x".repeat(BODY_BYTES_MAX));
    vec![
        ("HTML", Answer::ok("text/html", "<!DOCTYPE html>\n<html><body>Hello</body></html>\n"), "parse"),
        ("garbage", Answer::ok(TEXT, "\u{0}\u{1}\u{2} garbage {{{\n"), "parse"),
        ("one bad line", Answer::ok(TEXT, "# TYPE c_total counter\nc_total 100\nc_total{ 5\n"), "parse"),
        (
            "no UTF-8",
            Answer::Bytes(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nc_total{a=\"\xff\"} 100\n".to_vec()),
            "parse",
        ),
        ("an encoding that nobody asked for", Answer::encoded("br", b"\x0b\x02\x80"), "parse"),
        ("no gzip, though it says so", Answer::encoded("gzip", b"c_total 100\n"), "parse"),
        (
            "longer than announced",
            raw("HTTP/1.1 200 OK\r\nContent-Length: 32\r\n\r\n# TYPE c_total counter\nc_total 100\n"),
            "truncated",
        ),
        ("shorter than announced", Answer::cut("# TYPE c_total counter\nc_total 100\n"), "truncated"),
        ("no final line feed", Answer::text("# TYPE c_total counter\nc_total 100"), "truncated"),
        ("OpenMetrics without its end", Answer::ok(OPENMETRICS, "# TYPE c counter\nc_total 100\n"), "truncated"),
        // The first family is whole and good in each; the message after it is none, ends too soon, or has a length without end.
        ("text under protobuf's Content-Type", Answer::ok(PROTOBUF, &"# TYPE c_total counter\nc_total 100\n".repeat(9)), "parse"),
        ("protobuf of another message", Answer::ok(&PROTOBUF.replace("MetricFamily", "Request"), ""), "parse"),
        ("a cut message", Answer::ok_bytes(PROTOBUF, &[COUNTER, &[9, 10, 1]].concat()), "truncated"),
        ("a length without end", Answer::ok_bytes(PROTOBUF, &[COUNTER, &[0xff; 11]].concat()), "parse"),
        (
            "a type that there isn't",
            Answer::ok_bytes(
                PROTOBUF,
                &[COUNTER, &[18, 10, 1, b'd', 24, 9, 34, 11, 18, 9, 9, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]].concat(),
            ),
            "parse",
        ),
        ("status 500", Answer::status(500), "status"),
        ("status 404", Answer::status(404), "status"),
        ("a redirect", raw("HTTP/1.1 301 Moved\r\nLocation: /metrics/\r\nContent-Length: 0\r\n\r\n"), "status"),
        ("too large", Answer::text(&large), "too_large"),
    ]
}

/// Packed answers that don't unpack to a body, and their outcomes.
#[cfg(feature = "compression")]
fn bad_packed_answers() -> Vec<(&'static str, Answer, &'static str)> {
    use onescrape::compression::{Encoding, pack};
    let text = "# TYPE c_total counter\nc_total 100\n# TYPE d_total counter\n".to_string() + &"d_total 1\n".repeat(100);
    // Far below the limit on its way, a thousand times as large unpacked.
    let bomb = format!("# TYPE c_total counter\nc_total 100\n# {}\n", "x".repeat(1000 * BODY_BYTES_MAX));
    let gzip = |text: &str| pack(text.as_bytes(), Encoding::Gzip).unwrap();
    let zstd = |text: &str| pack(text.as_bytes(), Encoding::Zstd).unwrap();
    let without_end = |packed: Vec<u8>| packed[..packed.len() - 5].to_vec();
    let mut damaged = gzip(&text);
    *damaged.iter_mut().nth_back(5).unwrap() ^= 1; // its checksum
    vec![
        ("a gzip bomb", Answer::encoded("gzip", &gzip(&bomb)), "too_large"),
        ("a zstd bomb", Answer::encoded("zstd", &zstd(&bomb)), "too_large"),
        ("gzip cut short", Answer::encoded("gzip", &without_end(gzip(&text))), "truncated"),
        ("zstd cut short", Answer::encoded("zstd", &without_end(zstd(&text))), "truncated"),
        ("gzip with a wrong checksum", Answer::encoded("gzip", &damaged), "parse"),
        ("gzip of half a body", Answer::encoded("gzip", &gzip("# TYPE c_total counter\nc_total 100")), "truncated"),
    ]
}

/// Without compression each is an encoding that can't be read, as tested above.
#[cfg(not(feature = "compression"))]
fn bad_packed_answers() -> Vec<(&'static str, Answer, &'static str)> {
    Vec::new()
}

#[cfg(feature = "compression")]
#[test]
fn what_a_worker_packs_unasked_is_read() {
    use onescrape::compression::{Encoding, pack};
    for encoding in [Encoding::Gzip, Encoding::Zstd] {
        let packed = pack(b"# TYPE c_total counter\nc_total 5\n", encoding).unwrap();
        let odd = FakeWorker::answering(Answer::encoded(encoding.as_str(), &packed));
        let proxy = Proxy::of(&[&worker(3), &odd]);
        assert_eq!(proxy.scrape().value("c_total"), Some(8.0), "{encoding:?}");
        assert!(odd.requests().iter().all(|head| head.to_ascii_lowercase().contains("accept-encoding: identity")));
    }
}

#[test]
fn a_bad_answer_costs_its_own_data_only() {
    for (name, bad, outcome) in bad_answers().into_iter().chain(bad_packed_answers()) {
        let (good, odd) = (worker(3), FakeWorker::answering(exposition(4)));
        let targets = format!("[\"{}\", \"{}\"]", good.id(), odd.id());
        let proxy = Proxy::with_config(&format!(
            "sources:\n  - {{name: django, kind: workers, targets: {targets}}}\nlimits: {{body_bytes_max: {BODY_BYTES_MAX}}}\n"
        ));
        assert_eq!(proxy.scrape().value("c_total"), Some(7.0), "{name}");

        odd.set(bad);
        let answer = proxy.scrape();
        let of_odd = |metric: &str| format!("{metric}{{source=\"django\",worker=\"{}\"}}", odd.id());
        assert_eq!(answer.value("c_total"), Some(7.0), "{name}: counters are carried, and not one sample of a bad body is taken");
        assert_eq!(answer.select("g").len(), 1, "{name}: only the good worker's gauge is left");
        assert_eq!(answer.value(&of_odd("onescrape_worker_up")), Some(0.0), "{name}");
        assert_eq!(answer.value("onescrape_slots{state=\"down\"}"), Some(1.0), "{name}");
        assert_eq!(answer.value("onescrape_slots{state=\"up\"}"), Some(1.0), "{name}");
        let counted = format!("onescrape_worker_scrapes_total{{worker=\"{}\",outcome=\"{outcome}\"}}", odd.id());
        assert!(answer.value(&counted).is_some_and(|count| count >= 1.0), "{name} isn't counted as {outcome}");

        odd.set(exposition(5));
        assert_eq!(proxy.scrape().value("c_total"), Some(8.0), "{name}: it goes on where it was");
    }
}

#[test]
fn a_hanging_worker_is_stuck_and_the_others_are_served() {
    let (good, odd) = (worker(3), worker(4));
    let mut flags = workers_flag(&[&good, &odd]);
    // Far beyond the test's patience: only the header's limit can end the scrape.
    flags.push("--scrape.timeout=600s".into());
    let proxy = Proxy::start(&flags);
    odd.set(Answer::Hang);
    let answer = wait_for("a stuck worker", || {
        let answer = proxy.get_with("/metrics", &[("X-Prometheus-Scrape-Timeout-Seconds", "1")]);
        let answer = parse(answer.text())?;
        let stuck = answer.value("onescrape_slots{state=\"stuck\"}");
        expect(stuck == Some(1.0), || format!("{stuck:?}")).map(|()| answer)
    });
    assert_eq!(answer.value("c_total"), Some(7.0));
    assert_eq!(answer.select("g").len(), 1);
    assert_eq!(answer.value(&format!("onescrape_worker_up{{worker=\"{}\"}}", odd.id())), Some(0.0));
    assert!(odd.open_max() <= 1, "never two scrapes of one worker at once");
}

#[test]
fn the_log_has_a_line_for_a_change_not_for_a_scrape() {
    const SCRAPES: usize = 20;
    let (good, odd) = (worker(3), worker(4));
    let proxy = Proxy::of(&[&good, &odd]);
    let lines = || proxy.log().lines().filter(|line| line.contains(&odd.id())).count();
    proxy.scrape();
    let before = lines();
    let mut expected = before;
    for answer in [Answer::status(500), exposition(5), Answer::status(500), exposition(6)] {
        odd.set(answer);
        (0..SCRAPES).for_each(|_| drop(proxy.scrape()));
        expected += 1;
        wait_for("the line about the change", || expect(lines() >= expected, || proxy.log()));
        assert_eq!(lines(), expected, "{}", proxy.log());
    }
    assert!(proxy.log().lines().any(|line| line.contains(&odd.id()) && line.contains("500")), "the reason: {}", proxy.log());
}
