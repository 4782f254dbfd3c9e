//! Sources that are also read between the scraper's requests (`poll_interval`), so that a dying worker takes less with it.
//!
//! A poll is a round of these sources alone that nobody waits for. It begins when the last round of a source, asked for or not, is an
//! interval old, so polls never pile up. Whatever is wanted next takes over the reads that are still open: a request follows a poll
//! in progress and never doubles it.

use std::time::Duration;
use tokio::time::Instant;

/// When which source is due.
#[derive(Debug, Default)]
pub(super) struct Polls(Vec<Poll>);

#[derive(Debug)]
struct Poll {
    /// How old its last round may become; `None`: as old as it likes.
    interval: Option<Duration>,
    /// When its last round began. There is one before any poll: the first exposition waits for every target.
    began: Option<Instant>,
}

impl Polls {
    /// By source; zero is off.
    pub(super) fn new(intervals: impl IntoIterator<Item = Duration>) -> Self {
        let poll = |interval: Duration| Poll { interval: Some(interval).filter(|interval| !interval.is_zero()), began: None };
        Self(intervals.into_iter().map(poll).collect())
    }

    /// A round of the source began.
    pub(super) fn note_round(&mut self, source: usize, began: Instant) {
        if let Some(poll) = self.0.get_mut(source) {
            poll.began = Some(began);
        }
    }

    /// When the next source is due; `None`: none ever is, as things stand.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().filter_map(Poll::due).min()
    }

    /// The sources that are due.
    pub(super) fn due(&self, now: Instant) -> Vec<usize> {
        self.0.iter().enumerate().filter(|(_, poll)| poll.due().is_some_and(|due| due <= now)).map(|(source, _)| source).collect()
    }
}

impl Poll {
    fn due(&self) -> Option<Instant> {
        Some(self.began? + self.interval?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_due_an_interval_after_its_last_round() {
        let second = Duration::from_secs(1);
        let mut polls = Polls::new([second, Duration::ZERO, 3 * second]);
        let start = Instant::now();
        assert_eq!((polls.next(), polls.due(start + 9 * second)), (None, vec![]), "the first round is not theirs to make");
        (0..3).for_each(|source| polls.note_round(source, start));
        assert_eq!((polls.next(), polls.due(start)), (Some(start + second), vec![]));
        assert_eq!(polls.due(start + second), [0]);
        assert_eq!(polls.due(start + 3 * second), [0, 2]);
        polls.note_round(0, start + 3 * second);
        assert_eq!((polls.next(), polls.due(start + 3 * second)), (Some(start + 3 * second), vec![2]));
    }
}
