//! One body's samples onto dense ids. Nothing is decided here: whose body it is and what its types are worth comes after.

use super::catalog::{Child, ChildId, SeriesId, VariantId, with_label};
use super::column::Column;
use super::layout::{Layout, Path};
use super::native::{self, StagedNative};
use super::pool::{Pool, is_total};
use super::relabelled::start_time_of;
use super::rules::mode_of;
use super::slot::{LeftOut, Record};
use super::{DropReason, RepairKind};
use crate::config::{BoundsPolicy, GaugeMode, QuantilePolicy};
use crate::model::{Exemplar, Family, Labels, MetricType, Role, Sample, child_head};
use crate::parse::Exposition;
use foldhash::{HashMap, HashSet};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Characters of an exemplar's label names and values together that OpenMetrics allows.
const EXEMPLAR_CHARS_MAX: usize = 128;
/// Names that the scraping server uses itself.
const RESERVED_NAME: &str = "up";
const RESERVED_PREFIXES: [&str; 2] = ["scrape_", "onescrape_"];
/// The evidence of an instance.
pub(super) const START_TIME: &str = "process_start_time_seconds";
/// Clients store `_created` once, so only rounding differs within a life.
pub(super) const SAME_CREATED_SECONDS: f64 = 0.005;

/// A body on its way into the pool.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    /// By series.
    pub values: Column,
    /// `_created`, by child.
    pub created: Column,
    /// What the body declares, with HELP and UNIT; families without samples and without a type are left out.
    pub declared: Arc<[Declared]>,
    pub timestamps: HashMap<SeriesId, f64>,
    pub exemplars: Vec<(SeriesId, Exemplar<'static>)>,
    /// Native parts of histograms.
    pub natives: BTreeMap<ChildId, StagedNative>,
    pub start_time: Option<f64>,
    /// Children there was no room for, or that were left out for their bounds.
    pub left_out: Vec<LeftOut>,
    /// Samples left out; counted once the body is applied.
    pub drops: Vec<DropReason>,
    /// Samples read.
    pub samples: usize,
    /// Serial of the body.
    pub body: u64,
    /// The comment lines of the body, where it was read along a layout: the same path declares the same.
    pub path: Option<Path>,
}

/// A family as a body declares it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Declared {
    pub variant: VariantId,
    pub help: Box<str>,
    pub unit: Box<str>,
}

impl Staged {
    /// Empties it for the next body; the memory is kept.
    pub fn clear(&mut self) {
        self.values.clear();
        self.created.clear();
        self.declared = Arc::default();
        self.timestamps.clear();
        self.exemplars.clear();
        self.natives.clear();
        self.left_out.clear();
        self.drops.clear();
        (self.start_time, self.samples, self.path) = (None, 0, None);
    }

    /// Puts a value in its place. Several points of one child: the latest counts. Without timestamps it is the same series twice:
    /// the first counts.
    pub fn put(&mut self, series: SeriesId, value: f64, timestamp: Option<f64>, exemplar: Option<Exemplar<'_>>) {
        if self.values.has(series) {
            match (self.timestamps.get(&series), timestamp) {
                (Some(before), Some(at)) if at > *before => {}
                (Some(_), Some(_)) => return,
                _ => return self.drops.push(DropReason::Duplicate),
            }
        }
        self.values.set(series, value);
        if let Some(at) = timestamp {
            self.timestamps.insert(series, at);
        }
        if let Some(exemplar) = exemplar.filter(is_short) {
            self.exemplars.retain(|(s, _)| *s != series);
            self.exemplars.push((series, exemplar.into_owned()));
        }
    }

    /// Whether the body has a value of the child.
    pub fn shows(&self, child: &Child) -> bool {
        child.series().any(|s| self.values.has(s))
    }
}

/// Whether the exemplar's labels are within what OpenMetrics allows.
pub(super) fn is_short(exemplar: &Exemplar<'_>) -> bool {
    exemplar.labels.iter().map(|(k, v)| k.chars().count() + v.chars().count()).sum::<usize>() <= EXEMPLAR_CHARS_MAX
}

/// Whether the family's name is one that the scraping server or the proxy uses itself.
pub(crate) fn is_reserved(family: &str) -> bool {
    family == RESERVED_NAME || RESERVED_PREFIXES.iter().any(|p| family.starts_with(p))
}

impl Pool {
    /// Stages a body that was parsed as a whole: the plain way, to which the way along a layout is equal.
    pub(super) fn stage(&mut self, slot: usize, exposition: &Exposition<'_>) -> Staged {
        let mut staged = self.begin_staging();
        let mut declared = Vec::new();
        staged.samples = exposition.families.iter().map(|f| f.samples.len()).sum();
        let relabelled = self.relabelled(exposition, &mut staged);
        for family in relabelled.as_ref().unwrap_or(&exposition.families) {
            if is_reserved(&family.name) {
                let samples = family.samples.len() + family.natives.len();
                staged.drops.extend(std::iter::repeat_n(DropReason::ReservedName, samples));
                continue;
            }
            let kind = self.merged_kind(&family.name, family.kind);
            let variant = self.variant(&family.name, kind);
            let odd = self.odd_histograms(variant, family);
            let odd_at = |labels| (!odd.is_empty() && odd.contains(&child_head(&family.name, labels))).then_some(slot);
            for sample in &family.samples {
                self.stage_sample(&mut staged, variant, &family.name, sample, odd_at(&sample.labels));
            }
            for native in &family.natives {
                self.stage_native(&mut staged, variant, &family.name, native, odd_at(&native.labels));
            }
            if !family.natives.is_empty() {
                // Children that are only native are known but now.
                for sample in family.samples.iter().filter(|s| s.role == Role::Created) {
                    self.stage_sample(&mut staged, variant, &family.name, sample, odd_at(&sample.labels));
                }
            }
            if family.kind != MetricType::Unknown || !family.samples.is_empty() {
                declared.push(Declared { variant, help: family.help.as_ref().into(), unit: family.unit.as_ref().into() });
            }
        }
        staged.declared = self.one_type_each(declared).into();
        staged.start_time = if relabelled.is_some() { start_time_of(exposition) } else { self.start_time(&staged) };
        staged
    }

    /// An empty stage for the next body.
    pub(super) fn begin_staging(&mut self) -> Staged {
        self.tidy();
        let mut staged = self.spare.pop().unwrap_or_default();
        self.bodies += 1;
        staged.body = self.bodies;
        staged.values.reserve(self.catalog.columns());
        staged
    }

    /// Lines that no body repeats and text that nothing refers to must not pile up.
    fn tidy(&mut self) {
        let series = self.catalog.len();
        if self.catalog.heads.is_sparse() || self.layouts.iter().any(|l| l.is_crowded(series)) {
            self.begin_layouts_anew();
        }
    }

    /// Forgets what lines mean, and the text that only they needed.
    pub(super) fn begin_layouts_anew(&mut self) {
        self.layouts.iter_mut().for_each(Layout::begin_anew);
        self.catalog.compact_heads();
    }

    /// The evidence of the instance: `process_start_time_seconds` without labels, whatever its type.
    pub(super) fn start_time(&self, staged: &Staged) -> Option<f64> {
        let kinds = [MetricType::Gauge, MetricType::Unknown, MetricType::Counter];
        let value = |kind| {
            let variant = self.catalog.find_variant(START_TIME, kind)?;
            let series = self.catalog.child(self.catalog.find_child(variant, START_TIME)?).value()?;
            Some(staged.values.get(series)).filter(|v| v.is_finite())
        };
        kinds.into_iter().find_map(value)
    }

    /// The id of a family of this type.
    pub(super) fn variant(&mut self, name: &str, kind: MetricType) -> VariantId {
        let config = &self.config;
        self.catalog.intern_variant(name, kind, || mode_of(name, kind, config).0)
    }

    /// The type as which a family is merged: a rule may make a typeless one a counter.
    pub(super) fn merged_kind(&self, name: &str, kind: MetricType) -> MetricType {
        match kind {
            MetricType::Unknown if mode_of(name, kind, &self.config).0 == GaugeMode::Counter => MetricType::Counter,
            kind => kind,
        }
    }

    /// `odd_at`: the slot, for samples of a histogram that must not be merged with the others.
    fn stage_sample(&mut self, staged: &mut Staged, variant: VariantId, family: &str, sample: &Sample<'_>, odd_at: Option<usize>) {
        if let Some(reason) = self.unwanted(sample.role, &sample.labels) {
            staged.drops.extend(reason);
            return;
        }
        let mut head = child_head(family, &sample.labels);
        if let Some(slot) = odd_at {
            if self.config.histograms == BoundsPolicy::Drop {
                return staged.left_out.push(LeftOut::of(&head));
            }
            head = child_head(family, &with_label(sample.labels.clone(), &self.config.worker_label, &self.ids[slot]));
        }
        if sample.role == Role::Created {
            if let Some(child) = self.catalog.find_child(variant, &head)
                && sample.value.is_finite()
            {
                staged.created.set(child, sample.value);
            }
        } else if let Some(series) = self.place(staged, variant, &head, sample.role) {
            staged.put(series, sample.value, sample.timestamp, sample.exemplar.clone());
        }
    }

    /// Samples that are never merged, and the reason to count, if any.
    pub(super) fn unwanted(&self, role: Role, labels: &Labels<'_>) -> Option<Option<DropReason>> {
        if matches!(role, Role::Quantile(_)) && self.config.quantiles == QuantilePolicy::Drop {
            return Some(None); // quantiles of several workers can't be merged
        }
        DropReason::of_labels(&self.limits, labels.iter().map(|(_, value)| value.as_ref())).map(Some)
    }

    /// The id of a series, made if there is room.
    pub(super) fn place(&mut self, staged: &mut Staged, variant: VariantId, head: &str, role: Role) -> Option<SeriesId> {
        let known = self.catalog.find_child(variant, head);
        if let Some(series) = known.and_then(|child| self.catalog.find_series(child, role)) {
            return Some(series);
        }
        let key = self.catalog.key(head);
        let full = self.catalog.len() >= self.limits.max_series;
        if self.evicted.contains(&key) || (full && !self.make_room(staged)) {
            staged.drops.push(DropReason::MaxSeries);
            staged.left_out.push(LeftOut::of(head));
            return None;
        }
        let child = self.catalog.intern_child(variant, head);
        let series = self.catalog.intern_series(child, role);
        if known.is_none() {
            self.unserved.push(child);
            // Not to be forgotten before the body is applied.
            self.catalog.child_mut(child).seen_round = self.round + 1;
        }
        self.join_group(child, role);
        staged.values.reserve(self.catalog.columns());
        Some(series)
    }

    /// Whether anything in the body fell against the record, or was created anew.
    pub(super) fn fell(&self, record: &Record, staged: &Staged) -> bool {
        self.catalog.children().any(|(id, child)| {
            is_total(self.catalog.variant(child.variant).kind)
                && staged.shows(child)
                && (created_moved(record, staged, id)
                    || child_fell(child, &record.last, &staged.values)
                    || native::fell(record, staged, id))
        })
    }

    /// Moves samples declared as a weaker type to the children of the established one.
    pub(super) fn yield_children(&mut self, staged: &mut Staged, from: VariantId, to: VariantId) {
        let (name, kind) = (self.catalog.variant(to).name.clone(), self.catalog.variant(to).kind);
        let own = self.catalog.variant(from).name.clone();
        for id in self.catalog.variant(from).children.clone() {
            let Some(series) = self.catalog.child(id).value().filter(|s| staged.values.has(*s)) else { continue };
            let value = staged.values.take(series);
            let mut labels = self.catalog.labels(id);
            let Some(role) = role_in(&own, &name, kind, &mut labels) else { continue };
            let head = child_head(&name, &labels);
            drop(labels);
            if let Some(target) = self.place(staged, to, &head, role) {
                let timestamp = staged.timestamps.remove(&series);
                staged.put(target, value, timestamp, None);
            }
        }
    }

    /// `histograms: label | drop`: the children (by head) whose bounds differ from those first seen.
    fn odd_histograms(&mut self, variant: VariantId, family: &Family<'_>) -> HashSet<String> {
        let mut bounds: HashMap<String, Vec<f64>> = HashMap::default();
        if self.config.histograms != BoundsPolicy::Union && family.kind == MetricType::Histogram {
            for sample in &family.samples {
                if let Role::Bucket(bound) = sample.role {
                    bounds.entry(child_head(&family.name, &sample.labels)).or_default().push(bound);
                }
            }
        }
        bounds.retain(|head, bounds| {
            bounds.sort_unstable_by(f64::total_cmp);
            let known = self.catalog.find_child(variant, head).map(|c| self.catalog.child(c).buckets());
            known.is_some_and(|known| !known.is_empty() && !known.iter().map(|(b, _)| b).eq(bounds.iter()))
        });
        bounds.iter().for_each(|_| self.tally.repair(RepairKind::BoundsDiffer));
        bounds.into_keys().collect()
    }
}

/// Whether the child's `_created` differs from the one before.
pub(super) fn created_moved(record: &Record, staged: &Staged, child: ChildId) -> bool {
    // A comparison with ABSENT, a NaN, is false.
    (staged.created.get(child) - record.created.get(child)).abs() > SAME_CREATED_SECONDS
}

/// Whether a value that only grows fell: the counter, a summary's count, any bucket both have. Sums are no evidence: they fall with
/// negative observations.
pub(super) fn child_fell(child: &Child, last: &Column, new: &Column) -> bool {
    let grown = child.value().into_iter().chain(child.buckets().iter().map(|(_, s)| *s)).chain(child.count());
    // Comparisons with ABSENT, a NaN, are false.
    grown.into_iter().any(|s| new.get(s) < last.get(s))
}

/// The part that a sample `own{labels}` without a type plays in the family `name`; takes `le` or `quantile` out of the labels.
fn role_in(own: &str, name: &str, kind: MetricType, labels: &mut Labels<'_>) -> Option<Role> {
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
