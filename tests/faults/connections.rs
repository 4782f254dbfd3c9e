//! Connections that hang, drip, break off, or bring a head without end.

use crate::support::expect;
use crate::support::fake_worker::{Answer, TEXT};
use crate::support::proxy::Proxy;
use crate::{Fault, exposition, outcomes, slots, worker};
use rustix::net::sockopt::set_socket_linger;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A byte comes so often: no silence is ever long enough to be taken for the end.
const DRIP: Duration = Duration::from_millis(50);
/// Time limit of a scrape here. Only what hangs takes so long.
const TIMEOUT: &str = "1s";
/// The head of an answer, and the beginning of a body that counts more than it should.
const BEGUN: &str = "\r\n\r\n# TYPE c_total counter\nc_total 1000\n";

/// Sends this, and nothing more until the client goes away.
fn then_hangs(first: String) -> Answer {
    Answer::written(move |stream| {
        stream.write_all(first.as_bytes())?;
        stream.read(&mut [0]).map(drop)
    })
}

/// Sends this, and then this byte again and again.
fn then_drips(first: String, drop: u8) -> Answer {
    Answer::written(move |stream| {
        stream.write_all(first.as_bytes())?;
        loop {
            stream.write_all(&[drop])?;
            std::thread::sleep(DRIP);
        }
    })
}

/// Sends this and resets the connection: what the other side has not read yet is lost.
fn then_resets(first: String) -> Answer {
    Answer::written(move |stream| {
        stream.write_all(first.as_bytes())?;
        reset_at_close(stream)
    })
}

fn reset_at_close(stream: &TcpStream) -> io::Result<()> {
    Ok(set_socket_linger(stream, Some(Duration::ZERO))?)
}

/// Header lines without an end.
pub(crate) fn endless_head() -> Answer {
    Answer::written(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all(b"X-More: and more and more and more\r\n")?;
        }
    })
}

/// Every fault of a connection that is a fake worker's to make.
pub(crate) fn faults() -> Vec<Fault> {
    let fault = |name, answer, outcome, state| Fault { name, answer, outcome, state };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {TEXT}");
    let body = head.clone() + BEGUN;
    vec![
        fault("silence", Answer::Hang, "timeout", "stuck"),
        fault("silence within the head", then_hangs(head.clone()), "timeout", "stuck"),
        fault("silence within the body", then_hangs(body.clone()), "timeout", "stuck"),
        fault("a head that drips", then_drips(head.clone() + "\r\nX: ", b'x'), "timeout", "stuck"),
        fault("a body that drips", then_drips(body.clone() + "# ", b'x'), "timeout", "stuck"),
        fault("an end without a word", Answer::Bytes(Vec::new()), "truncated", "down"),
        fault("an end within the head", Answer::Bytes(head.clone().into_bytes()), "truncated", "down"),
        fault("a reset without a word", then_resets(String::new()), "truncated", "down"),
        fault("a reset within the head", then_resets(head.clone()), "truncated", "down"),
        fault("a reset within the body", then_resets(head + "\r\nContent-Length: 99" + BEGUN), "truncated", "down"),
        fault("a head without an end", endless_head(), "too_large", "down"),
    ]
}

#[test]
fn a_bad_connection_costs_its_own_data_only() {
    for Fault { name, answer: bad, outcome, state } in faults() {
        let (good, odd) = (worker(3), worker(4));
        let proxy = Proxy::with_config(&format!(
            "scrape_timeout: {TIMEOUT}\nsources: [{{name: django, kind: workers, targets: [\"{}\", \"{}\"]}}]\n",
            good.id(),
            odd.id()
        ));
        assert_eq!(proxy.scrape().value("c_total"), Some(7.0), "{name}");
        odd.set(bad);
        good.set(exposition(5));
        proxy.wait_scrape(name, |answer| {
            expect(outcomes(answer, &odd, outcome) >= 1.0, || format!("not counted as {outcome}: {}", proxy.log()))?;
            assert_eq!(slots(answer, state), 1.0, "{name}: {}", proxy.log());
            assert_eq!(answer.value("c_total"), Some(9.0), "{name}: the others go on, and its own total is carried");
            assert_eq!(answer.select("g").len(), 1, "{name}: its gauge is gone");
            Ok(())
        });
        odd.set(exposition(6));
        proxy.wait_scrape("the end of it", |answer| {
            expect(slots(answer, "up") == 2.0, || format!("{name}: {}", proxy.log()))?;
            assert_eq!(answer.value("c_total"), Some(11.0), "{name}: it goes on where it was");
            Ok(())
        });
    }
}

#[test]
fn a_refused_connection_is_a_vacant_port_and_no_fault() {
    let (good, mut odd) = (worker(3), worker(4));
    let proxy = Proxy::of(&[&good, &odd]);
    assert_eq!(proxy.scrape().value("c_total"), Some(7.0));
    odd.down();
    let answer = proxy.scrape();
    assert_eq!((answer.value("c_total"), slots(&answer, "vacant")), (Some(7.0), 1.0));
    assert!(outcomes(&answer, &odd, "refused") >= 1.0);
    assert!(answer.select(&format!("onescrape_worker_up{{worker=\"{}\"}}", odd.id())).is_empty());
    assert!(answer.value(&format!("onescrape_carried_seconds{{worker=\"{}\"}}", odd.id())).is_some());
    odd.set(exposition(6));
    odd.up();
    let answer = proxy.scrape();
    assert_eq!((answer.value("c_total"), slots(&answer, "up")), (Some(9.0), 2.0));
}

#[test]
fn redirects_that_go_round_in_circles_end() {
    let (good, odd) = (worker(3), worker(4));
    let proxy = Proxy::with_config(&format!(
        "sources: [{{name: django, kind: workers, follow_redirects: true, targets: [\"{}\", \"{}\"]}}]\n",
        good.id(),
        odd.id()
    ));
    assert_eq!(proxy.scrape().value("c_total"), Some(7.0));
    odd.set(Answer::Bytes(b"HTTP/1.1 302 Found\r\nLocation: /metrics\r\nContent-Length: 0\r\n\r\n".to_vec()));
    let answer = proxy.scrape();
    assert_eq!((answer.value("c_total"), slots(&answer, "down")), (Some(7.0), 1.0));
    assert!(outcomes(&answer, &odd, "status") >= 1.0, "{}", proxy.log());
    assert!(answer.value("onescrape_limit_hits_total{limit=\"redirects_max\"}") >= Some(1.0));
    odd.set(exposition(6));
    assert_eq!(proxy.scrape().value("c_total"), Some(9.0));
}
