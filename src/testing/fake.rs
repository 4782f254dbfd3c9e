use crate::encode::{FamilyView, Rendered};
use crate::merge::{Now, Tally};
use crate::model::{Family, MetricType};
use crate::scrape::{Missed, Scraped};
use crate::source::Source;
use crate::state::Parts;
use std::cell::Cell;

/// Shows how many rounds it took in, counts as `flaps` of target 0 how often it was served, and panics where a body
/// says so.
#[derive(Default)]
pub(crate) struct Fake {
    rounds: usize,
    served: usize,
    bodies: Vec<Option<String>>,
    rendered: Rendered<'static>,
    tally: Tally,
    has_panicked: Cell<bool>,
}

impl Source for Fake {
    fn apply(&mut self, round: &[Option<Scraped>], _: Now) -> Vec<Option<Result<usize, Missed>>> {
        self.rounds += 1;
        self.bodies.resize(round.len(), None);
        for (body, scraped) in self.bodies.iter_mut().zip(round) {
            if let Some(scraped) = scraped {
                *body = scraped.result.as_ref().ok().map(|b| String::from_utf8_lossy(&b.bytes).into_owned());
                assert!(body.as_deref() != Some("panic"), "as asked");
            }
        }
        let mut family = Family::new("fake_rounds", MetricType::Gauge, "");
        family.push([], self.rounds as f64);
        self.rendered = Rendered::new(vec![family]);
        round.iter().map(|s| s.as_ref().map(|s| s.result.as_ref().map(|b| b.bytes.len()).map_err(Missed::clone))).collect()
    }

    fn families(&self) -> Vec<FamilyView<'_>> {
        assert!(!self.bodies.iter().flatten().any(|body| body == "panic when shown"), "as asked");
        self.rendered.views()
    }

    fn mark_served(&mut self, _: Now) {
        self.served += 1;
        self.tally.flaps.insert(0, self.served as u64);
    }

    fn faults(&self, target: usize) -> Vec<String> {
        let asked = self.bodies.get(target).and_then(Option::as_deref) == Some("panic once in faults");
        assert!(!asked || self.has_panicked.replace(true), "as asked");
        Vec::new()
    }

    fn save(&self, _: &mut Parts<'_>) {
        assert!(!self.bodies.iter().flatten().any(|body| body == "panic when saved"), "as asked");
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}
