//! Clocks that are wrong or jump. Targets say when they answer (`Date`), when their process began, and since when a series counts. The
//! clock that the program itself reads can't be set without root; but the merge takes the time as an argument.

use crate::support::exposition::Exposition;
use crate::support::fake_worker::{Answer, FakeWorker, OPENMETRICS};
use crate::support::proxy::Proxy;
use onescrape::config::{Limits, MergeConfig};
use onescrape::merge::{Attempt, Now, Pool};
use onescrape::parse;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// Seconds from round to round.
const INTERVAL: u64 = 15;

/// The wall clock is set a day ahead or back between two rounds. Workers that began since then say so in the new time, and count in full;
/// those that were there before do not count again.
#[test]
fn our_own_clock_that_jumps_changes_no_total() {
    const UNIX: f64 = 1_790_000_000.0;
    for jump in [DAY, -DAY] {
        let ids = ["a", "b", "c"].map(String::from).to_vec();
        let mut pool = Pool::new(ids, MergeConfig::default(), Limits::default());
        let mut shown = |round: u64, wall: f64, bodies: [Option<&str>; 3]| {
            let now = Now { elapsed: Duration::from_secs(round * INTERVAL), unix: wall + (round * INTERVAL) as f64 };
            let attempt = |body: Option<&'static str>| {
                body.map_or(Attempt::Missed { refused: true }, |body| Attempt::Good(parse::text(body.as_bytes()).unwrap()))
            };
            let bodies = bodies.map(|body| body.map(|body| &*body.to_string().leak()));
            pool.apply(bodies.into_iter().map(|body| Some(attempt(body))).collect(), now);
            pool.mark_served(now);
            let families = pool.families();
            families.iter().flat_map(|f| &f.samples).filter(|s| s.head == "c_total").map(|s| s.value).sum::<f64>()
        };
        let old = |count| counted(count, UNIX - DAY / 2.0);
        assert_eq!(shown(1, UNIX, [Some(&old(10)), Some(&old(5)), None]), 15.0);
        let wall = UNIX + jump;
        assert_eq!(shown(2, wall, [Some(&old(11)), Some(&old(6)), None]), 17.0, "{jump}: nothing counts again");
        let fresh = counted(4, wall + 2.5 * INTERVAL as f64);
        assert_eq!(shown(3, wall, [Some(&old(12)), Some(&old(6)), Some(&fresh)]), 22.0, "{jump}: a fresh worker counts in full");
        assert_eq!(shown(4, UNIX, [Some(&old(12)), Some(&old(7)), Some(&fresh)]), 23.0, "{jump}: set right, nothing counts again");
    }
}
