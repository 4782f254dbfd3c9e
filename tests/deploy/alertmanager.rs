//! Alertmanager's configurations, by amtool.

use crate::support::yaml;
use crate::{deploy, run};
use std::process::Command;

const CONFIGURATIONS: [&str; 2] = ["alertmanager/alertmanager.yml", "alertmanager/development.yml"];

#[test]
fn configurations_are_valid() {
    run(Command::new("amtool").arg("check-config").args(CONFIGURATIONS.map(deploy)));
}

/// What is tried in development is what happens later.
#[test]
fn both_route_and_inhibit_alike() {
    let [live, development] = CONFIGURATIONS.map(|file| yaml::read(&deploy(file)));
    for part in ["route", "inhibit_rules"] {
        assert_eq!(live[part], development[part], "{part}");
    }
}

#[test]
fn alerts_reach_whom_they_should() {
    for file in CONFIGURATIONS {
        for (labels, receiver) in [
            (&["severity=critical", "alertname=ApplicationDown"][..], "page"),
            (&["severity=critical", "alertname=ErrorBudgetBurn1h", "job=shop", "slo=latency"], "page"),
            (&["severity=warning", "alertname=OnescrapeWorkersMissing"], "team"),
            (&["severity=info", "alertname=ApplicationLongUptime"], "mail"),
            (&["alertname=SomebodyElses"], "team"),
        ] {
            let mut amtool = Command::new("amtool");
            amtool.args(["config", "routes", "test"]).arg(format!("--config.file={}", deploy(file).display()));
            let said = run(amtool.args(labels));
            assert_eq!(said.trim(), receiver, "{labels:?} in {file}");
        }
    }
}

/// Every name in the rules of inhibition is an alert's: a rule about a name that was changed would do nothing.
#[test]
fn inhibitions_are_about_alerts_there_are() {
    let names: Vec<String> = crate::rules::alerts().iter().map(|alert| alert["alert"].as_str().unwrap().to_string()).collect();
    let config = yaml::read(&deploy(CONFIGURATIONS[0]));
    let inhibitions = config["inhibit_rules"].as_array().unwrap();
    let matchers = inhibitions.iter().flat_map(|rule| ["source_matchers", "target_matchers"].map(|key| &rule[key]));
    let mut seen = 0;
    for matcher in matchers.flat_map(|list| list.as_array().unwrap()).filter_map(|m| m.as_str()?.strip_prefix("alertname=")) {
        let pattern = matcher.trim_start_matches('~').trim_matches('"');
        for choice in choices(pattern) {
            let known = match choice.strip_suffix(".*") {
                Some(prefix) => names.iter().any(|name| name.starts_with(prefix)),
                None => names.contains(&choice),
            };
            assert!(known, "{choice} of {matcher} is no alert");
            seen += 1;
        }
    }
    assert!(seen >= inhibitions.len() * 2);
}

/// `A|B` and `A(b|c)`, taken apart.
fn choices(pattern: &str) -> Vec<String> {
    match pattern.split_once('(') {
        Some((before, inside)) => inside.trim_end_matches(')').split('|').map(|end| format!("{before}{end}")).collect(),
        None => pattern.split('|').map(str::to_string).collect(),
    }
}
