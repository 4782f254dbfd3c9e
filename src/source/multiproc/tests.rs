//! Directories in memory, scrape by scrape.

use super::KIND;
use crate::config::{Liveness, SourceConfig};
use crate::merge::{DropReason, Now};
use crate::multiproc::{Entry, Group, JOURNAL, Journal, Member, write};
use crate::scrape::{Body, DirectoryFile, Missed, Owner, Part, Receipt, Scraped};
use crate::source::Source;
use crate::source::testing::{config, series};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

/// A file: what it holds, whose it is.
#[derive(Clone)]
struct File {
    inode: u64,
    modified: i64,
    owner: Owner,
    bytes: Vec<u8>,
}

/// A directory and what reads it.
struct Pod {
    source: Box<dyn Source>,
    files: BTreeMap<String, File>,
    inodes: u64,
    /// Files that were read in the last scrape.
    read: Vec<String>,
}

fn key(family: &str, sample: &str, labels: &str) -> String {
    format!(r#"["{family}", "{sample}", {{{labels}}}, "Help."]"#)
}

fn file_of(entries: &[(String, f64)]) -> Vec<u8> {
    write(entries.iter().map(|(key, value)| Entry { key, value: *value, timestamp: 0.0 })).unwrap()
}

fn counter(value: f64) -> Vec<u8> {
    file_of(&[(key("c", "c_total", ""), value)])
}

impl Pod {
    fn new(change: impl FnOnce(&mut SourceConfig)) -> Self {
        let mut config = config(&KIND, &["/m"]);
        change(&mut config);
        Self { source: (KIND.build)(&config), files: BTreeMap::new(), inodes: 0, read: Vec::new() }
    }

    /// Puts a file there, or writes into the one there is; as a memory map does, without a trace in its times.
    fn put(&mut self, name: &str, owner: Owner, bytes: Vec<u8>) {
        self.inodes += 1;
        let inode = self.files.get(name).map_or(self.inodes, |file| file.inode);
        self.files.insert(name.into(), File { inode, modified: 1, owner, bytes });
    }

    fn end(&mut self, name: &str) {
        self.files.get_mut(name).unwrap().owner = Owner::Gone;
    }

    fn listed(&self) -> Vec<(DirectoryFile, Vec<u8>)> {
        let file = |(name, file): (&String, &File)| {
            let listed = DirectoryFile {
                name: name.clone(),
                inode: file.inode,
                born: None,
                length: file.bytes.len() as u64,
                modified: file.modified,
                owner: file.owner,
            };
            (listed, file.bytes.clone())
        };
        let mut listed: Vec<_> = self.files.iter().map(file).collect();
        listed.sort_by_key(|(file, _)| file.owner != Owner::Holds);
        listed
    }

    /// Lets the source read; `parts` of what there is to hear.
    fn hear(&mut self, parts: usize) {
        self.read.clear();
        let mut left = parts;
        let mut say = |source: &mut dyn Source, part: Part<'_>| {
            left = left.saturating_sub(1);
            if left > 0 { source.receive(0, part).unwrap() } else { Receipt::Taken }
        };
        say(self.source.as_mut(), Part::Begin(None));
        let mut wanted = Vec::new();
        for (file, bytes) in self.listed() {
            if say(self.source.as_mut(), Part::Listed(&file)) == Receipt::Wanted {
                wanted.push((file, bytes));
            }
        }
        for (file, bytes) in &wanted {
            say(self.source.as_mut(), Part::Contents(file, Ok(bytes)));
            self.read.push(file.name.clone());
        }
        say(self.source.as_mut(), Part::End);
    }

    fn apply(&mut self, result: Result<Body, Missed>) -> Result<usize, Missed> {
        let scraped = Scraped { result, duration: Duration::ZERO };
        self.source.apply(&[Some(scraped)], Now::default()).remove(0).unwrap()
    }

    /// A whole scrape; every series but those about the files.
    fn scrape(&mut self) -> BTreeMap<String, f64> {
        self.hear(usize::MAX);
        self.apply(Ok(Body { content_type: None, bytes: bytes::Bytes::new(), streamed: Some(0) })).unwrap();
        self.shown()
    }

    fn shown(&self) -> BTreeMap<String, f64> {
        let mut shown = series(self.source.as_ref());
        shown.retain(|head, _| !head.starts_with("onescrape_"));
        shown
    }

    fn files(&self, state: &str) -> f64 {
        series(self.source.as_ref())[&format!("{}{{source=\"multiproc\",state=\"{state}\",target=\"/m\"}}", super::FILES)]
    }
}

fn pod() -> Pod {
    Pod::new(|_| {})
}

#[test]
fn totals_are_added_over_processes() {
    let mut pod = pod();
    let bucket = |le: &str, value| (key("h", "h_bucket", &format!(r#""le": "{le}", "v": "a""#)), value);
    let sum = |value| (key("h", "h_sum", r#""v": "a""#), value);
    pod.put("histogram_1.db", Owner::Holds, file_of(&[sum(1.5), bucket("0.5", 2.0), bucket("+Inf", 1.0)]));
    pod.put("histogram_2.db", Owner::Holds, file_of(&[sum(9.0), bucket("1.0", 1.0), bucket("+Inf", 4.0)]));
    let summary = |count, sum| file_of(&[(key("s", "s_count", ""), count), (key("s", "s_sum", ""), sum)]);
    pod.put("summary_1.db", Owner::Holds, summary(2.0, -1.0));
    pod.put("summary_2.db", Owner::Holds, summary(3.0, -5.0));
    pod.put("counter_1.db", Owner::Holds, counter(1.0));
    pod.put("counter_2.db", Owner::Holds, counter(2.5));
    let want = [
        ("c_total", 3.5),
        (r#"h_bucket{le="0.5",v="a"}"#, 2.0),
        (r#"h_bucket{le="1.0",v="a"}"#, 3.0),
        (r#"h_bucket{le="+Inf",v="a"}"#, 8.0),
        (r#"h_count{v="a"}"#, 8.0),
        (r#"h_sum{v="a"}"#, 10.5),
        ("s_count", 5.0),
        ("s_sum", -6.0),
    ];
    assert_eq!(pod.scrape(), want.map(|(head, value)| (head.to_string(), value)).into());
    let families = pod.source.families();
    let buckets: Vec<f64> = families.iter().find(|f| f.name == "h").unwrap().samples.iter().map(|s| s.value).collect();
    assert_eq!(buckets, [2.0, 3.0, 8.0, 8.0, 10.5], "buckets rise, then count and sum");
}

#[test]
fn gauges_of_every_mode() {
    let mut pod = pod();
    for (process, owner, value, time) in
        [("1", Owner::Holds, 5.0, 30.0), ("2", Owner::Gone, 3.0, 10.0), ("3", Owner::Gone, f64::NAN, 0.0)]
    {
        for mode in ["all", "min", "max", "sum", "mostrecent"] {
            for live in ["", "live"] {
                let name = format!("{live}{mode}");
                let key = key(&name, &name, "");
                let bytes = write([Entry { key: &key, value, timestamp: time }]).unwrap();
                if process != "3" || matches!(mode, "min" | "max" | "mostrecent") {
                    pod.put(&format!("gauge_{name}_{process}.db"), owner, bytes);
                }
            }
        }
    }
    let want = [
        (r#"all{pid="1"}"#, 5.0),
        (r#"all{pid="2"}"#, 3.0),
        (r#"liveall{pid="1"}"#, 5.0),
        ("livemax", 5.0),
        ("livemin", 5.0),
        ("livemostrecent", 5.0),
        ("livesum", 5.0),
        ("max", 5.0),
        ("min", 3.0),
        ("mostrecent", 5.0),
        ("sum", 8.0),
    ];
    let want: BTreeMap<String, f64> = want.map(|(head, value)| (head.to_string(), value)).into();
    assert_eq!(pod.scrape(), want);
    assert_eq!(pod.scrape(), want, "the same when the dead are settled");
    pod.files.remove("gauge_min_2.db");
    pod.files.remove("gauge_all_2.db");
    let shown = pod.scrape();
    assert_eq!((shown["min"], shown.get(r#"all{pid="2"}"#)), (5.0, None), "a gauge goes with its file");
}

#[test]
fn totals_outlive_their_files_and_gauges_do_not() {
    let mut pod = pod();
    pod.put("counter_1.db", Owner::Holds, counter(10.0));
    pod.put("counter_2.db", Owner::Gone, counter(5.0));
    pod.put("gauge_all_1.db", Owner::Holds, file_of(&[(key("g", "g", ""), 1.0)]));
    pod.scrape();
    pod.files.clear();
    for _ in 0..3 {
        assert_eq!(pod.scrape(), [("c_total".to_string(), 15.0)].into());
    }
    // A deployment wiped the directory: a process with the same id begins anew, perhaps with the same inode.
    pod.put("counter_1.db", Owner::Holds, counter(3.0));
    assert_eq!(pod.scrape()["c_total"], 18.0);
}

#[test]
fn another_file_under_the_same_name_is_another_file() {
    let mut pod = pod();
    pod.put("counter_1.db", Owner::Holds, counter(10.0));
    pod.scrape();
    pod.files.clear();
    pod.put("counter_1.db", Owner::Holds, counter(11.0));
    for _ in 0..3 {
        assert_eq!(pod.scrape()["c_total"], 21.0);
    }
}

#[test]
fn what_begins_anew_within_a_file_is_added() {
    let mut pod = pod();
    let two = |a, b| file_of(&[(key("a", "a_total", ""), a), (key("b", "b_total", ""), b)]);
    pod.put("counter_1.db", Owner::Holds, two(10.0, 10.0));
    pod.scrape();
    pod.put("counter_1.db", Owner::Holds, two(1.0, 11.0));
    let shown = pod.scrape();
    assert_eq!((shown["a_total"], shown["b_total"]), (11.0, 11.0), "one counter was reset");
    // Its keys are others: the file was written anew.
    pod.put("counter_1.db", Owner::Holds, file_of(&[(key("b", "b_total", ""), 20.0)]));
    let shown = pod.scrape();
    assert_eq!((shown["a_total"], shown["b_total"]), (11.0, 31.0));
}

#[test]
fn a_bad_file_costs_itself_alone_and_nothing_of_it_is_used() {
    let mut pod = pod();
    pod.put("counter_1.db", Owner::Holds, counter(10.0));
    pod.put("counter_2.db", Owner::Holds, counter(1.0));
    pod.scrape();
    let mut torn = counter(99.0);
    torn.truncate(torn.len() - 1);
    for bad in [torn, vec![1; 64], file_of(&[(key("c", "c_total", ""), 99.0), ("x".into(), 1.0)])] {
        pod.put("counter_1.db", Owner::Holds, bad);
        assert_eq!(pod.scrape()["c_total"], 11.0);
        let faults = pod.source.faults(0);
        assert!(faults.len() == 1 && faults[0].starts_with("counter_1.db: "), "{faults:?}");
        assert_eq!((pod.files("live"), pod.files("bad")), (1.0, 1.0));
    }
    pod.put("counter_1.db", Owner::Holds, counter(12.0));
    pod.put("strange_1.db", Owner::Nameless, counter(12.0));
    assert_eq!(pod.scrape()["c_total"], 13.0);
    assert_eq!(pod.source.faults(0), ["strange_1.db: prometheus_client writes no file of that name"]);
}

#[test]
fn a_file_that_could_not_be_read_is_tried_again() {
    let mut pod = pod();
    pod.put("counter_1.db", Owner::Gone, counter(10.0));
    pod.put("counter_2.db", Owner::Holds, counter(1.0));
    pod.scrape();
    let file = pod.listed().into_iter().find(|(file, _)| file.name == "counter_1.db").unwrap().0;
    let ok = || Ok(Body { content_type: None, bytes: bytes::Bytes::new(), streamed: Some(0) });
    let hear = |pod: &mut Pod, part: Part<'_>| pod.source.receive(0, part).unwrap();
    hear(&mut pod, Part::Begin(None));
    hear(&mut pod, Part::Listed(&file));
    hear(&mut pod, Part::Contents(&file, Err("it cannot be read: too many open files")));
    hear(&mut pod, Part::End);
    pod.apply(ok()).unwrap();
    assert_eq!((pod.shown()["c_total"], pod.source.faults(0).len()), (11.0, 1));
    assert_eq!((pod.scrape()["c_total"], pod.source.faults(0).len()), (11.0, 0));
    assert!(pod.read.contains(&"counter_1.db".to_string()));
}

#[test]
fn files_of_ended_processes_are_read_once() {
    let mut pod = pod();
    for process in 0..1000 {
        pod.put(&format!("counter_{process}.db"), Owner::Gone, counter(1.0));
    }
    pod.put("counter_5000.db", Owner::Holds, counter(1.0));
    assert_eq!(pod.scrape()["c_total"], 1001.0);
    assert_eq!(pod.read.len(), 1001);
    for _ in 0..5 {
        assert_eq!(pod.scrape()["c_total"], 1001.0);
        assert!(pod.read.len() < 50 && pod.read.contains(&"counter_5000.db".to_string()), "{}", pod.read.len());
    }
    // Its last words are read once more when it has gone.
    pod.put("counter_5000.db", Owner::Gone, counter(7.0));
    assert_eq!(pod.scrape()["c_total"], 1007.0);
    // A process that nobody saw used an id again and left no trace but the value: found within some scrapes.
    pod.put("counter_17.db", Owner::Gone, counter(3.0));
    let found = (0..100).any(|_| pod.scrape()["c_total"] == 1009.0);
    assert!(found);
}

#[test]
fn a_process_id_used_again_goes_on_in_its_file() {
    let mut pod = pod();
    pod.put("counter_1.db", Owner::Holds, counter(5.0));
    pod.put("counter_2.db", Owner::Holds, counter(1.0));
    pod.scrape();
    pod.end("counter_1.db");
    pod.scrape();
    pod.put("counter_1.db", Owner::Holds, counter(8.0));
    assert_eq!(pod.scrape()["c_total"], 9.0);
}

#[test]
fn whose_process_lives_is_for_the_setting_to_say() {
    let livesum = |liveness, owners: [Owner; 2]| {
        let mut pod = Pod::new(|config| config.multiproc.liveness = liveness);
        for (i, owner) in owners.into_iter().enumerate() {
            pod.put(&format!("gauge_livesum_{i}.db"), owner, file_of(&[(key("g", "g", ""), 1.0)]));
        }
        pod.scrape().get("g").copied()
    };
    use Liveness::{Auto, Files, Proc};
    use Owner::{Gone, Holds, Stranger, Unseen};
    assert_eq!(livesum(Auto, [Gone, Gone]), Some(2.0), "nobody was seen: we may be in another namespace");
    assert_eq!(livesum(Auto, [Gone, Holds]), Some(1.0));
    assert_eq!(livesum(Auto, [Stranger, Holds]), Some(1.0));
    assert_eq!(livesum(Auto, [Unseen, Holds]), Some(2.0));
    assert_eq!(livesum(Proc, [Gone, Stranger]), None);
    assert_eq!(livesum(Proc, [Gone, Unseen]), Some(1.0));
    assert_eq!(livesum(Files, [Gone, Holds]), Some(2.0));
}

#[test]
fn a_compaction_is_not_counted_twice_at_any_step() {
    let mut pod = pod();
    pod.put("counter_1.db", Owner::Gone, counter(10.0));
    pod.put("counter_2.db", Owner::Gone, counter(5.0));
    pod.put("counter_3.db", Owner::Holds, counter(1.0));
    pod.scrape();
    // Between the last scrape and the compaction one more was counted.
    pod.put("counter_2.db", Owner::Gone, counter(6.0));
    let member = |pod: &Pod, name: &str, inode| {
        let modified = pod.files.get(name).map_or(1, |file| file.modified);
        Member { name: name.into(), inode, born: None, modified }
    };
    let members = ["counter_1.db", "counter_2.db"].map(|name| member(&pod, name, pod.files[name].inode));
    let group = Group { into: member(&pod, "counter_compacted.db", 99), members: members.into() };
    pod.put(JOURNAL, Owner::Nameless, serde_json::to_vec(&Journal { groups: vec![group] }).unwrap());
    let before = pod.scrape()["c_total"];
    assert!(before == 16.0 || before == 17.0, "the journal alone changes nothing");
    let compacted = File { inode: 99, modified: 1, owner: Owner::Nameless, bytes: counter(16.0) };
    pod.files.insert("counter_compacted.db".into(), compacted);
    assert_eq!(pod.scrape()["c_total"], 17.0, "members are still there");
    pod.files.remove("counter_1.db");
    assert_eq!(pod.scrape()["c_total"], 17.0);
    pod.files.remove("counter_2.db");
    for _ in 0..3 {
        assert_eq!(pod.scrape()["c_total"], 17.0);
    }
    // The id of a member is used again.
    pod.put("counter_1.db", Owner::Holds, counter(2.0));
    assert_eq!(pod.scrape()["c_total"], 19.0);
}

#[test]
fn a_compaction_between_two_scrapes() {
    let mut pod = pod();
    pod.put("counter_1.db", Owner::Gone, counter(10.0));
    pod.put("counter_2.db", Owner::Gone, counter(5.0));
    pod.scrape();
    let member = |name: &str, inode| Member { name: name.into(), inode, born: None, modified: 1 };
    let members =
        vec![member("counter_1.db", pod.files["counter_1.db"].inode), member("counter_2.db", pod.files["counter_2.db"].inode)];
    let group = Group { into: member("counter_compacted.db", 99), members };
    pod.files.clear();
    // The listing fell between the removal of the members and the sight of the journal.
    assert_eq!(pod.scrape()["c_total"], 15.0);
    pod.put(JOURNAL, Owner::Nameless, serde_json::to_vec(&Journal { groups: vec![group] }).unwrap());
    pod.files.insert("counter_compacted.db".into(), File { inode: 99, modified: 1, owner: Owner::Nameless, bytes: counter(15.0) });
    for _ in 0..3 {
        assert_eq!(pod.scrape()["c_total"], 15.0);
    }
}

#[test]
fn a_scrape_that_is_cut_off_or_missed_loses_nothing() {
    let mut pod = pod();
    pod.put("counter_1.db", Owner::Holds, counter(1.0));
    pod.put("gauge_sum_1.db", Owner::Holds, file_of(&[(key("g", "g", ""), 4.0)]));
    pod.put("counter_2.db", Owner::Gone, counter(2.0));
    pod.scrape();
    pod.put("counter_1.db", Owner::Holds, counter(5.0));
    for parts in 0..8 {
        pod.hear(parts);
        assert!(pod.apply(Err(Missed::Timeout { after: Duration::ZERO })).is_err());
        assert_eq!(pod.shown(), [("c_total".to_string(), 3.0)].into(), "totals are carried, gauges are not known");
    }
    let shown = pod.scrape();
    assert_eq!((shown["c_total"], shown["g"]), (7.0, 4.0));
}

#[test]
fn several_directories_stay_apart() {
    let config = config(&KIND, &["/a", "/b"]);
    let mut source = (KIND.build)(&config);
    let body = |value: f64| {
        let bytes = file_of(&[(key("c", "c_total", r#""target": "mine""#), value)]);
        let head = format!(
            r#"{{"file":{{"name":"counter_1.db","inode":1,"born":null,"length":9,"modified":1,"owner":"unseen"}},"contents":{{"Ok":{}}}}}"#,
            bytes.len()
        );
        let whole = [head.as_bytes(), b"\n", &bytes].concat();
        Some(Scraped { result: Ok(Body { content_type: None, bytes: whole.into(), streamed: None }), duration: Duration::ZERO })
    };
    let outcomes = source.apply(&[body(1.0), body(2.0)], Now::default());
    assert_eq!(outcomes, [Some(Ok(1)), Some(Ok(1))]);
    let shown = series(source.as_ref());
    assert_eq!(shown[r#"c_total{exported_target="mine",target="/a"}"#], 1.0);
    assert_eq!(shown[r#"c_total{exported_target="mine",target="/b"}"#], 2.0);
}

#[test]
fn limits_and_conflicts_are_counted() {
    let mut pod = Pod::new(|config| {
        config.limits.max_series = 2;
        config.limits.label_value_bytes_max = 5;
    });
    let entry = |name: &str, labels: &str| (key(name, name, labels), 1.0);
    let entries = [entry("up", ""), entry("a", r#""l": "longer""#), entry("a", ""), entry("b", ""), entry("c", "")];
    pod.put("counter_1.db", Owner::Holds, file_of(&entries));
    pod.put("gauge_sum_1.db", Owner::Holds, file_of(&[entry("a", "")]));
    pod.put("histogram_1.db", Owner::Holds, file_of(&[(key("b", "b_sum", ""), 1.0)]));
    assert_eq!(pod.scrape().into_keys().collect::<Vec<_>>(), ["a", "b"]);
    let dropped = &pod.source.tally().dropped;
    for reason in [DropReason::ReservedName, DropReason::LabelValueBytesMax, DropReason::MaxSeries] {
        assert_eq!(dropped.get(&reason), Some(&1), "{reason:?}");
    }
    assert_eq!((dropped[&DropReason::TypeConflict], pod.source.tally().type_conflicts), (2, 2));
    let again = dropped.clone();
    pod.scrape();
    assert_eq!(pod.source.tally().dropped, again, "what stays as it is is counted once");
}

/// What happens in the life of a directory.
#[derive(Debug, Clone)]
enum Event {
    Count(usize, f64),
    End(usize),
    Remove(usize),
    Scrape,
    Cut(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..4_usize, 0.0..100.0).prop_map(|(process, amount)| Event::Count(process, amount)),
        1 => (0..4_usize).prop_map(Event::End),
        1 => (0..4_usize).prop_map(Event::Remove),
        3 => Just(Event::Scrape),
        1 => (0..6_usize).prop_map(Event::Cut),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A file is only removed once it was seen as it ended: what nobody could read nobody can count.
    #[test]
    fn totals_are_the_truth_and_never_fall(events in prop::collection::vec(event(), 0..60)) {
        let mut pod = pod();
        pod.put("counter_9.db", Owner::Holds, counter(0.0));
        let mut values = [0.0; 4];
        let (mut truth, mut shown) = (0.0, 0.0);
        for event in events {
            match event {
                Event::Count(process, amount) => {
                    values[process] += amount;
                    truth += amount;
                    pod.put(&format!("counter_{process}.db"), Owner::Holds, counter(values[process]));
                }
                Event::End(process) if pod.files.contains_key(&format!("counter_{process}.db")) => {
                    pod.end(&format!("counter_{process}.db"));
                }
                Event::Remove(process) => {
                    pod.scrape();
                    pod.files.remove(&format!("counter_{process}.db"));
                    values[process] = 0.0;
                }
                Event::Cut(parts) => pod.hear(parts),
                Event::End(_) | Event::Scrape => {}
            }
            let now = pod.scrape()["c_total"];
            prop_assert!(now >= shown && (now - truth).abs() <= 1e-6, "{now} after {shown}, in truth {truth}");
            shown = now;
        }
    }
}
