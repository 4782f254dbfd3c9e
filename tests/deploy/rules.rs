//! Rules and scrape configurations, by promtool.

use crate::support::{repository, yaml};
use crate::{deploy, files, run};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Where every alert's runbook is, before the alert's own heading.
const RUNBOOKS: &str = "https://docs.example/onescrape/runbooks.md#";
/// What finds pods in kubernetes.yml; Debian's Prometheus is built without it.
const POD_DISCOVERY: &str = "kubernetes_sd_configs: [{role: pod}]";

fn promtool(arguments: &[&str], files: &[impl AsRef<Path>]) -> String {
    run(Command::new("promtool").args(arguments).args(files.iter().map(AsRef::as_ref)))
}

/// Every alert in the rule files.
pub fn alerts() -> Vec<Value> {
    let of = |file: &Path| yaml::read(file)["groups"].as_array().unwrap().clone();
    let groups = files("prometheus/rules", ".yml").iter().flat_map(|file| of(file)).collect::<Vec<_>>();
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone());
    rules.filter(|rule| rule.get("alert").is_some()).collect()
}

/// kubernetes.yml with the pods in a file in place of those of a cluster.
fn kubernetes_config(dir: &Path) -> String {
    let config = std::fs::read_to_string(deploy("prometheus/kubernetes.yml")).unwrap();
    assert!(config.contains(POD_DISCOVERY));
    let rules = format!("- {}/", deploy("prometheus/rules").display());
    let found = format!("file_sd_configs: [{{files: [{}]}}]", dir.join("pods.json").display());
    config.replace(POD_DISCOVERY, &found).replace("- rules/", &rules)
}

#[test]
fn configurations_are_valid() {
    let dir = tempfile::tempdir().unwrap();
    let kubernetes = dir.path().join("kubernetes.yml");
    std::fs::write(&kubernetes, kubernetes_config(dir.path())).unwrap();
    promtool(&["check", "config"], &[deploy("prometheus/prometheus.yml"), deploy("prometheus/docker.yml"), kubernetes]);
    // In compose the rules are mounted beside it.
    for stack in ["docker-compose/gunicorn", "docker-compose/uwsgi", "docker-compose/channels", "wsl2"] {
        let compose = dir.path().join("compose.yml");
        let config = std::fs::read_to_string(deploy(stack).join("prometheus.yml")).unwrap();
        std::fs::write(&compose, config.replace("rules/", &format!("{}/", deploy("prometheus/rules").display()))).unwrap();
        promtool(&["check", "config"], &[compose]);
    }
    promtool(&["check", "rules", "--lint=all", "--lint-fatal"], &files("prometheus/rules", ".yml"));
}

#[test]
fn rules_do_what_their_tests_say() {
    std::thread::scope(|scope| {
        for file in files("prometheus/tests", ".yml") {
            scope.spawn(move || promtool(&["test", "rules"], &[file]));
        }
    });
}

#[test]
fn every_alert_is_seen_quiet_then_firing_then_over() {
    // What is expected of an alert, over all tests in which it fires: by time, whether it does.
    let mut expected: BTreeMap<String, Vec<BTreeMap<u64, bool>>> = BTreeMap::new();
    for file in files("prometheus/tests", ".yml") {
        for test in yaml::read(&file)["tests"].as_array().unwrap() {
            let mut in_test: BTreeMap<&str, BTreeMap<u64, bool>> = BTreeMap::new();
            for case in test["alert_rule_test"].as_array().unwrap() {
                let fires = !case["exp_alerts"].as_array().unwrap().is_empty();
                let at = seconds(case["eval_time"].as_str().unwrap());
                in_test.entry(case["alertname"].as_str().unwrap()).or_default().insert(at, fires);
            }
            in_test.into_iter().for_each(|(name, times)| expected.entry(name.into()).or_default().push(times));
        }
    }
    let whole = |times: &BTreeMap<u64, bool>| {
        let fires: Vec<bool> = times.values().copied().collect();
        fires.first() == Some(&false) && fires.contains(&true) && fires.last() == Some(&false)
    };
    let alerts = alerts();
    assert!(alerts.len() >= 25, "only {} alerts", alerts.len());
    for alert in alerts {
        let name = alert["alert"].as_str().unwrap();
        let seen = expected.get(name).is_some_and(|tests| tests.iter().any(whole));
        assert!(seen, "no test shows {name} quiet, then firing, then over");
    }
}

/// A duration as promtool writes it, in seconds.
fn seconds(text: &str) -> u64 {
    let mut total = 0;
    let mut number = 0;
    for character in text.chars() {
        let unit = match character {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            digit => {
                number = number * 10 + u64::from(digit.to_digit(10).unwrap());
                continue;
            }
        };
        total += number * unit;
        number = 0;
    }
    total
}

#[test]
fn every_alert_says_how_bad_it_is_and_has_a_runbook() {
    let page = std::fs::read_to_string(repository().join("docs/runbooks.md")).unwrap();
    let headings: Vec<String> = page.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_lowercase).collect();
    let mut linked = Vec::new();
    for alert in alerts() {
        let (name, annotations) = (&alert["alert"], &alert["annotations"]);
        let severity = alert["labels"]["severity"].as_str().unwrap_or_default();
        assert!(["critical", "warning", "info"].contains(&severity), "{name}: severity {severity:?}");
        assert!(annotations["summary"].is_string(), "{name} has no summary");
        let runbook = annotations["runbook_url"].as_str().and_then(|url| url.strip_prefix(RUNBOOKS));
        let runbook = runbook.unwrap_or_else(|| panic!("{name}: runbook_url {}", annotations["runbook_url"])).to_string();
        assert!(headings.contains(&runbook), "docs/runbooks.md has no heading for #{runbook}");
        linked.push(runbook);
    }
    let idle: Vec<_> = headings.iter().filter(|heading| !linked.contains(heading)).collect();
    assert!(idle.is_empty(), "runbooks of no alert: {idle:?}");
}

/// Of pods as discovery describes them, those that ask for it, and of each the one port that is onescrape's.
#[test]
fn of_a_pod_only_the_port_named_metrics_is_scraped() {
    let dir = tempfile::tempdir().unwrap();
    let pod = |name: &str, port: u16, port_name: &str, more: Value| {
        let mut labels = json!({
            "__meta_kubernetes_namespace": "live",
            "__meta_kubernetes_pod_name": name,
            "__meta_kubernetes_pod_phase": "Running",
            "__meta_kubernetes_pod_container_port_name": port_name,
            "__meta_kubernetes_pod_annotation_prometheus_io_scrape": "true",
            "__meta_kubernetes_pod_label_app": "shop",
        });
        labels.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"targets": [format!("10.0.0.1:{port}")], "labels": labels})
    };
    let pods = json!([
        pod("shop-1", 8000, "http", json!({})),
        pod("shop-1", 11011, "metrics", json!({})),
        pod(
            "shop-2",
            11012,
            "metrics",
            json!({
                "__meta_kubernetes_pod_annotation_prometheus_io_path": "/all",
                "__meta_kubernetes_pod_annotation_prometheus_io_scheme": "https",
                "__meta_kubernetes_pod_label_app_kubernetes_io_name": "store",
            })
        ),
        pod("done", 11013, "metrics", json!({"__meta_kubernetes_pod_phase": "Succeeded"})),
        pod("silent", 11014, "metrics", json!({"__meta_kubernetes_pod_annotation_prometheus_io_scrape": "false"})),
    ]);
    std::fs::write(dir.path().join("pods.json"), pods.to_string()).unwrap();
    let config = dir.path().join("kubernetes.yml");
    std::fs::write(&config, kubernetes_config(dir.path())).unwrap();
    let said = run(Command::new("promtool").args(["check", "service-discovery", "--timeout=2s"]).arg(&config).arg("pods"));
    let found: Value = serde_json::from_str(&said).unwrap();
    let kept: Vec<Value> =
        found.as_array().unwrap().iter().map(|one| one["labels"].clone()).filter(|l| l["job"].is_string()).collect();
    let looks = |labels: &Value| {
        ["job", "namespace", "pod", "instance", "__scheme__", "__metrics_path__"]
            .map(|name| labels[name].as_str().unwrap().to_string())
    };
    let mut kept: Vec<_> = kept.iter().map(looks).collect();
    kept.sort();
    assert_eq!(
        kept,
        [
            ["shop", "live", "shop-1", "10.0.0.1:11011", "http", "/metrics"],
            ["store", "live", "shop-2", "10.0.0.1:11012", "https", "/all"],
        ]
    );
}
