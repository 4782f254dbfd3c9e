use super::random::Random;
use super::worker::{Request, Worker};
use serde_json::json;

/// Workers that run at once.
pub(super) const WORKERS: usize = 4;
/// Ports of their range: twice as many, so that a reload finds room.
pub(super) const PORTS: usize = 2 * WORKERS;
/// Process id of the simulated master; workers count on from there.
const MASTER_PID: u32 = 4000;
/// Requests of one tick: at least, and how many more at the top of the wave.
const LOAD_BASE: usize = 4;
const LOAD_WAVE: f64 = 8.0;
/// Ticks from one top of the load's wave to the next.
const WAVE_TICKS: f64 = 150.0;
/// Any fixed number: it makes every run alike.
const SEED: u64 = 2026;

/// The simulated application server: who lives in which slot, and what has truly been counted.
#[derive(Debug)]
pub(super) struct Pool {
    random: Random,
    ticks: u64,
    /// By port of the range.
    slots: [Option<Worker>; PORTS],
    next_pid: u32,
    /// Every request ever handled, whoever handled it.
    truth: u64,
    masters_view: [Slot; WORKERS],
    nginx_scrapes: u64,
}

/// What the uWSGI master remembers of a worker over its lives.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    pid: u32,
    requests: u64,
    respawns: u64,
    last_spawn: f64,
    running_seconds: f64,
    resident: f64,
    /// `requests` at the last spawn.
    requests_before: u64,
}

impl Pool {
    pub(super) fn new() -> Self {
        Self {
            random: Random::new(SEED),
            ticks: 0,
            slots: Default::default(),
            next_pid: MASTER_PID + 1,
            truth: 0,
            masters_view: Default::default(),
            nginx_scrapes: 0,
        }
    }

    pub(super) fn truth(&self) -> u64 {
        self.truth
    }

    pub(super) fn worker(&self, slot: usize) -> Option<&Worker> {
        self.slots.get(slot)?.as_ref()
    }

    pub(super) fn is_vacant(&self, slot: usize) -> bool {
        self.worker(slot).is_none()
    }

    /// The slot of the worker that has lived longest.
    pub(super) fn oldest(&self) -> Option<usize> {
        let alive = self.slots.iter().enumerate().filter_map(|(i, w)| w.as_ref().map(|w| (i, w.pid)));
        alive.min_by_key(|(_, pid)| *pid).map(|(i, _)| i)
    }

    /// The worker of `slot` ends, and its counters with it.
    pub(super) fn end(&mut self, slot: usize) {
        if let Some(worker) = self.slots.get_mut(slot).and_then(Option::take)
            && let Some(seen) = self.masters_view.get_mut(worker.id - 1)
        {
            seen.pid = 0;
            seen.resident = 0.0;
        }
    }

    /// A worker boots into `slot`, as the first of the application server's workers that isn't running.
    pub(super) fn boot(&mut self, slot: usize, unix: f64) {
        let Some(id) = self.masters_view.iter().position(|seen| seen.pid == 0) else { return };
        let pid = self.next_pid;
        self.next_pid += 1;
        let seen = &mut self.masters_view[id];
        *seen = Slot { pid, respawns: seen.respawns + 1, last_spawn: unix, requests_before: seen.requests, ..*seen };
        if let Some(vacant) = self.slots.get_mut(slot) {
            *vacant = Some(Worker::new(id + 1, pid, unix));
        }
    }

    /// One step of the load: a wave of requests, spread at random over the workers that live.
    pub(super) fn tick(&mut self) {
        self.ticks += 1;
        let phase = self.ticks as f64 / WAVE_TICKS * std::f64::consts::TAU;
        let wave = (LOAD_WAVE * (1.0 - phase.cos()) / 2.0).round() as usize;
        let mut alive: Vec<&mut Worker> = self.slots.iter_mut().flatten().collect();
        for _ in 0..LOAD_BASE + wave + self.random.below(3) {
            let request = Request::random(&mut self.random);
            let chosen = self.random.below(alive.len());
            let Some(worker) = alive.get_mut(chosen) else { return };
            worker.handle(request);
            self.truth += 1;
            let seen = &mut self.masters_view[worker.id - 1];
            seen.requests += 1;
            seen.running_seconds += request.seconds;
            seen.resident = worker.resident();
        }
    }

    /// The stats document of uWSGI's master.
    pub(super) fn uwsgi(&self) -> String {
        let micros = |seconds: f64| (seconds * 1e6) as u64;
        let workers: Vec<_> = self.masters_view.iter().enumerate().map(|(i, w)| {
            let requests_now = w.requests - w.requests_before;
            json!({
                "id": i + 1, "pid": w.pid, "accepting": u8::from(w.pid != 0), "requests": w.requests, "delta_requests": requests_now,
                "exceptions": 0, "harakiri_count": 0, "signals": 0, "signal_queue": 0, "status": "idle", "rss": w.resident as u64,
                "vsz": 2 * w.resident as u64, "running_time": micros(w.running_seconds), "last_spawn": w.last_spawn as u64,
                "respawn_count": w.respawns, "tx": w.requests * 1_200,
                "avg_rt": micros(w.running_seconds / w.requests.max(1) as f64),
                "apps": [{"id": 0, "modifier1": 0, "mountpoint": "", "startup_time": 1, "requests": requests_now, "exceptions": 0, "chdir": ""}],
                "cores": [{"id": 0, "requests": w.requests, "static_requests": 0, "routed_requests": 0, "offloaded_requests": 0,
                           "write_errors": 0, "read_errors": 0, "in_request": 0, "vars": [], "req_info": {}}],
            })
        }).collect();
        json!({
            "version": "2.0.30", "listen_queue": 0, "listen_queue_errors": 0, "signal_queue": 0, "load": 0, "pid": MASTER_PID,
            "uid": 1000, "gid": 1000, "cwd": "/srv/shop", "locks": [{"user 0": 0}],
            "sockets": [{"name": "127.0.0.1:8000", "proto": "uwsgi", "queue": 0, "max_queue": 100, "shared": 0, "can_offload": 0}],
            "workers": workers,
        })
        .to_string()
    }

    /// The stub_status page of nginx, which counts the request for it.
    pub(super) fn nginx(&mut self) -> String {
        self.nginx_scrapes += 1;
        let requests = self.truth + self.nginx_scrapes;
        let accepted = self.truth / 2 + self.nginx_scrapes;
        let waiting = self.ticks % 7;
        format!(
            "Active connections: {} \nserver accepts handled requests\n {accepted} {accepted} {requests} \n\
             Reading: 0 Writing: 1 Waiting: {waiting} \n",
            waiting + 1
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_truth_outlives_the_workers() {
        let mut pool = Pool::new();
        (0..WORKERS).for_each(|slot| pool.boot(slot, 1.0));
        (0..100).for_each(|_| pool.tick());
        let alive = |pool: &Pool| -> u64 { (0..PORTS).filter_map(|s| pool.worker(s)).map(|w| w.requests).sum() };
        assert_eq!(alive(&pool), pool.truth());

        let truth = pool.truth();
        assert_eq!(pool.oldest(), Some(0));
        pool.end(0);
        assert!(alive(&pool) < truth, "the dead worker's counters are gone");
        pool.boot(0, 2.0);
        assert_eq!(pool.worker(0).map(|w| (w.id, w.requests)), Some((1, 0)));
        assert_eq!(pool.oldest(), Some(1));
        assert_eq!(pool.truth(), truth);
    }

    #[test]
    fn uwsgis_requests_survive_a_respawn() {
        let mut pool = Pool::new();
        (0..WORKERS).for_each(|slot| pool.boot(slot, 1.0));
        (0..100).for_each(|_| pool.tick());
        pool.end(2);
        pool.boot(2, 9.0);
        let stats: serde_json::Value = serde_json::from_str(&pool.uwsgi()).unwrap_or_default();
        let sum: u64 = (0..WORKERS).filter_map(|i| stats["workers"][i]["requests"].as_u64()).sum();
        assert_eq!(sum, pool.truth());
        assert_eq!((&stats["workers"][2]["respawn_count"], &stats["workers"][2]["delta_requests"]), (&json!(2), &json!(0)));
    }
}
