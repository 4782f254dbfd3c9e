//! A pod for a while: 16 workers that are recycled all the time, twenty scrapes a second over five formats. No total falls in any of
//! them, at rest all totals are what was really counted, and the program's memory and files are as at the beginning.
//!
//! `SOAK_SECONDS` says for how long (default 15; `make soak` takes minutes), `SOAK_SEED` with which random numbers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]
#![cfg(all(feature = "compression", feature = "protobuf"))]

mod support;

use prost::Message;
use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::scope;
use std::time::{Duration, Instant};
use support::exposition::parse;
use support::http::{self, Response};
use support::lives::{Lives, Random, setting};
use support::process::Process;
use support::proxy::Proxy;
use support::{expect, wait_for};

const WORKERS: usize = 16;
const VIEWS: usize = 50;
/// Scrapes in all, a second.
const SCRAPES_A_SECOND: u32 = 20;
/// A worker is recycled so often, and is away for up to so long.
const RECYCLED_EVERY: Duration = Duration::from_millis(100);
const AWAY_MAX: u64 = 50;
/// Bytes that its memory may grow after the beginning, however long it runs: what an allocator leaves between its pieces.
const GROWTH_MAX: u64 = 4 << 20;

const PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

/// Reads an answer.
type Reading = fn(&Response) -> Totals;

/// What is asked for, Accept and Accept-Encoding, and how it is read.
const FORMATS: [(&str, &str, Reading); 5] = [
    ("text/plain;version=0.0.4", "identity", |answer| text(&answer.body)),
    ("text/plain;version=1.0.0", "identity", |answer| text(&answer.body)),
    ("application/openmetrics-text;version=1.0.0", "identity", |answer| text(&answer.body)),
    (PROTOBUF, "identity", |answer| protobuf(&answer.body)),
    ("text/plain;version=0.0.4", "gzip", |answer| text(&gunzip(&answer.body))),
];

/// By view.
type Totals = BTreeMap<String, f64>;

fn text(body: &[u8]) -> Totals {
    let answer = parse(std::str::from_utf8(body).unwrap()).unwrap();
    answer.select("c_total").into_iter().map(|sample| (sample.labels["view"].clone(), sample.value)).collect()
}

fn gunzip(body: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(body).read_to_end(&mut unpacked).unwrap();
    unpacked
}

/// What is read of the messages of `io.prometheus.client`.
#[derive(Message)]
struct Family {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "4")]
    metric: Vec<Metric>,
}

#[derive(Message)]
struct Metric {
    #[prost(message, repeated, tag = "1")]
    label: Vec<Label>,
    #[prost(message, optional, tag = "3")]
    counter: Option<Counter>,
}

#[derive(Message)]
struct Label {
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Message)]
struct Counter {
    #[prost(double, tag = "1")]
    value: f64,
}

fn protobuf(mut body: &[u8]) -> Totals {
    let mut totals = Totals::new();
    while !body.is_empty() {
        let family = Family::decode_length_delimited(&mut body).unwrap();
        if family.name == "c_total" {
            let value = |metric: &Metric| (metric.label[0].value.clone(), metric.counter.as_ref().unwrap().value);
            totals.extend(family.metric.iter().map(value));
        }
    }
    totals
}

/// The highest totals answered so far, in whatever format, and how many answers there were.
#[derive(Default)]
struct Seen {
    floor: Mutex<Totals>,
    answers: AtomicUsize,
}

/// Asks for one format at its share of the pace; no total may be below what any answer showed before the question.
fn ask(address: SocketAddr, format: usize, seen: &Seen, stop: &AtomicBool) {
    let (accept, encoding, read) = FORMATS[format];
    while !stop.load(Ordering::Relaxed) {
        let next = Instant::now() + Duration::from_secs(FORMATS.len() as u64) / SCRAPES_A_SECOND;
        let before = seen.floor.lock().unwrap().clone();
        let answer = http::get(address, "/metrics", &[("Accept", accept), ("Accept-Encoding", encoding)]).unwrap();
        assert_eq!(answer.status, 200);
        let totals = read(&answer);
        assert_eq!(totals.len(), VIEWS, "{accept}");
        for (view, value) in before {
            assert!(totals[&view] >= value, "{accept}: view {view} fell from {value} to {}", totals[&view]);
        }
        let mut floor = seen.floor.lock().unwrap();
        for (view, value) in totals {
            let highest = floor.entry(view).or_default();
            *highest = highest.max(value);
        }
        drop(floor);
        seen.answers.fetch_add(1, Ordering::Relaxed);
        // The pace of the load; nothing is decided by it.
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

fn proc(process: &Process, file: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{}/{file}", process.pid().as_raw_nonzero()))
}

/// Memory that is its own, bytes.
fn memory(process: &Process) -> u64 {
    let status = std::fs::read_to_string(proc(process, "status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Open files and threads.
fn entries(process: &Process) -> [usize; 2] {
    ["fd", "task"].map(|directory| std::fs::read_dir(proc(process, directory)).unwrap().count())
}

/// Recycles workers, one after the other, until then; how often.
fn recycle(lives: &mut Lives, random: &mut Random, until: Instant) -> u64 {
    let mut recycled = 0;
    while Instant::now() < until {
        let worker = random.below(WORKERS as u64) as usize;
        lives.end(worker);
        std::thread::sleep(Duration::from_millis(random.below(AWAY_MAX)));
        lives.replace(worker);
        std::thread::sleep(RECYCLED_EVERY);
        recycled += 1;
    }
    recycled
}

#[test]
fn a_pod_for_a_while() {
    let (seconds, seed) = (setting("SOAK_SECONDS", 15), setting("SOAK_SEED", 20_260_101));
    let (begin, mut random) = (Instant::now(), Random(seed));
    let until = |share: u64| begin + Duration::from_secs(seconds * share) / 3;
    let place = tempfile::tempdir().unwrap();
    let mut lives = Lives::start(WORKERS, VIEWS, seed);
    let mut flags = lives.flags();
    // None is ever missed: what is lost with a missed scrape is another test's.
    flags.extend([format!("--state.file={}/state", place.path().display()), "--scrape.timeout=10m".into()]);
    let mut proxy = Proxy::start(&flags);
    let (address, seen, stop) = (proxy.address(), Seen::default(), AtomicBool::new(false));
    let (recycled, (before, after)) = scope(|scope| {
        for format in 0..FORMATS.len() {
            let (seen, stop) = (&seen, &stop);
            scope.spawn(move || ask(address, format, seen, stop));
        }
        // What is opened and allocated once is by then.
        let mut recycled = recycle(&mut lives, &mut random, until(1));
        let before = memory(proxy.process());
        recycled += recycle(&mut lives, &mut random, until(3));
        let after = memory(proxy.process());
        stop.store(true, Ordering::Relaxed);
        (recycled, (before, after))
    });
    let answers = seen.answers.load(Ordering::Relaxed);
    eprintln!("{seconds} s: {answers} answers, {recycled} recycled by hand, memory {before} to {after} bytes");
    assert!(after <= before + GROWTH_MAX, "memory grew from {before} to {after} bytes");
    assert!(answers > FORMATS.len() && recycled > 1, "{answers} answers, {recycled} recycled: too few to say anything");

    lives.rest();
    let idle = {
        proxy.scrape();
        entries(proxy.process())
    };
    let answer = proxy.scrape();
    for view in 0..VIEWS {
        let total = answer.value(&format!("c_total{{view=\"{view}\"}}"));
        assert_eq!(total, Some(lives.truth(view) as f64), "view {view} is what was counted");
    }
    assert_eq!(answer.sum("onescrape_slots{state=\"up\"}"), lives.count() as f64);
    wait_for("files and threads to be as few as those of a new one", || {
        let fresh = Proxy::start(&flags[..WORKERS]);
        let (mut fresh, now) = (fresh, entries(proxy.process()));
        fresh.scrape();
        // The lock of the state file is one more, the synced copy's thread another.
        let most = entries(fresh.process()).map(|count| count + 2);
        expect(now[0] <= most[0] && now[1] <= most[1], || format!("{now:?} of {most:?}; right after the load {idle:?}"))
    });
}
