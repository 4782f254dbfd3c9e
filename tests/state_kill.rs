//! The program is killed again and again, at any moment, while it is scraped and its workers are recycled: after each start no total is
//! below what was last answered, none is above what was really counted, and the file is readable.
//!
//! `KILL_SECONDS` says for how long (default 15), `KILL_SEED` with which random numbers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use support::exposition::parse;
use support::fake_worker::{Answer, FakeWorker};
use support::http;
use support::proxy::Proxy;

const WORKERS: usize = 4;
const VIEWS: usize = 200;
const CLIENTS: usize = 3;
/// A kill comes at most so long after the start of clients: several rounds.
const LIFE_MAX: u64 = 150;
/// One of so many scrapes finds a recycled worker.
const RECYCLING: u64 = 12;

/// Pseudo-random numbers (Knuth's MMIX constants): the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// One port's processes, one after the other: each scrape counts, and may find another process.
struct Life {
    random: Random,
    started: f64,
    counts: Vec<u64>,
    /// By view: all that was ever counted here.
    truth: Vec<u64>,
}

impl Life {
    fn scraped(&mut self) -> Vec<u8> {
        if self.random.below(RECYCLING) == 0 {
            self.counts.fill(0);
            self.started = unix();
        }
        let first = self.random.below(VIEWS as u64) as usize;
        let mut body = format!("# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {}\n", self.started);
        body.push_str("# TYPE c_total counter\n");
        for view in 0..VIEWS {
            let more = if (view + first).is_multiple_of(3) { 1 + self.random.below(5) } else { 0 };
            self.counts[view] += more;
            self.truth[view] += more;
            writeln!(body, "c_total{{view=\"{view}\"}} {}", self.counts[view]).unwrap();
        }
        let Answer::Bytes(bytes) = Answer::text(&body) else { unreachable!() };
        bytes
    }
}

fn unix() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// The highest total of every series answered so far.
type Floor = Arc<Mutex<BTreeMap<String, f64>>>;

/// Asks until nobody answers, or it is told to stop; a whole answer raises the floor. One that falls below is a failure at once.
fn ask(address: SocketAddr, floor: &Floor, stop: &AtomicBool) -> usize {
    let mut answers = 0;
    while !stop.load(Ordering::Relaxed) {
        let before = floor.lock().unwrap().clone();
        let Ok(response) = http::get(address, "/metrics", &[]) else { return answers };
        assert_eq!(response.status, 200, "{}", response.text());
        let answer = parse(response.text()).unwrap();
        let totals: BTreeMap<_, _> = answer.select("c_total").into_iter().map(|s| (s.series(), s.value)).collect();
        assert_eq!(totals.len(), VIEWS);
        assert_eq!(answer.value("onescrape_state_saves_total{outcome=\"failed\"}"), Some(0.0));
        assert_eq!(answer.value("onescrape_state_saves_total{outcome=\"unreadable\"}"), Some(0.0));
        for (series, value) in before {
            assert!(totals[&series] >= value, "{series} fell from {value} to {}", totals[&series]);
        }
        let mut floor = floor.lock().unwrap();
        for (series, value) in totals {
            let highest = floor.entry(series).or_default();
            *highest = highest.max(value);
        }
        answers += 1;
    }
    answers
}

#[test]
fn no_kill_makes_a_total_fall() {
    let seed = setting("KILL_SEED", 20_260_101);
    let mut random = Random(seed);
    let place = tempfile::tempdir().unwrap();
    let lives: Vec<Arc<Mutex<Life>>> = (0..WORKERS as u64)
        .map(|n| Life { random: Random(seed + n + 1), started: unix() - 100.0, counts: vec![0; VIEWS], truth: vec![0; VIEWS] })
        .map(|life| Arc::new(Mutex::new(life)))
        .collect();
    let made = |life: &Arc<Mutex<Life>>| {
        let life = life.clone();
        FakeWorker::answering(Answer::Made(Arc::new(move || life.lock().unwrap().scraped())))
    };
    let workers: Vec<FakeWorker> = lives.iter().map(made).collect();
    let mut flags: Vec<String> = workers.iter().map(|worker| format!("--workers={}", worker.id())).collect();
    flags.push(format!("--state.file={}/state", place.path().display()));

    let floor = Floor::default();
    let until = Instant::now() + Duration::from_secs(setting("KILL_SECONDS", 15));
    let (mut kills, mut answers) = (0, 0);
    while Instant::now() < until {
        let mut proxy = Proxy::start(&flags);
        let (address, stop) = (proxy.address(), Arc::new(AtomicBool::new(false)));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (floor, stop) = (floor.clone(), stop.clone());
                std::thread::spawn(move || ask(address, &floor, &stop))
            })
            .collect();
        // When it is killed is what is random here; nothing is decided by the time.
        std::thread::sleep(Duration::from_millis(random.below(LIFE_MAX)));
        proxy.kill();
        stop.store(true, Ordering::Relaxed);
        answers += clients.into_iter().map(|client| client.join().unwrap()).sum::<usize>();
        kills += 1;
    }
    let proxy = Proxy::start(&flags);
    ask_once(&proxy, &floor);
    let floor = floor.lock().unwrap();
    for view in 0..VIEWS {
        let truth: u64 = lives.iter().map(|life| life.lock().unwrap().truth[view]).sum();
        let total = floor[&format!("c_total{{view=\"{view}\"}}")];
        assert!(total <= truth as f64, "view {view}: {total} of {truth}: counted twice");
    }
    eprintln!("{kills} kills, {answers} answers");
    assert!(kills >= 5 && answers >= kills, "{kills} kills, {answers} answers: too few to say anything");
}

fn ask_once(proxy: &Proxy, floor: &Floor) {
    let before = floor.lock().unwrap().clone();
    let totals = proxy.scrape();
    for (series, value) in before {
        assert!(totals.value(&series).is_some_and(|total| total >= value), "{series} fell from {value}");
    }
}
