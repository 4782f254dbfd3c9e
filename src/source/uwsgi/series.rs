//! A stats document and its counters → families.

use super::counters::Ledger;
use super::entity::{Entity, Row};
use super::stats::Stats;
use super::table::{self, Meta};
use crate::merge::{DropReason, Tally};
use crate::model::{Family, MetricType};
use std::borrow::Cow;
use std::collections::BTreeMap;

const UP: &str = "uwsgi_up";
const UP_HELP: &str = "Whether the uWSGI server is up.";

/// The families of one target under construction.
struct Sheet<'s> {
    stats_uri: &'s str,
    families: BTreeMap<&'static str, Family<'static>>,
    series: usize,
}

impl Sheet<'_> {
    fn push(
        &mut self,
        (name, kind, help): (&'static str, MetricType, &'static str),
        labels: Vec<(&'static str, Cow<'static, str>)>,
        value: f64,
    ) {
        let family = self.families.entry(name).or_insert_with(|| Family::new(name, kind, help));
        family.push(labels.into_iter().chain([("stats_uri", Cow::Owned(self.stats_uri.to_string()))]), value);
        self.series += 1;
    }

    fn finish(self) -> Vec<Family<'static>> {
        self.families.into_values().collect()
    }
}

/// What is left of a target that is down: `uwsgi_up` 0.
pub(super) fn down(stats_uri: &str) -> Vec<Family<'static>> {
    let mut sheet = Sheet { stats_uri, families: BTreeMap::new(), series: 0 };
    sheet.push((UP, MetricType::Gauge, UP_HELP), vec![], 0.0);
    sheet.finish()
}

/// The families of a target that is up: counters from the ledger, everything else from the document, totals from both. Gauges beyond
/// `max_series` are dropped and counted.
pub(super) fn families(
    stats_uri: &str,
    stats: &Stats,
    rows: &BTreeMap<Entity, Row<'_>>,
    ledger: &Ledger,
    max_series: usize,
    tally: &mut Tally,
) -> Vec<Family<'static>> {
    let mut sheet = Sheet { stats_uri, families: BTreeMap::new(), series: 0 };
    sheet.push((UP, MetricType::Gauge, UP_HELP), vec![], 1.0);
    if !stats.version.is_empty() {
        let version = Cow::Owned(stats.version.clone());
        sheet.push(("uwsgi_info", MetricType::Info, "Version of the uWSGI server."), vec![("version", version)], 1.0);
    }
    let mut counter_totals = totals(table::WORKER_COUNTERS.iter().map(|column| &column.meta), 0_u64);
    for (entity, meta, value) in ledger.values() {
        if let (Entity::Worker(_), Some((_, sum))) = (entity, counter_totals.get_mut(meta.name)) {
            *sum = sum.saturating_add(value);
        }
        sheet.push((meta.name, MetricType::Counter, meta.help), entity.labels(), meta.scale(value as f64));
    }
    let mut gauge_totals = totals(table::WORKER_GAUGES.iter().map(|column| &column.meta), 0_i64);
    for (entity, row) in rows {
        for (meta, value) in row.gauges() {
            let Some(value) = value else { continue };
            if let (Entity::Worker(_), Some((_, sum))) = (entity, gauge_totals.get_mut(meta.name)) {
                *sum = sum.saturating_add(value);
            }
            if sheet.series < max_series {
                sheet.push((meta.name, MetricType::Gauge, meta.help), entity.labels(), meta.scale(value as f64));
            } else {
                tally.drop(DropReason::MaxSeries, 1);
            }
        }
    }
    for (meta, sum) in counter_totals.into_values() {
        push_total(&mut sheet, meta, MetricType::Counter, sum as f64);
    }
    for (meta, sum) in gauge_totals.into_values() {
        push_total(&mut sheet, meta, MetricType::Gauge, sum as f64);
    }
    sheet.finish()
}

/// The columns that have a total, by name, with their sum so far.
fn totals<N>(metas: impl Iterator<Item = &'static Meta>, zero: N) -> BTreeMap<&'static str, (&'static Meta, N)>
where
    N: Copy,
{
    let mut totals = BTreeMap::new();
    for meta in metas.filter(|meta| meta.total.is_some()) {
        totals.insert(meta.name, (meta, zero));
    }
    totals
}

fn push_total(sheet: &mut Sheet<'_>, meta: &Meta, kind: MetricType, sum: f64) {
    if let Some((name, help)) = meta.total {
        sheet.push((name, kind, help), vec![], meta.scale(sum));
    }
}
