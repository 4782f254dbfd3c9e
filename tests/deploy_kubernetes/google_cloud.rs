//! Google Cloud's manifests. That they are valid and mean what they should is all that can be tested without an account.

use crate::documents::{items, of_kind, read_file, selects};
use crate::sidecar::sidecars;
use crate::support::fake_worker::{Answer, FakeWorker};
use crate::support::proxy::Proxy;

#[test]
fn managed_collection_asks_the_one_port() {
    let pod = read_file("kubernetes/native-sidecar.yaml");
    let monitoring = &read_file("google-cloud/podmonitoring.yaml")[0]["spec"];
    assert!(selects(&monitoring["selector"]["matchLabels"], &sidecars(&pod)[0].pod["metadata"]["labels"]));
    assert_eq!(items(&monitoring["endpoints"]).len(), 1);
    assert_eq!(monitoring["endpoints"][0]["port"], "metrics");
}

#[test]
fn prometheus_to_sd_has_one_source() {
    let documents = read_file("google-cloud/prometheus-to-sd.yaml");
    let sidecar = sidecars(&documents)[0];
    sidecar.assert_good();
    let containers = items(&sidecar.pod["spec"]["containers"]);
    let exporter = containers.iter().find(|container| container["name"] == "prometheus-to-sd").unwrap();
    let sources: Vec<_> =
        items(&exporter["args"]).iter().filter_map(|argument| argument.as_str()?.strip_prefix("--source=")).collect();
    assert_eq!(sources.len(), 1);
    assert!(sources[0].starts_with(&format!("shop:http://127.0.0.1:{}?", sidecar.port())), "{sources:?}");
}

/// prometheus-to-sd takes its beginning for that of all counters, and it moves when the oldest worker is recycled.
#[test]
fn prometheus_to_sd_sees_no_start_time() {
    let worker = FakeWorker::answering(Answer::text(
        "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1700000000\n# TYPE c_total counter\nc_total 3\n",
    ));
    let documents = read_file("google-cloud/prometheus-to-sd.yaml");
    let config = of_kind(&documents, "ConfigMap")[0]["data"]["onescrape.yml"].as_str().unwrap();
    let (sources, _) = config.split_once("  - name: uwsgi").expect("workers come first");
    let here = sources.replace("127.0.0.1:5001-5008", &worker.id()).replace("expect: 4", "expect: 1");
    assert_ne!(here, sources, "the pool is another");
    let answer = Proxy::with_config(&here).scrape();
    assert_eq!((answer.value("c_total"), answer.value("process_start_time_seconds")), (Some(3.0), None));
}
