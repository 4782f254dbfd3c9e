//! One body's samples onto dense ids. Nothing is decided here: whose body it is and what its types are worth comes after.

use super::catalog::{ChildId, SeriesId, VariantId, with_label};
use super::column::Column;
use super::pool::{Pool, is_total};
use super::rules::mode_of;
use super::slot::Record;
use super::{DropReason, RepairKind};
use crate::config::{BoundsPolicy, GaugeMode, QuantilePolicy};
use crate::model::{Exemplar, Family, MetricType, Role, Sample, child_head};
use crate::parse::Exposition;
use std::collections::{HashMap, HashSet};

/// Characters of an exemplar's label names and values together that OpenMetrics allows.
const EXEMPLAR_CHARS_MAX: usize = 128;
/// Names that the scraping server uses itself.
const RESERVED_NAME: &str = "up";
const RESERVED_PREFIXES: [&str; 2] = ["scrape_", "onescrape_"];
/// The evidence of an instance.
const START_TIME: &str = "process_start_time_seconds";
/// Clients store `_created` once, so only rounding differs within a life.
const SAME_CREATED_SECONDS: f64 = 0.005;

/// A body on its way into the pool.
#[derive(Debug, Default)]
pub(super) struct Staged {
    pub values: Column,
    /// Children that have a value, each once, in body order.
    pub children: Vec<ChildId>,
    /// The variants declared, with the index of their family in the exposition.
    pub variants: Vec<(VariantId, usize)>,
    pub created: HashMap<ChildId, f64>,
    pub timestamps: HashMap<SeriesId, f64>,
    pub exemplars: Vec<(SeriesId, Exemplar<'static>)>,
    pub start_time: Option<f64>,
    /// Keys of children there was no room for, or that were left out for their bounds.
    pub left_out: Vec<u64>,
    /// Serial of the body.
    pub body: u64,
}

impl Staged {
    /// Empties it for the next body; the memory is kept.
    pub fn clear(&mut self) {
        self.values.clear();
        self.children.clear();
        self.variants.clear();
        self.created.clear();
        self.timestamps.clear();
        self.exemplars.clear();
        self.left_out.clear();
        self.start_time = None;
    }
}

impl Pool {
    pub(super) fn stage(&mut self, slot: usize, exposition: &Exposition<'_>) -> Staged {
        let mut staged = self.take_spare();
        self.bodies += 1;
        staged.body = self.bodies;
        staged.values.reserve(self.catalog.columns());
        for (index, family) in exposition.families.iter().enumerate() {
            if family.name == START_TIME {
                let plain = family.samples.iter().find(|s| s.labels.is_empty() && s.role == Role::Value);
                staged.start_time = plain.map(|s| s.value).filter(|v| v.is_finite());
            }
            if family.name == RESERVED_NAME || RESERVED_PREFIXES.iter().any(|p| family.name.starts_with(p)) {
                self.tally.drop(DropReason::ReservedName, family.samples.len() as u64);
                continue;
            }
            let variant = self.catalog.intern_variant(&family.name, self.merged_kind(family));
            staged.variants.push((variant, index));
            let odd = self.odd_histograms(variant, family);
            for sample in &family.samples {
                if odd.is_empty() {
                    self.stage_sample(&mut staged, variant, family, sample, None);
                } else {
                    let is_odd = odd.contains(&child_head(&family.name, &sample.labels));
                    self.stage_sample(&mut staged, variant, family, sample, is_odd.then_some(slot));
                }
            }
        }
        staged
    }

    fn merged_kind(&self, family: &Family<'_>) -> MetricType {
        match family.kind {
            MetricType::Unknown if mode_of(&family.name, family.kind, &self.config).0 == GaugeMode::Counter => MetricType::Counter,
            kind => kind,
        }
    }

    /// `odd_at`: the slot, for samples of a histogram that must not be merged with the others.
    fn stage_sample(
        &mut self,
        staged: &mut Staged,
        variant: VariantId,
        family: &Family<'_>,
        sample: &Sample<'_>,
        odd_at: Option<usize>,
    ) {
        if matches!(sample.role, Role::Quantile(_)) && self.config.quantiles == QuantilePolicy::Drop {
            return; // quantiles of several workers can't be merged
        }
        let limits = &self.limits;
        let too_long = |(_, v): &(_, std::borrow::Cow<'_, str>)| v.len() > limits.label_value_bytes_max;
        if sample.labels.len() > limits.labels_max || sample.labels.iter().any(too_long) {
            self.tally.drop(DropReason::LabelLimit, 1);
            return;
        }
        let mut head = child_head(&family.name, &sample.labels);
        if let Some(slot) = odd_at {
            if self.config.histograms == BoundsPolicy::Drop {
                return staged.left_out.push(self.catalog.key(&head));
            }
            head = child_head(&family.name, &with_label(sample.labels.clone(), &self.config.worker_label, &self.ids[slot]));
        }
        if sample.role == Role::Created {
            if let Some(child) = self.catalog.find_child(variant, &head)
                && sample.value.is_finite()
            {
                staged.created.insert(child, sample.value);
            }
            return;
        }
        let Some((child, series)) = self.place(staged, variant, &head, sample.role) else { return };
        if staged.values.has(series) {
            // Several points of one child: the latest counts. Without timestamps it is the same series twice: the first counts.
            match (staged.timestamps.get(&series), sample.timestamp) {
                (Some(before), Some(at)) if at > *before => {}
                (Some(_), Some(_)) => return,
                _ => return self.tally.drop(DropReason::Duplicate, 1),
            }
        }
        staged.values.set(series, sample.value);
        if let Some(at) = sample.timestamp {
            staged.timestamps.insert(series, at);
        }
        if let Some(exemplar) = &sample.exemplar {
            let chars: usize = exemplar.labels.iter().map(|(k, v)| k.chars().count() + v.chars().count()).sum();
            if chars <= EXEMPLAR_CHARS_MAX {
                staged.exemplars.retain(|(s, _)| *s != series);
                staged.exemplars.push((series, exemplar.clone().into_owned()));
            }
        }
        self.see(staged, child);
    }

    /// The ids of a sample, made if there is room.
    fn place(&mut self, staged: &mut Staged, variant: VariantId, head: &str, role: Role) -> Option<(ChildId, SeriesId)> {
        let child = self.catalog.find_child(variant, head);
        if let Some(child) = child
            && let Some(series) = self.catalog.find_series(child, role)
        {
            return Some((child, series));
        }
        if self.catalog.len() >= self.limits.max_series && !self.make_room() {
            self.tally.drop(DropReason::MaxSeries, 1);
            staged.left_out.push(self.catalog.key(head));
            return None;
        }
        let child = self.catalog.intern_child(variant, head);
        let series = self.catalog.intern_series(child, role);
        // A new bound of a child that other bodies showed without it.
        let c = self.catalog.child_mut(child);
        if c.first_body == 0 {
            c.first_body = staged.body;
        }
        c.ragged |= matches!(role, Role::Bucket(_)) && c.first_body != staged.body;
        Some((child, series))
    }

    /// Notes that the body shows the child.
    fn see(&mut self, staged: &mut Staged, child: ChildId) {
        let c = self.catalog.child_mut(child);
        if c.seen_body == staged.body {
            return;
        }
        if c.seen_round == 0 {
            self.unserved.push(child);
        }
        (c.seen_round, c.seen_body) = (self.round, staged.body);
        staged.children.push(child);
    }

    /// Whether anything in the body fell against the record, or was created anew.
    pub(super) fn fell(&self, record: &Record, staged: &Staged) -> bool {
        staged.children.iter().any(|id| {
            let child = self.catalog.child(*id);
            is_total(self.catalog.variant(child.variant).kind)
                && (created_moved(record, staged, *id) || child_fell(child, &record.last, &staged.values))
        })
    }

    /// Moves samples declared as a weaker type to the child of the established one.
    pub(super) fn yield_children(&mut self, staged: &mut Staged, children: Vec<(ChildId, VariantId)>) {
        for (from, to) in children {
            let Some(series) = self.catalog.child(from).value else { continue };
            let value = staged.values.take(series);
            let (name, kind) = (self.catalog.variant(to).name.clone(), self.catalog.variant(to).kind);
            let own = self.catalog.variant(self.catalog.child(from).variant).name.clone();
            let mut labels = self.catalog.labels(from);
            let Some(role) = role_in(&own, &name, kind, &mut labels) else { continue };
            let head = child_head(&name, &labels);
            drop(labels);
            if let Some((child, target)) = self.place(staged, to, &head, role) {
                if staged.values.has(target) {
                    self.tally.drop(DropReason::Duplicate, 1);
                    continue;
                }
                staged.values.set(target, value);
                if let Some(at) = staged.timestamps.remove(&series) {
                    staged.timestamps.insert(target, at);
                }
                self.see(staged, child);
            }
        }
    }

    /// `histograms: label | drop`: the children (by head) whose bounds differ from those first seen.
    fn odd_histograms(&mut self, variant: VariantId, family: &Family<'_>) -> HashSet<String> {
        let mut bounds: HashMap<String, Vec<f64>> = HashMap::new();
        if self.config.histograms != BoundsPolicy::Union && family.kind == MetricType::Histogram {
            for sample in &family.samples {
                if let Role::Bucket(bound) = sample.role {
                    bounds.entry(child_head(&family.name, &sample.labels)).or_default().push(bound);
                }
            }
        }
        bounds.retain(|head, bounds| {
            bounds.sort_by(f64::total_cmp);
            let known = self.catalog.find_child(variant, head).map(|c| &self.catalog.child(c).buckets);
            known.is_some_and(|known| !known.is_empty() && !known.iter().map(|(b, _)| b).eq(bounds.iter()))
        });
        bounds.iter().for_each(|_| self.tally.repair(RepairKind::BoundsDiffer));
        bounds.into_keys().collect()
    }
}

/// Whether the child's `_created` differs from the one before.
pub(super) fn created_moved(record: &Record, staged: &Staged, child: ChildId) -> bool {
    let before = record.created.get(child);
    staged.created.get(&child).is_some_and(|at| (at - before).abs() > SAME_CREATED_SECONDS)
}

/// Whether a value that only grows fell: the counter, a summary's count, any bucket both have. Sums are no evidence: they fall with
/// negative observations.
pub(super) fn child_fell(child: &super::catalog::Child, last: &Column, new: &Column) -> bool {
    let grown = child.value.into_iter().chain(child.buckets.iter().map(|(_, s)| *s)).chain(child.count);
    // Comparisons with ABSENT, a NaN, are false.
    grown.into_iter().any(|s| new.get(s) < last.get(s))
}

/// The part that a sample `own{labels}` without a type plays in the family `name`; takes `le` or `quantile` out of the labels.
fn role_in(own: &str, name: &str, kind: MetricType, labels: &mut crate::model::Labels<'_>) -> Option<Role> {
    let mut number = |label: &str| {
        let at = labels.iter().position(|(k, _)| k == label)?;
        let bound = crate::model::parse_number(&labels[at].1)?;
        labels.remove(at);
        Some(bound)
    };
    match (kind, own.strip_prefix(name)?) {
        (MetricType::Summary, "") => number("quantile").map(Role::Quantile),
        (MetricType::Histogram | MetricType::GaugeHistogram, "_bucket") => number("le").map(Role::Bucket),
        (MetricType::Histogram | MetricType::Summary, "_count") | (MetricType::GaugeHistogram, "_gcount") => Some(Role::Count),
        (MetricType::Histogram | MetricType::Summary, "_sum") | (MetricType::GaugeHistogram, "_gsum") => Some(Role::Sum),
        (_, "") => Some(Role::Value),
        _ => None,
    }
}
