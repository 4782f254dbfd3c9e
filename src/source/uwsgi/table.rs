//! The names, types and sources of every series: those of the known uWSGI exporter (timonwong/uwsgi_exporter), so that its
//! dashboards work, with two types corrected (running time and listen queue errors only grow: counters), and what it lacks.

use super::stats::{App, Cache, Core, Cron, Metric, Socket, Spooler, Stats, Worker};

/// `type` of a metric of uWSGI's metrics subsystem that only grows.
const METRIC_COUNTER: i64 = 0;
/// `type` of an alias: the same value as another metric.
const METRIC_ALIAS: i64 = 3;

const MICROS_PER_SECOND: f64 = 1e6;

/// A family and the value of it that an entity of type `T` has. Whether it is a counter or a gauge the table says that it stands in.
pub(super) struct Column<T> {
    pub(super) meta: Meta,
    pub(super) read: fn(&T) -> Option<i64>,
}

/// A family, whatever has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meta {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    /// Values come in microseconds and go out in seconds.
    micros: bool,
    /// The sum over workers: a family of its own, so that a total never stands beside its parts and `sum()` counts once.
    pub(super) total: Option<(&'static str, &'static str)>,
}

impl Meta {
    /// The value in the family's unit.
    pub(super) fn scale(&self, value: f64) -> f64 {
        if self.micros { value / MICROS_PER_SECOND } else { value }
    }
}

const fn column<T>(name: &'static str, help: &'static str, read: fn(&T) -> Option<i64>) -> Column<T> {
    Column { meta: Meta { name, help, micros: false, total: None }, read }
}

impl<T> Column<T> {
    const fn micros(self) -> Self {
        Self { meta: Meta { micros: true, ..self.meta }, read: self.read }
    }

    const fn total(self, name: &'static str, help: &'static str) -> Self {
        Self { meta: Meta { total: Some((name, help)), ..self.meta }, read: self.read }
    }
}

fn count<T>(items: impl IntoIterator<Item = T>) -> Option<i64> {
    i64::try_from(items.into_iter().count()).ok()
}

fn flag(on: bool) -> i64 {
    i64::from(on)
}

fn is_state(worker: &Worker, state: &str) -> Option<i64> {
    worker.status.as_deref().map(|status| flag(status == state))
}

pub(super) static SERVER_COUNTERS: &[Column<Stats>] =
    &[column("uwsgi_listen_queue_errors", "Number of listen queue errors.", |s| s.listen_queue_errors.0)];

pub(super) static SERVER_GAUGES: &[Column<Stats>] = &[
    column("uwsgi_listen_queue_length", "Length of listen queue.", |s| s.listen_queue.0),
    column("uwsgi_signal_queue_length", "Length of signal queue.", |s| s.signal_queue.0),
    column("uwsgi_workers", "Number of workers.", |s| count(s.workers())),
    column("uwsgi_load", "Load as uWSGI sees it: the length of the listen queue.", |s| s.load.0),
    column("uwsgi_master_pid", "Process id of the master.", |s| s.pid.0),
    column("uwsgi_daemons", "Number of attached daemons.", |s| s.daemons.as_ref().and_then(count)),
    column("uwsgi_daemons_up", "Attached daemons that run.", |s| {
        s.daemons.as_ref().and_then(|all| count(all.iter().filter(|d| d.pid.0.is_some_and(|pid| pid > 0))))
    }),
    column("uwsgi_locks_held", "Locks held by a process.", |s| s.locks.as_ref().map(|all| all.iter().map(|l| l.0).sum())),
];

pub(super) static WORKER_COUNTERS: &[Column<Worker>] = &[
    column("uwsgi_worker_requests_total", "Total number of requests.", |w: &Worker| w.requests.0)
        .total("uwsgi_requests_total", "Requests of all workers, those that are gone included."),
    column("uwsgi_worker_exceptions_total", "Total number of exceptions.", |w: &Worker| w.exceptions.0)
        .total("uwsgi_exceptions_total", "Exceptions of all workers, those that are gone included."),
    column("uwsgi_worker_harakiri_count_total", "Total number of harakiri count.", |w: &Worker| w.harakiri_count.0)
        .total("uwsgi_harakiris_total", "Workers killed for taking too long."),
    column("uwsgi_worker_signals_total", "Total number of signals.", |w: &Worker| w.signals.0)
        .total("uwsgi_signals_total", "uWSGI signals handled by all workers, those that are gone included."),
    column("uwsgi_worker_respawn_count_total", "Total number of respawn count.", |w: &Worker| w.respawn_count.0)
        .total("uwsgi_respawns_total", "Times a worker was spawned, the first time included."),
    column("uwsgi_worker_transmitted_bytes_total", "Worker transmitted bytes.", |w: &Worker| w.tx.0)
        .total("uwsgi_transmitted_bytes_total", "Bytes transmitted by all workers, those that are gone included."),
    column("uwsgi_worker_running_time_seconds", "Worker running time in seconds.", |w: &Worker| w.running_time.0)
        .micros()
        .total("uwsgi_running_seconds_total", "Time spent in requests by all workers, those that are gone included."),
];

pub(super) static WORKER_GAUGES: &[Column<Worker>] = &[
    column("uwsgi_worker_accepting", "Is this worker accepting requests?", |w: &Worker| w.accepting.0)
        .total("uwsgi_accepting_workers", "Workers that accept requests."),
    column("uwsgi_worker_delta_requests", "Number of delta requests", |w: &Worker| w.delta_requests.0),
    column("uwsgi_worker_signal_queue_length", "Length of signal queue.", |w: &Worker| w.signal_queue.0),
    column("uwsgi_worker_rss_bytes", "Worker RSS bytes.", |w: &Worker| w.rss.0)
        .total("uwsgi_rss_bytes", "RSS of all workers; 0 unless uWSGI runs with memory-report."),
    column("uwsgi_worker_vsz_bytes", "Worker VSZ bytes.", |w: &Worker| w.vsz.0)
        .total("uwsgi_vsz_bytes", "VSZ of all workers; 0 unless uWSGI runs with memory-report."),
    column("uwsgi_worker_uss_bytes", "Worker USS bytes: memory it shares with nobody.", |w: &Worker| w.uss.0),
    column(
        "uwsgi_worker_pss_bytes",
        "Worker PSS bytes: its memory with shared pages split among those who share them.",
        |w: &Worker| w.pss.0,
    ),
    column("uwsgi_worker_last_spawn_time_seconds", "Last spawn time in seconds since epoch.", |w: &Worker| w.last_spawn.0),
    column("uwsgi_worker_average_response_time_seconds", "Average response time in seconds.", |w: &Worker| w.avg_rt.0).micros(),
    column("uwsgi_worker_apps", "Number of apps.", |w: &Worker| count(&w.apps)),
    column("uwsgi_worker_cores", "Number of cores.", |w: &Worker| count(&w.cores)),
    column("uwsgi_worker_busy", "Is core in busy?", |w: &Worker| is_state(w, "busy"))
        .total("uwsgi_busy_workers", "Workers in a request."),
    column("uwsgi_worker_idle", "Is core in idle?", |w: &Worker| is_state(w, "idle"))
        .total("uwsgi_idle_workers", "Workers that wait for a request."),
    column("uwsgi_worker_cheap", "Is core in cheap mode?", |w: &Worker| is_state(w, "cheap"))
        .total("uwsgi_cheap_workers", "Workers stopped by cheaper mode."),
    column("uwsgi_worker_paused", "Is this worker suspended?", |w: &Worker| is_state(w, "pause"))
        .total("uwsgi_paused_workers", "Workers that are suspended."),
    column("uwsgi_worker_signalled", "Is this worker handling a uWSGI signal?", |w: &Worker| {
        w.status.as_deref().map(|status| flag(status.starts_with("sig")))
    })
    .total("uwsgi_signalled_workers", "Workers that handle a uWSGI signal."),
    column("uwsgi_worker_pid", "Process id of the worker; 0 when it doesn't run.", |w: &Worker| w.pid.0),
];

pub(super) static APP_COUNTERS: &[Column<App>] = &[
    column("uwsgi_worker_app_requests_total", "Total number of requests.", |a| a.requests.0),
    column("uwsgi_worker_app_exceptions_total", "Total number of exceptions.", |a| a.exceptions.0),
];

pub(super) static APP_GAUGES: &[Column<App>] =
    &[column("uwsgi_worker_app_startup_time_seconds", "How long this app took to start.", |a| a.startup_time.0)];

pub(super) static CORE_COUNTERS: &[Column<Core>] = &[
    column("uwsgi_worker_core_requests_total", "Total number of requests.", |c| c.requests.0),
    column("uwsgi_worker_core_static_requests_total", "Total number of static requests.", |c| c.static_requests.0),
    column("uwsgi_worker_core_routed_requests_total", "Total number of routed requests.", |c| c.routed_requests.0),
    column("uwsgi_worker_core_offloaded_requests_total", "Total number of offloaded requests.", |c| c.offloaded_requests.0),
    column("uwsgi_worker_core_write_errors_total", "Total number of write errors.", |c| c.write_errors.0),
    column("uwsgi_worker_core_read_errors_total", "Total number of read errors.", |c| c.read_errors.0),
];

pub(super) static CORE_GAUGES: &[Column<Core>] = &[column("uwsgi_worker_core_busy", "Is core busy", |c| c.in_request.0)];

pub(super) static CACHE_COUNTERS: &[Column<Cache>] = &[
    column("uwsgi_cache_hits", "Total number of hits.", |c| c.hits.0),
    column("uwsgi_cache_misses", "Total number of misses.", |c| c.miss.0),
    column("uwsgi_cache_full", "Total Number of times cache full was hit.", |c| c.full.0),
];

pub(super) static CACHE_GAUGES: &[Column<Cache>] = &[
    column("uwsgi_cache_items", "Items in cache.", |c| c.items.0),
    column("uwsgi_cache_max_items", "Max items for this cache.", |c| c.max_items.0),
    column("uwsgi_cache_blocks", "Number of blocks of this cache.", |c| c.blocks.0),
    column("uwsgi_cache_block_size_bytes", "Size of a block.", |c| c.blocksize.0),
    column("uwsgi_cache_key_size_bytes", "Longest key.", |c| c.keysize.0),
    column("uwsgi_cache_last_modified_time_seconds", "Last change of the cache in seconds since epoch.", |c| c.last_modified_at.0),
];

pub(super) static SOCKET_GAUGES: &[Column<Socket>] = &[
    column("uwsgi_socket_queue_length", "Length of socket queue.", |s| s.queue.0),
    column("uwsgi_socket_max_queue_length", "Max length of socket queue.", |s| s.max_queue.0),
    column("uwsgi_socket_shared", "Is shared socket?", |s| s.shared.0),
    column("uwsgi_socket_can_offload", "Can socket offload?", |s| s.can_offload.0),
];

pub(super) static SPOOLER_COUNTERS: &[Column<Spooler>] = &[
    column("uwsgi_spooler_tasks_total", "Tasks run by this spooler.", |s| s.tasks.0),
    column("uwsgi_spooler_respawns_total", "Times this spooler was spawned.", |s| s.respawns.0),
];

pub(super) static SPOOLER_GAUGES: &[Column<Spooler>] =
    &[column("uwsgi_spooler_running", "Is this spooler running a task?", |s| s.running.0)];

pub(super) static CRON_GAUGES: &[Column<Cron>] = &[
    column("uwsgi_cron_running", "Is this cron job running?", |c| c.pid.0.map(|pid| flag(pid > 0))),
    column("uwsgi_cron_started_time_seconds", "Start of this cron job's current run in seconds since epoch.", |c| {
        c.started_at.0.filter(|_| c.pid.0.is_some_and(|pid| pid > 0))
    }),
];

pub(super) static METRIC_COUNTERS: &[Column<Metric>] =
    &[column("uwsgi_metric_total", "A counter of uWSGI's metrics subsystem.", |m| {
        m.value.0.filter(|_| m.kind.0 == Some(METRIC_COUNTER))
    })];

pub(super) static METRIC_GAUGES: &[Column<Metric>] =
    &[column("uwsgi_metric_value", "A gauge or absolute value of uWSGI's metrics subsystem.", |m| {
        m.value.0.filter(|_| m.kind.0.is_some_and(|kind| kind != METRIC_COUNTER && kind != METRIC_ALIAS))
    })];

/// Whether uWSGI itself defines this metric: its value stands elsewhere in the document.
pub(super) fn is_built_in(metric: &str) -> bool {
    let mut parts = metric.split('.');
    match (parts.next(), parts.next()) {
        (Some("core"), Some(_)) => true,
        (Some("worker" | "socket"), Some(id)) => id.bytes().all(|b| b.is_ascii_digit()),
        _ => false,
    }
}
