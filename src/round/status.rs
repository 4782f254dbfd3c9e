use super::distribution::{Distribution, SECONDS};
use crate::merge::Now;
use crate::scrape::{Missed, Scraped};
use crate::source::Endpoints;
use std::collections::VecDeque;
use std::time::Duration;

/// Scrapes of an endpoint whose durations are remembered.
pub const SCRAPES_REMEMBERED: usize = 100;

/// How an endpoint stands after its latest scrape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The latest scrape was good.
    Up,
    /// A worker's port on which nothing listens: no fault in a port range.
    Vacant,
    /// Not answered in time.
    Stuck,
    /// Missed for any other reason.
    Down,
    /// Away for so long that its slot was closed (workers only).
    Retired,
}

impl State {
    /// Every state, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Up, Self::Vacant, Self::Stuck, Self::Down, Self::Retired];

    /// Value of the `state` label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Vacant => "vacant",
            Self::Stuck => "stuck",
            Self::Down => "down",
            Self::Retired => "retired",
        }
    }
}

/// What is known of one endpoint.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// What of it can't be used although the scrape was good, one line each.
    pub faults: Vec<String>,
    /// `None` until it was tried.
    pub state: Option<State>,
    /// When the latest scrape was applied.
    pub last_attempt: Option<Now>,
    /// When the latest good scrape was applied.
    pub last_success: Option<Now>,
    /// Why the latest scrape was missed; `None` if it was good.
    pub last_error: Option<Missed>,
    /// How long the latest scrape took.
    pub last_duration: Duration,
    /// Samples of the latest scrape; 0 if it was missed.
    pub samples: usize,
    /// Bytes of the latest scrape's body; 0 if it was missed.
    pub body_bytes: usize,
    /// Good scrapes so far.
    pub good: u64,
    /// Missed scrapes so far, in the order of [`Missed::OUTCOMES`].
    pub missed: [u64; Missed::OUTCOMES.len()],
    /// The latest scrapes, the newest last: how long each took in seconds, and whether it failed; a vacant slot is no
    /// failure.
    pub recent: VecDeque<(f32, bool)>,
}

/// Status of a source's endpoints.
#[derive(Debug, Clone)]
pub(super) struct SourceStatus {
    /// By target.
    pub(super) targets: Vec<Status>,
    /// Durations of all scrapes.
    pub(super) durations: Distribution,
}

impl SourceStatus {
    pub(super) fn new(targets: usize) -> Self {
        Self { targets: vec![Status::default(); targets], durations: Distribution::new(SECONDS) }
    }

    /// How many endpoints are up.
    pub(super) fn up(&self) -> usize {
        self.count(State::Up)
    }

    /// How many endpoints are in this state.
    pub(super) fn count(&self, state: State) -> usize {
        self.targets.iter().filter(|t| t.state == Some(state)).count()
    }
}

impl Status {
    /// Takes note of a scrape and what it came to once parsed. Returns whether it now stands otherwise than before.
    pub(super) fn record(
        &mut self,
        scraped: &Scraped,
        outcome: Result<usize, Missed>,
        how: Endpoints,
        retired: bool,
        now: Now,
    ) -> bool {
        let before = (self.state, self.last_error.as_ref().map(Missed::outcome));
        self.last_attempt = Some(now);
        self.last_duration = scraped.duration;
        match outcome {
            Ok(samples) => {
                self.state = Some(State::Up);
                self.last_success = Some(now);
                self.last_error = None;
                self.samples = samples;
                self.body_bytes = scraped.result.as_ref().map_or(0, |body| body.length());
                self.good += 1;
            }
            Err(missed) => {
                self.state = Some(match &missed {
                    _ if retired => State::Retired,
                    Missed::Refused if how == Endpoints::Workers => State::Vacant,
                    Missed::Timeout { .. } => State::Stuck,
                    _ => State::Down,
                });
                (self.samples, self.body_bytes) = (0, 0);
                let outcomes = Missed::OUTCOMES.iter().zip(&mut self.missed);
                outcomes.filter(|(name, _)| **name == missed.outcome()).for_each(|(_, count)| *count += 1);
                self.last_error = Some(missed);
            }
        }
        self.recent.reserve_exact(SCRAPES_REMEMBERED - self.recent.len().min(SCRAPES_REMEMBERED));
        if self.recent.len() == SCRAPES_REMEMBERED {
            self.recent.pop_front();
        }
        let failed = matches!(self.state, Some(State::Stuck | State::Down));
        self.recent.push_back((scraped.duration.as_secs_f32(), failed));
        before != (self.state, self.last_error.as_ref().map(Missed::outcome))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrape::Body;

    fn missed(missed: Missed) -> (Scraped, Result<usize, Missed>) {
        (Scraped { result: Err(missed.clone()), duration: Duration::ZERO }, Err(missed))
    }

    #[test]
    fn states_follow_the_latest_scrape() {
        let mut status = Status::default();
        let mut see = |(scraped, outcome), how, retired| {
            let changed = status.record(&scraped, outcome, how, retired, Now::default());
            (status.state.unwrap(), changed)
        };
        let good = || {
            let body = Body { content_type: None, bytes: "a 1\n".into(), streamed: None, date: None };
            (Scraped { result: Ok(body), duration: Duration::ZERO }, Ok(1))
        };
        let (workers, targets) = (Endpoints::Workers, Endpoints::Targets);
        assert_eq!(see(missed(Missed::Refused), workers, false), (State::Vacant, true));
        assert_eq!(see(missed(Missed::Refused), workers, false), (State::Vacant, false));
        assert_eq!(see(missed(Missed::Refused), targets, false), (State::Down, true));
        assert_eq!(see(good(), targets, false), (State::Up, true));
        assert_eq!(see(good(), targets, false), (State::Up, false));
        assert_eq!(see(missed(Missed::Timeout { after: Duration::ZERO }), workers, false), (State::Stuck, true));
        assert_eq!(see(missed(Missed::Parse("x".into())), workers, false), (State::Down, true));
        assert_eq!(see(missed(Missed::Parse("y".into())), workers, false), (State::Down, false));
        assert_eq!(see(missed(Missed::Refused), workers, true), (State::Retired, true));
        assert_eq!((status.good, status.missed), (2, [4, 0, 1, 0, 2, 0, 0]));
        assert_eq!(status.recent.iter().filter(|(_, failed)| *failed).count(), 4);
        for _ in 0..2 * SCRAPES_REMEMBERED {
            let (scraped, outcome) = missed(Missed::Refused);
            status.record(&scraped, outcome, workers, false, Now::default());
        }
        assert_eq!(status.recent.len(), SCRAPES_REMEMBERED);
    }
}
