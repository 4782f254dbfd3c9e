use super::*;
use crate::config::Limit;
use crate::merge::ResetCause;
use crate::source::testing::{answer, apply, assert_golden, config, file, path, refused, series};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const URI: &str = "tcp://127.0.0.1:1717";

fn uwsgi(targets: &[&str]) -> Uwsgi {
    Uwsgi::new(&config(&KIND, targets))
}

/// Applies a document to the only target and returns every series.
fn step(source: &mut Uwsgi, document: &Value) -> BTreeMap<String, f64> {
    let outcome = apply(source, &[answer(document.to_string())]).remove(0);
    let shown = series(source);
    assert_eq!(outcome, Some(Ok(shown.len())));
    shown
}

fn head(family: &str, labels: &str) -> String {
    format!("{family}{{stats_uri=\"{URI}\"{}{labels}}}", if labels.is_empty() { "" } else { "," })
}

fn requests(worker: u64) -> String {
    head("uwsgi_worker_requests_total", &format!("worker_id=\"{worker}\""))
}

fn total() -> String {
    head("uwsgi_requests_total", "")
}

/// A document with these workers: id, pid, last_spawn, respawn_count, requests.
fn document(master: u64, workers: &[(u64, u64, u64, u64, u64)]) -> Value {
    let worker = |&(id, pid, last_spawn, respawn_count, requests): &(u64, u64, u64, u64, u64)| {
        json!({"id": id, "pid": pid, "last_spawn": last_spawn, "respawn_count": respawn_count, "requests": requests, "status": "idle",
               "apps": [{"id": 0, "requests": requests}], "cores": [{"id": 0, "requests": requests}]})
    };
    json!({"pid": master, "workers": workers.iter().map(worker).collect::<Vec<_>>()})
}

#[test]
fn goldens_of_captured_documents() {
    for entry in std::fs::read_dir(path("fixtures/uwsgi")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(name) = name.strip_suffix(".json") else { continue };
        let mut source = Uwsgi::new(&SourceConfig { cores: name == "threads-3", ..config(&KIND, &[URI]) });
        let outcome = apply(&mut source, &[answer(file(&format!("fixtures/uwsgi/{name}.json")))]);
        assert!(matches!(outcome.as_slice(), [Some(Ok(_))]), "{name}: {outcome:?}");
        assert_golden(&format!("uwsgi/{name}.txt"), &source);
    }
}

#[test]
fn every_kind_of_entity() {
    let everything = json!({
        "version": "2.0.30", "listen_queue": 3, "listen_queue_errors": 1, "signal_queue": 2, "load": 3, "pid": 10,
        "daemons": [{"cmd": "secret", "pid": 11, "respawns": 0}, {"cmd": "secret", "pid": 0, "respawns": 0}],
        "locks": [{"user 0": 0}, {"signal": 12}],
        "caches": [{"name": "default", "keysize": 2048, "max_items": 10, "blocks": 11, "blocksize": 65536, "items": 4, "hits": 5,
                    "miss": 6, "full": 7, "last_modified_at": 1700000000}],
        "metrics": {"core.busy_workers": {"type": 1, "value": 9}, "worker.1.requests": {"type": 0, "value": 9},
                    "rss": {"type": 3, "value": 9}, "orders": {"type": 0, "value": 20}, "worker.count": {"type": 1, "value": -2}},
        "sockets": [{"name": "/s", "proto": "uwsgi", "queue": 1, "max_queue": 100, "shared": 0, "can_offload": 1},
                    {"name": "/s", "proto": "uwsgi", "queue": 7, "max_queue": 0, "shared": 0, "can_offload": 0}],
        "workers": [{"id": 1, "status": "sig17", "accepting": 1, "rss": 100, "uss": 50, "pss": 60, "running_time": 1500000,
                     "avg_rt": 250000, "vars": ["COOKIE=secret"], "apps": [], "cores": [{"id": 0, "vars": ["COOKIE=secret"]}]},
                    {"id": 2, "status": "pause", "accepting": 0, "rss": 18446744073709551615_u64}],
        "spoolers": [{"dir": "/spool", "pid": 13, "tasks": 8, "respawns": 1, "running": 1}],
        "crons": [{"minute": -5, "hour": -1, "day": -1, "month": -1, "week": -1, "command": "secret", "pid": 14, "started_at": 1700000001},
                  {"minute": 0, "hour": 4, "day": -1, "month": -1, "week": -1, "command": "secret", "pid": -1, "started_at": 1}],
    });
    let mut source = uwsgi(&[URI]);
    let shown = step(&mut source, &everything);
    assert!(!shown.keys().any(|head| head.contains("secret")));
    assert_golden("uwsgi/every-kind-of-entity.txt", &source);
}

/// The conformance case, step by step: noise is held, totals have families of their own, apps begin anew with their worker.
#[test]
fn noise_and_totals() {
    const CASE: &str = "conformance/merge/40-uwsgi-noise-and-totals";
    let mut source = uwsgi(&[URI]);
    for number in ["01", "02", "03"] {
        apply(&mut source, &[answer(file(&format!("{CASE}/steps/{number}/worker-1.txt")))]);
        let shown = series(&source);
        let expected = String::from_utf8(file(&format!("{CASE}/expected/{number}.txt"))).unwrap();
        let mut lines = 0;
        for line in expected.lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (family, labels) = series.trim_end_matches('}').split_once('{').unwrap();
            let mut labels: Vec<_> = labels.split(',').filter(|label| !label.ends_with("=\"\"")).collect();
            labels.sort_unstable();
            let head = format!("{family}{{{}}}", labels.join(",")).replace("@T1@", URI);
            assert_eq!(shown.get(&head).copied(), value.parse().ok(), "step {number}: {head}");
            lines += 1;
        }
        assert!(lines > 0);
    }
}

#[test]
fn a_new_master_is_folded_by_pid_respawn_count_or_last_spawn() {
    for (second, cause) in [
        (document(200, &[(1, 201, 1000, 1, 5)]), ResetCause::Pid),
        (document(100, &[(1, 101, 2000, 1, 5)]), ResetCause::Value),
        (document(100, &[(1, 101, 2000, 2, 5)]), ResetCause::StartTime),
    ] {
        let mut source = uwsgi(&[URI]);
        step(&mut source, &document(100, &[(1, 101, 1000, 2, 70), (2, 102, 1000, 2, 30)]));
        let shown = step(&mut source, &second);
        assert_eq!((shown[&requests(1)], shown[&requests(2)], shown[&total()]), (75.0, 30.0, 105.0), "{cause:?}");
        assert_eq!(source.tally().resets, BTreeMap::from([((0, cause), 1)]));
        assert_eq!(source.tally().retained_series, 3, "worker 2 and its app: requests; respawn_count of worker 2");
    }
}

#[test]
fn a_respawn_folds_only_the_apps_of_its_worker() {
    let app =
        |worker: u64| head("uwsgi_worker_app_requests_total", &format!("worker_id=\"{worker}\"")).replace("{", "{app_id=\"0\",");
    let mut source = uwsgi(&[URI]);
    step(&mut source, &document(100, &[(1, 101, 1000, 1, 70), (2, 102, 1000, 1, 30)]));
    let shown = step(&mut source, &document(100, &[(1, 103, 1060, 2, 71), (2, 102, 1000, 1, 29)]));
    assert_eq!((shown[&requests(1)], shown[&app(1)]), (71.0, 141.0));
    assert_eq!((shown[&requests(2)], shown[&app(2)]), (30.0, 30.0));
    assert!(source.tally().resets.is_empty());
}

/// Loaded before the fork, apps keep their counts over a respawn; a worker stopped by cheaper mode has no pid but keeps its counts.
#[test]
fn apps_that_outlive_their_worker_are_not_counted_twice() {
    let mut source = uwsgi(&[URI]);
    let mut shown = |pid, last_spawn, respawns, requests, delta| {
        let mut document = document(100, &[(1, pid, last_spawn, respawns, requests)]);
        document["workers"][0]["delta_requests"] = json!(delta);
        let shown = step(&mut source, &document);
        shown[&head("uwsgi_worker_app_requests_total", "worker_id=\"1\"").replace("{", "{app_id=\"0\",")]
    };
    assert_eq!(shown(101, 1000, 1, 70, 70), 70.0);
    assert_eq!(shown(102, 1060, 2, 75, 5), 75.0, "respawned");
    assert_eq!(shown(0, 1060, 2, 75, 5), 75.0, "stopped");
    assert_eq!(shown(102, 1060, 2, 75, 5), 75.0, "a pid that was hidden for a while is no new worker");
    assert_eq!(shown(103, 1090, 3, 76, 1), 76.0, "respawned");
    assert_eq!(shown(104, 1099, 4, 2, 2), 78.0, "begun anew after all");
}

/// Two masters behind one address: without memory of the first, each flip would add everything it ever counted.
#[test]
fn masters_that_answer_in_turn_are_not_counted_twice() {
    for second in [200, 100] {
        let mut source = uwsgi(&[URI]);
        let first = |requests| document(100, &[(1, 101, 1000, 1, requests)]);
        let other = |requests| document(second, &[(1, 201, 1500, 1, requests)]);
        step(&mut source, &first(1000));
        assert_eq!(step(&mut source, &other(50))[&total()], 1050.0);
        assert_eq!(step(&mut source, &first(1010))[&total()], 1050.0, "counting goes on from 1010");
        assert_eq!(step(&mut source, &first(1013))[&total()], 1053.0);
        assert_eq!(step(&mut source, &other(60))[&total()], 1053.0);
        assert_eq!(source.tally().flaps, BTreeMap::from([(0, 2)]));
        assert!(source.tally().baselines[&0] > 0);
    }
}

#[test]
fn only_up_is_left_of_a_target_that_is_down_and_totals_come_back() {
    let mut source = uwsgi(&[URI, "unix:///run/stats.sock"]);
    let page = document(100, &[(1, 101, 1000, 1, 70)]).to_string();
    apply(&mut source, &[answer(page.clone()), answer(page)]);
    assert_eq!(series(&source)["uwsgi_up{stats_uri=\"unix:///run/stats.sock\"}"], 1.0);
    let outcomes = apply(&mut source, &[refused(), None]);
    assert_eq!(outcomes, [Some(Err(Missed::Refused)), None]);
    let shown = series(&source);
    let of_first: Vec<_> = shown.iter().filter(|(head, _)| head.contains(URI)).collect();
    assert_eq!(of_first, [(&head("uwsgi_up", ""), &0.0)]);
    assert!(shown.len() > 10, "the second was not tried and stays");

    let back = document(300, &[(1, 301, 3000, 1, 4)]).to_string();
    apply(&mut source, &[answer(back), None]);
    assert_eq!(series(&source)[&total()], 74.0);
}

#[test]
fn documents_that_are_none_say_what_they_are() {
    for (body, truncated, word) in [
        ("", true, "connected, then nothing"),
        (" \n", true, "blanks"),
        ("{\"workers\":[{\"id\":1,", true, "last brace"),
        ("<!doctype html><html>", false, "HTML"),
        ("HTTP/1.0 200 OK\r\n\r\n{}", false, "HTTP"),
        ("Active connections: 1", false, "\"Active connections: 1\""),
        ("{\"workers\":[]} {", false, "trailing"),
        ("{\"workers\":[]}x", false, "trailing"),
        ("[]", false, "\"[]\""),
        ("{}", false, "list of workers"),
        ("{\"workers\":{}}", false, "shape"),
        ("{\"workers\":[\"secret\"]}", false, "shape"),
        ("{\"version\":\"2\",\"emperor\":[\"/etc/v\"],\"vassals\":[]}", false, "emperor"),
        ("{\"version\":\"2\",\"active_sessions\":0,\"http\":[\":80\"],\"static_nodes\":[]}", false, "router"),
    ] {
        let mut source = uwsgi(&[URI]);
        let outcome = apply(&mut source, &[answer(body)]).remove(0).unwrap().unwrap_err();
        assert_eq!(matches!(outcome, Missed::Truncated(_)), truncated, "{body}: {outcome}");
        assert!(outcome.to_string().contains(word), "{body}: {outcome}");
        assert!(!outcome.to_string().contains("secret"), "{outcome}");
    }
}

#[test]
fn a_document_like_those_of_old_servers() {
    let mut source = uwsgi(&[URI]);
    let body = b"{\"cwd\":\"C:\\srv\t\xff\",\"pid\":1,\"workers\":[{\"id\":1,\"requests\":7,\"apps\":[{\"id\":0,\"mountpoint\":\"/\x01\"}]},\
                 {\"id\":0},{\"id\":0}]}";
    let outcome = apply(&mut source, &[answer(&body[..])]).remove(0);
    assert!(matches!(outcome, Some(Ok(_))), "{outcome:?}");
    let shown = series(&source);
    assert_eq!((shown[&requests(1)], shown[&head("uwsgi_workers", "")]), (7.0, 1.0));
    assert!(!shown.keys().any(|head| head.starts_with("uwsgi_listen_queue")), "a missing key makes no series");
}

#[test]
fn limits_bound_what_is_held_and_count_the_rest() {
    let many: Vec<_> = (1..=40).map(|id| (id, 100 + id, 1000, 1, id)).collect();
    let mut source = uwsgi(&[URI]);
    source.max_series = 200;
    for _ in 0..3 {
        let shown = step(&mut source, &document(100, &many));
        let totals = table::WORKER_COUNTERS.len() + table::WORKER_GAUGES.len();
        assert!(shown.len() <= source.max_series + totals, "{}", shown.len());
        let sum: f64 = shown.iter().filter(|(head, _)| head.starts_with("uwsgi_worker_requests_total")).map(|(_, v)| v).sum();
        assert_eq!(shown[&total()], sum, "a total is the sum of what is served");
    }
    assert!(source.tally().dropped[&DropReason::MaxSeries] > 0);

    source.max_series = 20;
    let outcome = apply(&mut source, &[answer(document(100, &many).to_string())]).remove(0);
    assert!(matches!(outcome, Some(Err(Missed::OverLimit { limit: Limit::MaxSeries, .. }))));

    let mut source = uwsgi(&[URI]);
    source.limits.label_value_bytes_max = 100;
    let long = json!({"workers": [], "sockets": [{"name": "s".repeat(101), "queue": 1}, {"name": "t", "queue": 2}]});
    let shown = step(&mut source, &long);
    assert_eq!(shown.keys().filter(|head| head.starts_with("uwsgi_socket_queue_length")).count(), 1);
    assert!(source.tally().dropped[&DropReason::LabelValueBytesMax] > 0);
}

#[test]
fn a_counter_below_zero_is_missing() {
    let mut source = uwsgi(&[URI]);
    step(&mut source, &document(100, &[(1, 101, 1000, 1, 70)]));
    let shown = step(&mut source, &document(100, &[(1, 101, 1000, 1, u64::MAX)]));
    assert_eq!(shown[&total()], 70.0);
    assert_eq!(source.tally().dropped[&DropReason::Negative], 2, "the worker's and its app's");
}

/// A small world of masters and workers: few values, so that pids, spawns and counts meet again.
fn any_document() -> impl Strategy<Value = Value> {
    let count = prop_oneof![0..50_u64, Just(u64::MAX), Just(i64::MAX as u64), 0..u64::MAX];
    let worker = (0..4_u64, 100..103_u64, 1000..1003_u64, 0..3_u64, count);
    let workers = proptest::collection::vec(worker, 0..4);
    (prop_oneof![Just(100_u64), 100..104_u64], workers, any::<bool>()).prop_map(|(master, workers, with_pid)| {
        let mut document = document(master, &workers);
        if !with_pid {
            document.as_object_mut().unwrap().remove("pid");
        }
        document
    })
}

proptest! {
    #[test]
    fn counters_never_fall(documents in proptest::collection::vec(proptest::option::weighted(0.9, any_document()), 1..30)) {
        let mut source = Uwsgi::new(&SourceConfig { cores: true, ..config(&KIND, &[URI]) });
        let mut highest: BTreeMap<String, f64> = BTreeMap::new();
        for document in documents {
            let Some(document) = document else {
                apply(&mut source, &[refused()]);
                continue;
            };
            let shown = step(&mut source, &document);
            for family in source.families().iter().filter(|family| family.kind == crate::model::MetricType::Counter) {
                for sample in &family.samples {
                    let before = highest.insert(sample.head.to_string(), sample.value).unwrap_or_default();
                    prop_assert!(sample.value >= before, "{} fell from {before} to {}", sample.head, sample.value);
                }
            }
            for head in highest.keys() {
                prop_assert!(shown.contains_key(head), "{head} is gone");
            }
        }
    }

    #[test]
    fn any_bytes_are_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        apply(&mut uwsgi(&[URI]), &[answer(bytes.clone())]);
        apply(&mut uwsgi(&[URI]), &[answer([b"{\"workers\":", bytes.as_slice()].concat())]);
    }

    #[test]
    fn mutated_documents_are_an_answer(edits in proptest::collection::vec((0.0..1.0, any::<u8>(), any::<bool>()), 1..8)) {
        let mut source = uwsgi(&[URI]);
        let mut body = file("fixtures/uwsgi/under-load.json");
        for (at, byte, cut) in edits {
            let at = (at * body.len() as f64) as usize;
            if cut {
                body.drain(at..(at + usize::from(byte)).min(body.len()));
            } else if let Some(old) = body.get_mut(at) {
                *old = byte;
            }
            apply(&mut source, &[answer(body.clone())]);
            series(&source); // asserts that no series stands twice
        }
    }
}
