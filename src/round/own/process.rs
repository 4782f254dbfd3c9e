use super::super::keep::Saves;
use super::super::state::{Entry, Ledger, Loaded};
use super::{Filling, filled};
use crate::model::{Family, Labels, MetricType};

/// Clock ticks a second in `/proc/self/stat`: `USER_HZ`, fixed by the kernel's interface on every architecture Linux runs on today.
const TICKS_PER_SECOND: f64 = 100.0;
/// What `VmRSS` is counted in.
const BYTES_PER_KB: f64 = 1024.0;
/// Fields of `/proc/self/stat` after the name: `utime` and `stime`, counted from the state field (proc(5): 14 and 15, state is 3).
const UTIME_AFTER_NAME: usize = 11;

/// Memory and processor time of this process, where `/proc` tells.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::round) struct Process {
    resident_bytes: Option<f64>,
    cpu_seconds: Option<f64>,
}

impl Process {
    pub(in crate::round) fn read() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        Self { resident_bytes: resident(&read("/proc/self/status")), cpu_seconds: cpu(&read("/proc/self/stat")) }
    }
}

fn resident(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<f64>().ok().map(|kb| kb * BYTES_PER_KB)
}

fn cpu(stat: &str) -> Option<f64> {
    // The name stands in parentheses and may hold blanks and parentheses itself.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(UTIME_AFTER_NAME);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

/// What is not of one source.
pub(in crate::round) fn of_process(
    sources: &[Entry],
    ledger: &Ledger,
    source_conflicts: usize,
    process: Process,
    saves: Option<&Saves>,
) -> Vec<Family<'static>> {
    use MetricType::{Counter, Gauge, Histogram, Info};
    let version = env!("CARGO_PKG_VERSION");
    let revision = option_env!("ONESCRAPE_REVISION").unwrap_or("unknown");
    let tally = |of: fn(&crate::merge::Tally) -> usize| sources.iter().map(|s| of(s.source.tally())).sum::<usize>() as f64;

    let mut resident = Filling::new("onescrape_resident_memory_bytes", Gauge, "Resident memory of this proxy.");
    process.resident_bytes.into_iter().for_each(|bytes| resident.push(&[], bytes));
    let mut cpu = Filling::new("onescrape_cpu_seconds_total", Counter, "Processor time this proxy used, user and system.");
    process.cpu_seconds.into_iter().for_each(|seconds| cpu.push(&[], seconds));
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
        requests.push(&[("code", &code.to_string()), ("format", format), ("encoding", encoding)], *count as f64);
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
        assert_eq!(resident("Name:\tx\nVmRSS:\t    1234 kB\n"), Some(1234.0 * 1024.0));
        assert_eq!(resident(""), None);
        assert_eq!(cpu("1 (a) b) S 1 1 1 0 -1 4194560 1 0 0 0 150 50 0 0 20"), Some(2.0));
        assert_eq!(cpu("1 (a) S 1"), None);
        #[cfg(target_os = "linux")]
        {
            let now = Process::read();
            assert!(now.resident_bytes.is_some_and(|b| b > 100_000.0) && now.cpu_seconds.is_some(), "{now:?}");
        }
    }
}
