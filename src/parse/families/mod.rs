//! What the lines of a body mean together: which family a sample belongs to, whichever order the lines came in.
//!
//! Lines are collected first and joined at the end, since a TYPE line may stand after the samples it is about.

mod join;
mod place;
#[cfg(test)]
mod tests;

#[cfg(feature = "protobuf")]
pub(super) use join::Joined;

use super::{Exposition, line};
use crate::model::{MetricType, Role, Sample};
use foldhash::{HashMap, HashMapExt};
use std::borrow::Cow;

/// Whose rules decide what a sample's name says about its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Prometheus text: a TYPE line carries the name of the plain samples.
    Text,
    /// OpenMetrics: a TYPE line carries the name without `_total` and `_info`.
    OpenMetrics,
}

/// The lines of a body, as far as they were read.
#[derive(Debug)]
pub(super) struct Families<'a> {
    dialect: Dialect,
    metadata: Vec<Metadata<'a>>,
    metadata_by_name: HashMap<Cow<'a, str>, usize>,
    samples: Vec<Line<'a>>,
    repeated_metadata: usize,
}

/// HELP, TYPE and UNIT of one name, as the lines have it.
#[derive(Debug)]
struct Metadata<'a> {
    name: Cow<'a, str>,
    line: usize,
    kind: Option<MetricType>,
    help: Option<Cow<'a, str>>,
    unit: Option<Cow<'a, str>>,
}

/// A sample line.
#[derive(Debug)]
struct Line<'a> {
    name: Cow<'a, str>,
    number: usize,
    sample: Sample<'a>,
}

impl<'a> Families<'a> {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, metadata: Vec::new(), metadata_by_name: HashMap::new(), samples: Vec::new(), repeated_metadata: 0 }
    }

    /// One line of the body.
    pub(super) fn line(&mut self, line: line::Line<'a>, number: usize) {
        match line {
            line::Line::Words => {}
            line::Line::Help(name, help) => self.help(name, number, help),
            line::Line::Type(name, kind) => self.kind(name, number, kind),
            line::Line::Unit(name, unit) => self.unit(unit, name, number),
            line::Line::Sample(head, tail) => {
                let (value, timestamp, exemplar) = (tail.value, tail.timestamp, tail.exemplar);
                let sample = Sample { role: Role::Value, labels: head.labels, value, timestamp, exemplar };
                self.samples.push(Line { name: head.name, number, sample });
            }
        }
    }

    /// A TYPE line.
    fn kind(&mut self, name: Cow<'a, str>, line: usize, kind: MetricType) {
        let repeated = keep_first(&mut self.metadata_of(name, line).kind, kind);
        self.repeated_metadata += usize::from(repeated);
    }

    /// A HELP line, its text unescaped.
    fn help(&mut self, name: Cow<'a, str>, line: usize, help: Cow<'a, str>) {
        let repeated = keep_first(&mut self.metadata_of(name, line).help, help);
        self.repeated_metadata += usize::from(repeated);
    }

    /// A UNIT line.
    fn unit(&mut self, unit: Cow<'a, str>, name: Cow<'a, str>, line: usize) {
        let repeated = keep_first(&mut self.metadata_of(name, line).unit, unit);
        self.repeated_metadata += usize::from(repeated);
    }

    /// The families, once every line was read.
    pub(super) fn finish(self) -> Exposition<'a> {
        join::join(self)
    }

    fn metadata_of(&mut self, name: Cow<'a, str>, line: usize) -> &mut Metadata<'a> {
        let next = self.metadata.len();
        let index = *self.metadata_by_name.entry(name.clone()).or_insert(next);
        if index == next {
            self.metadata.push(Metadata { name, line, kind: None, help: None, unit: None });
        }
        &mut self.metadata[index]
    }
}

/// Fills an empty slot; whether it was taken already.
fn keep_first<T>(slot: &mut Option<T>, value: T) -> bool {
    let taken = slot.is_some();
    slot.get_or_insert(value);
    taken
}
