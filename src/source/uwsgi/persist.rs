//! What a target's ledger says about itself for the state file: lives and counters, so that totals go on.

use super::counters::{Columns, Held, Ledger, Life};
use super::entity::Entity;
use super::life::{self, Lives, Spawn};
use crate::state::{IS_IN, Parts, Saved, Unreadable};
use prost::{Message, Oneof};

const SERVER: u8 = 1;
/// A master's life of the server last named: the past ones, the oldest first, then the current one.
const LIFE: u8 = 2;
/// Counters of an entity of the server last named.
const ENTITY: u8 = 3;

#[derive(Clone, PartialEq, Message)]
struct ServerPart {
    #[prost(string, tag = "1")]
    stats_uri: String,
    /// Whether the last of its lives is the current one.
    #[prost(bool, tag = "2")]
    was_seen: bool,
}

#[derive(Clone, PartialEq, Message)]
struct LifePart {
    #[prost(sint64, optional, tag = "1")]
    pid: Option<i64>,
    #[prost(message, repeated, tag = "2")]
    workers: Vec<SpawnPart>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct SpawnPart {
    #[prost(sint64, tag = "1")]
    worker: i64,
    #[prost(sint64, optional, tag = "2")]
    pid: Option<i64>,
    #[prost(sint64, optional, tag = "3")]
    last_spawn: Option<i64>,
    #[prost(sint64, optional, tag = "4")]
    respawns: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct EntityPart {
    #[prost(oneof = "Who", tags = "1, 2, 3, 4, 5, 6, 7")]
    who: Option<Who>,
    #[prost(message, repeated, tag = "16")]
    counters: Vec<CounterPart>,
}

/// Entities that have counters.
#[derive(Clone, PartialEq, Oneof)]
enum Who {
    #[prost(bool, tag = "1")]
    Server(bool),
    #[prost(sint64, tag = "2")]
    Worker(i64),
    #[prost(message, tag = "3")]
    App(AppPart),
    #[prost(message, tag = "4")]
    Core(CorePart),
    #[prost(string, tag = "5")]
    Cache(String),
    #[prost(string, tag = "6")]
    Spooler(String),
    #[prost(string, tag = "7")]
    Metric(String),
}

#[derive(Clone, PartialEq, Message)]
struct AppPart {
    #[prost(sint64, tag = "1")]
    worker: i64,
    #[prost(sint64, tag = "2")]
    app: i64,
    #[prost(string, tag = "3")]
    mountpoint: String,
    #[prost(string, tag = "4")]
    chdir: String,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct CorePart {
    #[prost(sint64, tag = "1")]
    worker: i64,
    #[prost(sint64, tag = "2")]
    core: i64,
}

#[derive(Clone, PartialEq, Message)]
struct CounterPart {
    /// Name of the family.
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint64, tag = "2")]
    offset: u64,
    /// `None`: not seen in the current life.
    #[prost(uint64, optional, tag = "3")]
    last: Option<u64>,
    #[prost(uint64, tag = "4")]
    base: u64,
    #[prost(bool, tag = "5")]
    returned: bool,
}

/// Writes the ledger of one target.
pub(super) fn save(stats_uri: &str, ledger: &Ledger, to: &mut Parts<'_>) {
    if !IS_IN {
        return;
    }
    let Lives { current, past } = &ledger.lives;
    to.put(SERVER, &ServerPart { stats_uri: stats_uri.into(), was_seen: current.is_some() });
    past.iter().chain(current).for_each(|life| to.put(LIFE, &life_part(life)));
    for (entity, columns) in &ledger.held {
        let counters = columns.iter().filter_map(|(meta, held)| Some(counter_part(meta.name, held.as_ref()?))).collect();
        to.put(ENTITY, &EntityPart { who: who(entity), counters });
    }
}

/// The ledgers of all targets that were written.
pub(super) fn load(mut saved: Saved<'_>) -> Result<Vec<(String, Ledger)>, Unreadable> {
    if !IS_IN {
        return Ok(Vec::new());
    }
    let mut all: Vec<(ServerPart, Ledger)> = Vec::new();
    while let Some(part) = saved.next_part()? {
        if part.tag == SERVER {
            all.push((part.read()?, Ledger::default()));
            continue;
        }
        let Some((_, ledger)) = all.last_mut() else { continue };
        match part.tag {
            LIFE => ledger.lives.past.push(life(part.read()?)),
            ENTITY => {
                let EntityPart { who, counters } = part.read()?;
                if let Some(entity) = who.map(entity) {
                    let columns = columns(&entity, &counters);
                    ledger.series += columns.len();
                    ledger.held.insert(entity, columns);
                }
            }
            _ => {}
        }
    }
    for (server, ledger) in all.iter_mut().filter(|(server, _)| server.was_seen) {
        ledger.lives.current = ledger.lives.past.pop();
        tracing::debug!(target_address = server.stats_uri, series = ledger.series, "counters of uWSGI go on");
    }
    Ok(all.into_iter().map(|(server, ledger)| (server.stats_uri, ledger)).collect())
}

fn life_part(life: &life::Life) -> LifePart {
    let worker = |(worker, spawn): (&i64, &Spawn)| {
        let Spawn { pid, last_spawn, respawns } = *spawn;
        SpawnPart { worker: *worker, pid, last_spawn, respawns }
    };
    LifePart { pid: life.pid, workers: life.workers.iter().map(worker).collect() }
}

fn life(part: LifePart) -> life::Life {
    let spawn = |SpawnPart { worker, pid, last_spawn, respawns }| (worker, Spawn { pid, last_spawn, respawns });
    life::Life { pid: part.pid, workers: part.workers.into_iter().map(spawn).collect() }
}

fn counter_part(name: &str, held: &Held) -> CounterPart {
    let (last, base, returned) = match held.life {
        Life::Unseen { returned } => (None, 0, returned),
        Life::Seen { base, last } => (Some(last), base, false),
    };
    CounterPart { name: name.into(), offset: held.offset, last, base, returned }
}

/// The columns of an entity as this program knows them, with what was saved of each.
fn columns(entity: &Entity, saved: &[CounterPart]) -> Columns {
    let held = |part: &CounterPart| Held {
        offset: part.offset,
        life: match part.last {
            None => Life::Unseen { returned: part.returned },
            Some(last) => Life::Seen { base: part.base.min(last), last },
        },
    };
    let column = |meta: &'static super::table::Meta| (meta, saved.iter().find(|part| part.name == meta.name).map(held));
    entity.counters().into_iter().map(column).collect()
}

/// `None`: it has no counters.
fn who(entity: &Entity) -> Option<Who> {
    Some(match entity {
        Entity::Server => Who::Server(true),
        Entity::Worker(worker) => Who::Worker(*worker),
        Entity::App { worker, app, mountpoint, chdir } => {
            Who::App(AppPart { worker: *worker, app: *app, mountpoint: mountpoint.clone(), chdir: chdir.clone() })
        }
        Entity::Core { worker, core } => Who::Core(CorePart { worker: *worker, core: *core }),
        Entity::Cache { name } => Who::Cache(name.clone()),
        Entity::Spooler { dir } => Who::Spooler(dir.clone()),
        Entity::Metric { name } => Who::Metric(name.clone()),
        Entity::Socket { .. } | Entity::Cron { .. } => return None,
    })
}

fn entity(who: Who) -> Entity {
    match who {
        Who::Server(_) => Entity::Server,
        Who::Worker(worker) => Entity::Worker(worker),
        Who::App(AppPart { worker, app, mountpoint, chdir }) => Entity::App { worker, app, mountpoint, chdir },
        Who::Core(CorePart { worker, core }) => Entity::Core { worker, core },
        Who::Cache(name) => Entity::Cache { name },
        Who::Spooler(dir) => Entity::Spooler { dir },
        Who::Metric(name) => Entity::Metric { name },
    }
}
