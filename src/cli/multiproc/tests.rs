//! Compactions on disk. Process ids here are beyond any that Linux gives, so their processes have ended.

use super::*;
use crate::multiproc::{Entry, read, write};
use std::fs;

fn file(entries: &[(&str, f64, f64)]) -> Vec<u8> {
    write(entries.iter().map(|(key, value, timestamp)| Entry { key, value: *value, timestamp: *timestamp })).unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn entries(path: &Path) -> Vec<(String, f64, f64)> {
    let bytes = fs::read(path).unwrap();
    read(&bytes).unwrap().iter().map(|e| (e.key.to_string(), e.value, e.timestamp)).collect()
}

/// A directory with these files.
fn directory(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(directory.path().join(name), bytes).unwrap();
    }
    directory
}

fn compacted(directory: &Path) -> String {
    let mut out = Vec::new();
    compact(directory, false, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn files_of_one_type_become_one() {
    let gauge = |value, time| file(&[("g", value, time)]);
    let dir = directory(&[
        ("counter_5000001.db", file(&[("a", 1.0, 0.0), ("b", 2.0, 0.0)])),
        ("counter_5000002.db", file(&[("b", 3.0, 0.0), ("c", 4.0, 0.0)])),
        ("gauge_min_5000001.db", gauge(1.0, 0.0)),
        ("gauge_min_5000002.db", gauge(2.0, 0.0)),
        ("gauge_max_5000001.db", gauge(1.0, 0.0)),
        ("gauge_max_5000002.db", gauge(2.0, 0.0)),
        ("gauge_mostrecent_5000001.db", gauge(1.0, 9.0)),
        ("gauge_mostrecent_5000002.db", gauge(2.0, 8.0)),
        ("gauge_all_5000001.db", gauge(1.0, 0.0)),
        ("gauge_all_5000002.db", gauge(1.0, 0.0)),
        ("gauge_livesum_5000001.db", gauge(1.0, 0.0)),
        ("gauge_livesum_5000002.db", gauge(1.0, 0.0)),
        ("summary_5000001.db", gauge(1.0, 0.0)),
    ]);
    compacted(dir.path());
    let want = [
        "counter_compacted.db",
        "gauge_all_5000001.db",
        "gauge_all_5000002.db",
        "gauge_livesum_5000001.db",
        "gauge_livesum_5000002.db",
        "gauge_max_compacted.db",
        "gauge_min_compacted.db",
        "gauge_mostrecent_compacted.db",
        JOURNAL,
        "summary_5000001.db",
    ];
    assert_eq!(names(dir.path()), want);
    let counter = |dir: &Path| entries(&dir.join("counter_compacted.db"));
    assert_eq!(counter(dir.path()), [("a".into(), 1.0, 0.0), ("b".into(), 5.0, 0.0), ("c".into(), 4.0, 0.0)]);
    let value = |name: &str| entries(&dir.path().join(name)).remove(0);
    assert_eq!(value("gauge_min_compacted.db"), ("g".into(), 1.0, 0.0));
    assert_eq!(value("gauge_max_compacted.db"), ("g".into(), 2.0, 0.0));
    assert_eq!(value("gauge_mostrecent_compacted.db"), ("g".into(), 1.0, 9.0));
    // Once more, with another file; then with none.
    fs::write(dir.path().join("counter_5000003.db"), file(&[("c", 1.0, 0.0)])).unwrap();
    compacted(dir.path());
    assert_eq!(counter(dir.path()), [("c".into(), 5.0, 0.0), ("a".into(), 1.0, 0.0), ("b".into(), 5.0, 0.0)]);
    let journal = steps::read_journal(dir.path()).unwrap();
    assert_eq!(journal.groups[0].members.len(), 4, "and those of the compaction before");
    assert!(compacted(dir.path()).contains("nothing to compact"));
}

#[test]
fn bad_files_are_left_alone() {
    let one = file(&[("a", 1.0, 0.0)]);
    let dir = directory(&[
        ("counter_5000001.db", one.clone()),
        ("counter_5000002.db", one.clone()),
        ("counter_5000003.db", one[..20].to_vec()),
    ]);
    assert!(compacted(dir.path()).contains("left alone: counter_5000003.db: it is cut short"));
    assert_eq!(names(dir.path()), ["counter_5000003.db", "counter_compacted.db", JOURNAL]);
}

#[test]
fn it_is_refused_while_a_process_runs() {
    let one = file(&[("a", 1.0, 0.0)]);
    let (own, nameless) = (format!("counter_{}.db", std::process::id()), "counter_worker-1.db".to_string());
    let dir = directory(&[("counter_5000001.db", one.clone()), ("counter_5000002.db", one.clone()), (&nameless, one.clone())]);
    let refused = compact(dir.path(), false, &mut Vec::new()).unwrap_err();
    assert!(matches!(&refused, CompactError::Live { count: 1, names } if *names == nameless), "{refused}");
    assert_eq!(names(dir.path()).len(), 3);
    fs::write(dir.path().join(&own), &one).unwrap();
    compact(dir.path(), true, &mut Vec::new()).unwrap();
    let left = names(dir.path());
    assert!(left.contains(&nameless) && left.contains(&"counter_compacted.db".into()), "{left:?}");
}

/// Whatever step was the last, the next run ends with the same files.
#[test]
fn a_compaction_that_was_cut_off_is_finished() {
    let one = file(&[("a", 1.0, 0.0)]);
    let files = [("counter_5000001.db", one.clone()), ("counter_5000002.db", one.clone())];
    for last_step in 0..4 {
        let dir = directory(&files);
        let path = dir.path();
        let listed = list_directory(path, &MultiprocConfig::default()).unwrap();
        let into = steps::write_aside(path, "counter_compacted.db", &file(&[("a", 2.0, 0.0)]), None).unwrap();
        let journal = Journal { groups: vec![Group { into, members: listed.iter().map(member).collect() }] };
        if last_step > 0 {
            steps::write_journal(path, &journal).unwrap();
        }
        if last_step > 1 {
            steps::put_in_place(path, "counter_compacted.db").unwrap();
        }
        if last_step > 2 {
            fs::remove_file(path.join("counter_5000001.db")).unwrap();
        }
        compacted(path);
        assert_eq!(names(path), ["counter_compacted.db", JOURNAL], "after step {last_step}");
        assert_eq!(entries(&path.join("counter_compacted.db")), [("a".into(), 2.0, 0.0)], "after step {last_step}");
    }
}
