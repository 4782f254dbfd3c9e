use crate::merge::Now;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds since boot, time asleep included: what ages must be measured with, and what `Instant` leaves out on Linux.
const UPTIME: &str = "/proc/uptime";

/// The clock of all sources. Never runs back.
#[derive(Debug)]
pub(super) struct Clock {
    began: Instant,
    boot: bool,
    latest: Duration,
}

impl Clock {
    /// Starts it. Where there is no `/proc` it runs on the plain monotonic clock.
    pub(super) fn start() -> Self {
        Self { began: Instant::now(), boot: uptime().is_some(), latest: Duration::ZERO }
    }

    /// The time now, on both clocks.
    pub(super) fn now(&mut self) -> Now {
        let elapsed = if self.boot { uptime().unwrap_or_default() } else { self.began.elapsed() };
        self.latest = self.latest.max(elapsed);
        Now { elapsed: self.latest, unix: unix() }
    }
}

/// Unix seconds of the wall clock.
pub(super) fn unix() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn uptime() -> Option<Duration> {
    let text = std::fs::read_to_string(UPTIME).ok()?;
    Duration::try_from_secs_f64(text.split_whitespace().next()?.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on() {
        let mut clock = Clock::start();
        let first = clock.now();
        assert!(first.unix > 1.7e9);
        clock.latest += Duration::from_secs(1000);
        assert!(clock.now().elapsed >= first.elapsed + Duration::from_secs(1000), "never back");
    }
}
