//! A family with all that its values are made of, so that a person can check a total by hand:
//! `offset + Σ (last − base)`, and what was served before where that is more.

use super::catalog::{Child, ChildId, SeriesId, Variant};
use super::column::{Column, is_absent};
use super::history::{Life, Reset};
use super::pool::{Pool, is_total};
use super::rules::{BUILT_IN, Origin, mode_of};
use super::slot::{Record, Slot};
use crate::config::{Choice, GaugeMode};
use crate::encode::SampleView;
use crate::model::{MetricType, Role};
use serde::{Serialize, Serializer};

/// Which series of a family to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// So many are passed over.
    pub from: usize,
    /// At most so many are shown.
    pub most: usize,
}

/// A family and what its values are made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Its type, as OpenMetrics calls it.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its HELP.
    pub help: String,
    /// How the values of several workers become one.
    pub rule: Rule,
    /// Its series in order; those of the window.
    pub series: Vec<SeriesExplained>,
    /// How many series there are, shown or not.
    pub series_total: usize,
    /// Resets that concern it, the newest first.
    pub resets: Vec<Reset>,
}

/// How values become one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// `total`, or the mode of a gauge.
    pub mode: &'static str,
    /// What decided so.
    pub why: String,
}

/// A series and what its value is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeriesExplained {
    /// Name and labels, as they are served.
    pub series: String,
    /// The value served; `None` where every worker's stands alone.
    #[serde(serialize_with = "maybe_number")]
    pub served: Option<f64>,
    /// Of totals: what offset and contributions come to.
    #[serde(serialize_with = "maybe_number")]
    pub sum: Option<f64>,
    /// More than that is served, since it was served before.
    pub floor: bool,
    /// What is shown as it: itself, or the children that `aggregate` makes one.
    pub parts: Vec<Part>,
}

/// A child as workers show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// Name and labels.
    pub series: String,
    /// What processes that are no longer tracked had counted.
    #[serde(serialize_with = "number")]
    pub offset: f64,
    /// What is tracked, in the order in which it is added up.
    pub contributions: Vec<Contribution>,
}

/// What one process contributes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contribution {
    /// Id of the worker.
    pub worker: String,
    /// When the process began, Unix seconds.
    pub started: Option<f64>,
    /// When its newest good body came, Unix seconds.
    pub seen: f64,
    /// The latest scrape of the worker was good, and of this process: what it shows is of now. Else it is carried.
    pub live: bool,
    /// Its newest value.
    #[serde(serialize_with = "number")]
    pub last: f64,
    /// What it had counted before it was first seen, and what doesn't count.
    #[serde(serialize_with = "number")]
    pub base: f64,
    /// Whether it is in the value: gauges of missed workers aren't.
    pub counts: bool,
}

impl Pool {
    /// What the values of a family are made of; `None` if there is none of that name.
    pub fn explain(&self, family: &str, window: Window) -> Option<Explanation> {
        let variant = self.catalog.variant(self.types.established_of(family)?);
        let mut explained = Explanation {
            kind: variant.kind.as_openmetrics(),
            help: self.types.texts(family).0.to_string(),
            rule: self.rule_of(variant),
            series: Vec::new(),
            series_total: 0,
            resets: Vec::new(),
        };
        for id in variant.children.iter().filter(|id| !self.groups.is_part(**id)) {
            for (series, role) in rows(self.catalog.child(*id)) {
                if !self.shows(*id, series, role, variant.kind) {
                    continue;
                }
                let (at, shown) = (explained.series_total, explained.series.len());
                explained.series_total += 1;
                if at >= window.from && shown < window.most {
                    explained.series.push(self.explain_series(*id, variant, series, role));
                }
            }
        }
        if is_total(variant.kind) {
            explained.resets = self.resets.newest_first().filter(|reset| reset.concerns(family)).cloned().collect();
        }
        Some(explained)
    }

    /// The resets that are remembered, the newest first.
    pub fn resets(&self) -> impl Iterator<Item = &Reset> {
        self.resets.newest_first()
    }

    /// The processes that were seen behind a slot, the oldest first.
    pub fn lives(&self, slot: usize) -> impl Iterator<Item = &Life> {
        self.slots.get(slot).into_iter().flat_map(|slot| slot.lives.iter())
    }

    fn rule_of(&self, variant: &Variant) -> Rule {
        if is_total(variant.kind) {
            let why = format!("a {} counts on over restarts and never falls", variant.kind.as_openmetrics());
            return Rule { mode: "total", why };
        }
        if variant.kind == MetricType::GaugeHistogram {
            return Rule { mode: GaugeMode::Sum.word(), why: "buckets of current values add up".into() };
        }
        let (mode, origin) = mode_of(&variant.name, variant.kind, &self.config);
        let why = match origin {
            Origin::Configured(i) => {
                let pattern = self.config.gauges.get(i).map_or("", |rule| &rule.pattern);
                format!("configured: gauges[{i}], match {pattern:?}")
            }
            Origin::BuiltIn(i) => {
                BUILT_IN.get(i).map(|rule| format!("built in: {}: {}", rule.pattern, rule.why)).unwrap_or_default()
            }
            Origin::Default if variant.kind == MetricType::Gauge => "no rule matches: gauge_default".into(),
            Origin::Default => format!("as every {}", variant.kind.as_openmetrics()),
        };
        Rule { mode: mode.word(), why }
    }

    /// Whether a series is served, by anybody.
    fn shows(&self, id: ChildId, series: SeriesId, role: Role, kind: MetricType) -> bool {
        if is_total(kind) && !matches!(role, Role::Quantile(_)) {
            return self.out.has(self.out_place(id, series, role));
        }
        let parts = || self.groups.shown_as(id).map(|part| self.catalog.child(part));
        self.showing().any(|(_, record)| parts().any(|part| !is_absent(at(part, role, &record.last))))
    }

    /// Where the total of a series stands: a histogram's count is its `+Inf` bucket.
    fn out_place(&self, id: ChildId, series: SeriesId, role: Role) -> SeriesId {
        let infinity = || self.catalog.child(id).buckets().last().map(|(_, series)| *series);
        if role == Role::Count { infinity().unwrap_or(series) } else { series }
    }

    fn explain_series(&self, id: ChildId, variant: &Variant, series: SeriesId, role: Role) -> SeriesExplained {
        let is_total = is_total(variant.kind) && !matches!(role, Role::Quantile(_));
        let parts = self.groups.shown_as(id).map(|part| self.explain_part(part, role, is_total));
        let parts: Vec<Part> = parts.filter(|part| part.offset != 0.0 || !part.contributions.is_empty()).collect();
        let served = if is_total {
            Some(self.out.get(self.out_place(id, series, role))).filter(|value| !is_absent(*value))
        } else {
            self.served_gauge(id, variant, role)
        };
        let sum = is_total.then(|| parts.iter().map(Part::sum).sum::<f64>());
        let floor = served.zip(sum).is_some_and(|(served, sum)| served > sum);
        SeriesExplained { series: self.catalog.head(series).to_string(), served, sum, floor, parts }
    }

    /// What the gauges of several workers come to; `None` where they stand alone.
    fn served_gauge(&self, id: ChildId, variant: &Variant, role: Role) -> Option<f64> {
        let mut samples: Vec<SampleView<'_>> = Vec::new();
        match (variant.kind, variant.mode) {
            (MetricType::GaugeHistogram, _) => self.push_gauge_histogram(id, &mut samples),
            (_, GaugeMode::All | GaugeMode::Counter) | (MetricType::Summary, _) => return None,
            _ => self.push_gauge(id, variant, &mut samples),
        }
        samples.iter().find(|sample| sample.role == role).map(|sample| sample.value)
    }

    fn explain_part(&self, id: ChildId, role: Role, is_total: bool) -> Part {
        let part = self.catalog.child(id);
        let zero_if_absent = |value: f64| if is_absent(value) { 0.0 } else { value };
        let mut contributions = Vec::new();
        for (slot, worker) in self.slots.iter().zip(&self.ids) {
            let counts = is_total || slot.shows_gauges(self.now.elapsed, self.config.gauge_hold);
            for (i, record) in tracked(slot, is_total) {
                let last = at(part, role, &record.last);
                if is_absent(last) {
                    continue;
                }
                contributions.push(Contribution {
                    worker: worker.clone(),
                    started: record.start,
                    seen: record.body_unix,
                    live: slot.fresh && i == slot.current,
                    last,
                    base: zero_if_absent(at(part, role, &record.base)),
                    counts,
                });
            }
        }
        let offset = if is_total { zero_if_absent(at(part, role, &self.offset)) } else { 0.0 };
        Part { series: self.catalog.child_head(id).to_string(), offset, contributions }
    }
}

impl Part {
    /// Offset and contributions together.
    fn sum(&self) -> f64 {
        self.contributions.iter().fold(self.offset, |sum, contribution| sum + (contribution.last - contribution.base))
    }
}

/// The records that a value may be made of: gauges are those of the process that answered last.
fn tracked(slot: &Slot, is_total: bool) -> impl Iterator<Item = (usize, &Record)> {
    slot.records.iter().enumerate().filter(move |(i, _)| is_total || *i == slot.current)
}

/// The series of a child with their roles, in the order in which they are served.
fn rows(child: &Child) -> impl Iterator<Item = (SeriesId, Role)> + '_ {
    let value = child.value().map(|series| (series, Role::Value));
    let quantiles = child.quantiles().iter().map(|(quantile, series)| (*series, Role::Quantile(*quantile)));
    let buckets = child.buckets().iter().map(|(bound, series)| (*series, Role::Bucket(*bound)));
    let count = child.count().map(|series| (series, Role::Count));
    let sum = child.sum().map(|series| (series, Role::Sum));
    value.into_iter().chain(quantiles).chain(buckets).chain(count).chain(sum)
}

/// What a column has of a child in a role; at a bound the child lacks, that of its largest own bound below, as everywhere in the merge.
fn at(child: &Child, role: Role, column: &Column) -> f64 {
    let of = |series: Option<SeriesId>| column.get(series.unwrap_or(SeriesId::MAX));
    match role {
        Role::Value => of(child.value()),
        Role::Sum => of(child.sum()),
        Role::Quantile(quantile) => of(child.quantiles().iter().find(|(q, _)| *q == quantile).map(|(_, series)| *series)),
        Role::Count if child.buckets().is_empty() => of(child.count()),
        Role::Count => at(child, Role::Bucket(f64::INFINITY), column),
        // Native only: all it counts is below +Inf.
        Role::Bucket(bound) if child.buckets().is_empty() => {
            let count = of(child.count());
            if is_absent(count) || bound == f64::INFINITY { count } else { 0.0 }
        }
        Role::Bucket(bound) => {
            let mut own = child.buckets().iter().filter(|(_, series)| column.has(*series)).peekable();
            let none = if own.peek().is_some() { 0.0 } else { of(None) };
            own.take_while(|(own, _)| *own <= bound).last().map_or(none, |(_, series)| column.get(*series))
        }
        Role::Created => of(None),
    }
}

/// JSON has no numbers for these; elsewhere they are written so, too.
fn number<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
    match value {
        value if value.is_finite() => to.serialize_f64(*value),
        value if value.is_nan() => to.serialize_str("NaN"),
        value if *value > 0.0 => to.serialize_str("+Inf"),
        _ => to.serialize_str("-Inf"),
    }
}

fn maybe_number<S: Serializer>(value: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => number(value, to),
        None => to.serialize_none(),
    }
}
