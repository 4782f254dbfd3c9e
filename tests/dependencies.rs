//! What is built into the program: known licences, one registry, nothing twice, and nothing that was left behind. A licence, a source or a
//! second version that is not in the lists below fails the test, so that it is looked at before it ships.
//!
//! Reads `cargo metadata` only, which needs no network once the crates are there. Published vulnerabilities are not looked for here: their
//! list lives outside the registry; `make audit` fetches it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what is wrong by panicking")]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Licences that ask for no more than to be named.
const LICENCES: [&str; 11] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];
/// The one registry.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// Crates that are built into the program in two versions, and why that can't be helped.
const TWICE: [(&str, &str); 2] =
    [("getrandom", "ring stays with the old one"), ("syn", "macros, at build time only: half of them have moved to the new one")];
/// Most crates in the program, with every feature: a sidecar keeps its tree small.
const CRATES_MAX: usize = 165;

/// A package of the tree.
struct Package {
    name: String,
    version: String,
    licence: Option<String>,
    source: Option<String>,
}

/// The packages that the program for Linux is made of, build scripts and macros included, those of tests only left out.
fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version=1", "--all-features", "--filter-platform=x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cannot run cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_string);
    let nodes: BTreeMap<String, Vec<String>> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| {
            let is_built_in = |dep: &&Value| dep["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"] != "dev");
            let deps = node["deps"].as_array().unwrap().iter().filter(is_built_in).filter_map(|dep| text(&dep["pkg"])).collect();
            (text(&node["id"]).unwrap(), deps)
        })
        .collect();
    let mut wanted = vec![text(&metadata["resolve"]["root"]).unwrap()];
    let mut built_in = BTreeSet::new();
    while let Some(id) = wanted.pop() {
        if built_in.insert(id.clone()) {
            wanted.extend(nodes[&id].iter().cloned());
        }
    }
    let packages =
        metadata["packages"].as_array().unwrap().iter().filter(|package| built_in.contains(package["id"].as_str().unwrap()));
    packages
        .map(|package| Package {
            name: text(&package["name"]).unwrap(),
            version: text(&package["version"]).unwrap(),
            licence: text(&package["license"]),
            source: text(&package["source"]),
        })
        .collect()
}

/// Whether an SPDX expression can be met by the licences of the list. Of the grammar only what crates use: `OR` binds less than `AND`,
/// parentheses, `/` for the `OR` of old.
fn is_allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let (mut depth, mut start, mut parts) = (0_usize, 0, Vec::new());
    for (at, c) in expression.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 && expression[at..].starts_with(" OR ") => {
                parts.push(&expression[start..at]);
                start = at + " OR ".len();
            }
            _ => {}
        }
    }
    parts.push(expression.get(start..).unwrap_or_default());
    parts.into_iter().any(|part| all_allowed(part.trim()))
}

fn all_allowed(expression: &str) -> bool {
    if let Some(inner) = expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'))
        && !inner.contains(['(', ')'])
    {
        return is_allowed(inner);
    }
    if let Some((left, right)) = expression.rsplit_once(" AND ").filter(|(_, right)| !right.contains(')')) {
        return all_allowed(left.trim()) && all_allowed(right.trim());
    }
    if let Some((left, right)) = expression.split_once(" AND ") {
        return all_allowed(left.trim()) && all_allowed(right.trim());
    }
    LICENCES.contains(&expression)
}

#[test]
fn licences_are_known_ones() {
    for package in packages() {
        let licence = package.licence.unwrap_or_default();
        assert!(is_allowed(&licence), "{} {} is under {licence:?}", package.name, package.version);
    }
}

#[test]
fn expressions_are_understood() {
    for good in [
        "MIT",
        "MIT OR GPL-3.0",
        "GPL-3.0 OR MIT",
        "MIT/Apache-2.0",
        "(MIT OR GPL-3.0) AND Unicode-3.0",
        "ISC AND (GPL-3.0 OR MIT)",
    ] {
        assert!(is_allowed(good), "{good}");
    }
    for bad in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "GPL-3.0 AND MIT",
        "(GPL-3.0 OR AGPL-3.0) AND MIT",
        "MIT AND (GPL-3.0 OR LGPL-3.0)",
        "mit",
    ] {
        assert!(!is_allowed(bad), "{bad}");
    }
}

#[test]
fn everything_comes_from_the_registry() {
    for package in packages().into_iter().filter(|package| package.name != env!("CARGO_PKG_NAME")) {
        assert_eq!(package.source.as_deref(), Some(REGISTRY), "{} {}", package.name, package.version);
    }
}

#[test]
fn nothing_is_there_twice_and_the_tree_is_small() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages() {
        versions.entry(package.name).or_default().insert(package.version);
    }
    let twice: Vec<_> = versions.iter().filter(|(_, versions)| versions.len() > 1).collect();
    let unknown: Vec<_> = twice.iter().filter(|(name, _)| TWICE.iter().all(|(known, _)| known != name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    for (name, _) in TWICE {
        assert!(twice.iter().any(|(known, _)| *known == name), "{name} is there once only: take it off the list");
    }
    assert!(versions.len() <= CRATES_MAX, "{} crates", versions.len());
}
