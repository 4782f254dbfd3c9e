//! The program against the servers it is made for: Django under gunicorn and uWSGI, nginx, and a real Prometheus that scrapes it.
//!
//! One test, since its steps share one stack and one history: what Prometheus has stored at the end must be right over all of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test says what is wrong by panicking")]

mod counting;
mod failures;
mod history;
mod servers;
#[path = "../support/mod.rs"]
mod support;

use support::fake_worker::FakeWorker;
use support::port::Port;
use support::prometheus::Prometheus;
use support::proxy::Proxy;
use support::stack::{Gunicorn, Nginx, Stats, Uwsgi, WORKERS, migrate};
use tempfile::TempDir;

/// Everything, each part with ports of its own. Dropped in this order.
struct Stack {
    prometheus: Prometheus,
    /// Adds the workers up without a memory: what the proxy must not do.
    #[expect(dead_code, reason = "only held: it answers Prometheus until it is dropped")]
    naive: FakeWorker,
    proxy: Proxy,
    nginx: Nginx,
    uwsgi: [Uwsgi; 3],
    gunicorn: Gunicorn,
    dir: TempDir,
}

impl Stack {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        migrate(dir.path());
        let gunicorn = Gunicorn::start(dir.path());
        let uwsgi = [
            Uwsgi::start("uwsgi-tcp", Stats::Tcp(Port::reserve()), dir.path()),
            Uwsgi::start("uwsgi-http", Stats::Http(Port::reserve()), dir.path()),
            Uwsgi::start("uwsgi-unix", Stats::Unix(dir.path().join("stats.sock")), dir.path()),
        ];
        let nginx = Nginx::start(gunicorn.address(), dir.path());
        let stats: Vec<_> = uwsgi.iter().map(Uwsgi::target).collect();
        let proxy = Proxy::with_config(&format!(
            "scrape_timeout: 1s\nsources:\n  \
             - {{name: django, kind: workers, targets: [\"{}\"], expect: {WORKERS}}}\n  \
             - {{name: uwsgi, kind: uwsgi, targets: {stats:?}}}\n  \
             - {{name: nginx, kind: nginx, targets: [\"{}\"]}}\n",
            gunicorn.range(),
            nginx.target()
        ));
        let naive = counting::naive_sum(&gunicorn);
        let prometheus = Prometheus::start(&[("onescrape", proxy.address()), ("naive", naive.address())], dir.path());
        Self { prometheus, naive, proxy, nginx, uwsgi, gunicorn, dir }
    }

    /// Waits until that many workers are up; every other port of the range is vacant.
    fn wait_workers_up(&self, count: usize) {
        self.proxy.wait_scrape(&format!("{count} workers up"), |answer| {
            let up = answer.value("onescrape_slots{source=\"django\",state=\"up\"}");
            support::expect(up == Some(count as f64), || format!("{up:?}"))
        });
    }
}

/// How often workers are ended in each way: the second time they come from where a reload has moved them.
const GENERATIONS: usize = 2;

/// Runs a step under its name.
fn step<T>(name: &str, run: impl FnOnce() -> T) -> T {
    eprintln!("step: {name}");
    let begun = std::time::Instant::now();
    let result = run();
    eprintln!("      took {:.1?}", begun.elapsed());
    result
}

#[test]
fn real_stack() {
    let mut stack = step("start", Stack::start);
    let mut counted = step("a history, so that a sum without a memory has something to lose", || counting::Counted::begin(&stack));
    step("uWSGI's numbers are its own", || servers::uwsgi_agrees(&stack));
    step("nginx' numbers are its own", || servers::nginx_agrees(&stack));
    step("promtool takes the answer", || servers::promtool_agrees(&stack));
    step("prometheus_client takes the answer", || servers::prometheus_client_agrees(&stack));
    for _ in 0..GENERATIONS {
        step("counts over a worker's end", || counted.over_terminated_worker(&mut stack));
        step("counts over two killed workers", || counted.over_killed_workers(&mut stack));
        step("counts over a reload amid requests", || counted.over_reload(&mut stack));
    }
    step("a worker that hangs", || failures::stopped_worker(&mut stack, &mut counted));
    step("a worker less", || failures::worker_less(&mut stack, &mut counted));
    step("nginx away", || failures::nginx_away(&mut stack, &mut counted));
    step("a uWSGI away", || failures::uwsgi_away(&mut stack));
    step("what Prometheus has stored", || history::is_exact(&stack, &counted));
}
