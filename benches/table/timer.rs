//! Contenders measured in turn, so that whatever else the machine does meets them alike; the fastest turn of each counts.

use std::time::{Duration, Instant};

/// Turns made even where one takes long.
const TURNS_MIN: usize = 4;

/// Makes turns until `budget` is spent; a turn measures all contenders and is told its number. Returns each one's shortest time.
pub fn fastest<const N: usize>(budget: Duration, mut turn: impl FnMut(usize) -> [Duration; N]) -> [Duration; N] {
    let until = Instant::now() + budget;
    let mut best = [Duration::MAX; N];
    for number in 0.. {
        if number >= TURNS_MIN && Instant::now() > until {
            break;
        }
        for (best, now) in best.iter_mut().zip(turn(number)) {
            *best = now.min(*best);
        }
    }
    best
}

/// How long it takes.
pub fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let began = Instant::now();
    std::hint::black_box(work());
    began.elapsed()
}
