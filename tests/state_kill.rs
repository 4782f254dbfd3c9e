//! The program is killed again and again, at any moment, while it is scraped and its workers are recycled, or while it starts: after each
//! start no total is below what was last answered, none is above what was really counted, and the file is readable.
//!
//! `KILLS` says how often (default 300), `KILL_SECONDS` for how long at most (default 45), `KILL_SEED` with which random numbers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]

mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::scope;
use std::time::{Duration, Instant};
use support::exposition::parse;
use support::http;
use support::lives::{Lives, Random, setting};
use support::proxy::Proxy;

/// Pods side by side, since most of a start is waiting.
const PODS: u64 = 3;
const WORKERS: usize = 4;
const VIEWS: usize = 200;
const CLIENTS: usize = 3;
/// A kill comes at most so many milliseconds after the start of clients: several rounds.
const LIFE_MAX: u64 = 100;
/// One of so many is killed while it starts, at most so many milliseconds after it was.
const STARTING: u64 = 4;
const START_MAX: u64 = 60;

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

/// Lets one serve for a moment, under load, and kills it; how often it has answered.
fn serve_and_kill(flags: &[String], floor: &Floor, random: &mut Random) -> usize {
    let mut proxy = Proxy::start(flags);
    let (address, stop) = (proxy.address(), AtomicBool::new(false));
    scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| ask(address, floor, &stop))).collect();
        // When it is killed is what is random here; nothing is decided by the time.
        std::thread::sleep(Duration::from_millis(random.below(LIFE_MAX)));
        proxy.kill();
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    })
}

/// Kills a pod's proxy so often, or until then: kills and answers.
fn kill_again_and_again(seed: u64, times: u64, until: Instant) -> (u64, usize) {
    let mut random = Random(seed);
    let place = tempfile::tempdir().unwrap();
    let lives = Lives::start(WORKERS, VIEWS, seed);
    let mut flags = lives.flags();
    flags.push(format!("--state.file={}/state", place.path().display()));
    let floor = Floor::default();
    let (mut kills, mut answers) = (0, 0);
    while kills < times && Instant::now() < until {
        if random.below(STARTING) == 0 {
            let mut proxy = Proxy::start_unready(&flags);
            std::thread::sleep(Duration::from_millis(random.below(START_MAX)));
            proxy.kill();
        } else {
            answers += serve_and_kill(&flags, &floor, &mut random);
        }
        kills += 1;
    }
    let last = Proxy::start(&flags).scrape();
    for (series, value) in floor.lock().unwrap().iter() {
        assert!(last.value(series).is_some_and(|total| total >= *value), "{series} fell from {value}");
    }
    for view in 0..VIEWS {
        let (total, truth) = (last.value(&format!("c_total{{view=\"{view}\"}}")).unwrap(), lives.truth(view));
        assert!(total <= truth as f64, "view {view}: {total} of {truth}: counted twice");
    }
    let names: Vec<_> = std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("corrupt")), "a file could not be read: {names:?}");
    (kills, answers)
}

#[test]
fn no_kill_makes_a_total_fall() {
    let (seed, times) = (setting("KILL_SEED", 20_260_101), setting("KILLS", 300).div_ceil(PODS));
    let until = Instant::now() + Duration::from_secs(setting("KILL_SECONDS", 45));
    let counts: Vec<(u64, usize)> = scope(|scope| {
        let pods: Vec<_> =
            (0..PODS).map(|pod| scope.spawn(move || kill_again_and_again(seed + 1000 * pod, times, until))).collect();
        pods.into_iter().map(|pod| pod.join().unwrap()).collect()
    });
    let (kills, answers) = counts.iter().fold((0, 0), |sum, pod| (sum.0 + pod.0, sum.1 + pod.1));
    eprintln!("{kills} kills, {answers} answers");
    assert!(kills >= 5 * PODS && answers as u64 >= kills, "{kills} kills, {answers} answers: too few to say anything");
}
