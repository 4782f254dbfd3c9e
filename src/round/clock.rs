use crate::merge::Now;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Another one with every boot.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The clock of all sources. Never runs back, not over a restart of the program or the machine either.
#[derive(Debug)]
pub(super) struct Clock {
    began: Instant,
    runs_since_boot: bool,
    /// What it was ahead of the machine's clock from the start, and behind.
    ahead: Duration,
    behind: Duration,
    latest: Duration,
}

/// The machine's clock at some moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BootClock {
    /// Names the boot since which it runs.
    pub(super) id: String,
    pub(super) uptime: Duration,
}

impl Clock {
    /// Starts it. Where the machine does not tell the time since its boot it runs on the plain monotonic clock.
    pub(super) fn start() -> Self {
        let (ahead, behind, latest) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        Self { began: Instant::now(), runs_since_boot: uptime().is_some(), ahead, behind, latest }
    }

    /// The time now, on both clocks.
    pub(super) fn now(&mut self) -> Now {
        let elapsed = (self.raw() + self.ahead).saturating_sub(self.behind);
        self.latest = self.latest.max(elapsed);
        Now { elapsed: self.latest, unix: unix() }
    }

    /// Goes on from what an earlier run of the program saved: how long ago that was, the machine's own clock tells, if it has not been
    /// booted since, else the wall clock.
    pub(super) fn resume(&mut self, elapsed: Duration, saved_unix: f64, boot: Option<BootClock>) {
        let same_boot = self.boot().zip(boot).filter(|(now, then)| now.id == then.id && now.uptime >= then.uptime);
        let by_wall = || Duration::try_from_secs_f64(unix() - saved_unix).unwrap_or_default();
        let gap = same_boot.map_or_else(by_wall, |(now, then)| now.uptime - then.uptime);
        let wanted = elapsed.saturating_add(gap);
        (self.ahead, self.behind) = (wanted.saturating_sub(self.raw()), self.raw().saturating_sub(wanted));
        self.latest = wanted;
    }

    /// The machine's clock, where it tells.
    pub(super) fn boot(&self) -> Option<BootClock> {
        let id = std::fs::read_to_string(BOOT_ID).ok()?.trim().to_string();
        Some(BootClock { id, uptime: uptime()? })
    }

    fn raw(&self) -> Duration {
        if self.runs_since_boot { uptime().unwrap_or_default() } else { self.began.elapsed() }
    }
}

/// Unix seconds of the wall clock.
pub(super) fn unix() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Time since boot, time asleep included: what ages must be measured with, and what `Instant` leaves out on Linux.
#[cfg(target_os = "linux")]
fn uptime() -> Option<Duration> {
    Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::Boottime)).ok()
}

#[cfg(not(target_os = "linux"))]
fn uptime() -> Option<Duration> {
    None
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

    const HOUR: Duration = Duration::from_secs(3600);
    /// More than any two readings of clocks within a test differ.
    const SLACK: Duration = Duration::from_secs(60);

    fn resumed(elapsed: Duration, saved_unix: f64, boot: Option<BootClock>) -> Duration {
        let mut clock = Clock::start();
        clock.resume(elapsed, saved_unix, boot);
        clock.now().elapsed
    }

    #[test]
    fn it_goes_on_from_an_earlier_run() {
        let boot = Clock::start().boot().unwrap();
        // The machine's own clock counts, whatever the wall clock said.
        let then = resumed(9 * HOUR, 0.0, Some(boot.clone()));
        assert!((9 * HOUR..9 * HOUR + SLACK).contains(&then), "{then:?}");
        // Another boot, or a clock that isn't told: the wall clock's.
        let other = BootClock { id: "other".into(), ..boot.clone() };
        let later = BootClock { uptime: boot.uptime + HOUR, ..boot };
        for boot in [Some(other), Some(later), None] {
            let then = resumed(1000 * HOUR, unix() - 3600.0, boot.clone());
            assert!((1001 * HOUR..1001 * HOUR + SLACK).contains(&then), "{boot:?}: {then:?}");
            // A wall clock that was set back since.
            let then = resumed(HOUR, unix() + 3600.0, boot);
            assert!((HOUR..HOUR + SLACK).contains(&then), "{then:?}");
        }
    }
}
