use crate::config::Limit;
use std::time::{Duration, Instant};

/// A limit that was not hit for so long is no longer being hit. Long enough that one hit now and then is one line in the log, not two
/// for each time.
const QUIET: Duration = Duration::from_secs(300);

/// How often limits were hit, and which are being hit: the log has a line when that begins and one when it is over.
#[derive(Debug, Default)]
pub(super) struct Hits([Hit; Limit::ALL.len()]);

#[derive(Debug, Default, Clone, Copy)]
struct Hit {
    count: u64,
    /// When it was hit last; `None`: not lately.
    latest: Option<Instant>,
}

impl Hits {
    /// Counts one.
    pub(super) fn hit(&mut self, limit: Limit, now: Instant) {
        let name = limit.name();
        for hit in Limit::ALL.iter().zip(&mut self.0).filter(|(known, _)| **known == limit).map(|(_, hit)| hit) {
            hit.count += 1;
            if hit.latest.replace(now).is_none() {
                tracing::warn!(limit = name, "a limit is hit; docs/limits.md says what that costs");
            }
        }
    }

    /// Says which limits are no longer being hit.
    pub(super) fn settle(&mut self, now: Instant) {
        for (limit, hit) in Limit::ALL.iter().zip(&mut self.0) {
            if hit.latest.is_some_and(|latest| now.duration_since(latest) >= QUIET) {
                hit.latest = None;
                tracing::info!(limit = limit.name(), "a limit is no longer hit");
            }
        }
    }

    /// Every limit with the number of its hits.
    pub(super) fn counts(&self) -> impl Iterator<Item = (Limit, u64)> {
        Limit::ALL.into_iter().zip(self.0).map(|(limit, hit)| (limit, hit.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_counted_and_told_once_as_long_as_they_last() {
        let mut hits = Hits::default();
        let (start, late) = (Instant::now(), Duration::from_secs(200));
        let is_told = |hits: &Hits| hits.0.iter().filter(|hit| hit.latest.is_some()).count();
        hits.settle(start);
        for n in 0..3 {
            hits.hit(Limit::MaxSeries, start + late * n);
            hits.settle(start + late * n);
            assert_eq!(is_told(&hits), 1);
        }
        hits.settle(start + late * 2 + QUIET);
        assert_eq!(is_told(&hits), 0);
        let counts: Vec<_> = hits.counts().filter(|(_, n)| *n > 0).collect();
        assert_eq!(counts, [(Limit::MaxSeries, 3)]);
    }
}
