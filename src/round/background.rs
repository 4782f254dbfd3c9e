//! Targets that no round waits for, since they did not answer the last ones in time. They are read behind the rounds, with more time
//! than a round has; what comes of it is taken in by the round during which it comes, or at once between two rounds.

use super::progress::Key;
use crate::scrape::{Missed, Scraped};
use std::collections::HashMap;
use std::time::Duration;

/// A target that timed out this often in a row is waited for no more.
const SLOW_AFTER: u32 = 2;
/// A read behind the rounds may take this many times the source's time limit. Longer would keep a target away whose one connection is
/// lost while it answers others; shorter would only fill the backlog of one that accepts nothing (Python's holds five).
const BUDGET_FACTOR: u32 = 2;
/// Most connections at once to targets that are not waited for. They have their own so that hundreds of hanging targets take no
/// place from those that answer.
pub(super) const BACKGROUND_SCRAPES_AT_ONCE: usize = 256;

/// Who is slow.
#[derive(Debug, Default)]
pub(super) struct Background(HashMap<Key, Slow>);

/// What is known of a target that timed out.
#[derive(Debug)]
struct Slow {
    /// How often in a row.
    timeouts: u32,
    /// What was not enough for it when it was last waited for.
    patience: Duration,
    /// It was late but good before, was waited for once more after it, and timed out.
    was_tried: bool,
    /// A good body was taken in since the last round began: it stands for the round in which no newer one comes.
    has_news: bool,
}

/// Longest time for a read behind the rounds, of a source with this time limit.
pub(super) fn budget(timeout: Duration) -> Duration {
    timeout.saturating_mul(BUDGET_FACTOR)
}

impl Background {
    /// Whether the target is not waited for.
    pub(super) fn has(&self, key: Key) -> bool {
        self.0.get(&key).is_some_and(Slow::is_behind)
    }

    /// A read has ended. Its target is waited for again once it answers within the time that was too short before, and once on trial
    /// after a good answer that was late, as one that hung and hangs no more gives. One that is good but always late so stays behind the
    /// rounds, and its bodies count all the same.
    pub(super) fn note(&mut self, key: Key, scraped: &Scraped) {
        if let Err(Missed::Timeout { after }) = scraped.result {
            let slow = self.0.entry(key).or_insert(Slow { timeouts: 0, patience: after, was_tried: false, has_news: false });
            if !slow.is_behind() {
                slow.patience = after;
            }
            slow.timeouts = slow.timeouts.saturating_add(1);
        } else if let Some(slow) = self.0.get_mut(&key) {
            if !slow.is_behind() || scraped.duration <= slow.patience {
                self.0.remove(&key);
            } else if scraped.result.is_ok() && !std::mem::replace(&mut slow.was_tried, true) {
                slow.timeouts = SLOW_AFTER - 1;
            } else {
                slow.has_news = scraped.result.is_ok();
            }
        }
    }

    /// Whether a good body of the target came since this was last asked.
    pub(super) fn take_news(&mut self, key: Key) -> bool {
        self.0.get_mut(&key).is_some_and(|slow| std::mem::take(&mut slow.has_news))
    }

    /// Other sources hold no body that came before them.
    pub(super) fn forget_news(&mut self) {
        self.0.values_mut().for_each(|slow| slow.has_news = false);
    }

    /// The targets stand elsewhere from now on, or nowhere: those are forgotten.
    pub(super) fn move_to(&mut self, place: impl Fn(Key) -> Option<Key>) {
        self.0 = std::mem::take(&mut self.0).into_iter().filter_map(|(key, slow)| Some((place(key)?, slow))).collect();
    }

    /// How long the target has had, whose open read is that old.
    pub(super) fn waited(&self, key: Key, open_for: Duration) -> Duration {
        self.0.get(&key).map_or(open_for, |slow| slow.patience.max(open_for))
    }
}

impl Slow {
    fn is_behind(&self) -> bool {
        self.timeouts >= SLOW_AFTER
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::scrape::Body;
    use proptest::prelude::*;

    const KEY: Key = (0, 3);
    const SECOND: Duration = Duration::from_secs(1);

    fn timeout(after: Duration) -> Scraped {
        Scraped { result: Err(Missed::Timeout { after }), duration: after }
    }

    fn good(duration: Duration) -> Scraped {
        Scraped { result: Ok(Body { content_type: None, bytes: "a 1\n".into(), streamed: None, date: None }), duration }
    }

    fn refused(duration: Duration) -> Scraped {
        Scraped { result: Err(Missed::Refused), duration }
    }

    fn behind() -> Background {
        let mut background = Background::default();
        (0..SLOW_AFTER).for_each(|_| background.note(KEY, &timeout(5 * SECOND)));
        background
    }

    /// It was late, was tried, and is late again.
    fn always_late() -> Background {
        let mut background = behind();
        background.note(KEY, &good(6 * SECOND));
        assert!(!background.has(KEY), "on trial");
        background.note(KEY, &timeout(5 * SECOND));
        assert!(background.has(KEY));
        background
    }

    #[test]
    fn only_timeouts_in_a_row_make_it_slow() {
        let mut background = Background::default();
        for outcome in [timeout(SECOND), refused(SECOND), timeout(SECOND), good(2 * SECOND), timeout(SECOND)] {
            background.note(KEY, &outcome);
            assert!(!background.has(KEY));
        }
        background.note(KEY, &timeout(SECOND));
        assert!(background.has(KEY) && !background.has((3, 0)));
    }

    #[test]
    fn it_is_waited_for_again_once_it_answers_in_time() {
        for (outcome, still) in [
            (good(5 * SECOND), false),
            (refused(SECOND), false),
            (good(6 * SECOND), false),
            (refused(6 * SECOND), true),
            (timeout(10 * SECOND), true),
        ] {
            let mut background = behind();
            background.note(KEY, &outcome);
            assert_eq!(background.has(KEY), still, "{outcome:?}");
        }
        // What a read behind the rounds had is no measure.
        let mut background = always_late();
        background.note(KEY, &timeout(10 * SECOND));
        background.note(KEY, &good(6 * SECOND));
        assert!(background.has(KEY));
    }

    #[test]
    fn one_that_is_late_is_tried_once() {
        let mut background = always_late();
        background.note(KEY, &good(6 * SECOND));
        assert!(background.has(KEY), "not again");
        // In time at last: all is forgotten.
        background.note(KEY, &good(SECOND));
        background.note(KEY, &timeout(5 * SECOND));
        assert!(!background.has(KEY));
    }

    #[test]
    fn a_late_body_stands_for_one_round() {
        let mut background = always_late();
        assert!(!background.take_news(KEY));
        background.note(KEY, &good(6 * SECOND));
        assert_eq!([background.take_news(KEY), background.take_news(KEY)], [true, false]);
        background.note(KEY, &refused(6 * SECOND));
        assert!(!background.take_news(KEY));
    }

    proptest! {
        #[test]
        fn whatever_was_two_timeouts_part_it_from_the_rounds_and_a_quick_answer_brings_it_back(
            history in prop::collection::vec((0u8..3, 0u32..20), 0..20)
        ) {
            let mut background = Background::default();
            for (what, seconds) in history {
                background.note(KEY, &[timeout, good, refused][usize::from(what)](seconds * SECOND));
            }
            (0..SLOW_AFTER).for_each(|_| background.note(KEY, &timeout(SECOND)));
            prop_assert!(background.has(KEY));
            background.note(KEY, &good(Duration::ZERO));
            prop_assert!(!background.has(KEY) && !background.take_news(KEY));
        }
    }

    #[test]
    fn who_is_slow_moves_and_leaves_with_its_target_and_news_do_not() {
        let mut background = always_late();
        (0..SLOW_AFTER).for_each(|_| background.note((1, 1), &timeout(SECOND)));
        background.note(KEY, &good(6 * SECOND));
        background.forget_news();
        background.move_to(|key| (key == KEY).then_some((1, 1)));
        assert_eq!([background.has((1, 1)), background.take_news((1, 1)), background.has(KEY)], [true, false, false]);
        assert_eq!(background.waited((1, 1), SECOND), 5 * SECOND, "it is KEY's");
    }

    #[test]
    fn it_is_said_how_long_it_has_had() {
        assert_eq!(behind().waited(KEY, SECOND), 5 * SECOND);
        assert_eq!(behind().waited(KEY, 7 * SECOND), 7 * SECOND);
        assert_eq!(Background::default().waited(KEY, SECOND), SECOND);
    }
}
