//! Our own metrics, `onescrape_…`: never a plain `process_*`, which would look like a worker's.

mod endpoints;
mod process;

pub(super) use endpoints::{LeftOut, of_sources};
pub(super) use process::{Process, of_process};

use crate::model::{Family, MetricType};
use std::borrow::Cow;

/// A family that is filled sample by sample.
struct Filling<'a>(Family<'a>);

impl<'a> Filling<'a> {
    fn new(name: impl Into<Cow<'static, str>>, kind: MetricType, help: &'static str) -> Self {
        Self(Family::new(name, kind, help))
    }

    fn push(&mut self, labels: &[(&'static str, &'a str)], value: f64) {
        self.0.push(labels.iter().map(|(k, v)| (*k, Cow::Borrowed(*v))), value);
    }

    fn with(mut self, labels: &[(&'static str, &'a str)], value: f64) -> Self {
        self.push(labels, value);
        self
    }
}

/// Those that have samples, children by labels.
fn filled<const N: usize>(families: [Filling<'_>; N]) -> impl Iterator<Item = Family<'_>> {
    families.into_iter().map(|f| f.0).filter(|f| !f.samples.is_empty()).map(in_order)
}

/// The sort is stable, so the samples of a child stay together in their order.
fn in_order(mut family: Family<'_>) -> Family<'_> {
    family.samples.sort_by(|a, b| a.labels.cmp(&b.labels));
    family
}
