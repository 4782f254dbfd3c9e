#[path = "../benches/support/mod.rs"]
mod support;
use onescrape::config::{Limits, MergeConfig};
use onescrape::encode::{Format, encode};
use onescrape::merge::{Attempt, Now, Pool};
use std::time::{Duration, Instant};
use support::django::{Spec, Worker};
use support::random::Random;
use support::shuffle::shuffled;
fn run(name: &str, w: usize, bodies: impl Fn(usize) -> Vec<bytes::Bytes>, samples: usize, rounds: usize) {
    let mut pool = Pool::new((0..w).map(|i| format!("w{i}")).collect(), MergeConfig::default(), Limits::default());
    let mut best = [f64::MAX; 5];
    let mut floor = f64::MAX;
    for round in 0..rounds {
        let bodies = bodies(round);
        let t2 = Instant::now();
        let c: usize = bodies.iter().map(|b| memchr::memchr_iter(b'\n', b).count()).sum();
        floor = floor.min(t2.elapsed().as_secs_f64());
        std::hint::black_box(c);
        let t = Instant::now();
        for (i, b) in bodies.iter().enumerate() {
            assert!(pool.begin_body(i, Some("text/plain")));
            for chunk in b.chunks(65536) {
                pool.feed(i, chunk).unwrap();
            }
            pool.end_body(i).unwrap();
        }
        let a = t.elapsed().as_secs_f64();
        let t = Instant::now();
        pool.apply(
            (0..w).map(|_| Some(Attempt::Streamed)).collect(),
            Now { elapsed: Duration::from_secs(round as u64 * 5), unix: 1.79e9 + round as f64 * 5.0 },
        );
        let b2 = t.elapsed().as_secs_f64();
        let t = Instant::now();
        let fam = pool.families();
        let c2 = t.elapsed().as_secs_f64();
        let t = Instant::now();
        let mut out = Vec::with_capacity(1 << 20);
        encode(&fam, Format::Text004, &mut out);
        let d = t.elapsed().as_secs_f64();
        pool.mark_served(Now { elapsed: Duration::from_secs(round as u64 * 5), unix: 1.79e9 });
        if round > 2 {
            for (x, y) in best.iter_mut().zip([a, b2, c2, d, a + b2 + c2 + d]) {
                *x = x.min(y);
            }
        }
    }
    let us = 1e6;
    println!(
        "{name}: floor {:.1} us; read {:.1} apply {:.1} families {:.1} encode {:.1} total {:.1} = {:.2}x floor; read {:.1} ns/sample apply {:.1}",
        floor * us,
        best[0] * us,
        best[1] * us,
        best[2] * us,
        best[3] * us,
        best[4] * us,
        best[4] / floor,
        best[0] * 1e9 / samples as f64,
        best[1] * 1e9 / samples as f64
    );
}
fn main() {
    let only = std::env::args().nth(1).unwrap_or_default();
    for (w, s, r) in [(1, 500, 3000), (1, 5000, 600), (16, 2000, 60), (64, 5000, 12)] {
        let name = format!("{w}x{s}");
        if !only.is_empty() && only != name {
            continue;
        }
        let base: Vec<std::cell::RefCell<Worker>> =
            Worker::pool(w, Spec { series: s, ..Spec::default() }).into_iter().map(std::cell::RefCell::new).collect();
        run(
            &name,
            w,
            |_| {
                base.iter()
                    .map(|b| {
                        b.borrow_mut().advance();
                        b.borrow().body()
                    })
                    .collect()
            },
            w * s,
            r,
        );
    }
    if only.is_empty() || only == "shuf" {
        let w = std::cell::RefCell::new(Worker::new(Spec { series: 5000, ..Spec::default() }));
        let rnd = std::cell::RefCell::new(Random::new(1));
        run(
            "shuffled 5000",
            1,
            |_| {
                w.borrow_mut().advance();
                let b = w.borrow().body();
                vec![shuffled(&b, &mut rnd.borrow_mut())]
            },
            5000,
            300,
        );
    }
    if only.is_empty() || only == "node" {
        let b: bytes::Bytes = std::fs::read("tests/fixtures/exporters/node.prom").unwrap().into();
        run("node", 1, |_| vec![b.clone()], 949, 2000);
    }
    if only.is_empty() || only == "own" {
        let base: Vec<std::cell::RefCell<Worker>> = Worker::pool(16, Spec { series: 2000, own_order: true, ..Spec::default() })
            .into_iter()
            .map(std::cell::RefCell::new)
            .collect();
        run(
            "16x2000 own",
            16,
            |_| {
                base.iter()
                    .map(|b| {
                        b.borrow_mut().advance();
                        b.borrow().body()
                    })
                    .collect()
            },
            32000,
            60,
        );
    }
}
