//! The charts, linted and rendered by Helm.

use crate::documents::{assert_golden, deploy, of_kind, read, run, selects, tool};
use crate::sidecar::sidecars;
use crate::support::repository;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use tempfile::TempDir;

/// The newest Kubernetes without native sidecars, and the oldest with.
const WITHOUT_NATIVE: &str = "1.28.15";
const WITH_NATIVE: &str = "1.29.0";

/// A copy of the charts with the one built into the other, so that nothing is left in the repository.
static CHARTS: LazyLock<TempDir> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("no temporary directory");
    run(Command::new("cp").arg("-r").arg(deploy("helm")).arg(dir.path().join("charts")), "").expect("cannot copy the charts");
    helm(dir.path(), &["dependency", "build", "charts/shop"]).expect("cannot build the dependency");
    dir
});

fn helm(dir: &Path, arguments: &[&str]) -> Result<String, String> {
    let home = dir.join("home");
    let mut command = Command::new(tool("helm"));
    command.env_clear().env("HOME", &home).current_dir(dir).args(arguments);
    run(&mut command, "")
}

fn template(arguments: &[&str]) -> Result<String, String> {
    helm(CHARTS.path(), &[&["template", "shop", "charts/shop", "--kube-version", WITH_NATIVE], arguments].concat())
}

/// What a file of values comes to, held against what it should.
fn rendered(values: &str) -> Vec<Value> {
    let file = repository().join("tests/deploy_kubernetes/values").join(format!("{values}.yaml"));
    let file = file.to_str().unwrap();
    let text = if values == "default" { template(&[]) } else { template(&["-f", file]) }.unwrap();
    assert_golden(&format!("helm-{values}.yaml"), &text);
    read(&text).unwrap_or_else(|mistakes| panic!("{values}: {mistakes}"))
}

fn only<'a>(documents: &'a [Value], kind: &str) -> &'a Value {
    let found = of_kind(documents, kind);
    assert_eq!(found.len(), 1, "{kind}");
    found[0]
}

#[test]
fn the_charts_are_clean() {
    helm(CHARTS.path(), &["lint", "--strict", "charts/shop", "charts/onescrape"]).unwrap();
}

#[test]
fn by_default_there_is_a_native_sidecar() {
    let documents = rendered("default");
    assert_eq!(documents.len(), 2, "a Deployment and its Service");
    let found = sidecars(&documents);
    found[0].assert_good();
    found[0].assert_shares_ports();
    found[0].assert_pool(5001..=5008, 4);
}

/// The chart's pod has the container of the plain manifest, told the same in other words.
#[test]
fn the_chart_s_container_is_the_plain_one() {
    let (chart, plain) = (rendered("default"), crate::documents::read_file("kubernetes/native-sidecar.yaml"));
    let settings = |documents: &[Value]| {
        let mut container = sidecars(documents)[0].container.clone();
        for told in ["args", "env", "envFrom", "imagePullPolicy"] {
            container.as_object_mut().unwrap().remove(told);
        }
        container
    };
    assert_eq!(settings(&chart), settings(&plain));
}

#[test]
fn a_classic_sidecar_with_everything_in_the_pod() {
    let documents = rendered("classic");
    let found = sidecars(&documents);
    found[0].assert_good();
    found[0].assert_shares_ports();
    found[0].assert_pool(6001..=6016, 6);
    let shown = found[0].configured("show");
    for told in ["127.0.0.1:1717", "127.0.0.1:8080/nginx/status"] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    assert!(found[0].pod["metadata"]["annotations"].is_null());
    let monitor = only(&documents, "PodMonitor");
    assert_eq!(monitor["metadata"]["labels"]["release"], "monitoring");
    assert!(selects(&monitor["spec"]["selector"]["matchLabels"], &found[0].pod["metadata"]["labels"]));
}

#[test]
fn a_configuration_file_and_what_is_around_the_pod() {
    let documents = rendered("file");
    let found = sidecars(&documents);
    found[0].assert_good();
    found[0].assert_pool(5001..=5008, 4);
    let shown = found[0].configured("show");
    assert!(shown.contains("books"), "{shown}");
    assert_eq!(found[0].port(), &json!(9900));

    let (labels, service) = (&found[0].pod["metadata"]["labels"], of_kind(&documents, "Service"));
    let service = service.iter().find(|service| service["metadata"]["name"] == "shop-metrics").expect("the metrics' Service");
    assert!(selects(&service["spec"]["selector"], labels));
    assert_eq!(service["spec"]["ports"][0]["targetPort"], 9900);
    let monitor = &only(&documents, "ServiceMonitor")["spec"];
    assert!(selects(&monitor["selector"]["matchLabels"], &service["metadata"]["labels"]));
    let others = of_kind(&documents, "Service").into_iter().filter(|other| other["metadata"]["name"] != "shop-metrics");
    for other in others {
        assert!(!selects(&monitor["selector"]["matchLabels"], &other["metadata"]["labels"]), "the site is no target");
    }
    let policy = &only(&documents, "NetworkPolicy")["spec"];
    assert!(selects(&policy["podSelector"]["matchLabels"], labels));
    assert_eq!(policy["ingress"][1]["ports"][0]["port"], 9900);
}

#[test]
fn off_leaves_the_application_alone() {
    let documents = rendered("off");
    assert_eq!(documents.len(), 2);
    assert_eq!(sidecars(&documents).len(), 0);
    let app = &only(&documents, "Deployment")["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(app["env"][0], json!({"name": "WEB_CONCURRENCY", "value": "4"}), "the application still has its workers");
}

#[test]
fn wrong_values_are_refused() {
    let wrong = [
        ("onescrape.workrs=3", "workrs"),
        ("onescrape.workers=0", "workers"),
        ("onescrape.workers=many", "workers"),
        ("onescrape.port=70000", "port"),
        ("onescrape.image.digest=latest", "digest"),
        ("onescrape.args={serve}", "args"),
        ("onescrape.serviceMonitor.interval=often", "interval"),
        ("replica=3", "replica"),
    ];
    for (value, named) in wrong {
        let told = template(&["--set", value]).expect_err(value);
        assert!(told.contains(named), "{value}: {told}");
    }
    template(&["--set", "onescrape.workers=3"]).expect("good values are taken");
}

#[test]
fn a_cluster_without_native_sidecars_is_not_left_waiting() {
    let told = template(&["--kube-version", WITHOUT_NATIVE]).unwrap_err();
    assert!(told.contains("onescrape.native"), "{told}");
    template(&["--kube-version", WITHOUT_NATIVE, "--set", "onescrape.native=false"]).unwrap();
}

#[test]
fn every_key_is_explained_and_checked() {
    let chart = |file: &str| fs::read_to_string(deploy("helm/onescrape").join(file)).unwrap();
    let schema: Value = serde_json::from_str(&chart("values.schema.json")).unwrap();
    let values = chart("values.yaml");
    let keys = values.lines().filter(|line| line.starts_with(char::is_alphabetic)).filter_map(|line| line.split_once(':'));
    let mut keys: Vec<_> = keys.map(|(key, _)| key).chain(["global"]).collect(); // Helm hands `global` to every chart
    keys.sort_unstable();
    let mut checked: Vec<_> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    checked.sort_unstable();
    assert_eq!(keys, checked);
}
