//! The kustomize component, applied by kustomize.

use crate::documents::{assert_golden, deploy, of_kind, read, read_file, run, tool};
use crate::sidecar::sidecars;
use serde_json::Value;
use std::process::Command;

#[test]
fn the_component_adds_the_sidecar_where_it_is_asked_to() {
    let rendered = run(Command::new(tool("kubectl")).arg("kustomize").arg(deploy("kubernetes/example")), "").unwrap();
    assert_golden("kustomize.yaml", &rendered);
    let documents = read(&rendered).unwrap();
    assert_eq!(of_kind(&documents, "Deployment").len(), 2);
    let found = sidecars(&documents);
    assert_eq!(found.len(), 1, "the queue's worker has no label");
    found[0].assert_good();
    found[0].assert_shares_ports();
    found[0].assert_pool(5001..=5008, 4);

    // The same container as in the plain manifest, but for where the settings come from.
    let without_source = |container: &Value| {
        let mut container = container.clone();
        container.as_object_mut().unwrap().remove("envFrom").expect("settings");
        container
    };
    let plain = read_file("kubernetes/native-sidecar.yaml");
    assert_eq!(without_source(found[0].container), without_source(sidecars(&plain)[0].container));
}
