//! Workers that are recycled all the time, and the truth about what they have counted.

use super::fake_worker::{Answer, FakeWorker};
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard};

/// One of so many scrapes finds another process, unless they are recycled by hand only.
const RECYCLING: u64 = 12;
/// Seconds from one start of a process to the next, as they say it: far enough to be told apart, however fast the test is.
const BETWEEN_STARTS: f64 = 2.0;
/// When the first ones began, Unix seconds: long ago.
const FIRST_START: f64 = 1_600_000_000.0;

/// Pseudo-random numbers (Knuth's MMIX constants): the same for the same seed.
pub struct Random(pub u64);

impl Random {
    /// One of 0 to `limit`, without that.
    pub fn below(&mut self, limit: u64) -> u64 {
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
    /// Nothing is counted any more, and nothing recycled.
    at_rest: bool,
}

impl Life {
    fn recycle(&mut self) {
        self.counts.fill(0);
        self.started += BETWEEN_STARTS;
    }

    fn scraped(&mut self) -> Vec<u8> {
        if !self.at_rest {
            if self.random.below(RECYCLING) == 0 {
                self.recycle();
            }
            self.count();
        }
        let mut body = format!("# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {}\n", self.started);
        body.push_str("# TYPE c_total counter\n");
        for (view, count) in self.counts.iter().enumerate() {
            writeln!(body, "c_total{{view=\"{view}\"}} {count}").expect("a string takes all");
        }
        let Answer::Bytes(bytes) = Answer::text(&body) else { unreachable!("it is made of bytes") };
        bytes
    }

    fn count(&mut self) {
        let first = self.random.below(self.counts.len() as u64) as usize;
        for view in 0..self.counts.len() {
            if (view + first).is_multiple_of(3) {
                let more = 1 + self.random.below(5);
                self.counts[view] += more;
                self.truth[view] += more;
            }
        }
    }
}

/// A pool of them. What they count is the counter `c_total` with the label `view`.
pub struct Lives {
    lives: Vec<Arc<Mutex<Life>>>,
    workers: Vec<FakeWorker>,
}

impl Lives {
    /// Starts so many, each with so many views.
    pub fn start(workers: usize, views: usize, seed: u64) -> Self {
        let life = |n| Life {
            random: Random(seed + n + 1),
            started: FIRST_START,
            counts: vec![0; views],
            truth: vec![0; views],
            at_rest: false,
        };
        let lives: Vec<_> = (0..workers as u64).map(|n| Arc::new(Mutex::new(life(n)))).collect();
        let answering = |life: &Arc<Mutex<Life>>| {
            let life = life.clone();
            FakeWorker::answering(Answer::Made(Arc::new(move || lock(&life).scraped())))
        };
        let workers = lives.iter().map(answering).collect();
        Self { lives, workers }
    }

    /// `--workers` for all of them.
    pub fn flags(&self) -> Vec<String> {
        self.workers.iter().map(|worker| format!("--workers={}", worker.id())).collect()
    }

    /// How many they are.
    pub fn count(&self) -> usize {
        self.workers.len()
    }

    /// This one ends; nothing listens at its port.
    pub fn end(&mut self, worker: usize) {
        self.workers[worker].down();
    }

    /// Another process takes its place.
    pub fn replace(&mut self, worker: usize) {
        lock(&self.lives[worker]).recycle();
        self.workers[worker].up();
    }

    /// Nothing is counted from now on, and none is recycled.
    pub fn rest(&self) {
        self.lives.iter().for_each(|life| lock(life).at_rest = true);
    }

    /// All that was ever counted for this view.
    pub fn truth(&self, view: usize) -> u64 {
        self.lives.iter().map(|life| lock(life).truth[view]).sum()
    }
}

fn lock(life: &Mutex<Life>) -> MutexGuard<'_, Life> {
    life.lock().expect("a fake worker's thread panicked")
}

/// A number from the environment.
pub fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}
