//! The files by themselves: what compose files refer to is there, ports are those that the READMEs tell, and what stands twice is the same.

use crate::model::{FILES, deploy, read, services};
use crate::support::{expect, prometheus, repository, wait_for};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

#[test]
fn compose_files_are_valid_and_refer_to_what_is_there() {
    for file in FILES {
        for (name, service) in services(file) {
            for mount in service["volumes"].as_array().into_iter().flatten().filter(|mount| mount["type"] == "bind") {
                let source = Path::new(mount["source"].as_str().unwrap());
                assert!(source.exists(), "{file}: {name} mounts {}, which is not there", source.display());
            }
            if let Some(context) = service["build"]["context"].as_str() {
                let dockerfile = Path::new(context).join(service["build"]["dockerfile"].as_str().unwrap_or("Dockerfile"));
                assert!(dockerfile.exists(), "{file}: {name} is built by {}, which is not there", dockerfile.display());
            }
            assert!(
                !service["image"].as_str().unwrap_or_default().ends_with(":latest") || !service["build"].is_null(),
                "{file}: {name} is whatever image is the latest"
            );
        }
    }
}

#[test]
fn compose_files_with_mistakes_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for mistake in ["services: {a: {image: b, prots: [\"1:1\"]}}", "services: {a: {image: b, volumes: [\"nowhere:/x\"]}}"] {
        let file = dir.path().join("compose.yaml");
        std::fs::write(&file, mistake).unwrap();
        assert!(read(&file).is_err(), "{mistake} was taken");
    }
}

#[test]
fn published_ports_are_those_told() {
    let published = |file: &str| -> BTreeSet<String> {
        let of = |service: &serde_json::Value| service["ports"].as_array().cloned().unwrap_or_default();
        let ports = services(file).into_iter().flat_map(|(_, service)| of(&service));
        ports.map(|port| port["published"].as_str().unwrap().to_string()).collect()
    };
    let told = |ports: &[&str]| ports.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(published("docker-compose/gunicorn/compose.yaml"), told(&["8000", "9090", "3000"]));
    assert_eq!(published("docker-compose/uwsgi/compose.yaml"), told(&["8000", "9090", "3000"]));
    assert_eq!(published("docker-compose/channels/compose.yaml"), told(&["8000", "9090", "9091", "9093", "5001", "3000"]));
}

#[test]
fn settings_to_copy_are_those_of_the_example() {
    let block = std::fs::read_to_string(deploy("django/settings.py")).unwrap();
    let example = std::fs::read_to_string(deploy("docker-compose/app/example/settings.py")).unwrap();
    assert!(example.ends_with(&block), "deploy/django/settings.py isn't the end of the example's settings");
}

#[test]
fn the_example_runs_what_the_tests_run() {
    let installed = std::fs::read_to_string(repository().join("tests/stack/requirements.txt")).unwrap();
    let installed: BTreeSet<_> = installed.lines().collect();
    let required = std::fs::read_to_string(deploy("docker-compose/app/requirements.txt")).unwrap();
    for line in required.lines() {
        assert!(installed.contains(line), "{line} of the example isn't what tests/stack/requirements.txt has");
    }
}

/// Who can read these learns about requests as they run.
#[test]
fn stats_and_status_are_on_loopback_only() {
    for (file, key) in [("django/uwsgi.ini", "stats = "), ("nginx/status.conf", "listen ")] {
        let text = std::fs::read_to_string(deploy(file)).unwrap();
        let addresses: Vec<_> = text.lines().filter_map(|line| line.trim().strip_prefix(key)).collect();
        assert!(addresses.len() == 1 && addresses[0].starts_with("127.0.0.1:"), "{file}: {addresses:?}");
    }
}

/// Every query of the WSL 2 page has an answer in a Prometheus that scrapes the example.
pub fn queries_have_answers(metrics: SocketAddr) {
    let page = std::fs::read_to_string(deploy("wsl2/README.md")).unwrap();
    let block = page.split("```promql\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of queries");
    let queries: Vec<_> = block.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(queries.len() > 5, "queries: {queries:?}");
    for query in queries {
        wait_for(query, || {
            let query = query.replace("[5m]", "[30s]");
            expect(!prometheus::query_at(metrics, &query, None).is_empty(), || "it has no answer".into())
        });
    }
}
