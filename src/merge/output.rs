//! The families as they are served: totals, and what gauges of several workers come to.

use super::catalog::{Child, ChildId, SeriesId, Variant, VariantId, with_label};
use super::column::{ABSENT, is_absent};
use super::groups::on_bounds;
use super::pool::{Pool, is_total};
use super::slot::Record;
use crate::config::GaugeMode;
use crate::encode::{FamilyView, Rendered, SampleView};
use crate::model::{Exemplar, Family, MetricType, NativeSample, Role, Sample};
use foldhash::HashMap;
use std::borrow::Cow;
use std::cmp::Ordering;

impl Pool {
    /// The merged families, sorted by name, children by labels.
    pub fn families(&self) -> Vec<FamilyView<'_>> {
        let exemplars = self.chosen_exemplars();
        let mut families: Vec<FamilyView<'_>> = self.types.established().filter_map(|v| self.family(v, &exemplars)).collect();
        families.sort_by(FamilyView::by_name);
        families
    }

    fn family<'a>(&'a self, id: VariantId, exemplars: &HashMap<SeriesId, &'a Exemplar<'static>>) -> Option<FamilyView<'a>> {
        let variant = self.catalog.variant(id);
        let (help, unit) = self.types.texts(&variant.name);
        let mut view = FamilyView { name: &variant.name, kind: variant.kind, help, unit, samples: Vec::new(), natives: Vec::new() };
        for id in variant.children.iter().filter(|id| !self.groups.is_part(**id)) {
            let before = view.samples.len();
            match variant.kind {
                MetricType::Counter | MetricType::Histogram | MetricType::Summary => {
                    self.push_total(*id, variant.kind, exemplars, &mut view.samples);
                }
                MetricType::GaugeHistogram => self.push_gauge_histogram(*id, &mut view.samples),
                _ => self.push_gauge(*id, variant, &mut view.samples),
            }
            let native = self.natives.get(id).and_then(|native| native.view(self.catalog.child_head(*id)));
            view.natives.extend(native);
            if let Some(began) = self.beginnings.get(*id).filter(|_| view.samples.len() > before || native.is_some()) {
                view.samples.push(SampleView { head: &began.head, role: Role::Created, value: began.at, exemplar: None });
            }
        }
        (!(view.samples.is_empty() && view.natives.is_empty())).then_some(view)
    }

    fn push_total<'a>(
        &'a self,
        id: ChildId,
        kind: MetricType,
        exemplars: &HashMap<SeriesId, &'a Exemplar<'static>>,
        samples: &mut Vec<SampleView<'a>>,
    ) {
        let child = self.catalog.child(id);
        if kind == MetricType::Histogram && child.buckets().is_empty() {
            return; // only native: there count and sum stand, too
        }
        let mut push = |series: SeriesId, role: Role, value: f64| {
            if !is_absent(value) {
                samples.push(SampleView {
                    head: self.catalog.head(series),
                    role,
                    value,
                    exemplar: exemplars.get(&series).copied(),
                });
            }
        };
        if let Some(s) = child.value() {
            push(s, Role::Value, self.out.get(s));
        }
        for (bound, s) in child.buckets() {
            push(*s, Role::Bucket(*bound), self.out.get(*s));
        }
        if let Some(s) = child.count() {
            // A histogram's count is its +Inf bucket.
            let value = child.buckets().last().map_or(s, |(_, infinity)| *infinity);
            push(s, Role::Count, self.out.get(value));
        }
        if let Some(s) = child.sum() {
            push(s, Role::Sum, self.out.get(s));
        }
        // Of several children shown as one no quantile can be told.
        for (quantile, s) in child.quantiles().iter().filter(|_| !self.groups.is_sum(&self.catalog, id)) {
            self.push_per_worker(*s, Role::Quantile(*quantile), |record| record.last.get(*s), samples);
        }
    }

    /// Buckets of current workers only; bounds that differ as step functions.
    pub(super) fn push_gauge_histogram<'a>(&'a self, id: ChildId, samples: &mut Vec<SampleView<'a>>) {
        let child = self.catalog.child(id);
        let mut totals = vec![0.0; child.buckets().len()];
        let (mut count, mut sum, mut any) = (0.0, 0.0, false);
        let parts: Vec<&Child> = self.groups.shown_as(id).map(|part| self.catalog.child(part)).collect();
        for (record, part) in self.showing().flat_map(|(_, record)| parts.iter().map(move |part| (record, *part))) {
            let own: Vec<(f64, f64)> = part.buckets().iter().map(|(bound, s)| (*bound, record.last.get(*s))).collect();
            if own.iter().all(|(_, value)| is_absent(*value)) {
                continue;
            }
            any = true;
            totals.iter_mut().zip(on_bounds(child, &own)).for_each(|(t, (v, _))| *t += v);
            count += part.count().map_or(f64::NAN, |s| record.last.get(s));
            sum += part.sum().map_or(f64::NAN, |s| record.last.get(s));
        }
        if !any {
            return;
        }
        for ((bound, s), total) in child.buckets().iter().zip(totals) {
            samples.push(SampleView { head: self.catalog.head(*s), role: Role::Bucket(*bound), value: total, exemplar: None });
        }
        for (series, role, value) in [(child.count(), Role::Count, count), (child.sum(), Role::Sum, sum)] {
            if let Some(s) = series.filter(|_| !value.is_nan()) {
                samples.push(SampleView { head: self.catalog.head(s), role, value, exemplar: None });
            }
        }
    }

    pub(super) fn push_gauge<'a>(&'a self, id: ChildId, variant: &Variant, samples: &mut Vec<SampleView<'a>>) {
        let Some(series) = self.catalog.child(id).value() else { return };
        let of = |record: &'a Record| {
            let parts = self.groups.shown_as(id).filter_map(|part| self.catalog.child(part).value());
            parts.map(move |s| (record.last.get(s), s, record)).filter(|(value, ..)| !is_absent(*value))
        };
        if matches!(variant.mode, GaugeMode::All | GaugeMode::Counter) {
            // A state is on if it is in any part.
            let joined = if variant.kind == MetricType::StateSet { f64::max } else { |a: f64, b: f64| a + b };
            let within = |record| of(record).map(|(value, ..)| value).reduce(joined).unwrap_or(ABSENT);
            return self.push_per_worker(series, Role::Value, within, samples);
        }
        let values = self.showing().flat_map(|(_, record)| of(record));
        if let Some(value) = merged(variant.mode, values) {
            samples.push(SampleView { head: self.catalog.head(series), role: Role::Value, value, exemplar: None });
        }
    }

    /// `value`: what the series is within one worker.
    fn push_per_worker<'a>(
        &'a self,
        series: SeriesId,
        role: Role,
        value: impl Fn(&'a Record) -> f64,
        samples: &mut Vec<SampleView<'a>>,
    ) {
        for (slot, record) in self.showing() {
            let value = value(record);
            if let Some(head) = self.worker_heads.get(&(series, slot)).filter(|_| !is_absent(value)) {
                samples.push(SampleView { head, role, value, exemplar: None });
            }
        }
    }

    /// Slots whose gauges count, with the record that answered last.
    pub(super) fn showing(&self) -> impl Iterator<Item = (usize, &Record)> {
        let shows = |s: &super::slot::Slot| s.shows_gauges(self.now.elapsed, self.config.gauge_hold);
        self.slots.iter().enumerate().filter(move |(_, s)| shows(s)).filter_map(|(i, s)| Some((i, s.current()?)))
    }

    /// Renders the heads of series that stay per worker, once each.
    pub(super) fn prepare_output(&mut self) {
        let established: Vec<VariantId> = self.types.established().collect();
        for id in established {
            let variant = self.catalog.variant(id);
            let per_worker = match variant.kind {
                MetricType::Summary => true,
                kind if is_total(kind) || kind == MetricType::GaugeHistogram => false,
                _ => matches!(variant.mode, GaugeMode::All | GaugeMode::Counter),
            };
            if per_worker {
                for child in variant.children.iter().filter(|id| !self.groups.is_part(**id)) {
                    render_per_worker(
                        (&self.catalog, &self.groups),
                        &self.slots,
                        &self.ids,
                        &self.config.worker_label,
                        *child,
                        &mut self.worker_heads,
                    );
                }
            }
        }
        (self.tally.type_conflicts, self.tally.help_conflicts, self.tally.unit_conflicts) = self.types.conflicts(&self.catalog);
    }

    /// Per series the exemplar with the latest own timestamp; one without yields; then the later body, then the lowest slot.
    fn chosen_exemplars(&self) -> HashMap<SeriesId, &Exemplar<'static>> {
        let mut chosen: HashMap<SeriesId, (&Exemplar<'static>, std::time::Duration)> = HashMap::default();
        for record in self.slots.iter().filter_map(|s| s.current()) {
            for (series, exemplar) in &record.exemplars {
                let series = self.exemplar_place(*series, exemplar);
                let newer = chosen.get(&series).is_none_or(|(held, at)| {
                    let by_own = exemplar.timestamp.partial_cmp(&held.timestamp).unwrap_or(Ordering::Equal);
                    by_own.then(record.body_at.cmp(at)) == Ordering::Greater
                });
                if newer {
                    chosen.insert(series, (exemplar, record.body_at));
                }
            }
        }
        chosen.into_iter().map(|(s, (e, _))| (s, e)).collect()
    }

    /// With a union of bounds an exemplar goes to the bucket whose range holds its value.
    fn exemplar_place(&self, series: SeriesId, exemplar: &Exemplar<'_>) -> SeriesId {
        let own = self.catalog.child_of(series);
        let id = self.groups.output(own);
        let child = self.catalog.child(id);
        if self.groups.is_sum(&self.catalog, id) {
            let bucket = child.buckets().iter().find(|(bound, s)| *bound >= exemplar.value && self.out.has(*s));
            return bucket.map(|(_, s)| *s).or(child.value()).unwrap_or(series);
        }
        if !child.ragged {
            return series;
        }
        child
            .buckets()
            .iter()
            .find(|(bound, s)| *bound >= exemplar.value && self.catalog.is_counted(*s))
            .map_or(series, |(_, s)| *s)
    }

    /// Every live worker's own series apart, with the worker label.
    pub fn unmerged(&self) -> Rendered<'static> {
        let mut ids: Vec<(VariantId, &Variant)> =
            self.catalog.variants().filter(|(id, _)| self.types.is_established(&self.catalog, *id)).collect();
        ids.sort_unstable_by(|a, b| a.1.name.cmp(&b.1.name).then(a.0.cmp(&b.0)));
        let mut families = Vec::new();
        for (_, variant) in ids {
            let (help, unit) = self.types.texts(&variant.name);
            let mut family = Family::new(variant.name.to_string(), variant.kind, help.to_string());
            family.unit = Cow::Owned(unit.to_string());
            for id in &variant.children {
                for (slot, record) in
                    self.slots.iter().enumerate().filter(|(_, s)| s.fresh).filter_map(|(i, s)| Some((i, s.current()?)))
                {
                    self.push_own(&mut family, *id, slot, record);
                }
            }
            if !(family.samples.is_empty() && family.natives.is_empty()) {
                families.push(family);
            }
        }
        Rendered::new(families)
    }

    fn push_own(&self, family: &mut Family<'static>, id: ChildId, slot: usize, record: &Record) {
        let child = self.catalog.child(id);
        let labels = with_label(self.catalog.labels(id), &self.config.worker_label, &self.ids[slot]);
        let labels: Vec<_> = labels.into_iter().map(|(k, v)| (Cow::Owned(k.into_owned()), Cow::Owned(v.into_owned()))).collect();
        let mut push = |role: Role, value: f64| {
            if !is_absent(value) {
                family.samples.push(Sample { role, labels: labels.clone(), value, timestamp: None, exemplar: None });
            }
        };
        let last = |s: Option<SeriesId>| s.map_or(ABSENT, |s| record.last.get(s));
        push(Role::Created, record.created.get(id));
        if let Some(native) = record.natives.get(&id) {
            let (histogram, labels) = (Cow::Owned(native.last().clone()), labels.clone());
            family.natives.push(NativeSample { labels, timestamp: None, histogram, exemplars: Vec::new() });
            if !child.buckets().iter().any(|(_, s)| record.last.has(*s)) {
                return; // count and sum stand with the native part
            }
        }
        push(Role::Value, last(child.value()));
        child.quantiles().iter().for_each(|(q, s)| push(Role::Quantile(*q), record.last.get(*s)));
        child.buckets().iter().for_each(|(b, s)| push(Role::Bucket(*b), record.last.get(*s)));
        let count = child.buckets().last().map(|(_, s)| *s).filter(|_| family_counts_infinity(child, record)).or(child.count());
        push(Role::Count, last(count));
        push(Role::Sum, last(child.sum()));
    }
}

/// A histogram's count isn't kept beside its `+Inf` bucket.
fn family_counts_infinity(child: &Child, record: &Record) -> bool {
    child.count().is_none_or(|s| !record.last.has(s))
}

fn render_per_worker(
    (catalog, groups): (&super::catalog::Catalog, &super::groups::Groups),
    slots: &[super::slot::Slot],
    ids: &[String],
    label: &str,
    id: ChildId,
    heads: &mut HashMap<(SeriesId, usize), Box<str>>,
) {
    let child = catalog.child(id);
    let roles =
        child.value().map(|s| (s, Role::Value)).into_iter().chain(child.quantiles().iter().map(|(q, s)| (*s, Role::Quantile(*q))));
    for (series, role) in roles {
        let parts = || groups.shown_as(id).filter_map(|part| catalog.child(part).value());
        let shows = |record: &Record| record.last.has(series) || parts().any(|s| record.last.has(s));
        for (slot, record) in slots.iter().enumerate().filter_map(|(i, s)| Some((i, s.current()?))) {
            if shows(record) && !heads.contains_key(&(series, slot)) {
                heads.insert((series, slot), catalog.head_with(id, role, label, &ids[slot]));
            }
        }
    }
}

/// One value for the gauges of several workers; `None` if there are none. NaN: `sum` and `avg` become NaN, `min` and `max` ignore it
/// unless all are.
fn merged<'a>(mode: GaugeMode, mut values: impl Iterator<Item = (f64, SeriesId, &'a Record)>) -> Option<f64> {
    match mode {
        GaugeMode::Sum => values.map(|(v, ..)| v).reduce(|a, b| a + b),
        GaugeMode::Avg => {
            let (sum, n) = values.fold((0.0, 0u32), |(sum, n), (v, ..)| (sum + v, n + 1));
            (n > 0).then(|| sum / f64::from(n))
        }
        GaugeMode::Min => values.map(|(v, ..)| v).reduce(f64::min),
        GaugeMode::Max => values.map(|(v, ..)| v).reduce(f64::max),
        GaugeMode::MostRecent => {
            // Without a timestamp of its own a value is as old as its scrape.
            let time = |(_, series, r): &(f64, SeriesId, &Record)| r.timestamps.get(series).copied().unwrap_or(r.body_unix);
            values.reduce(|held, other| if time(&other) > time(&held) { other } else { held }).map(|(v, ..)| v)
        }
        GaugeMode::Same | GaugeMode::All | GaugeMode::Counter => values.next().map(|(v, ..)| v),
    }
}
