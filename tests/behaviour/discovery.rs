//! Targets that come and go while the proxy runs: totals never fall and equal the truth, and a lookup that fails takes nothing away.

use crate::support::exposition::Exposition;
use crate::support::fake_worker::{Answer, FakeWorker};
use crate::support::http;
use crate::support::proxy::{Proxy, run};
use crate::support::{expect, wait_for};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// Start time of workers that have been there long before the proxy, in seconds since 1970.
const LONG_AGO: f64 = 1e9;

/// A worker that says when it started.
struct Worker {
    fake: FakeWorker,
    started: f64,
}

impl Worker {
    fn started_at(started: f64, requests: u32) -> Self {
        let worker = Self { fake: FakeWorker::start(), started };
        worker.counts(requests);
        worker
    }

    /// One that has just been started.
    fn fresh(requests: u32) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Self::started_at(now.as_secs_f64(), requests)
    }

    fn counts(&self, requests: u32) {
        let started = self.started;
        self.fake.set(Answer::text(&format!(
            "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {started}\n# TYPE c_total counter\nc_total {requests}\n"
        )));
    }
}

/// A proxy whose total may never be seen to fall.
struct Watched {
    proxy: Proxy,
    total: f64,
}

impl Watched {
    fn over(lookup: &str) -> Self {
        let proxy = Proxy::with_config(&format!("sources: [{{name: web, kind: workers, {lookup}}}]"));
        Self { proxy, total: 0.0 }
    }

    /// Waits until so many workers are up and the total is this.
    fn wait(&mut self, up: usize, total: u32) -> Exposition {
        let seen = &mut self.total;
        self.proxy.wait_scrape(&format!("{up} workers with {total} requests"), |answer| {
            let (workers, now) = (answer.sum("onescrape_worker_up"), answer.value("c_total").unwrap_or(0.0));
            assert!(now >= *seen && now <= total.into(), "the total went from {seen} to {now}, the truth is {total}");
            *seen = now;
            expect(workers == up as f64 && now == f64::from(total), || format!("{workers} workers, {now} requests"))
        })
    }
}

/// A file of targets, replaced as a careful script does it.
struct Targets {
    dir: TempDir,
}

impl Targets {
    fn of(workers: &[&Worker]) -> Self {
        let targets = Self { dir: tempfile::tempdir().unwrap() };
        targets.write(workers);
        targets
    }

    fn write(&self, workers: &[&Worker]) {
        let ids: Vec<String> = workers.iter().map(|worker| format!("\"{}\"", worker.fake.id())).collect();
        self.write_text(&format!("[{{\"targets\": [{}]}}]", ids.join(", ")));
    }

    fn write_text(&self, text: &str) {
        let new = self.dir.path().join("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.path()).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("web.json")
    }

    fn lookup(&self) -> String {
        lookup(&self.dir.path().join("*.json"))
    }
}

fn lookup(pattern: &Path) -> String {
    format!("file_sd_configs: [{{files: ['{}'], refresh_interval: 100ms}}]", pattern.display())
}

#[test]
fn a_file_scales_a_pool_up_and_down() {
    let (a, b) = (Worker::started_at(LONG_AGO, 100), Worker::started_at(LONG_AGO, 200));
    let targets = Targets::of(&[&a, &b]);
    let mut watched = Watched::over(&targets.lookup());
    watched.wait(2, 300);
    let (c, d) = (Worker::fresh(10), Worker::fresh(20));
    targets.write(&[&d, &a, &c, &b]);
    watched.wait(4, 330);
    a.counts(150);
    watched.wait(4, 380);
    targets.write(&[&b, &c, &d]);
    watched.wait(3, 380);
    b.counts(205);
    watched.wait(3, 385);
    // Back again, having counted on, and not counted twice.
    a.counts(151);
    targets.write(&[&a, &b, &c, &d]);
    watched.wait(4, 386);
    assert!(watched.proxy.log().contains("targets changed"), "{}", watched.proxy.log());
}

#[test]
fn a_broken_file_takes_nothing_away() {
    let (a, b) = (Worker::started_at(LONG_AGO, 1), Worker::started_at(LONG_AGO, 2));
    let targets = Targets::of(&[&a]);
    let mut watched = Watched::over(&targets.lookup());
    watched.wait(1, 1);
    targets.write_text("[{\"targets\": [");
    let page = wait_for("the page to say so", || {
        let page = watched.proxy.get("/").text().to_string();
        expect(page.contains("not valid YAML"), || page.clone()).map(|()| page)
    });
    assert!(page.contains("the target known from before is kept"), "{page}");
    watched.wait(1, 1);
    targets.write(&[&a, &b]);
    watched.proxy.wait_scrape("both", |answer| {
        let workers = answer.sum("onescrape_worker_up");
        expect(workers == 2.0, || format!("{workers} workers"))
    });
    assert!(!watched.proxy.get("/").text().contains("not valid YAML"));
    let log = watched.proxy.log();
    let told = log.lines().filter(|line| line.contains("level=warn") && line.contains("not valid YAML")).count();
    assert_eq!((told, log.contains("no longer so")), (1, true), "{log}");
}

#[test]
fn targets_may_come_after_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let worker = Worker::started_at(LONG_AGO, 7);
    let mut watched = Watched::over(&lookup(&dir.path().join("*.yml")));
    assert_eq!(watched.proxy.get("/metrics").status, 503);
    fs::write(dir.path().join("a.yml"), format!("- targets: ['{}']\n", worker.fake.id())).unwrap();
    watched.proxy.wait_status(200);
    watched.wait(1, 7);
}

#[test]
fn check_shows_what_was_found() {
    let worker = Worker::started_at(LONG_AGO, 7);
    let targets = Targets::of(&[&worker]);
    let file = targets.dir.path().join("onescrape.yml");
    let check = |lookup: &str| {
        fs::write(&file, format!("sources: [{{name: web, kind: workers, {lookup}}}]")).unwrap();
        let output = run(&["check", "--config.file", &file.display().to_string()]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = check(&targets.lookup());
    assert!(text.contains(&worker.fake.id()), "{text}");
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = check(&lookup(&targets.dir.path().join("gone.yml")));
    assert!(text.contains("no such file") && text.contains("nothing to scrape was found"), "{text}");
    assert_eq!(code, Some(1), "{text}");
}

#[cfg(feature = "dns")]
mod dns {
    use super::*;
    use crate::support::dns::{DnsServer, Reply};
    use rustix::process::Signal;

    const NAME: &str = "_metrics._tcp.web";

    fn announce(server: &DnsServer, workers: &[&Worker]) {
        let services = workers.iter().map(|worker| ("pod.web".to_string(), worker.fake.address().port()));
        server.set(NAME, Reply::Services(services.collect()));
    }

    #[test]
    fn services_scale_a_pool_up_and_down_fail_and_move() {
        let server = DnsServer::start();
        server.set_addresses("pod.web", &["127.0.0.1"]);
        let (a, b) = (Worker::started_at(LONG_AGO, 100), Worker::started_at(LONG_AGO, 200));
        announce(&server, &[&a, &b]);
        let lookup = format!(
            "dns_sd_configs: [{{names: [{NAME}], type: SRV, refresh_interval: 100ms, dns_servers: ['{}']}}]",
            server.address()
        );
        let mut watched = Watched::over(&lookup);
        watched.wait(2, 300);
        let (c, d) = (Worker::fresh(10), Worker::fresh(20));
        announce(&server, &[&d, &c, &b, &a]);
        watched.wait(4, 330);
        announce(&server, &[&c, &b, &d]);
        watched.wait(3, 330);

        // Without an answer the last one stands.
        server.set(NAME, Reply::Code(2));
        wait_for("the failure to be told", || {
            let log = watched.proxy.log();
            expect(log.contains("the 3 targets known from before are kept"), || log)
        });
        b.counts(205);
        watched.wait(3, 335);

        // The same process elsewhere: nothing is counted twice, and it counts on.
        let moved = Worker::started_at(LONG_AGO, 205);
        announce(&server, &[&c, &moved, &d]);
        wait_for("the move", || {
            let page = watched.proxy.get("/").text().to_string();
            expect(page.contains(&moved.fake.id()) && !page.contains(&b.fake.id()), || page)
        });
        watched.wait(3, 335);
        moved.counts(210);
        watched.wait(3, 340);

        // That there are none is an answer.
        server.set(NAME, Reply::Empty);
        watched.wait(0, 340);
    }

    #[test]
    fn a_reload_goes_over_to_other_names() {
        const OTHER: &str = "_metrics._tcp.jobs";
        let server = DnsServer::start();
        server.set_addresses("pod.web", &["127.0.0.1"]);
        let (a, b) = (Worker::started_at(LONG_AGO, 100), Worker::started_at(LONG_AGO, 200));
        announce(&server, &[&a, &b]);
        // Looked up again much later than this test ends: what is found anew the reload has found.
        let configuration = |name: &str| {
            format!(
                "sources: [{{name: web, kind: workers, dns_sd_configs: [{{names: [{name}], refresh_interval: 1h, dns_servers: ['{}']}}]}}]",
                server.address()
            )
        };
        let mut watched = Watched { proxy: Proxy::with_config(&configuration(NAME)), total: 0.0 };
        watched.wait(2, 300);
        let reload = |watched: &mut Watched, name: &str| {
            fs::write(watched.proxy.dir().join("onescrape.yml"), configuration(name)).unwrap();
            watched.proxy.process().signal(Signal::HUP);
        };

        // One stays, one leaves with what it has counted, and one comes whose past is not shown.
        let c = Worker::started_at(LONG_AGO, 5000);
        let services = [&b, &c].map(|worker| ("pod.web".to_string(), worker.fake.address().port()));
        server.set(OTHER, Reply::Services(services.into()));
        reload(&mut watched, OTHER);
        wait_for("the other names' targets", || {
            let page = watched.proxy.get("/").text().to_string();
            expect(page.contains(&c.fake.id()) && !page.contains(&a.fake.id()), || page)
        });
        watched.wait(2, 300);
        b.counts(210);
        c.counts(5001);
        watched.wait(2, 311);

        // A name that nobody answers for: what is found there is not known yet, and what was counted stays.
        server.set("_metrics._tcp.lost", Reply::Code(2));
        reload(&mut watched, "_metrics._tcp.lost");
        wait_for("the failure to be told", || {
            let log = watched.proxy.log();
            expect(log.contains("_metrics._tcp.lost: SRV records"), || log)
        });
        watched.wait(0, 311);
        reload(&mut watched, NAME);
        a.counts(130);
        watched.wait(2, 341);
    }
}

#[test]
fn a_reload_keeps_what_was_found_even_where_it_is_found_no_more() {
    let (a, b) = (Worker::started_at(LONG_AGO, 100), Worker::started_at(LONG_AGO, 200));
    let targets = Targets::of(&[&a, &b]);
    let configuration = |more: &str| {
        let lookup = targets.lookup();
        format!("sources: [{{name: web, kind: workers, {lookup}{more}}}]\nweb: {{enable_lifecycle: true}}")
    };
    let mut watched = Watched { proxy: Proxy::with_config(&configuration("")), total: 0.0 };
    watched.wait(2, 300);
    let reload = |watched: &Watched, more: &str| {
        fs::write(watched.proxy.dir().join("onescrape.yml"), configuration(more)).unwrap();
        let answer = http::request("POST", watched.proxy.address(), "/-/reload", &[]).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    reload(&watched, ", scrape_timeout: 4s");
    a.counts(110);
    watched.wait(2, 310);
    // The file can't be read at the time of a reload: what it held stands.
    targets.write_text("[");
    reload(&watched, ", scrape_timeout: 3s");
    a.counts(120);
    watched.wait(2, 320);
    // And what it holds later is found by the lookups of the new configuration.
    let c = Worker::fresh(5);
    targets.write(&[&a, &b, &c]);
    watched.wait(3, 325);
}
