//! Another configuration for the running program: totals go on, all of it is taken or nothing, and no stranger can cause it.

use super::support::curl::curl;
use super::support::exposition::{Exposition, parse};
use super::support::fake_worker::{Answer, FakeWorker};
use super::support::http::{self, Response};
use super::support::proxy::Proxy;
use super::support::{expect, wait_for};
use super::{exposition, worker};
use rustix::process::Signal;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

/// Reloads of the test that only does that.
const RELOADS: usize = 100;

/// A configuration with these workers; `more` are further keys of their source.
fn configuration(workers: &[&FakeWorker], more: &str) -> String {
    let targets: Vec<String> = workers.iter().map(|worker| format!("{:?}", worker.id())).collect();
    format!(
        "sources:\n  - {{name: django, kind: workers, targets: [{}]{more}}}\nweb: {{enable_lifecycle: true}}\n",
        targets.join(", ")
    )
}

fn write(proxy: &Proxy, configuration: &str) {
    std::fs::write(proxy.dir().join("onescrape.yml"), configuration).unwrap();
}

fn order(proxy: &Proxy, path: &str) -> Response {
    http::request("POST", proxy.address(), path, &[]).unwrap()
}

/// Puts a configuration in force.
fn reload(proxy: &Proxy, configuration: &str) -> String {
    write(proxy, configuration);
    let response = order(proxy, "/-/reload");
    assert_eq!(response.status, 200, "{}", response.text());
    response.text().to_string()
}

fn total(answer: &Exposition) -> f64 {
    answer.sum("c_total")
}

fn loaded(answer: &Exposition) -> f64 {
    answer.value("onescrape_config_last_reload_successful").unwrap()
}

fn up(answer: &Exposition) -> f64 {
    answer.sum("onescrape_slots{state=\"up\"}")
}

/// A worker's good scrapes, as counted.
fn scrapes(answer: &Exposition, worker: &FakeWorker) -> f64 {
    answer.sum(&format!("onescrape_worker_scrapes_total{{outcome=\"ok\",worker=\"{}\"}}", worker.id()))
}

#[test]
fn totals_go_on_whatever_changes() {
    let (a, b, c) = (worker(100), worker(20), worker(3));
    let proxy = Proxy::with_config(&configuration(&[&a, &b], ""));
    a.set(exposition(5));
    let answer = proxy.scrape();
    assert_eq!((total(&answer), loaded(&answer)), (125.0, 1.0), "100 were folded");
    let scraped = scrapes(&answer, &a);

    // A worker more, whose past was never shown.
    reload(&proxy, &configuration(&[&c, &a, &b], ""));
    let answer = proxy.scrape();
    assert_eq!((total(&answer), up(&answer)), (125.0, 3.0));
    assert!(scrapes(&answer, &a) > scraped);
    c.set(exposition(4));
    assert_eq!(total(&proxy.scrape()), 126.0);

    // One less; what it had counted stays, and so does what it counts until it is back.
    reload(&proxy, &configuration(&[&a, &c], ""));
    b.set(exposition(27));
    let answer = proxy.scrape();
    assert_eq!((total(&answer), up(&answer)), (126.0, 2.0));
    reload(&proxy, &configuration(&[&a, &b, &c], ", scrape_timeout: 2s"));
    assert_eq!(total(&proxy.scrape()), 133.0);

    // Under new labels they are new series; those under the old ones stand still.
    reload(&proxy, &configuration(&[&a, &b, &c], ", labels: {app: shop}"));
    a.set(exposition(9));
    let answer = proxy.scrape();
    assert_eq!((answer.sum("c_total{app=\"shop\"}"), total(&answer)), (40.0, 173.0));
}

#[test]
fn sources_come_and_go_with_their_series() {
    let (a, other) = (worker(1), FakeWorker::answering(Answer::text("# TYPE x gauge\nx 7\n")));
    let proxy = Proxy::with_config(&configuration(&[&a], ""));
    let with = format!("  - {{name: other, kind: exporter, targets: [\"http://{}/metrics\"]}}\nweb:", other.id());
    reload(&proxy, &configuration(&[&a], "").replace("web:", &with));
    let answer = proxy.scrape();
    assert_eq!((answer.value("x"), total(&answer)), (Some(7.0), 1.0));
    reload(&proxy, &configuration(&[&a], ""));
    let answer = proxy.scrape();
    assert_eq!((answer.value("x"), total(&answer)), (None, 1.0));
    assert!(answer.select("onescrape_source_up{source=\"other\"}").is_empty());
}

#[test]
fn a_bad_configuration_is_refused_and_the_old_one_goes_on() {
    let a = worker(1);
    let mut proxy = Proxy::with_config(&configuration(&[&a], ""));
    let good = configuration(&[&a], ", labels: {app: shop}");
    for (bad, why) in [
        (good.replace("targets", "tragets"), "onescrape.yml:2:"),
        ("sources: []\n".to_string(), "nothing to scrape"),
        (good.replace("{app: shop}", "{app: shop}, http_headers: {\"a b\": c}"), "a b"),
        (good.replace("true}", "true, config_file: /no/such/file}"), "/no/such/file"),
    ] {
        write(&proxy, &bad);
        let response = order(&proxy, "/-/reload");
        assert!(response.status == 500 && response.text().contains(why), "{why}: {} {}", response.status, response.text());
        let answer = proxy.scrape();
        assert_eq!((loaded(&answer), total(&answer), answer.select("c_total{app=\"shop\"}").len()), (0.0, 1.0, 0), "{why}");
        let log = proxy.log();
        assert!(log.contains("stays in force") && log.contains(why), "{why}: {log}");
    }
    // The same by signal.
    write(&proxy, "nonsense: 1\n");
    proxy.process().signal(Signal::HUP);
    wait_for("a refusal", || expect(proxy.log().contains("nonsense: unknown key"), || proxy.log()));
    assert!(proxy.log().contains("trigger=SIGHUP"), "{}", proxy.log());
    reload(&proxy, &good);
    assert_eq!(loaded(&proxy.scrape()), 1.0);
}

#[test]
fn a_configuration_that_changes_nothing_touches_nothing() {
    let a = worker(1);
    let proxy = Proxy::with_config(&configuration(&[&a], ""));
    let before = a.scrapes();
    assert!(reload(&proxy, &format!("# a remark\n{}", configuration(&[&a], ""))).contains("nothing has changed"));
    assert_eq!((a.scrapes(), loaded(&proxy.scrape())), (before, 1.0));
}

#[test]
fn what_only_a_restart_changes_is_named_and_the_rest_is_taken() {
    let a = worker(1);
    let proxy = Proxy::with_config(&configuration(&[&a], ""));
    let hash = |page: &str| {
        let after = page.split("Configuration in force <code>").nth(1).unwrap_or_else(|| panic!("no configuration in {page}"));
        after.split('<').next().unwrap_or_default().to_string()
    };
    let before = hash(proxy.get("/").text());
    let other =
        configuration(&[&a], "").replace("true}", "true, telemetry_path: /other}\nlog: {level: debug}\nstate: {file: /x/y}");
    let said = reload(&proxy, &other);
    assert!(said.contains("only a restart changes state.file, log.level\n"), "{said}");
    let log = proxy.log();
    assert!(log.contains("setting=state.file") && log.contains("setting=log.level"), "{log}");
    assert_eq!((proxy.get("/other").status, proxy.get("/metrics").status), (200, 404));
    let after = hash(proxy.get("/").text());
    assert!(after != before && said.contains(&after), "{before} {after} {said}");
}

/// As Kubernetes mounts a ConfigMap: file → ..data/file, ..data → a folder by time, replaced by a rename.
#[test]
fn a_config_map_that_is_replaced_is_seen() {
    let (a, b) = (worker(1), worker(1));
    let mount = tempfile::tempdir().unwrap();
    let at = |name: &str| mount.path().join(name);
    let put = |folder: &str, text: &str| {
        std::fs::create_dir(at(folder)).unwrap();
        std::fs::write(at(folder).join("onescrape.yml"), text).unwrap();
        std::os::unix::fs::symlink(folder, at("..tmp")).unwrap();
        std::fs::rename(at("..tmp"), at("..data")).unwrap();
    };
    put("..1", &configuration(&[&a], ""));
    std::os::unix::fs::symlink("..data/onescrape.yml", at("onescrape.yml")).unwrap();
    let proxy = Proxy::start(&[format!("--config.file={}", at("onescrape.yml").display())]);
    put("..2", "nonsense: 1\n");
    wait_for("a refusal", || expect(proxy.log().contains("nonsense"), || "none".into()));
    put("..3", &configuration(&[&a, &b], ""));
    proxy.wait_scrape("both workers", |answer| expect(up(answer) == 2.0, || format!("{} up", up(answer))));
    let log = proxy.log();
    assert_eq!(log.matches("stays in force").count(), 1, "said once: {log}");
    assert_eq!(log.matches("the configuration was loaded").count(), 1, "{log}");
}

#[test]
fn orders_are_obeyed_only_from_those_who_may_give_them() {
    let a = worker(1);
    let closed = Proxy::of(&[&a]);
    for path in ["/-/reload", "/-/quit"] {
        let response = order(&closed, path);
        assert!(response.status == 403 && response.text().contains("--web.enable-lifecycle"), "{}", response.text());
    }
    assert_eq!(total(&closed.scrape()), 1.0);

    let mut flags = vec![format!("--workers={}", a.id())];
    flags.push("--web.enable-lifecycle".into());
    let mut open = Proxy::start(&flags);
    let address = open.address();
    let post = |path: &str, arguments: &[&str]| {
        let url = format!("http://{address}{path}");
        curl(&[&["-X", "POST", url.as_str()], arguments].concat()).status
    };
    for path in ["/-/reload", "/-/quit"] {
        assert_eq!(open.get(path).status, 405);
        assert_eq!(post(path, &["-H", "Host: rebound.example.com"]), 403);
        assert_eq!(post(path, &["-H", &format!("Origin: http://{address}")]), 403);
        assert_eq!(post(path, &["-H", "Sec-Fetch-Site: cross-site"]), 403);
        assert_eq!(post(path, &["-d", "a=b"]), 415);
    }
    assert_eq!(post("/-/reload", &[]), 200);
    assert_eq!(post("/-/reload", &["-H", "Host: localhost"]), 200);
    assert_eq!(post("/-/quit", &[]), 200);
    assert!(open.process().wait().success());
}

#[test]
fn a_signal_while_a_scrape_is_under_way_costs_it_nothing() {
    let (a, b) = (worker(5), worker(1));
    let mut proxy = Proxy::with_config(&configuration(&[&a], ""));
    // What was never shown would count in full, whoever shows it.
    assert_eq!(total(&proxy.scrape()), 5.0);
    let before = a.scrapes();
    a.hold();
    let address = proxy.address();
    let answer = thread::scope(|scope| {
        // A request may share a round that was there already; one of them finds the worker asked.
        let scraping = scope.spawn(|| {
            loop {
                let answer = http::get(address, "/metrics", &[]).unwrap();
                if a.scrapes() > before {
                    return answer;
                }
            }
        });
        wait_for("the scrape", || expect(a.scrapes() > before, || "not yet".into()));
        write(&proxy, &configuration(&[&b, &a], ""));
        proxy.process().signal(Signal::HUP);
        a.release();
        scraping.join().unwrap()
    });
    assert_eq!((answer.status, total(&parse(answer.text()).unwrap())), (200, 5.0));
    let answer = proxy.wait_scrape("both workers", |answer| expect(up(answer) == 2.0, || format!("{} up", up(answer))));
    assert_eq!(total(&answer), 5.0);
    assert_eq!(a.open_max(), 1);
}

/// A worker that counts by one with each scrape.
fn counting() -> FakeWorker {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() - 1000.0;
    let count = AtomicU32::new(0);
    let make = move || {
        let count = count.fetch_add(1, Ordering::Relaxed) + 100;
        let start = format!("# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {started}\n");
        format!("HTTP/1.0 200 OK\r\n\r\n{start}# TYPE c_total counter\nc_total {count}\n# TYPE g gauge\ng 1\n").into_bytes()
    };
    FakeWorker::answering(Answer::Made(Arc::new(make)))
}

fn open_files(pid: i32) -> usize {
    std::fs::read_dir(Path::new("/proc").join(pid.to_string()).join("fd")).unwrap().count()
}

#[test]
fn many_reloads_under_load_lose_nothing() {
    let (a, b, c) = (counting(), counting(), counting());
    let configurations = [
        configuration(&[&a, &b], ""),
        configuration(&[&c, &a, &b], ""),
        configuration(&[&a, &b], ", scrape_timeout: 3s"),
        configuration(&[&b, &a], ", gauge_default: sum"),
    ];
    let mut proxy = Proxy::with_config(&configurations[0]);
    let files_before = open_files(proxy.process().pid().as_raw_nonzero().get());
    let (address, ended) = (proxy.address(), AtomicBool::new(false));
    let watch = || {
        let (mut rounds, mut before) = (0, (0.0, 0.0));
        while !ended.load(Ordering::Relaxed) {
            let answer = http::get(address, "/metrics", &[]).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
            let answer = parse(answer.text()).unwrap();
            let now = (total(&answer), scrapes(&answer, &a));
            assert!(now.0 >= before.0 && now.1 >= before.1, "fell from {before:?} to {now:?}");
            assert!(answer.sum("g") >= 2.0, "a worker's gauge is missing: {answer:?}");
            (before, rounds) = (now, rounds + 1);
        }
        rounds
    };
    thread::scope(|scope| {
        let watching: Vec<_> = (0..2).map(|_| scope.spawn(watch)).collect();
        for n in 0..RELOADS {
            reload(&proxy, &configurations[n % configurations.len()]);
        }
        ended.store(true, Ordering::Relaxed);
        assert!(watching.into_iter().all(|watching| watching.join().unwrap() > 0));
    });
    assert_eq!(a.open_max(), 1, "no worker is read twice at once");
    let pid = proxy.process().pid().as_raw_nonzero().get();
    wait_for("connections to close", || expect(open_files(pid) <= files_before, || format!("{} files", open_files(pid))));
}
