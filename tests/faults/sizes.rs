//! Answers that are too much: what the program holds meanwhile stays within bounds that are stated here, and the others are served.

use crate::connections::endless_head;
use crate::support::expect;
use crate::support::exposition::Exposition;
use crate::support::fake_worker::{Answer, FakeWorker, TEXT};
use crate::support::process::Process;
use crate::support::proxy::Proxy;
use crate::worker;
use std::io::Write;

const MIB: usize = 1 << 20;
/// What a gigabyte is here.
const GIGABYTE: usize = 1 << 30;
/// Largest body taken in the tests about too large ones: less than the default, so that a build for tests reads it in a moment.
const BODY_BYTES_MAX: usize = 8 * MIB;
/// What a body may cost that is read as it comes, beyond what the program has anyway.
const STREAMED_MAX: usize = 16 * MIB;
/// What a body may cost that is read as a whole: its bytes up to the limit, in a list that doubles, and what is read of them.
const HELD_MAX: usize = 2 * BODY_BYTES_MAX + STREAMED_MAX;
/// Series that a source may hold in the tests about too many, and what they may cost with the text of an answer.
const SERIES_MAX: usize = 20_000;
const TABLE_MAX: usize = 64 * MIB;
/// What reading as a whole costs for each sample of a body, however few are kept.
const SAMPLE_BYTES: usize = 400;
/// Series in all, over a few scrapes.
const MILLION: usize = 1_000_000;
const SCRAPES: usize = 10;

/// The most memory that the process has had so far, bytes.
fn peak(process: &Process) -> usize {
    memory(process, "VmHWM:")
}

fn memory(process: &Process, line: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid().as_raw_nonzero())).unwrap();
    let kilobytes = status.lines().find_map(|text| text.strip_prefix(line)?.trim().strip_suffix(" kB")).unwrap();
    kilobytes.parse::<usize>().unwrap() * 1024
}

/// A proxy over a pool that is well, and the odd one as a source of this kind.
fn beside(kind: &str, good: &FakeWorker, odd: &FakeWorker, limits: &str) -> Proxy {
    Proxy::with_config(&format!(
        "scrape_timeout: 10m\nsources:\n  - {{name: good, kind: workers, targets: [\"{}\"]}}\n  \
         - {{name: odd, kind: {kind}, targets: [\"{}\"]}}\n{limits}",
        good.id(),
        odd.id()
    ))
}

fn hits(answer: &Exposition, limit: &str) -> f64 {
    answer.sum(&format!("onescrape_limit_hits_total{{limit=\"{limit}\"}}"))
}

/// A gigabyte of lines, as fast as the other side takes them.
fn gigabyte(head: &'static str) -> Answer {
    Answer::written(move |stream| {
        let lines = "# more and more of it\n".repeat(4096);
        stream.write_all(head.as_bytes())?;
        stream.write_all(b"ok_total 1\n")?;
        (0..GIGABYTE / lines.len()).try_for_each(|_| stream.write_all(lines.as_bytes()))
    })
}

/// Gzip of a gigabyte of comments, in members of a few megabytes each: about a megabyte.
#[cfg(feature = "compression")]
fn bomb() -> Answer {
    use onescrape::compression::{Encoding, pack};
    let member = "# more and more of it\n".repeat(4 * MIB / 22);
    let packed = pack(member.as_bytes(), Encoding::Gzip).unwrap();
    Answer::encoded("gzip", &packed.repeat(GIGABYTE / member.len()))
}

/// Too large, in every way there is.
fn too_large() -> Vec<(&'static str, Answer, &'static str)> {
    vec![
        #[cfg(feature = "compression")]
        ("a gzip bomb", bomb(), "body_bytes_max"),
        ("a gigabyte", gigabyte("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n"), "body_bytes_max"),
        ("a gigabyte, announced", gigabyte("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"), "body_bytes_max"),
        ("a line of a gigabyte", Answer::written(line_without_end), "body_bytes_max"),
        ("a head without an end", endless_head(), "header_bytes_max"),
    ]
}

fn line_without_end(stream: &mut std::net::TcpStream) -> std::io::Result<()> {
    let piece = "x".repeat(64 << 10);
    write!(stream, "HTTP/1.0 200 OK\r\nContent-Type: {TEXT}\r\n\r\n# ")?;
    (0..GIGABYTE / piece.len()).try_for_each(|_| stream.write_all(piece.as_bytes()))
}

#[test]
fn what_is_too_large_is_not_held() {
    for (name, bad, limit) in too_large() {
        for (kind, bound) in [("workers", STREAMED_MAX), ("exporter", HELD_MAX)] {
            let (good, odd) = (worker(3), FakeWorker::answering(Answer::text("ok_total 1\n")));
            let limits = format!("limits: {{body_bytes_max: {BODY_BYTES_MAX}}}\n");
            let mut proxy = beside(kind, &good, &odd, &limits);
            let answer = proxy.scrape();
            assert_eq!((answer.value("c_total"), answer.sum("ok_total")), (Some(3.0), 1.0), "{name}");
            let before = peak(proxy.process());
            odd.set(bad.clone());
            let answer = proxy.scrape();
            assert_eq!(answer.value("c_total"), Some(3.0), "{name} of {kind}: the other source is whole");
            let entity = if kind == "workers" { "worker" } else { "target" };
            let counted = answer.sum(&format!("onescrape_{entity}_scrapes_total{{outcome=\"too_large\"}}"));
            assert!(counted >= 1.0, "{name} of {kind}: {}", proxy.log());
            assert!(hits(&answer, limit) >= 1.0, "{name} of {kind}: {limit}");
            let grown = peak(proxy.process()) - before;
            assert!(grown <= bound, "{name} of {kind} took {} MiB of {} MiB", grown / MIB, bound / MIB);
            odd.set(Answer::text("ok_total 2\n"));
            assert_eq!(proxy.scrape().sum("ok_total"), 2.0, "{name} of {kind}: it is well again");
        }
    }
}

/// A label that is never the same: a million series come by, in a few scrapes.
#[test]
fn a_million_series_take_what_the_limit_allows() {
    for kind in ["workers", "exporter"] {
        let (good, odd) = (worker(3), FakeWorker::answering(Answer::text("# TYPE ok_total counter\nok_total 1\n")));
        let limits = format!("limits: {{max_series: {SERIES_MAX}}}\n");
        let mut proxy = beside(kind, &good, &odd, &limits);
        assert_eq!(proxy.scrape().value("ok_total"), Some(1.0));
        let before = peak(proxy.process());
        for scrape in 0..SCRAPES {
            let numbers = scrape * MILLION / SCRAPES..(scrape + 1) * MILLION / SCRAPES;
            let lines: String = numbers.map(|n| format!("many_total{{n=\"{n}\"}} 1\n")).collect();
            odd.set(Answer::text(&format!("# TYPE ok_total counter\nok_total {}\n# TYPE many_total counter\n{lines}", scrape + 2)));
            // One round as a rule: each reads all of them.
            let answer = proxy.wait_scrape("known series to go on", |answer| {
                let shown = answer.value("ok_total");
                expect(shown == Some((scrape + 2) as f64), || format!("{kind}: {shown:?}"))
            });
            assert_eq!(answer.value("c_total"), Some(3.0), "{kind}: the other source is whole");
            assert!(answer.select("many_total").len() < SERIES_MAX, "{kind}");
            assert!(hits(&answer, "max_series") >= 1.0, "{kind}");
            assert!(answer.sum("onescrape_samples_dropped_total{reason=\"max_series\"}") >= 1.0, "{kind}");
        }
        let grown = peak(proxy.process()) - before;
        let bound = TABLE_MAX + if kind == "exporter" { SAMPLE_BYTES * MILLION / SCRAPES } else { 0 };
        assert!(grown <= bound, "{kind}: took {} MiB of {} MiB", grown / MIB, bound / MIB);
        odd.set(Answer::text("# TYPE ok_total counter\nok_total 99\n"));
        assert_eq!(proxy.scrape().value("ok_total"), Some(99.0), "{kind}: it is well again");
    }
}
