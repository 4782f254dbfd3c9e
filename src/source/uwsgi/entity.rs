//! What has series: the server, a worker, an app, a socket… and its labels.

use super::stats::{App, Cache, Core, Cron, Metric, Socket, Spooler, Stats, Worker};
use super::table::{self, Column, Meta};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The identity of something that has series, within one target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Entity {
    Server,
    Worker(i64),
    App { worker: i64, app: i64, mountpoint: String, chdir: String },
    Core { worker: i64, core: i64 },
    Cache { name: String },
    Socket { name: String, proto: String },
    Spooler { dir: String },
    Cron { id: usize, schedule: String },
    Metric { name: String },
}

impl Entity {
    /// Its labels besides `stats_uri`.
    pub(super) fn labels(&self) -> Vec<(&'static str, Cow<'static, str>)> {
        let text = |label, value: &str| (label, Cow::Owned(value.to_string()));
        let number = |label, value: &i64| (label, Cow::Owned(value.to_string()));
        match self {
            Self::Server => vec![],
            Self::Worker(worker) => vec![number("worker_id", worker)],
            Self::App { worker, app, mountpoint, chdir } => {
                let ids = [number("worker_id", worker), number("app_id", app)];
                ids.into_iter().chain([text("mountpoint", mountpoint), text("chdir", chdir)]).collect()
            }
            Self::Core { worker, core } => vec![number("worker_id", worker), number("core_id", core)],
            Self::Cache { name } | Self::Metric { name } => vec![text("name", name)],
            Self::Socket { name, proto } => vec![text("name", name), text("proto", proto)],
            Self::Spooler { dir } => vec![text("dir", dir)],
            Self::Cron { id, schedule } => vec![("cron_id", Cow::Owned(id.to_string())), text("schedule", schedule)],
        }
    }
}

impl Entity {
    /// Its counters, as [`Row::counters`] has them.
    pub(super) fn counters(&self) -> Vec<&'static Meta> {
        fn metas<T>(table: &'static [Column<T>]) -> Vec<&'static Meta> {
            table.iter().map(|column| &column.meta).collect()
        }
        match self {
            Self::Server => metas(table::SERVER_COUNTERS),
            Self::Worker(_) => metas(table::WORKER_COUNTERS),
            Self::App { .. } => metas(table::APP_COUNTERS),
            Self::Core { .. } => metas(table::CORE_COUNTERS),
            Self::Cache { .. } => metas(table::CACHE_COUNTERS),
            Self::Spooler { .. } => metas(table::SPOOLER_COUNTERS),
            Self::Metric { .. } => metas(table::METRIC_COUNTERS),
            Self::Socket { .. } | Self::Cron { .. } => Vec::new(),
        }
    }
}

/// An entity's part of the document.
#[derive(Debug, Clone, Copy)]
pub(super) enum Row<'a> {
    Server(&'a Stats),
    Worker(&'a Worker),
    App(&'a App),
    Core(&'a Core),
    Cache(&'a Cache),
    Socket(&'a Socket),
    Spooler(&'a Spooler),
    Cron(&'a Cron),
    Metric(&'a Metric),
}

/// A family and this entity's value of it, if the document has it.
pub(super) type Reading = (&'static Meta, Option<i64>);

fn readings<T>(table: &'static [Column<T>], item: &T) -> Vec<Reading> {
    table.iter().map(|column| (&column.meta, (column.read)(item))).collect()
}

impl Row<'_> {
    /// Its counters: always the same ones in the same order for one kind of entity.
    pub(super) fn counters(self) -> Vec<Reading> {
        match self {
            Self::Server(x) => readings(table::SERVER_COUNTERS, x),
            Self::Worker(x) => readings(table::WORKER_COUNTERS, x),
            Self::App(x) => readings(table::APP_COUNTERS, x),
            Self::Core(x) => readings(table::CORE_COUNTERS, x),
            Self::Cache(x) => readings(table::CACHE_COUNTERS, x),
            Self::Spooler(x) => readings(table::SPOOLER_COUNTERS, x),
            Self::Metric(x) => readings(table::METRIC_COUNTERS, x),
            Self::Socket(_) | Self::Cron(_) => Vec::new(),
        }
    }

    /// Its gauges.
    pub(super) fn gauges(self) -> Vec<Reading> {
        match self {
            Self::Server(x) => readings(table::SERVER_GAUGES, x),
            Self::Worker(x) => readings(table::WORKER_GAUGES, x),
            Self::App(x) => readings(table::APP_GAUGES, x),
            Self::Core(x) => readings(table::CORE_GAUGES, x),
            Self::Cache(x) => readings(table::CACHE_GAUGES, x),
            Self::Socket(x) => readings(table::SOCKET_GAUGES, x),
            Self::Spooler(x) => readings(table::SPOOLER_GAUGES, x),
            Self::Cron(x) => readings(table::CRON_GAUGES, x),
            Self::Metric(x) => readings(table::METRIC_GAUGES, x),
        }
    }
}

/// Everything in the document that has series. Where one stands twice (uWSGI lists some sockets so), the first counts.
pub(super) fn rows(stats: &Stats, cores: bool) -> BTreeMap<Entity, Row<'_>> {
    let mut rows = BTreeMap::new();
    let mut add = |entity, row| {
        rows.entry(entity).or_insert(row);
    };
    add(Entity::Server, Row::Server(stats));
    for (worker, item) in stats.workers() {
        add(Entity::Worker(worker), Row::Worker(item));
        for app in &item.apps {
            let (mountpoint, chdir) = (app.mountpoint.clone(), app.chdir.clone());
            add(Entity::App { worker, app: app.id.0.unwrap_or_default(), mountpoint, chdir }, Row::App(app));
        }
        for core in item.cores.iter().filter(|_| cores) {
            add(Entity::Core { worker, core: core.id.0.unwrap_or_default() }, Row::Core(core));
        }
    }
    for cache in &stats.caches {
        add(Entity::Cache { name: cache.name.clone() }, Row::Cache(cache));
    }
    for socket in &stats.sockets {
        add(Entity::Socket { name: socket.name.clone(), proto: socket.proto.clone() }, Row::Socket(socket));
    }
    for spooler in &stats.spoolers {
        add(Entity::Spooler { dir: spooler.dir.clone() }, Row::Spooler(spooler));
    }
    for (id, cron) in stats.crons.iter().enumerate() {
        let fields = [cron.minute, cron.hour, cron.day, cron.month, cron.week];
        let schedule = fields.map(|field| field.0.map_or_else(|| "?".to_string(), |n| n.to_string())).join(" ");
        add(Entity::Cron { id, schedule }, Row::Cron(cron));
    }
    for (name, metric) in stats.metrics.iter().filter(|(name, _)| !table::is_built_in(name)) {
        add(Entity::Metric { name: name.clone() }, Row::Metric(metric));
    }
    rows
}
