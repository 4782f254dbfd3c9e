//! A built-in stack on real loopback sockets, to show the proxy at work without installing anything: simulated workers that speak
//! like the Python client and are recycled every few seconds, a uWSGI stats server and an nginx status page. It knows the true total
//! of requests, which no scraper of a real stack ever does.

mod chart;
mod exposition;
mod http;
mod pool;
mod random;
mod watch;
mod worker;

pub use watch::watch;

use pool::{PORTS, Pool, WORKERS};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::sync::watch as channel;
use tokio::task::JoinHandle;

/// Where the proxy of the demo listens if that port is free.
pub const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 11011);
/// First port tried for the workers' range; below the range from which systems take ports for outgoing connections.
const FIRST_PORT: u16 = 18_001;
/// How many ranges are tried, one after the other.
const RANGES_TRIED: u16 = 500;

/// How fast the simulated stack lives.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Time between two steps of the load.
    pub tick: Duration,
    /// Steps from one recycling to the next.
    pub recycle_ticks: u32,
    /// Steps during which the recycled worker's port refuses.
    pub gap_ticks: u32,
}

impl Default for Pace {
    /// A worker every 5 s, 0.6 s to boot: gunicorn's median.
    fn default() -> Self {
        Self { tick: Duration::from_millis(200), recycle_ticks: 25, gap_ticks: 3 }
    }
}

/// The running stack. Ends when dropped.
#[derive(Debug)]
pub struct Demo {
    /// The port range of the workers, as `--workers` takes it.
    pub workers: String,
    /// How many workers should be up.
    pub expect: u32,
    /// The stats server, as `--uwsgi` takes it.
    pub uwsgi: String,
    /// The status page, as `--nginx` takes it.
    pub nginx: String,
    /// Ports of the range, as `HOST:PORT`.
    ports: Vec<String>,
    pool: Shared,
    recycled: channel::Receiver<u64>,
    _tasks: [Task; 3],
}

impl Demo {
    /// Every request handled so far, whether or not its worker still lives.
    pub fn truth(&self) -> u64 {
        lock(&self.pool).truth()
    }

    /// Waits until `n` workers have been replaced since the start.
    pub async fn recycled(&self, n: u64) {
        // An error means that the stack has ended; nobody can wait for that, as it ends with `self`.
        let _ = self.recycled.clone().wait_for(|done| *done >= n).await;
    }
}

/// Starts the stack at its usual pace.
///
/// # Errors
/// No free ports on loopback.
pub async fn start() -> io::Result<Demo> {
    start_at(Pace::default()).await
}

/// Starts the stack at a pace of one's own.
///
/// # Errors
/// As [`start`].
pub async fn start_at(pace: Pace) -> io::Result<Demo> {
    let pool: Shared = Arc::new(Mutex::new(Pool::new()));
    let (first_port, listeners) = free_range().await?;
    let last_port = first_port + (PORTS as u16 - 1);
    let mut servers: Vec<Option<Task>> = Vec::new();
    for (slot, listener) in listeners.into_iter().enumerate() {
        let boots = slot < WORKERS;
        if boots {
            lock(&pool).boot(slot, unix_now());
        }
        servers.push(boots.then(|| worker_server(&pool, slot, listener)));
    }

    let uwsgi = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let nginx = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let (uwsgi_address, nginx_address) = (uwsgi.local_addr()?, nginx.local_addr()?);
    let (stats, status) = (pool.clone(), pool.clone());
    let uwsgi = Task::spawn(http::serve_raw(uwsgi, move || lock(&stats).uwsgi()));
    let nginx = Task::spawn(http::serve(nginx, move |_| ("text/plain", lock(&status).nginx())));

    let (count, recycled) = channel::channel(0);
    let life = Task::spawn(live(pool.clone(), servers, first_port, pace, count));
    Ok(Demo {
        workers: format!("127.0.0.1:{first_port}-{last_port}"),
        expect: WORKERS as u32,
        uwsgi: format!("tcp://{uwsgi_address}"),
        nginx: format!("http://{nginx_address}/nginx/status"),
        ports: (first_port..=last_port).map(|port| format!("127.0.0.1:{port}")).collect(),
        pool,
        recycled,
        _tasks: [uwsgi, nginx, life],
    })
}

/// A listener for the demo's proxy: on [`LISTEN`], or on any free port if that is taken.
///
/// # Errors
/// No free port on loopback.
pub async fn listener() -> io::Result<TcpListener> {
    match TcpListener::bind(LISTEN).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await,
    }
}

/// The whole demo: the stack, `serve` over it, and on `out` where to look and how the sums compare, until `serve` ends.
/// `serve` is handed the stack to scrape and the listener to answer on; `path` is that of its exposition.
///
/// # Errors
/// Those of [`start`], of writing to `out`, and of `serve`.
pub async fn demo(
    path: &str,
    out: &mut dyn Write,
    serve: impl AsyncFnOnce(&Demo, TcpListener) -> io::Result<()>,
) -> io::Result<()> {
    let demo = start().await?;
    let listener = listener().await?;
    let address = listener.local_addr()?;
    tokio::select! {
        ended = serve(&demo, listener) => ended,
        ended = watch(&demo, address, path, out) => ended,
    }
}

type Shared = Arc<Mutex<Pool>>;

/// The pool is plain numbers, sound after any panic of another task.
fn lock(pool: &Mutex<Pool>) -> MutexGuard<'_, Pool> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A task that ends with its owner.
#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Task {
    fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(future))
    }

    /// Ends the task and waits until what it held (a listener) is closed.
    async fn end(mut self) {
        self.0.abort();
        let _ = (&mut self.0).await;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn worker_server(pool: &Shared, slot: usize, listener: TcpListener) -> Task {
    let pool = pool.clone();
    Task::spawn(http::serve(listener, move |head| {
        let open_metrics = head.lines().any(|line| {
            let (name, value) = line.split_once(':').unwrap_or_default();
            name.eq_ignore_ascii_case("accept") && value.contains("application/openmetrics-text")
        });
        let body = lock(&pool).worker(slot).map(|w| w.exposition(open_metrics));
        (exposition::Exposition::content_type(open_metrics), body.unwrap_or_default())
    }))
}

/// The life of the stack: load, and every so often the oldest worker is replaced by another on the lowest free port.
async fn live(pool: Shared, mut servers: Vec<Option<Task>>, first_port: u16, pace: Pace, recycled: channel::Sender<u64>) {
    let mut clock = tokio::time::interval(pace.tick);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut load = async |ticks: u32| {
        for _ in 0..ticks {
            clock.tick().await;
            lock(&pool).tick();
        }
    };
    loop {
        load(pace.recycle_ticks).await;
        let Some(oldest) = lock(&pool).oldest() else { return };
        if let Some(server) = servers.get_mut(oldest).and_then(Option::take) {
            server.end().await;
        }
        lock(&pool).end(oldest);
        load(pace.gap_ticks).await;
        for (slot, port) in (0..PORTS).zip(first_port..) {
            // Another program may have taken the port meanwhile; then the next one serves, as in a real range.
            if lock(&pool).is_vacant(slot)
                && let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
            {
                lock(&pool).boot(slot, unix_now());
                servers[slot] = Some(worker_server(&pool, slot, listener));
                break;
            }
        }
        recycled.send_modify(|n| *n += 1);
    }
}

/// The first range of [`PORTS`] ports that are all free, and a listener on each.
async fn free_range() -> io::Result<(u16, Vec<TcpListener>)> {
    for n in 0..RANGES_TRIED {
        let first = FIRST_PORT + n * PORTS as u16;
        let mut listeners = Vec::new();
        for port in first..first + PORTS as u16 {
            listeners.extend(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await);
        }
        if listeners.len() == PORTS {
            return Ok((first, listeners));
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, format!("no {PORTS} free ports in a row on 127.0.0.1 from {FIRST_PORT} on")))
}

fn unix_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

#[cfg(test)]
mod tests;
