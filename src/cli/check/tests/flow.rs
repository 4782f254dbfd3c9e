//! Checks as a whole, over canned bodies and over the simulated stack.

use super::*;
use crate::cli::demo;
use crate::scrape::Body;
use std::cell::RefCell;

/// Scrapes from canned bodies, by target id, one after the other, the last again and again; counts the reads.
struct Canned(RefCell<BTreeMap<&'static str, (usize, Bodies)>>);

type Bodies = Vec<Result<&'static str, Missed>>;

impl Canned {
    fn new<const N: usize>(bodies: [(&'static str, Bodies); N]) -> Self {
        Self(RefCell::new(bodies.into_iter().map(|(id, bodies)| (id, (0, bodies))).collect()))
    }

    async fn scrape(&self, target: &Target) -> Scraped {
        let mut canned = self.0.borrow_mut();
        let (reads, bodies) = canned.get_mut(target.id.as_str()).unwrap();
        let result = bodies[(*reads).min(bodies.len() - 1)].clone();
        *reads += 1;
        let body = |text: &'static str| Body { content_type: None, bytes: text.into(), streamed: None, date: None };
        Scraped { result: result.map(body), duration: Duration::from_millis(1) }
    }

    fn reads(&self, id: &str) -> usize {
        self.0.borrow()[id].0
    }

    async fn check(&self, config: &Config, options: Options) -> (bool, String) {
        let mut out = Vec::new();
        let options = Options { pause: Duration::ZERO, ..options };
        let well =
            check_with(config, &options, &async |_: &SourceConfig, t: &Target| self.scrape(t).await, &mut out, &mut Vec::new())
                .await
                .unwrap();
        (well, String::from_utf8(out).unwrap())
    }
}

const STATS: &str = "{\"version\":\"2.0.30\",\"pid\":7,\"workers\":[{\"id\":1,\"pid\":8,\"status\":\"idle\",\"requests\":5},\
                     {\"id\":2,\"pid\":9,\"status\":\"sig1\u{1}\",\"requests\":6},{\"id\":3,\"pid\":0,\"status\":\"cheap\"},{\"id\":0,\"pid\":0}]}";
const STATUS_PAGE: &str = "Active connections: 1 \nserver accepts handled requests\n 1 1 1 \nReading: 0 Writing: 1 Waiting: 0 \n";

#[tokio::test]
async fn wrong_bodies_are_named() {
    for (kind, body, part) in [
        ("uwsgi", STATS, "All is well."),
        ("uwsgi", "", "connected, then nothing"),
        ("uwsgi", "<html>", "HTML page"),
        ("uwsgi", "{\"emperor\":[]}", "emperor"),
        ("uwsgi", "{\"workers\":[", "cut short"),
        ("workers", "<!DOCTYPE html><title>Shop</title>", "set metrics_path"),
        ("workers", STATS, "with --uwsgi"),
        ("workers", STATUS_PAGE, "give it with --nginx"),
        ("workers", "\u{1f}\u{8}\u{0}\u{0}", "compressed"),
        ("workers", "python_gc_objects_collected_total 1", "cut short"),
        ("exporter", "<html>", "set metrics_path"),
        ("exporter", "# TYPE a gauge\na 1\n", "All is well."),
        ("nginx", STATUS_PAGE, "All is well."),
        ("nginx", "<!DOCTYPE html><title>Welcome", "stub_status;"),
        ("nginx", "# HELP a b\n", "source of kind exporter"),
        ("nginx_vts", "{\"serverZones\":{}}", "All is well."),
        ("nginx_vts", "<!DOCTYPE html><title>Traffic", "/format/json"),
    ] {
        let canned = Canned::new([("a:1", vec![Ok(body)])]);
        let (well, text) = canned.check(&config(vec![source(kind, "a:1")]), Options::default()).await;
        assert!(text.contains(part), "{kind} {body:?}: {text}");
        assert_eq!(well, part == "All is well.");
    }
}

#[tokio::test]
async fn the_simulated_stack_is_well() {
    let unhurried = demo::Pace { recycle_ticks: u32::MAX, ..demo::Pace::default() };
    let stack = demo::start_at(unhurried).await.unwrap();
    let real = |kind: &str, target: &str| {
        let source = source(kind, "a:1");
        SourceConfig { targets: (source.kind.targets)(target, source.kind.default_path).unwrap(), ..source }
    };
    let workers = SourceConfig { expect: Some(stack.expect), ..real("workers", &stack.workers) };
    let config = config(vec![workers, real("uwsgi", &stack.uwsgi), real("nginx", &stack.nginx)]);
    let mut out = Vec::new();
    let well = check(&config, &Options::default(), &mut out, &mut Vec::new()).await.unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(well && text.contains("4 workers running") && text.ends_with("All is well.\n"), "{text}");
    assert!(text.contains("  sum         process_resident_memory_bytes, shop_requests_in_progress"), "{text}");

    // The same workers behind one port instead of a range.
    let (first, _) = stack.workers.split_once('-').unwrap();
    let short = SourceConfig { expect: Some(stack.expect), ..real("workers", first) };
    let config = Config { sources: vec![short], ..config };
    let mut out = Vec::new();
    let quiet = Options { quiet: true, pause: Duration::ZERO, ..Options::default() };
    assert!(!check(&config, &quiet, &mut out, &mut Vec::new()).await.unwrap());
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("error    django: 1 of 4 workers are up"), "{text}");
}

#[tokio::test]
async fn what_refuses_is_looked_at_again_while_workers_are_missing() {
    let stats = source("uwsgi", "a:1");
    let workers = SourceConfig { expect: Some(1), ..source("workers", "b:1-2") };
    let refused = Err(Missed::Refused);
    let canned = Canned::new([("a:1", vec![Ok(STATS)]), ("b:1", vec![refused.clone()]), ("b:2", vec![refused])]);
    let (well, _) = canned.check(&config(vec![stats, workers]), Options::default()).await;
    assert!(!well);
    assert_eq!((canned.reads("a:1"), canned.reads("b:1"), canned.reads("b:2")), (1, 6, 6));
}

#[tokio::test]
async fn waits_until_all_is_well() {
    let canned = Canned::new([("a:1", vec![Err(Missed::Refused), Err(Missed::Refused), Ok(STATUS_PAGE)])]);
    let config = config(vec![source("nginx", "a:1")]);
    let options = Options { wait: Some(Duration::from_secs(3600)), quiet: true, ..Options::default() };
    assert_eq!(canned.check(&config, options).await, (true, String::new()));
    assert_eq!(canned.reads("a:1"), 3);
}

#[tokio::test]
async fn json_is_for_programs() {
    let canned = Canned::new([("a:1", vec![Err(Missed::Refused)])]);
    let options = Options { json: true, ..Options::default() };
    let (well, text) = canned.check(&config(vec![source("nginx", "a:1")]), options).await;
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(!well && json["ok"] == false);
    let target = &json["sources"][0]["targets"][0];
    assert_eq!((&target["state"], &target["outcome"]), (&"down".into(), &"refused".into()));
    assert_eq!(json["findings"][0]["code"], "nothing_listens");
    assert!(json["findings"][0]["fix"].as_str().unwrap().contains("nginx is not running"));
}
