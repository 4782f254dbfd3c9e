//! The plain manifests.

use crate::documents::{deploy, items, of_kind, read, selects};
use crate::sidecar::sidecars;
use crate::support::repository;
use serde_json::{Value, json};
use std::fs;

/// What goes with either kind of sidecar.
const AROUND: [&str; 5] = ["metrics-ports.yaml", "service.yaml", "servicemonitor.yaml", "podmonitor.yaml", "networkpolicy.yaml"];

fn with(sidecar: &str) -> Vec<Value> {
    let files = AROUND.iter().copied().chain([sidecar]);
    let texts: Vec<_> = files.map(|file| fs::read_to_string(deploy("kubernetes").join(file)).unwrap()).collect();
    read(&texts.join("---\n")).unwrap_or_else(|mistakes| panic!("{sidecar} and what goes with it: {mistakes}"))
}

#[test]
fn every_manifest_is_used_here() {
    let files = fs::read_dir(deploy("kubernetes")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut yaml: Vec<_> = files.filter(|name| name.ends_with(".yaml")).collect();
    yaml.sort();
    let mut used: Vec<_> = AROUND.iter().copied().chain(["native-sidecar.yaml", "classic-sidecar.yaml"]).collect();
    used.sort_unstable();
    assert_eq!(yaml, used);
}

#[test]
fn both_kinds_of_sidecar_are_good() {
    for name in ["native-sidecar.yaml", "classic-sidecar.yaml"] {
        let documents = with(name);
        let found = sidecars(&documents);
        assert_eq!(found.len(), 1, "{name}");
        found[0].assert_good();
        found[0].assert_shares_ports();
        found[0].assert_pool(5001..=5008, 4);
    }
}

/// They differ in what makes them what they are, and in nothing else.
#[test]
fn the_classic_sidecar_is_the_native_one() {
    let container = |name: &str| {
        let documents = with(name);
        let mut container = sidecars(&documents)[0].container.clone();
        container.as_object_mut().unwrap().remove("restartPolicy");
        container
    };
    assert_eq!(container("classic-sidecar.yaml"), container("native-sidecar.yaml"));
}

#[test]
fn what_is_around_it_leads_to_it() {
    let documents = with("native-sidecar.yaml");
    let sidecar = sidecars(&documents)[0];
    let (port, labels) = (sidecar.port(), &sidecar.pod["metadata"]["labels"]);

    let service = of_kind(&documents, "Service")[0];
    assert!(selects(&service["spec"]["selector"], labels));
    assert_eq!(&service["spec"]["ports"][0]["targetPort"], port, "a name leads nowhere before Kubernetes 1.32");

    let monitor = &of_kind(&documents, "ServiceMonitor")[0]["spec"];
    assert!(selects(&monitor["selector"]["matchLabels"], &service["metadata"]["labels"]));
    assert_eq!(monitor["endpoints"][0]["port"], service["spec"]["ports"][0]["name"]);

    let monitor = &of_kind(&documents, "PodMonitor")[0]["spec"];
    assert!(selects(&monitor["selector"]["matchLabels"], labels));
    assert_eq!(monitor["podMetricsEndpoints"][0]["port"], "metrics");

    let policy = &of_kind(&documents, "NetworkPolicy")[0]["spec"];
    assert!(selects(&policy["podSelector"]["matchLabels"], labels));
    let open = |rule: &Value| items(&rule["ports"]).iter().map(|port| port["port"].clone()).collect::<Vec<_>>();
    let (site, metrics) = (&policy["ingress"][0], &policy["ingress"][1]);
    assert_eq!((open(site), &site["from"]), (vec![json!(8000)], &Value::Null));
    assert_eq!((open(metrics).len(), &open(metrics)[0]), (1, port));
    assert_eq!(items(&metrics["from"]).len(), 1, "metrics are for Prometheus only");
}

/// A schema that lets everything through would prove nothing.
#[test]
fn mistakes_are_found() {
    let mistakes = [
        ("kubernetes/native-sidecar.yaml", "startupProbe", "startProbe"),
        ("kubernetes/native-sidecar.yaml", "containerPort: 11011", "containerPort: eleven"),
        ("kubernetes/native-sidecar.yaml", "kind: Deployment", "kind: Deploiment"),
        ("kubernetes/native-sidecar.yaml", "replicas: 2", "template: 2"),
        ("kubernetes/service.yaml", "selector", "selectors"),
        ("kubernetes/servicemonitor.yaml", "interval: 15s", "intervall: 15s"),
        ("kubernetes/podmonitor.yaml", "podMetricsEndpoints", "endpoints"),
        ("kubernetes/networkpolicy.yaml", "policyTypes", "types"),
        ("google-cloud/podmonitoring.yaml", "interval: 30s", "interval: 30"),
    ];
    for (file, good, bad) in mistakes {
        let text = fs::read_to_string(deploy(file)).unwrap();
        assert!(text.contains(good), "{file} has no {good}");
        read(&text.replacen(good, bad, 1)).expect_err(&format!("{file} with {bad}"));
    }
}

/// Images, charts and package are of one version: the program's.
#[test]
fn versions_agree() {
    let version = env!("CARGO_PKG_VERSION");
    let says = |path: &str, text: &str| {
        let content = fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(content.contains(text), "{path} lacks {text}");
    };
    let image = format!("registry.example/onescrape:{version}");
    for file in ["native-sidecar.yaml", "classic-sidecar.yaml", "component/sidecar.yaml", "../google-cloud/prometheus-to-sd.yaml"] {
        says(&format!("deploy/kubernetes/{file}"), &image);
    }
    says("deploy/kubernetes/example/kustomization.yaml", &format!("newTag: {version}"));
    says("deploy/helm/onescrape/Chart.yaml", &format!("\nversion: {version}\nappVersion: {version}\n"));
    says("deploy/helm/onescrape/templates/_names.tpl", &format!("default \"{version}\""));
    says("deploy/helm/shop/Chart.yaml", &format!("version: {version}\n    repository: file://../onescrape"));
    says("deploy/docker/Dockerfile", &format!("ARG VERSION={version}\n"));
}
