use super::super::state::{Entry, Ledger};
use super::super::status::{State, Status};
use super::{Filling, filled};
use crate::merge::{DropReason, LastWords, Now, RepairKind, ResetCause};
use crate::model::{Family, Labels, MetricType};
use crate::scrape::Missed;
use std::borrow::Cow;

/// Label values that stand from the start, so that `rate()` sees the first event too.
const RESET_CAUSES: [ResetCause; 4] = [ResetCause::StartTime, ResetCause::Pid, ResetCause::Created, ResetCause::Value];
const DROP_REASONS: [&[DropReason]; 10] = [
    &[DropReason::Duplicate],
    &[DropReason::TypeConflict],
    &[DropReason::NotFinite],
    &[DropReason::Negative],
    &[DropReason::ReservedName],
    &[DropReason::EscapeCollision],
    &[DropReason::MaxSeries],
    &[DropReason::RelabelCollision],
    &[DropReason::SourceClash],
    &[DropReason::LabelsMax, DropReason::LabelValueBytesMax],
];
const REPAIR_KINDS: [RepairKind; 4] =
    [RepairKind::InfMissing, RepairKind::CountMismatch, RepairKind::NotCumulative, RepairKind::BoundsDiffer];

/// Samples that were left out when sources were joined or written, which no source can count itself.
#[derive(Debug)]
pub(in crate::round) struct LeftOut {
    /// By source: another source has the same.
    pub(in crate::round) clashes: Vec<u64>,
    /// Of all sources: another sample took the name after escaping.
    pub(in crate::round) escape_collisions: u64,
}

/// What is of one source: the picked ones.
pub(in crate::round) fn of_sources<'a>(
    sources: &'a [Entry],
    picked: &[usize],
    ledger: &Ledger,
    left_out: &LeftOut,
    now: Now,
) -> Vec<Family<'a>> {
    let picked: Vec<(usize, &'a Entry)> = picked.iter().filter_map(|i| sources.get(*i).map(|s| (*i, s))).collect();
    let mut families: Vec<_> = per_source(&picked, left_out).collect();
    for workers in [true, false] {
        let entries: Vec<_> = picked.iter().map(|(_, s)| *s).filter(|s| s.is_workers() == workers).collect();
        families.extend(per_endpoint(&entries, workers));
    }
    let workers: Vec<_> = picked.iter().map(|(_, s)| *s).filter(|s| s.is_workers()).collect();
    families.extend(of_workers(&workers, now));
    families.extend(of_last_words(&picked, ledger));
    families
}

fn per_source<'a>(picked: &[(usize, &'a Entry)], left_out: &LeftOut) -> impl Iterator<Item = Family<'a>> + use<'a> {
    use MetricType::{Counter, Gauge};
    let mut up = Filling::new("onescrape_source_up", Gauge, "Whether at least one endpoint of the source is up.");
    let mut dropped = Filling::new("onescrape_samples_dropped_total", Counter, "Samples left out, by reason.");
    let mut repairs = Filling::new("onescrape_histogram_repairs_total", Counter, "Histograms mended, by what was wrong.");
    for (index, entry) in picked {
        let source = ("source", entry.config.name.as_str());
        let tally = entry.tally();
        up.push(&[source], f64::from(entry.status.up() > 0));
        for reason in DROP_REASONS {
            let clash = if reason == [DropReason::SourceClash] { left_out.clashes.get(*index).copied().unwrap_or(0) } else { 0 };
            let count = reason.iter().map(|reason| entry.dropped(*reason)).sum::<u64>() + clash;
            reason.first().into_iter().for_each(|first| dropped.push(&[source, ("reason", first.as_str())], count as f64));
        }
        for kind in REPAIR_KINDS {
            repairs.push(&[source, ("kind", kind.as_str())], tally.repairs.get(&kind).copied().unwrap_or(0) as f64);
        }
    }
    if left_out.escape_collisions > 0 {
        dropped.push(&[("reason", DropReason::EscapeCollision.as_str())], left_out.escape_collisions as f64);
    }
    filled([up, dropped, repairs])
}

/// An endpoint with its labels: its source, and itself under `worker` or `target`.
fn endpoints(entry: &Entry) -> impl Iterator<Item = ([(&'static str, &str); 2], usize, &Status)> {
    let label = if entry.is_workers() { "worker" } else { "target" };
    let statuses = entry.config.targets.iter().zip(&entry.status.targets).enumerate();
    statuses.map(move |(i, (target, status))| ([("source", entry.config.name.as_str()), (label, target.id.as_str())], i, status))
}

fn per_endpoint<'a>(entries: &[&'a Entry], workers: bool) -> impl Iterator<Item = Family<'a>> + use<'a> {
    use MetricType::{Counter, Gauge, Histogram};
    let stem = if workers { "onescrape_worker" } else { "onescrape_target" };
    let family = |rest: &str, kind, help| Filling::new(format!("{stem}_{rest}"), kind, help);
    let mut up = family("up", Gauge, "Whether the latest scrape was good; absent for a port on which nothing listens.");
    let mut success = family("last_success_timestamp_seconds", Gauge, "When the latest good scrape was applied, in Unix seconds.");
    let mut samples = family("samples", Gauge, "Samples of the latest scrape, if it was good.");
    let mut bytes = family("body_bytes", Gauge, "Bytes of the latest scrape's body, if it was good.");
    let mut scrapes = family("scrapes_total", Counter, "Scrapes by outcome.");
    let mut durations = family("scrape_duration_seconds", Histogram, "Time a scrape took, whatever its outcome.");
    for entry in entries {
        for (labels, _, status) in endpoints(entry) {
            let Some(state) = status.state else { continue };
            if !(workers && matches!(state, State::Vacant | State::Retired)) {
                up.push(&labels, f64::from(state == State::Up));
            }
            status.last_success.into_iter().for_each(|at| success.push(&labels, at.unix));
            if state == State::Up {
                samples.push(&labels, status.samples as f64);
                bytes.push(&labels, status.body_bytes as f64);
            }
            let [source, endpoint] = labels;
            scrapes.push(&[source, endpoint, ("outcome", "ok")], status.good as f64);
            for (outcome, count) in Missed::OUTCOMES.iter().zip(status.missed) {
                scrapes.push(&[source, endpoint, ("outcome", outcome)], count as f64);
            }
        }
        let labels: Labels<'_> = vec![(Cow::Borrowed("source"), Cow::Borrowed(&entry.config.name))];
        entry.status.durations.push_to(&mut durations.0, &labels);
    }
    filled([up, success, samples, bytes, scrapes, durations])
}

fn of_workers<'a>(entries: &[&'a Entry], now: Now) -> impl Iterator<Item = Family<'a>> + use<'a> {
    use MetricType::{Counter, Gauge};
    let mut expected = Filling::new("onescrape_workers_expected", Gauge, "How many workers should be up (expect).");
    let mut slots = Filling::new("onescrape_slots", Gauge, "Worker slots by state.");
    let mut carried =
        Filling::new("onescrape_carried_seconds", Gauge, "Age of the newest good scrape behind a contribution that is carried on.");
    let mut resets =
        Filling::new("onescrape_worker_resets_total", Counter, "Scrapes in which counters had begun anew, by evidence.");
    let mut flaps =
        Filling::new("onescrape_worker_flaps_total", Counter, "Returns of an instance: several processes answer there.");
    let mut baselines = Filling::new(
        "onescrape_worker_baselines_total",
        Counter,
        "Children whose first value was not counted: its past was never shown.",
    );
    for entry in entries {
        let source = ("source", entry.config.name.as_str());
        entry.config.expect.into_iter().for_each(|n| expected.push(&[source], f64::from(n)));
        for state in State::ALL {
            slots.push(&[source, ("state", state.as_str())], entry.status.count(state) as f64);
        }
        let tally = entry.tally();
        for (labels, index, status) in endpoints(entry) {
            let [_, worker] = labels;
            if let (Some(State::Vacant | State::Stuck | State::Down), Some(last)) = (status.state, status.last_success) {
                carried.push(&labels, now.elapsed.saturating_sub(last.elapsed).as_secs_f64());
            }
            for cause in RESET_CAUSES {
                let count = tally.resets.get(&(index, cause)).copied().unwrap_or(0);
                resets.push(&[source, worker, ("cause", cause.as_str())], count as f64);
            }
            flaps.push(&labels, tally.flaps.get(&index).copied().unwrap_or(0) as f64);
            baselines.push(&labels, tally.baselines.get(&index).copied().unwrap_or(0) as f64);
        }
    }
    filled([expected, slots, carried, resets, flaps, baselines])
}

/// Of sources that hear them.
fn of_last_words<'a>(picked: &[(usize, &'a Entry)], ledger: &Ledger) -> impl Iterator<Item = Family<'a>> + use<'a> {
    let mut heard =
        Filling::new("onescrape_last_words_total", MetricType::Counter, "Last words that workers brought before they ended.");
    for (index, entry) in picked.iter().copied().filter(|(_, entry)| entry.config.last_words.enabled) {
        for outcome in LastWords::OUTCOMES {
            let count = ledger.last_words.get(&(index, outcome)).copied().unwrap_or(0);
            heard.push(&[("source", &entry.config.name), ("outcome", outcome)], count as f64);
        }
    }
    filled([heard])
}
