//! Durations as Prometheus writes them: `5s`, `1h30m`, `500ms`.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Longest duration any setting takes. Also keeps sums with a clock far from overflow.
pub(crate) const DURATION_MAX: Duration = Duration::from_secs(365 * 24 * 3600);
/// Shortest time limit that makes sense.
pub(crate) const TIMEOUT_MIN: Duration = Duration::from_millis(1);

/// Units with their milliseconds, the largest first; those of Prometheus but for years, whose length is a matter of taste.
const UNITS: &[(&str, u64)] =
    &[("w", 7 * 24 * 3_600_000), ("d", 24 * 3_600_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A sequence of whole numbers and units, added up; `0` needs no unit.
pub(crate) fn duration(text: &str, allowed: &RangeInclusive<Duration>) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration; write whole numbers with units, like 5s, 500ms, 1h30m or 7d");
    let value = if text == "0" { Duration::ZERO } else { sum_of_parts(text).ok_or_else(wrong)? };
    if allowed.contains(&value) {
        return Ok(value);
    }
    let (from, to) = (show_duration(*allowed.start()), show_duration(*allowed.end()));
    Err(format!("{text} is out of range: allowed is from {from} to {to}"))
}

fn sum_of_parts(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut ms = 0u64;
    while !rest.is_empty() || text.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        ms = ms.checked_add(number.parse::<u64>().ok()?.checked_mul(*factor)?)?;
        rest = after;
    }
    Some(Duration::from_millis(ms))
}

/// The duration as [`duration`] reads it, in whole milliseconds, days at most.
pub(crate) fn show_duration(value: Duration) -> String {
    let mut rest = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
    let mut out = String::new();
    for (unit, factor) in UNITS.iter().filter(|(unit, _)| *unit != "w") {
        if rest >= *factor {
            out.push_str(&format!("{}{unit}", rest / factor));
            rest %= factor;
        }
    }
    if out.is_empty() { "0s".into() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANY: RangeInclusive<Duration> = Duration::ZERO..=DURATION_MAX;

    #[test]
    fn durations() {
        for (text, ms) in [("5s", 5_000), ("1h30m", 5_400_000), ("500ms", 500), ("0", 0), ("0s", 0), ("2d", 172_800_000)] {
            assert_eq!(duration(text, &ANY), Ok(Duration::from_millis(ms)), "{text}");
        }
        for bad in ["", "5", "s", "-1s", "1.5s", "5 s", "5parsecs", "500d", "1h5", "18446744073709551615s", "1h\u{0}", "5µs", "1M"]
        {
            assert!(duration(bad, &ANY).is_err(), "{bad}");
        }
        assert_eq!(show_duration(Duration::from_secs(5_400)), "1h30m");
        let message = duration("0s", &(TIMEOUT_MIN..=DURATION_MAX));
        assert_eq!(message, Err("0s is out of range: allowed is from 1ms to 365d".into()));
    }

    proptest! {
        #[test]
        fn any_text_and_any_time(text in "[0-9smhdw ]{0,12}|.{0,12}", ms in 0u64..31_536_000_000) {
            let _ = duration(&text, &ANY);
            let time = Duration::from_millis(ms);
            prop_assert_eq!(duration(&show_duration(time), &ANY), Ok(time));
        }
    }
}
