//! What holds for every container of onescrape, wherever it comes from.

use crate::documents::{items, of_kind, run};
use crate::support::proxy::command;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// What the settings that application and sidecar share are called.
const SHARED: [&str; 3] = ["WEB_CONCURRENCY", "METRICS_START_PORT", "METRICS_PORTS"];

/// Where the configuration file and the state file are.
const CONFIG_FILE: &str = "ONESCRAPE_CONFIG_FILE";
const STATE_FILE: &str = "ONESCRAPE_STATE_FILE";

/// A container of onescrape and what it stands in.
#[derive(Clone, Copy)]
pub struct Sidecar<'a> {
    /// All documents that are applied together.
    documents: &'a [Value],
    /// The template of the pod.
    pub pod: &'a Value,
    /// The container.
    pub container: &'a Value,
    /// Whether it is an init container.
    native: bool,
}

/// Every container of onescrape.
pub fn sidecars(documents: &[Value]) -> Vec<Sidecar<'_>> {
    let templates = of_kind(documents, "Deployment").into_iter().map(|deployment| &deployment["spec"]["template"]);
    let found = templates.flat_map(|pod| {
        let spec = &pod["spec"];
        let native = items(&spec["initContainers"]).iter().map(|container| (container, true));
        let both = native.chain(items(&spec["containers"]).iter().map(|container| (container, false)));
        both.map(move |(container, native)| Sidecar { documents, pod, container, native })
    });
    found.filter(|sidecar| sidecar.container["name"] == "onescrape").collect()
}

impl Sidecar<'_> {
    /// Fails unless it can't harm the application and the program accepts what it is told.
    pub fn assert_good(&self) {
        let container = self.container;
        assert_eq!(container["restartPolicy"] == "Always", self.native, "an init container that ends holds the pod for ever");
        assert!(container["readinessProbe"].is_null(), "metrics must not take the application out of its Service");
        for probe in ["startupProbe", "livenessProbe"] {
            assert_eq!(container[probe]["httpGet"], json!({"path": "/-/healthy", "port": "metrics"}), "{probe}");
        }
        let small = json!({"requests": {"cpu": "10m", "memory": "10Mi"}, "limits": {"cpu": "100m", "memory": "25Mi"}});
        assert_eq!(container["resources"], small);
        let security = &container["securityContext"];
        assert_eq!((&security["runAsNonRoot"], &security["readOnlyRootFilesystem"]), (&json!(true), &json!(true)));
        assert_eq!((&security["allowPrivilegeEscalation"], &security["privileged"]), (&json!(false), &Value::Null));
        assert_eq!((&security["capabilities"]["drop"], &security["capabilities"]["add"]), (&json!(["ALL"]), &Value::Null));
        assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault");
        self.assert_annotations();
        self.assert_mounts();
        self.configured("check");
    }

    /// The port Prometheus asks.
    pub fn port(&self) -> &Value {
        let ports = items(&self.container["ports"]);
        assert_eq!((ports.len(), &ports[0]["name"]), (1, &json!("metrics")));
        &ports[0]["containerPort"]
    }

    /// Where there are annotations, they lead to the one port.
    fn assert_annotations(&self) {
        let annotations = &self.pod["metadata"]["annotations"];
        if annotations["prometheus.io/scrape"].is_string() {
            assert_eq!(annotations["prometheus.io/port"], json!(self.port().to_string()));
            assert_eq!(annotations["prometheus.io/path"], "/metrics");
        }
    }

    /// Every mount has its volume, and the state file lies on one that outlives the container.
    fn assert_mounts(&self) {
        for mount in items(&self.container["volumeMounts"]) {
            self.volume(mount);
        }
        if let Some(state) = self.variables(self.container).get(STATE_FILE) {
            let (mount, _) = self.mount_of(state);
            assert!(self.volume(mount)["emptyDir"].is_object(), "{state} ends with the container");
        }
    }

    fn volume(&self, mount: &Value) -> &Value {
        let volumes = items(&self.pod["spec"]["volumes"]);
        volumes.iter().find(|volume| volume["name"] == mount["name"]).unwrap_or_else(|| panic!("no volume for {mount}"))
    }

    /// The mount a file is under, and its name there.
    fn mount_of<'p>(&self, path: &'p str) -> (&Value, &'p str) {
        let (folder, name) = path.rsplit_once('/').expect("an absolute path");
        let found = items(&self.container["volumeMounts"]).iter().find(|mount| mount["mountPath"] == folder);
        (found.unwrap_or_else(|| panic!("nothing is mounted at {folder}")), name)
    }

    /// What is in a ConfigMap that is applied together with this.
    fn config_map(&self, name: &Value) -> &Value {
        let maps = of_kind(self.documents, "ConfigMap");
        &maps.iter().find(|map| map["metadata"]["name"] == *name).unwrap_or_else(|| panic!("no ConfigMap {name}"))["data"]
    }

    /// The variables of a container of this pod.
    fn variables(&self, container: &Value) -> BTreeMap<String, String> {
        let text = |value: &Value| value.as_str().expect("text").to_string();
        let mut variables = BTreeMap::new();
        for from in items(&container["envFrom"]) {
            let map = self.config_map(&from["configMapRef"]["name"]).as_object().expect("data");
            variables.extend(map.iter().map(|(name, value)| (name.clone(), text(value))));
        }
        let own = items(&container["env"]).iter().filter(|variable| variable["value"].is_string());
        variables.extend(own.map(|variable| (text(&variable["name"]), text(&variable["value"]))));
        variables
    }

    /// Fails unless the application and onescrape are told the same about the workers, and enough ports for a reload.
    pub fn assert_shares_ports(&self) {
        let containers = items(&self.pod["spec"]["containers"]);
        let app = containers.iter().find(|container| container["name"] == "app").expect("the application");
        let (app, own) = (self.variables(app), self.variables(self.container));
        for name in SHARED {
            assert!(
                own.contains_key(name) && app.get(name) == own.get(name),
                "{name}: {:?} and {:?}",
                app.get(name),
                own.get(name)
            );
        }
        let number = |name: &str| own[name].parse::<u32>().expect("a number");
        assert!(number("METRICS_PORTS") >= 2 * number("WEB_CONCURRENCY"), "a reload needs twice the workers");
    }

    /// What `onescrape config COMMAND` prints, given the container's flags, variables and configuration file.
    pub fn configured(&self, what: &str) -> String {
        let dir = tempfile::tempdir().expect("no temporary directory");
        let mut variables = self.variables(self.container);
        if let Some(path) = variables.get_mut(CONFIG_FILE) {
            *path = self.written(path, dir.path()).display().to_string();
        }
        let mut command = command();
        command.args(["config", what]).args(items(&self.container["args"]).iter().filter_map(Value::as_str)).envs(variables);
        run(&mut command, "").unwrap_or_else(|mistakes| panic!("the program refuses {}: {mistakes}", self.container))
    }

    /// Fails unless the pool that comes of it is these ports, with so many workers expected.
    pub fn assert_pool(&self, ports: RangeInclusive<u16>, expect: u32) {
        let shown = self.configured("show");
        let listed = |port: u16| shown.contains(&format!("\"127.0.0.1:{port}\""));
        assert!(ports.clone().all(listed) && !listed(ports.end() + 1), "not {ports:?}: {shown}");
        assert!(shown.contains(&format!("expect: {expect}\n")), "not {expect} workers: {shown}");
    }

    /// A mounted file, written where the test can read it.
    fn written(&self, path: &str, dir: &Path) -> PathBuf {
        let (mount, name) = self.mount_of(path);
        let content = &self.config_map(&self.volume(mount)["configMap"]["name"])[name];
        let file = dir.join(name);
        std::fs::write(&file, content.as_str().expect("a file")).expect("cannot write it");
        file
    }
}
