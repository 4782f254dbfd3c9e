use crate::config::RateLimit;
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

/// A token bucket, kept as the time at which it will be full again (the generic cell rate algorithm): nothing needs refilling.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    full_at: Mutex<Option<Instant>>,
}

impl Limiter {
    /// Whether one more request may come now; if so, it counts.
    pub(super) fn allows(&self, limit: RateLimit, now: Instant) -> bool {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let from = full_at.map_or(now, |at| at.max(now));
        let room = limit.interval.saturating_mul(limit.burst.saturating_sub(1));
        if from.saturating_duration_since(now) > room {
            return false;
        }
        // Longer than the clock can tell: full enough.
        *full_at = from.checked_add(limit.interval);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_and_then_one_per_interval() {
        let limit = RateLimit { interval: Duration::from_secs(2), burst: 3 };
        let (limiter, start) = (Limiter::default(), Instant::now());
        let mut passed = |after: f64| limiter.allows(limit, start + Duration::from_secs_f64(after));
        assert_eq!([0.0, 0.0, 0.0, 0.0, 1.9, 2.0, 2.0, 4.0].map(&mut passed), [true, true, true, false, false, true, false, true]);
        assert_eq!([100.0; 4].map(passed), [true, true, true, false], "it doesn't fill beyond the burst");
    }
}
