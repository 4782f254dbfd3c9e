use super::super::keep::Saves;
use super::super::state::{Entry, Ledger, Loaded};
use super::{Filling, filled};
use crate::model::{Family, Labels, MetricType};
use rustix::param::page_size;
use rustix::time::{ClockId, clock_gettime};
use std::borrow::Cow;

const NANOSECONDS: f64 = 1e9;

/// Memory and processor time of this process, memory where `/proc` tells.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::round) struct Process {
    resident_bytes: Option<f64>,
    cpu_seconds: f64,
}

impl Process {
    pub(in crate::round) fn read() -> Self {
        // `status` has it too, but among fifty lines that the kernel would write for it.
        let resident_bytes = std::fs::read_to_string("/proc/self/statm").ok().and_then(|sizes| resident(&sizes));
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        Self { resident_bytes, cpu_seconds: cpu.tv_sec as f64 + cpu.tv_nsec as f64 / NANOSECONDS }
    }
}

/// `statm` counts pages: of all sizes the second is what is resident (proc(5)).
fn resident(sizes: &str) -> Option<f64> {
    let pages: f64 = sizes.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * page_size() as f64)
}

/// What is not of one source.
pub(in crate::round) fn of_process<'a>(
    sources: &[Entry],
    ledger: &'a Ledger,
    source_conflicts: usize,
    process: Process,
    saves: Option<&Saves>,
) -> Vec<Family<'a>> {
    use MetricType::{Counter, Gauge, Histogram, Info};
    let version = env!("CARGO_PKG_VERSION");
    let revision = option_env!("ONESCRAPE_REVISION").unwrap_or("unknown");
    let tally = |of: fn(&crate::merge::Tally) -> usize| sources.iter().map(|s| of(s.source.tally())).sum::<usize>() as f64;

    let mut resident = Filling::new("onescrape_resident_memory_bytes", Gauge, "Resident memory of this proxy.");
    process.resident_bytes.into_iter().for_each(|bytes| resident.push(&[], bytes));
    let mut cpu = Filling::new("onescrape_cpu_seconds_total", Counter, "Processor time this proxy used, user and system.");
    cpu.push(&[], process.cpu_seconds);
    let conflicts =
        Filling::new("onescrape_family_conflicts", Gauge, "Families whose endpoints or sources disagree now, by what about.")
            .with(&[("kind", "type")], tally(|t| t.type_conflicts))
            .with(&[("kind", "help")], tally(|t| t.help_conflicts))
            .with(&[("kind", "unit")], tally(|t| t.unit_conflicts))
            .with(&[("kind", "source")], source_conflicts as f64);
    let mut limits =
        Filling::new("onescrape_limit_hits_total", Counter, "How often a limit was hit, by its name in the configuration.");
    for (limit, hits) in ledger.limits.counts() {
        limits.push(&[("limit", limit.name())], hits as f64);
    }
    let faults = Filling::new("onescrape_round_faults_total", Counter, "Rounds that a fault of this proxy itself ended.");
    let mut merging =
        Filling::new("onescrape_merge_duration_seconds", Histogram, "Time to apply a round of scrapes to all sources.");
    ledger.merge_durations.push_to(&mut merging.0, &Labels::new());
    let mut bytes = Filling::new("onescrape_http_response_bytes", Histogram, "Sizes of the expositions served.");
    ledger.response_bytes.push_to(&mut bytes.0, &Labels::new());
    let mut requests = Filling::new(
        "onescrape_http_requests_total",
        Counter,
        "Requests answered, by status code, exposition format and encoding.",
    );
    for ((code, format, encoding), count) in &ledger.requests {
        let labels = [("code", Cow::Owned(code.to_string())), ("format", (*format).into()), ("encoding", (*encoding).into())];
        requests.0.push(labels, *count as f64);
    }
    let mut saved =
        Filling::new("onescrape_state_saves_total", Counter, "Saves of the state file, by outcome; unreadable: an earlier run's.");
    let mut last_save =
        Filling::new("onescrape_state_last_save_timestamp_seconds", Gauge, "When the state was last saved, in Unix seconds.");
    if let Some(Saves { ok, failed, unreadable, last, .. }) = saves {
        for (outcome, count) in [("ok", ok), ("failed", failed), ("unreadable", unreadable)] {
            saved.push(&[("outcome", outcome)], *count as f64);
        }
        last.iter().for_each(|at| last_save.push(&[], *at));
    }
    let Loaded { successfully, at } = ledger.loaded;
    let loaded = Filling::new("onescrape_config_last_reload_successful", Gauge, "Whether the latest configuration was taken.")
        .with(&[], f64::from(successfully));
    let loaded_at = Filling::new(
        "onescrape_config_last_reload_success_timestamp_seconds",
        Gauge,
        "When a configuration was last taken, in Unix seconds.",
    )
    .with(&[], at);
    filled([
        Filling::new("onescrape_build_info", Info, "Version of this proxy.")
            .with(&[("version", version), ("revision", revision)], 1.0),
        Filling::new("onescrape_start_time_seconds", Gauge, "When this proxy started, in Unix seconds.").with(&[], ledger.started),
        loaded,
        loaded_at,
        resident,
        cpu,
        conflicts,
        Filling::new("onescrape_merged_families", Gauge, "Families of the last whole exposition, without our own.")
            .with(&[], ledger.merged.0 as f64),
        Filling::new("onescrape_merged_series", Gauge, "Series of the last whole exposition, without our own.")
            .with(&[], ledger.merged.1 as f64),
        Filling::new("onescrape_retained_series", Gauge, "Series held that no live endpoint shows at present.")
            .with(&[], tally(|t| t.retained_series)),
        Filling::new("onescrape_max_series", Gauge, "Most series a source may hold (limits.max_series).")
            .with(&[], sources.iter().map(|s| s.config.limits.max_series).max().unwrap_or(0) as f64),
        limits,
        faults.with(&[], ledger.round_faults as f64),
        saved,
        last_save,
        merging,
        bytes,
        requests,
    ])
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_files_are_understood() {
        assert_eq!(resident("3434 1234 1155 1699 0 330 0\n"), Some(1234.0 * page_size() as f64));
        assert_eq!((resident(""), resident("3434")), (None, None));
        #[cfg(target_os = "linux")]
        {
            let now = Process::read();
            assert!(now.resident_bytes.is_some_and(|b| b > 100_000.0) && now.cpu_seconds > 0.0, "{now:?}");
        }
    }
}
