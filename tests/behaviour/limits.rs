//! What is too much costs what docs/limits.md says, is counted under the limit's name and told once.

use crate::support::exposition::Exposition;
use crate::support::fake_worker::{Answer, FakeWorker};
use crate::support::proxy::{Proxy, run};
use crate::support::{expect, repository, wait_for};
use crate::worker;
use std::fs;

/// Small enough that little is too much.
const TIGHT: &str = "limits: {max_series: 20, body_bytes_max: 8KiB, label_value_bytes_max: 10, labels_max: 2, header_bytes_max: 8KiB, \
                     redirects_max: 2, scrapes_max: 1, max_slots: 4}\n";

fn hits(answer: &Exposition, limit: &str) -> f64 {
    answer.value(&format!("onescrape_limit_hits_total{{limit=\"{limit}\"}}")).unwrap_or_else(|| panic!("{limit} isn't shown"))
}

fn lines(count: usize) -> String {
    (0..count).map(|n| format!("many_total{{n=\"{n}\"}} 1\n")).collect()
}

/// What is too much for each limit, and how often good samples of the same target are still there.
fn too_much() -> Vec<(&'static str, Answer, usize)> {
    let text = |more: &str| Answer::text(&format!("# TYPE ok_total counter\nok_total 1\n{more}"));
    let head = |more: &str| Answer::Bytes(format!("HTTP/1.0 200 OK\r\n{more}\r\nok_total 1\n").into_bytes());
    vec![
        ("max_series", text(&lines(100)), 1),
        ("body_bytes_max", text(&format!("# {}\n", "x".repeat(9000))), 0),
        ("label_value_bytes_max", text("long{l=\"12345678901\"} 1\n"), 1),
        ("labels_max", text("wide{a=\"1\",b=\"2\",c=\"3\"} 1\n"), 1),
        ("header_bytes_max", head(&format!("X: {}\r\n", "x".repeat(9000))), 0),
        ("header_bytes_max", head(&format!("X: {}\r\n", "x".repeat(90_000))), 0),
        ("header_bytes_max", head(&"X: y\r\n".repeat(101)), 0),
        ("redirects_max", Answer::Bytes(b"HTTP/1.0 302 Found\r\nLocation: /again\r\n\r\n".to_vec()), 0),
    ]
}

#[test]
fn what_is_too_much_costs_its_own_and_is_counted() {
    for (limit, answer, left) in too_much() {
        for kind in ["workers", "exporter"] {
            let (good, odd) = (worker(3), FakeWorker::answering(answer.clone()));
            let proxy = Proxy::with_config(&format!(
                "sources:\n  - {{name: good, kind: workers, targets: [\"{}\"]}}\n  \
                 - {{name: odd, kind: {kind}, targets: [\"{}\"], follow_redirects: true}}\n{TIGHT}",
                good.id(),
                odd.id()
            ));
            let answer = proxy.scrape();
            assert!(hits(&answer, limit) >= 1.0, "{limit}: {}", proxy.log());
            assert_eq!(answer.value("c_total"), Some(3.0), "{limit}: the other source is whole");
            assert_eq!(answer.select("ok_total").len(), left, "{limit} with {kind}: {}", proxy.log());
            (0..3).for_each(|_| drop(proxy.scrape()));
            let name = format!("limit={limit}");
            wait_for("the line about the limit", || expect(proxy.log().contains(&name), || proxy.log()));
            assert_eq!(proxy.log().lines().filter(|line| line.contains(&name)).count(), 1, "told once: {}", proxy.log());
        }
    }
}

#[test]
fn scrapes_wait_for_one_another_and_all_are_made() {
    let workers: Vec<_> = (0..4).map(|_| worker(3)).collect();
    let targets: Vec<_> = workers.iter().map(FakeWorker::id).collect();
    let proxy = Proxy::with_config(&format!(
        "sources:\n  - {{name: w, kind: workers, targets: [\"{}\"]}}\n{TIGHT}",
        targets.join("\", \"")
    ));
    let answer = proxy.scrape();
    assert_eq!(answer.value("c_total"), Some(12.0));
    assert!(hits(&answer, "scrapes_max") >= 1.0);
}

#[test]
fn too_many_files_and_files_too_large() {
    let counted = |limits: &str, limit: &str| {
        let dir = tempfile::tempdir().unwrap();
        for pid in 1..4 {
            // As client_python writes it: bytes in use, padding, entries.
            let mut file = vec![0; 4096];
            file[..4].copy_from_slice(&4096_i32.to_ne_bytes());
            fs::write(dir.path().join(format!("counter_{pid}.db")), &file).unwrap();
        }
        let good = worker(3);
        let proxy = Proxy::with_config(&format!(
            "sources:\n  - {{name: m, kind: multiproc, targets: [\"{}\"], {limits}}}\n  \
             - {{name: good, kind: workers, targets: [\"{}\"]}}\n",
            dir.path().display(),
            good.id()
        ));
        let answer = proxy.scrape();
        assert_eq!(answer.value("c_total"), Some(3.0));
        hits(&answer, limit)
    };
    assert!(counted("files_max: 2", "files_max") >= 1.0);
    assert!(counted("file_bytes_max: 1KiB", "file_bytes_max") >= 1.0);
    assert!(counted("files_max: 10", "files_max") + counted("file_bytes_max: 8KiB", "file_bytes_max") == 0.0);
}

#[test]
fn too_many_targets_are_a_mistake_at_start() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.yml");
    fs::write(&file, format!("sources:\n  - {{name: w, kind: workers, targets: [\"h:1-5\"]}}\n{TIGHT}")).unwrap();
    let checked = run(&["config", "check", "--config.file", &file.display().to_string()]);
    let said = String::from_utf8_lossy(&checked.stderr).into_owned() + &String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.code() == Some(2) && said.contains("limits.max_slots"), "{said}");
}

/// Every limit is in the table of the page, with the default that the program has, and stands in the metric from the start.
#[test]
fn the_page_about_limits_is_complete() {
    let page = fs::read_to_string(repository().join("docs/limits.md")).unwrap();
    let rows: Vec<Vec<&str>> =
        page.lines().filter(|line| line.starts_with("| `")).map(|line| line.split('|').map(str::trim).collect()).collect();
    let row = |name: &str| rows.iter().find(|row| row[1] == format!("`{name}`")).unwrap_or_else(|| panic!("no row for {name}"));

    let shown = run(&["config", "show", "--workers=127.0.0.1:1"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    let settings = shown.lines().skip_while(|line| *line != "limits:").skip(1).take_while(|line| line.starts_with(' '));
    let mut names: Vec<&str> = Vec::new();
    for (name, default) in settings.map(|line| line.trim().split_once(": ").unwrap()) {
        names.push(name);
        // Depends on the memory of the machine that runs the test.
        if name != "max_series" {
            assert_eq!(row(name)[2], default, "the default of {name}");
        }
    }
    assert!(names.len() >= 14, "{shown}");

    let good = worker(3);
    let answer = Proxy::of(&[&good]).scrape();
    for sample in answer.select("onescrape_limit_hits_total") {
        let name = sample.labels["limit"].as_str();
        assert_eq!(sample.value, 0.0, "{name}");
        assert!(row(name)[4].contains("counted"), "{name}");
        names.retain(|known| *known != name);
    }
    assert_eq!(names, ["drain_timeout"], "is not counted, since nothing could show it");
    assert!(answer.value("onescrape_max_series").is_some_and(|series| (1000.0..=1_000_000.0).contains(&series)));
}
