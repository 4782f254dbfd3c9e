//! Every page is in the table of contents, every link leads somewhere, and every page is found by following links from the README.

use crate::page::{Page, book, in_folder};
use crate::support::repository;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

const SUMMARY: &str = "docs/SUMMARY.md";
const README: &str = "README.md";
/// Folders whose Markdown is looked at; that of the repository itself is, too.
const FOLDERS: [&str; 3] = ["docs", "deploy", "tests"];

/// Where a link leads, and the anchor in it.
fn resolve<'l>(from: &Path, link: &'l str) -> (PathBuf, Option<&'l str>) {
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    if file.is_empty() {
        return (from.to_path_buf(), anchor);
    }
    let mut path = PathBuf::new();
    for part in from.parent().unwrap().join(file).components() {
        match part {
            Component::ParentDir => assert!(path.pop(), "{} links out of the repository: {link}", from.display()),
            part => path.push(part),
        }
    }
    (path, anchor)
}

fn everything() -> Vec<Page> {
    let of_root = std::fs::read_dir(repository()).unwrap().map(|entry| PathBuf::from(entry.unwrap().file_name()));
    let of_root = of_root.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let paths = of_root.chain(FOLDERS.iter().flat_map(|folder| in_folder(Path::new(folder))));
    paths.map(|path| Page::read(&path)).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let pages = everything();
    let mut dead = Vec::new();
    let mut links = 0;
    for page in &pages {
        for link in page.links() {
            links += 1;
            let (path, anchor) = resolve(&page.path, link);
            let target = pages.iter().find(|other| other.path == path);
            let there = repository().join(&path).exists();
            let anchored = anchor.is_none_or(|anchor| target.is_some_and(|target| target.anchors().iter().any(|a| a == anchor)));
            if !there || !anchored {
                dead.push(format!("{}: {link}", page.path.display()));
            }
        }
    }
    assert!(dead.is_empty() && links > 100, "of {links} links these lead nowhere: {dead:#?}");
}

#[test]
fn every_page_is_in_the_table_of_contents_once() {
    let summary = Page::read(Path::new(SUMMARY));
    let listed: Vec<_> = summary.links().iter().map(|link| resolve(&summary.path, link).0).collect();
    let once: BTreeSet<_> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), once.len(), "{SUMMARY} lists a page twice");
    let pages: BTreeSet<_> = book().into_iter().map(|page| page.path).collect();
    let missing: Vec<_> = pages.difference(&once).collect();
    let too_many: Vec<_> = once.difference(&pages).collect();
    assert!(missing.is_empty() && too_many.is_empty(), "{SUMMARY} lacks {missing:?} and has {too_many:?}");
}

/// Who reads from the README on comes to every page, without the table of contents.
#[test]
fn every_page_is_reached_from_the_readme() {
    let mut seen = BTreeSet::new();
    let mut ahead = vec![PathBuf::from(README)];
    while let Some(path) = ahead.pop() {
        if path.extension().is_some_and(|extension| extension == "md") && seen.insert(path.clone()) {
            let page = Page::read(&path);
            ahead.extend(page.links().iter().map(|link| resolve(&page.path, link).0).filter(|path| path != Path::new(SUMMARY)));
        }
    }
    let lost: Vec<_> = book().into_iter().map(|page| page.path).filter(|path| !seen.contains(path)).collect();
    assert!(lost.is_empty(), "no link leads to {lost:?}");
}
