//! Times, between Unix seconds and the message that holds them.

use super::messages;

/// Nanoseconds in a second, as [`messages::Timestamp`] counts them.
const NANOS_PER_SECOND: f64 = 1e9;
/// Seconds that fit an `i64` are below this: 2^63.
const SECONDS_END: f64 = 9_223_372_036_854_775_808.0;

impl messages::Timestamp {
    /// Unix seconds as the nearest nanosecond. `None` for what is no time: not finite, or out of the range of the message.
    pub(crate) fn of(seconds: f64) -> Option<Self> {
        let whole = seconds.floor();
        if !(-SECONDS_END..SECONDS_END).contains(&whole) {
            return None;
        }
        let nanos = ((seconds - whole) * NANOS_PER_SECOND).round();
        // Both are whole numbers in range, so nothing is cut off. A fraction just below 1 rounds up to the next second.
        let (carry, nanos) = if nanos < NANOS_PER_SECOND { (0, nanos as i32) } else { (1, 0) };
        Some(Self { seconds: Some((whole as i64).checked_add(carry)?), nanos: Some(nanos) })
    }

    /// Unix seconds. `None` where the nanoseconds aren't a fraction of a second, as the message demands.
    pub(crate) fn unix_seconds(&self) -> Option<f64> {
        let nanos = f64::from(self.nanos.unwrap_or_default());
        (0.0..NANOS_PER_SECOND).contains(&nanos).then(|| self.seconds.unwrap_or_default() as f64 + nanos / NANOS_PER_SECOND)
    }
}

#[cfg(test)]
mod tests {
    use super::messages::Timestamp;

    #[test]
    fn times_survive() {
        for (seconds, whole, nanos) in [
            (0.0, 0, 0),
            (1.5, 1, 500_000_000),
            (-0.25, -1, 750_000_000),
            (1_790_000_000.123_456, 1_790_000_000, 123_456_001),
            (0.999_999_999_9, 1, 0),
        ] {
            let timestamp = Timestamp::of(seconds).unwrap();
            assert_eq!((timestamp.seconds, timestamp.nanos), (Some(whole), Some(nanos)), "{seconds}");
            assert!((timestamp.unix_seconds().unwrap() - seconds).abs() <= 0.5e-9, "{seconds}");
        }
    }

    #[test]
    fn what_is_no_time() {
        for seconds in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e19, -1e19] {
            assert_eq!(Timestamp::of(seconds), None, "{seconds}");
        }
        for nanos in [-1, 1_000_000_000] {
            assert_eq!(Timestamp { seconds: Some(1), nanos: Some(nanos) }.unix_seconds(), None, "{nanos}");
        }
    }
}
