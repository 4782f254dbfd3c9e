//! The dashboards: as their source writes them, and what they ask Prometheus for.

use crate::support::{installed, yaml};
use crate::{deploy, files, run};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// What Grafana would put in place of its variables, everything selected.
const VARIABLES: [(&str, &str); 4] = [("$namespace", ".*"), ("$job", ".*"), ("$instance", ".*"), ("$__rate_interval", "30s")];

/// An expression of a dashboard: whose, and what.
pub struct Asked {
    pub panel: String,
    pub expression: String,
}

/// Every expression of every panel, as Grafana would send it.
pub fn expressions() -> Vec<Asked> {
    let of_panel = |panel: &Value| {
        let title = panel["title"].as_str().unwrap().to_string();
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        targets.into_iter().map(move |target| (title.clone(), target["expr"].as_str().unwrap().to_string()))
    };
    let mut asked = Vec::new();
    for file in files("grafana/dashboards", ".json") {
        let dashboard = read(&file);
        let name = dashboard["title"].as_str().unwrap();
        // What a variable's values are taken from must be there, too: `label_values(METRIC, LABEL)`.
        for variable in dashboard["templating"]["list"].as_array().unwrap() {
            let metric = variable["definition"].as_str().and_then(|text| text.strip_prefix("label_values(")?.split(',').next());
            asked.extend(metric.map(|metric| Asked { panel: format!("{name}: ${}", variable["name"]), expression: metric.into() }));
        }
        for (title, expression) in dashboard["panels"].as_array().unwrap().iter().flat_map(of_panel) {
            let expression = VARIABLES.iter().fold(expression, |text, (name, value)| text.replace(name, value));
            assert!(!expression.contains('$'), "{title}: a variable that no dashboard has in {expression}");
            asked.push(Asked { panel: format!("{name}: {title}"), expression });
        }
    }
    asked
}

fn read(file: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn they_are_as_their_source_writes_them() {
    run(Command::new(installed("python")).arg(deploy("grafana/dashboards.py")).arg("--check"));
}

#[test]
fn names_are_unique_and_panels_do_not_overlap() {
    let dashboards: Vec<Value> = files("grafana/dashboards", ".json").iter().map(|file| read(file)).collect();
    assert_eq!(dashboards.len(), 6);
    let uids: BTreeSet<_> = dashboards.iter().map(|dashboard| dashboard["uid"].as_str().unwrap()).collect();
    assert_eq!(uids.len(), dashboards.len());
    for dashboard in &dashboards {
        let mut taken = BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
            assert!(x + w <= 24, "{} is wider than the grid", panel["title"]);
            let cells = (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y)));
            cells.for_each(|cell| assert!(taken.insert(cell), "{} covers another panel", panel["title"]));
        }
    }
}

/// The data source and folder that Grafana is given are those that the dashboards use.
#[test]
fn provisioning_names_what_there_is() {
    let sources = yaml::read(&deploy("grafana/provisioning/datasources/prometheus.yml"));
    assert_eq!(sources["datasources"][0]["type"], "prometheus");
    let providers = yaml::read(&deploy("grafana/provisioning/dashboards/onescrape.yml"));
    assert_eq!(providers["providers"][0]["options"]["path"], "/var/lib/grafana/dashboards/onescrape");
    let readme = std::fs::read_to_string(deploy("grafana/README.md")).unwrap();
    assert!(readme.contains("/var/lib/grafana/dashboards/onescrape"), "the README mounts the folder somewhere else");
}
