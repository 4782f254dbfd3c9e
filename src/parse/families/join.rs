//! Lines or messages → families, and what families beside each other mean: text has no words for gauge histograms and start times.

use super::place::{Part, Place};
use super::{Dialect, Families, Line};
use crate::model::{Family, Labels, MetricType, Role, Sample, parse_number};
use crate::parse::Exposition;
use foldhash::{HashMap, HashMapExt};
use std::borrow::Cow;

/// Families under construction.
pub(in crate::parse) struct Joined<'a> {
    families: Vec<Entry<'a>>,
    index: HashMap<(Cow<'a, str>, MetricType), usize>,
}

struct Entry<'a> {
    /// The line in which the family first appeared.
    line: usize,
    family: Family<'a>,
    /// Whether it turned out to be part of another family.
    absorbed: bool,
}

/// A [`Place`] whose family exists.
#[derive(Clone, Copy)]
struct Settled {
    family: usize,
    part: Part,
    irregular: bool,
}

pub(super) fn join(mut lines: Families<'_>) -> Exposition<'_> {
    let mut joined = Joined::new();
    let samples = std::mem::take(&mut lines.samples);
    let mut described = vec![false; lines.metadata.len()];
    let mut irregular_samples = 0;
    let mut places: HashMap<Cow<'_, str>, Settled> = HashMap::new();
    let mut last: Option<(Cow<'_, str>, Settled)> = None;
    for Line { name, number, mut sample } in samples {
        let settled = match &last {
            Some((before, settled)) if *before == name => *settled,
            _ => *places.entry(name.clone()).or_insert_with(|| {
                let place = lines.place(&name);
                if let Some(described) = place.metadata.and_then(|index| described.get_mut(index)) {
                    *described = true;
                }
                joined.settle(place, &lines, number)
            }),
        };
        let role = role(settled.part, &mut sample.labels);
        let family = match role {
            Some(role) => {
                sample.role = role;
                settled.family
            }
            // A bucket without a usable bound, a quantile without its number: a series like any other, of no known type.
            None => joined.family(name.clone(), MetricType::Unknown, number),
        };
        irregular_samples += usize::from(settled.irregular || role.is_none());
        joined.families[family].family.samples.push(sample);
        last = Some((name, settled));
    }
    for (metadata, _) in lines.metadata.iter().zip(described).filter(|(_, described)| !described) {
        let kind = metadata.kind.unwrap_or(MetricType::Unknown);
        let family = joined.family(lines.canonical_name(metadata, kind), kind, metadata.line);
        joined.describe(family, metadata.line, &metadata.help, &metadata.unit);
    }
    if lines.dialect == Dialect::Text {
        joined.find_gauge_histograms();
    }
    Exposition { families: joined.finish(), repeated_metadata: lines.repeated_metadata, irregular_samples }
}

/// The part's role; takes the label that a bound or quantile stands in. `None` if that is missing or no number.
fn role(part: Part, labels: &mut Labels<'_>) -> Option<Role> {
    Some(match part {
        Part::Value => Role::Value,
        Part::Bucket => Role::Bucket(take_number(labels, "le")?),
        Part::Quantile => Role::Quantile(take_number(labels, "quantile")?),
        Part::Count => Role::Count,
        Part::Sum => Role::Sum,
        Part::Created => Role::Created,
    })
}

fn take_number(labels: &mut Labels<'_>, name: &str) -> Option<f64> {
    let at = labels.iter().position(|(key, _)| key == name)?;
    let number = labels.get(at).and_then(|(_, value)| parse_number(value)).filter(|number| !number.is_nan())?;
    labels.remove(at);
    Some(number)
}

impl<'a> Joined<'a> {
    pub(in crate::parse) fn new() -> Self {
        Self { families: Vec::new(), index: HashMap::new() }
    }

    /// Whether there is a family with this name and type.
    #[cfg(feature = "protobuf")]
    pub(in crate::parse) fn is_known(&self, name: &str, kind: MetricType) -> bool {
        self.position(name, kind).is_some()
    }

    /// The family of a message that gives name, type and metadata at once; `number`: its place in the body.
    #[cfg(feature = "protobuf")]
    pub(in crate::parse) fn family_of_message(
        &mut self,
        number: usize,
        name: String,
        kind: MetricType,
        help: Option<String>,
        unit: Option<String>,
    ) -> &mut Family<'a> {
        let at = self.family(Cow::Owned(name), kind, number);
        self.describe(at, number, &help.map(Cow::Owned), &unit.map(Cow::Owned));
        &mut self.families[at].family
    }

    /// The families, once all of them are in.
    pub(in crate::parse) fn finish(mut self) -> Vec<Family<'a>> {
        self.find_start_times();
        self.in_order()
    }

    /// The family with this name and type, made if need be.
    fn family(&mut self, name: Cow<'a, str>, kind: MetricType, line: usize) -> usize {
        *self.index.entry((name, kind)).or_insert_with_key(|(name, kind)| {
            self.families.push(Entry { line, family: Family::new(name.clone(), *kind, ""), absorbed: false });
            self.families.len() - 1
        })
    }

    fn settle(&mut self, place: Place<'a>, lines: &Families<'a>, number: usize) -> Settled {
        let family = self.family(place.family, place.kind, number);
        if let Some(metadata) = place.metadata.and_then(|index| lines.metadata.get(index)) {
            self.describe(family, metadata.line, &metadata.help, &metadata.unit);
        }
        Settled { family, part: place.part, irregular: place.irregular }
    }

    /// Gives a family its HELP and UNIT, if it has none yet.
    fn describe(&mut self, family: usize, line: usize, help: &Option<Cow<'a, str>>, unit: &Option<Cow<'a, str>>) {
        let Entry { line: first_line, family, .. } = &mut self.families[family];
        *first_line = line.min(*first_line);
        for (slot, text) in [(&mut family.help, help), (&mut family.unit, unit)] {
            if let (true, Some(text)) = (slot.is_empty(), text) {
                *slot = text.clone();
            }
        }
    }

    fn position(&self, name: &str, kind: MetricType) -> Option<usize> {
        self.index.get(&(Cow::Borrowed(name), kind)).copied()
    }

    /// Python's client prints a gauge histogram as a histogram without `_count` and `_sum`, with gauges `_gcount` and `_gsum` beside it.
    fn find_gauge_histograms(&mut self) {
        let is_part = |sample: &Sample<'_>| matches!(sample.role, Role::Count | Role::Sum);
        for at in 0..self.families.len() {
            let family = &self.families[at].family;
            if family.kind != MetricType::Histogram || family.samples.is_empty() || family.samples.iter().any(is_part) {
                continue;
            }
            let beside = |suffix: &str| self.position(&format!("{}{suffix}", family.name), MetricType::Gauge);
            let parts = [(beside("_gcount"), Role::Count), (beside("_gsum"), Role::Sum)];
            for (part, role) in parts.into_iter().filter_map(|(part, role)| Some((part?, role))) {
                self.become_gauge_histogram(at);
                self.absorb(part, at, role);
            }
        }
    }

    fn become_gauge_histogram(&mut self, at: usize) {
        let family = &mut self.families[at].family;
        self.index.remove(&(family.name.clone(), family.kind));
        family.kind = MetricType::GaugeHistogram;
        self.index.insert((family.name.clone(), family.kind), at);
    }

    /// `X_created` beside a counter, histogram or summary X is the time at which its children began.
    fn find_start_times(&mut self) {
        for at in 0..self.families.len() {
            let family = &self.families[at].family;
            let Some(stem) = family.name.strip_suffix("_created") else { continue };
            if !matches!(family.kind, MetricType::Gauge | MetricType::Unknown) {
                continue;
            }
            let parent = self
                .position(&format!("{stem}_total"), MetricType::Counter)
                .or_else(|| self.position(stem, MetricType::Counter))
                .or_else(|| self.position(stem, MetricType::Histogram))
                .or_else(|| self.position(stem, MetricType::Summary));
            if let Some(parent) = parent {
                self.absorb(at, parent, Role::Created);
            }
        }
    }

    /// Makes the samples of `part` samples of `whole`.
    fn absorb(&mut self, part: usize, whole: usize, role: Role) {
        let samples = std::mem::take(&mut self.families[part].family.samples);
        self.families[whole].family.samples.extend(samples.into_iter().map(|sample| Sample { role, ..sample }));
        self.families[part].absorbed = true;
    }

    fn in_order(mut self) -> Vec<Family<'a>> {
        self.families.retain(|entry| !entry.absorbed);
        self.families.sort_by_key(|entry| entry.line);
        self.families.into_iter().map(|entry| entry.family).collect()
    }
}
