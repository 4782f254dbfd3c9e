//! Nothing is forgotten: every finding has its golden text and its place in the documentation, and these have no others.

use crate::case::GOLDEN;
use crate::support::repository;
use onescrape::cli::check::Code;
use std::collections::BTreeSet;

/// The page that lists them.
const PAGE: &str = "docs/troubleshooting.md";
/// Brought about in the tests beside the code alone: a process must be seen to run, and end within one look at the directory.
const WITHOUT_GOLDEN: [&str; 1] = ["no_live_process"];

fn codes() -> BTreeSet<String> {
    Code::ALL.iter().map(|code| code.as_str().to_string()).collect()
}

#[test]
fn every_finding_is_documented() {
    let page = std::fs::read_to_string(repository().join(PAGE)).unwrap();
    let findings = page.split("\n## ").find(|part| part.starts_with("What it finds\n")).unwrap();
    let rows = findings.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let documented: BTreeSet<String> = rows.map(|(code, _)| code.to_string()).collect();
    let (unlisted, unknown): (Vec<_>, Vec<_>) =
        (codes().difference(&documented).cloned().collect(), documented.difference(&codes()).cloned().collect());
    assert!(unlisted.is_empty() && unknown.is_empty(), "{PAGE} lacks {unlisted:?}; nothing finds its {unknown:?}");
}

#[test]
fn every_finding_is_brought_about() {
    let files = std::fs::read_dir(repository().join(GOLDEN)).unwrap();
    let golden: BTreeSet<String> =
        files.map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect();
    let mut wanted = codes();
    wanted.retain(|code| !WITHOUT_GOLDEN.contains(&code.as_str()));
    assert_eq!(golden, wanted);
}
