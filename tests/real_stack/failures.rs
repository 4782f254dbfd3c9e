//! Parts of the stack that hang or go away: each costs its own data and no more, and the proxy says which.

use crate::Stack;
use crate::counting::Counted;
use crate::support::exposition::Exposition;
use crate::support::process::signal_pid;
use crate::support::stack::{METRICS_PORTS, WORKERS};
use crate::support::{expect, wait_for};
use rustix::process::Signal;

fn slots_are(answer: &Exposition, state: &str, count: usize) -> Result<(), String> {
    let is = answer.value(&format!("onescrape_slots{{source=\"django\",state=\"{state}\"}}"));
    expect(is == Some(count as f64), || format!("{is:?} slots are {state}, not {count}"))
}

/// A worker whose whole process stands still: its port accepts and never answers.
pub fn stopped_worker(stack: &mut Stack, counted: &mut Counted) {
    let (port, pid) = stack.gunicorn.workers().into_iter().next().unwrap();
    let id = format!("127.0.0.1:{port}");
    let gauge = format!("shop_busy{{worker=\"{id}\"}}");
    assert_eq!(stack.proxy.scrape().select(&gauge).len(), 1);
    signal_pid(pid, Signal::STOP);
    stack.proxy.wait_scrape("one worker stuck", |answer| slots_are(answer, "stuck", 1));
    let answer = counted.send(stack);
    assert_eq!(answer.value(&format!("onescrape_worker_up{{worker=\"{id}\"}}")), Some(0.0));
    assert_eq!(answer.select(&gauge).len(), 0, "its gauges are gone");
    assert_eq!(answer.select("shop_busy").len(), WORKERS - 1, "those of the others are there");
    assert_eq!(answer.value("nginx_up"), Some(1.0));
    // Answers that take longer than Prometheus waits would show here.
    counted.wait_stored(stack);
    signal_pid(pid, Signal::CONT);
    let answer = stack.proxy.wait_scrape("all workers up", |answer| slots_are(answer, "up", WORKERS));
    assert_eq!(counted.matches(&answer), Ok(()), "nothing was lost, nothing came twice");
}

/// gunicorn is told to run a worker less, and then one more.
pub fn worker_less(stack: &mut Stack, counted: &mut Counted) {
    counted.wait_stored(stack);
    let exports = stack.gunicorn.exports().len();
    stack.gunicorn.process().signal(Signal::TTOU);
    let answer = stack.proxy.wait_scrape("a worker less", |answer| {
        slots_are(answer, "up", WORKERS - 1)?;
        slots_are(answer, "vacant", usize::from(METRICS_PORTS) - (WORKERS - 1))
    });
    assert_eq!(answer.value("onescrape_workers_expected{source=\"django\"}"), Some(WORKERS as f64));
    assert_eq!(answer.select("onescrape_worker_up{source=\"django\"}").len(), WORKERS - 1, "no worker_up of a vacant slot");
    assert_eq!(counted.matches(&answer), Ok(()), "its counts are kept");
    stack.gunicorn.process().signal(Signal::TTIN);
    stack.gunicorn.wait_exports(exports + 1);
    stack.wait_workers_up(WORKERS);
    counted.send(stack);
}

/// nginx ends and comes back.
pub fn nginx_away(stack: &mut Stack, counted: &mut Counted) {
    stack.nginx.stop();
    let answer = stack.proxy.wait_scrape("nginx_up 0", |answer| {
        expect(answer.value("nginx_up") == Some(0.0), || format!("{:?}", answer.value("nginx_up")))
    });
    let left: Vec<_> = answer.samples.iter().filter(|sample| sample.name.starts_with("nginx_")).collect();
    assert_eq!(left.len(), 1, "of a server that is away only that is left: {left:?}");
    assert_eq!(counted.matches(&answer), Ok(()));
    assert_eq!(answer.value("onescrape_source_up{source=\"nginx\"}"), Some(0.0));
    assert_eq!(answer.value("onescrape_source_up{source=\"django\"}"), Some(1.0));
    stack.nginx.start_again();
    stack.proxy.wait_scrape("nginx_up 1", |answer| {
        expect(answer.value("nginx_up") == Some(1.0), || format!("{:?}", answer.value("nginx_up")))
    });
    counted.send(stack);
}

/// One of three uWSGIs ends.
pub fn uwsgi_away(stack: &mut Stack) {
    let [gone, others @ ..] = &mut stack.uwsgi;
    let of = |series: &str, target: &str| format!("{series}{{stats_uri=\"{target}\"}}");
    let target = gone.target();
    let before = stack.proxy.scrape();
    assert_eq!(before.value(&of("uwsgi_up", &target)), Some(1.0));
    gone.process().stop();
    wait_for("uwsgi_up 0", || {
        let answer = stack.proxy.scrape();
        let up = answer.value(&of("uwsgi_up", &target));
        expect(up == Some(0.0), || format!("{up:?}"))?;
        assert_eq!(answer.select(&of("uwsgi_requests_total", &target)).len(), 0);
        for other in others.iter() {
            assert_eq!(answer.value(&of("uwsgi_up", &other.target())), Some(1.0));
            let series = of("uwsgi_requests_total", &other.target());
            assert_eq!(answer.value(&series), before.value(&series));
        }
        Ok(())
    });
}
