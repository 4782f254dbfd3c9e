//! Requests sent and counted here, against what the proxy says they were.

use crate::Stack;
use crate::support::exposition::Exposition;
use crate::support::fake_worker::{Answer, FakeWorker, TEXT};
use crate::support::process::{signal_pid, wait_gone};
use crate::support::stack::{Gunicorn, WORKERS, read_workers};
use crate::support::{expect, http, load, wait_for};
use rustix::process::Signal;
use std::sync::Arc;

/// Requests for the index, and for orders, before counting begins.
const HISTORY: usize = 1500;
/// Requests for the index in each step.
const INDEX: usize = 120;
/// Requests for an order in each step.
const ORDERS: usize = 60;

/// Series that count requests for the index.
pub const OF_INDEX: [&str; 2] =
    ["django_http_requests_total_by_view_transport_method_total{view=\"index\"}", "shop_render_seconds_count{view=\"index\"}"];
/// Series that count orders.
pub const OF_ORDERS: [&str; 3] = [
    "django_http_requests_total_by_view_transport_method_total{view=\"order\"}",
    "shop_render_seconds_bucket{view=\"order\",le=\"+Inf\"}",
    "shop_orders_total{kind=\"book\"}",
];
/// Series that a sum without a memory is compared by.
pub const NAIVE: &str = "naive_requests_total";

/// What was sent since counting began.
pub struct Counted {
    /// Unix seconds of a sample that Prometheus stored when the history was whole and nothing more had been sent.
    pub since: f64,
    pub index: usize,
    pub orders: usize,
}

impl Counted {
    /// Builds up a history and waits until Prometheus knows it.
    pub fn begin(stack: &Stack) -> Self {
        load::send(stack.nginx.address(), "/", HISTORY);
        load::send(stack.nginx.address(), "/order/book", ORDERS);
        let mut counted = Self { since: 0.0, index: 0, orders: 0 };
        stack.proxy.wait_scrape("the history", |answer| counted.matches(answer));
        counted.wait_stored(stack);
        counted.since = stack.prometheus.value(&format!("timestamp({})", OF_INDEX[0])).unwrap();
        counted
    }

    /// Sends a step's requests and waits until the proxy shows every single one.
    pub fn send(&mut self, stack: &Stack) -> Exposition {
        load::send(stack.nginx.address(), "/", INDEX);
        load::send(stack.nginx.address(), "/order/book", ORDERS);
        self.index += INDEX;
        self.orders += ORDERS;
        stack.proxy.wait_scrape("every request to be counted", |answer| self.matches(answer))
    }

    /// Whether an answer counts exactly what was sent.
    pub fn matches(&self, answer: &Exposition) -> Result<(), String> {
        OF_INDEX.iter().try_for_each(|series| equal(answer, series, HISTORY + self.index))?;
        OF_ORDERS.iter().try_for_each(|series| equal(answer, series, ORDERS + self.orders))
    }

    /// Waits until Prometheus has stored what the proxy shows, so that a worker may go.
    pub fn wait_stored(&self, stack: &Stack) {
        for (series, count) in [(OF_INDEX[0], HISTORY + self.index), (OF_ORDERS[0], ORDERS + self.orders)] {
            wait_for("Prometheus to have stored it", || {
                let stored = stack.prometheus.value(series)?;
                expect(stored == count as f64, || format!("{series} is {stored}, not {count}"))
            });
        }
    }

    /// A worker ends as gunicorn's own recycling ends it.
    pub fn over_terminated_worker(&mut self, stack: &mut Stack) {
        self.send(stack);
        self.over_end_of(stack, 1, Signal::TERM);
    }

    /// Two workers are killed at once: their ports are taken again in any order.
    pub fn over_killed_workers(&mut self, stack: &mut Stack) {
        self.over_end_of(stack, 2, Signal::KILL);
    }

    fn over_end_of(&mut self, stack: &mut Stack, count: usize, signal: Signal) {
        self.wait_stored(stack);
        let exports = stack.gunicorn.exports().len();
        let gone: Vec<_> = stack.gunicorn.workers().into_values().take(count).collect();
        gone.iter().for_each(|pid| signal_pid(*pid, signal));
        gone.iter().for_each(|pid| wait_gone(*pid));
        stack.gunicorn.wait_exports(exports + count);
        stack.wait_workers_up(WORKERS);
        self.send(stack);
    }

    /// A reload while every worker is in a request: the new generation runs beside the old one, on the other half of the range.
    pub fn over_reload(&mut self, stack: &mut Stack) {
        self.wait_stored(stack);
        let exports = stack.gunicorn.exports().len();
        let old = stack.gunicorn.workers();
        let (address, release) = (stack.gunicorn.address(), stack.dir.path().join(format!("release-{exports}")));
        let path = format!("/held?until={}", release.display());
        std::thread::scope(|scope| {
            let held: Vec<_> = (0..WORKERS).map(|_| scope.spawn(|| http::get(address, &path, &[]))).collect();
            stack.proxy.wait_scrape("every worker to be busy", |answer| {
                let busy = answer.sum("shop_busy");
                expect(busy == WORKERS as f64, || format!("{busy} are"))
            });
            stack.gunicorn.process().signal(Signal::HUP);
            stack.gunicorn.wait_exports(exports + WORKERS);
            std::fs::write(&release, "").unwrap();
            for answer in held {
                assert_eq!(answer.join().unwrap().unwrap().status, 200, "a request under way survives the reload");
            }
        });
        old.values().for_each(|pid| wait_gone(*pid));
        let new = stack.gunicorn.workers();
        assert!(new.keys().any(|port| !old.contains_key(port)), "the generations didn't overlap: {old:?} then {new:?}");
        stack.wait_workers_up(WORKERS);
        self.send(stack);
    }
}

fn equal(answer: &Exposition, series: &str, count: usize) -> Result<(), String> {
    let is = answer.value(series);
    expect(is == Some(count as f64), || format!("{series} is {is:?}, not {count}"))
}

/// An exporter that answers with the plain sum over the workers that answer, as a simple script would.
pub fn naive_sum(gunicorn: &Gunicorn) -> FakeWorker {
    let addresses = gunicorn.metrics_addresses();
    FakeWorker::answering(Answer::Made(Arc::new(move || {
        let sum: f64 = read_workers(&addresses).iter().map(|worker| worker.sum(OF_INDEX[0])).sum();
        format!("HTTP/1.0 200 OK\r\nContent-Type: {TEXT}\r\n\r\n# TYPE {NAIVE} counter\n{NAIVE} {sum}\n").into_bytes()
    })))
}
