//! Targets whose clock is wrong or jumps. They say when they answer (`Date`), when their process began, and since when a series counts.
//! (Steps of the clock that the program itself reads can't be made without root; the merge takes the time as an argument, and its own
//! tests have them.)

use crate::support::exposition::Exposition;
use crate::support::fake_worker::{Answer, FakeWorker, OPENMETRICS};
use crate::support::proxy::Proxy;
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds.
const DAY: f64 = 86_400.0;

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// A process that began then and has counted so much.
fn counted(count: u32, started: f64) -> String {
    let start = format!("# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {started}\n");
    format!("{start}# TYPE c_total counter\nc_total {count}\n")
}

fn total(answer: &Exposition) -> f64 {
    answer.value("c_total").unwrap()
}

#[test]
fn a_wrong_date_on_an_answer_means_nothing() {
    let started = now() - DAY;
    let [good, odd] = [3, 4].map(|count| FakeWorker::answering(Answer::text(&counted(count, started))));
    let proxy = Proxy::of(&[&good, &odd]);
    assert_eq!(total(&proxy.scrape()), 7.0);
    for (count, date) in [(5, "Thu, 01 Jan 1970 00:00:00 GMT"), (6, "Fri, 31 Dec 9999 23:59:59 GMT"), (7, "yesterday")] {
        let head = format!("HTTP/1.0 200 OK\r\nDate: {date}\r\nContent-Type: text/plain\r\n\r\n");
        odd.set(Answer::Bytes((head + &counted(count, started)).into_bytes()));
        assert_eq!(total(&proxy.scrape()), f64::from(3 + count), "{date}");
    }
}

/// The clock jumps a day ahead, a worker is recycled under it, the clock is set right, and a worker is recycled again. The price of
/// a start that lies before one seen already is what that process counted until its first scrape, and never a jump.
#[test]
fn a_clock_that_jumps_ahead_and_back_makes_no_total_jump() {
    let started = now() - DAY;
    let [good, odd] = [3, 100].map(|count| FakeWorker::answering(Answer::text(&counted(count, started))));
    let proxy = Proxy::of(&[&good, &odd]);
    let shows = |count, started, want: f64, what: &str| {
        odd.set(Answer::text(&counted(count, started)));
        let answer = proxy.scrape();
        assert_eq!(total(&answer), want, "{what}");
        answer
    };
    shows(100, started, 103.0, "before");
    shows(5, now() + DAY, 108.0, "a life that begins tomorrow counts from zero");
    let tomorrow = now() + 2.0 * DAY;
    shows(5, tomorrow, 113.0, "so does the next");
    shows(9, tomorrow, 117.0, "and goes on");
    let right = now();
    let answer = shows(40, right, 117.0, "an earlier start: from its own value on");
    assert!(answer.sum("onescrape_worker_flaps_total") >= 1.0);
    shows(44, right, 121.0, "and it grows as it should");
    shows(44, right, 121.0, "once");
}

#[test]
fn series_that_say_they_began_tomorrow() {
    let says = |count: u32, created: f64| {
        let start = format!("# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {}\n", 1000.0);
        Answer::ok(OPENMETRICS, &format!("{start}# TYPE c counter\nc_total {count}\nc_created {created}\n# EOF\n"))
    };
    let tomorrow = now() + DAY;
    for created in [tomorrow, -tomorrow, 1e300, f64::INFINITY, f64::NAN] {
        let [good, odd] = [3, 4].map(|count| FakeWorker::answering(says(count, 1000.0)));
        let proxy = Proxy::of(&[&good, &odd]);
        assert_eq!(total(&proxy.scrape()), 7.0);
        odd.set(says(5, created));
        let first = total(&proxy.scrape());
        // Whether the series began anew there is what `_created` is for; it may count so once, and no more.
        assert!(first == 8.0 || first == 12.0, "{created}: {first}");
        assert_eq!(total(&proxy.scrape()), first, "{created}: only once");
        odd.set(says(6, created));
        assert_eq!(total(&proxy.scrape()), first + 1.0, "{created}");
        for accept in [OPENMETRICS, "text/plain;version=1.0.0"] {
            let answer = proxy.get_with("/metrics", &[("Accept", accept)]);
            assert_eq!(answer.status, 200, "{created}");
        }
    }
}
