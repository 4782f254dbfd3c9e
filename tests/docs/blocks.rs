//! What is shown to be written into files is loaded by the program that the file is for.

use crate::commands::{NOT_RUN, loaded};
use crate::onescrape;
use crate::page::{Block, readme_and_book};
use crate::support::{installed, yaml};
use onescrape::config::root_keys;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The note of a block that is a file of targets.
const TARGETS: &str = "a file of targets";
/// Languages of which every block is looked at here or among the commands.
const KNOWN: [&str; 6] = ["", "sh", "yaml", "nginx", "python", "ini"];

/// Every block that is a configuration of onescrape, with its place.
pub fn configurations() -> Vec<Block> {
    let blocks = readme_and_book().into_iter().flat_map(|page| page.blocks);
    blocks.filter(|block| block.language == "yaml" && is_configuration(&yaml::parse(&block.text))).collect()
}

fn is_configuration(value: &Value) -> bool {
    let known = |name: &String| root_keys().iter().any(|key| key.name == name);
    // Prometheus' own files have none of the keys at their top.
    value.as_object().is_some_and(|entries| entries.keys().any(known))
}

fn check_configuration(place: &str, text: &str, dir: &Path) {
    let file = dir.join("onescrape.yml");
    fs::write(&file, text).unwrap();
    let mut arguments = vec!["config".into(), "check".into(), format!("--config.file={}", file.display())];
    if !text.contains("sources:") {
        arguments.push("--workers=127.0.0.1:5001".into());
    }
    let checked = onescrape(&arguments);
    assert!(checked.status.success(), "{place}: {}", String::from_utf8_lossy(&checked.stderr));
}

fn run(place: &str, command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{place}: {command:?}: {error}"));
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{place}: {said}");
}

fn check_prometheus(place: &str, text: &str, dir: &Path) {
    let file = dir.join("prometheus.yml");
    fs::write(&file, text).unwrap();
    // Files it names are the reader's own.
    run(place, Command::new("promtool").args(["check", "config", "--syntax-only"]).arg(file));
}

/// The flags of every container of ours.
fn containers(value: &Value) -> Vec<Vec<String>> {
    let children: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(entries) => entries.values().collect(),
        _ => return Vec::new(),
    };
    let mut found: Vec<_> = children.into_iter().flat_map(containers).collect();
    if value.get("image").and_then(Value::as_str).is_some_and(|image| image.contains("onescrape"))
        && let Some(Value::Array(flags)) = value.get("args").or(value.get("command"))
    {
        found.push(flags.iter().filter_map(Value::as_str).map(Into::into).collect());
    }
    found
}

fn check_yaml(block: &Block, dir: &Path) {
    let value = yaml::parse(&block.text);
    let ours = containers(&value);
    match block.note.as_deref() {
        Some(TARGETS) => {
            for group in value.as_array().expect("groups") {
                let source = json!({"name": "a", "kind": "workers", "targets": group["targets"], "labels": group["labels"]});
                check_configuration(&block.place, &json!({"sources": [source]}).to_string(), dir);
            }
        }
        _ if is_configuration(&value) => check_configuration(&block.place, &block.text, dir),
        _ if value.get("scrape_configs").is_some() => check_prometheus(&block.place, &block.text, dir),
        _ if !ours.is_empty() => ours.iter().for_each(|flags| loaded(&block.place, flags)),
        _ => panic!("{}: nothing tries this; write <!-- {NOT_RUN}REASON --> before it", block.place),
    }
}

fn check_nginx(block: &Block, dir: &Path) {
    let file = dir.join("nginx.conf");
    let http = if block.text.starts_with("http") { block.text.clone() } else { format!("http {{\n{}}}\n", block.text) };
    fs::write(&file, format!("pid {}/nginx.pid;\nerror_log stderr;\nevents {{}}\n{http}", dir.display())).unwrap();
    run(&block.place, Command::new("nginx").arg("-t").arg("-q").arg("-p").arg(dir).arg("-c").arg(file));
}

#[test]
fn files_are_loaded_by_what_they_are_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut tried = 0;
    for block in readme_and_book().into_iter().flat_map(|page| page.blocks) {
        assert!(KNOWN.contains(&block.language.as_str()), "{}: {} is tried by nothing", block.place, block.language);
        if block.note.as_ref().is_some_and(|note| note.starts_with(NOT_RUN)) {
            continue;
        }
        tried += 1;
        match block.language.as_str() {
            "yaml" => check_yaml(&block, dir.path()),
            "nginx" => check_nginx(&block, dir.path()),
            "python" => {
                let compile = "import sys; compile(sys.argv[1], 'block', 'exec')";
                run(&block.place, Command::new(installed("python")).args(["-c", compile, &block.text]));
            }
            "ini" => panic!("{}: nothing tries this; write <!-- {NOT_RUN}REASON --> before it", block.place),
            _ => {}
        }
    }
    assert!(tried >= 15, "{tried}");
}
