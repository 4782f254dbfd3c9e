//! Compose files as Docker Compose itself understands them: `docker-compose config` checks a file against the Compose specification and
//! resolves what it extends. It needs no daemon.

use crate::support::{installed, repository};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every compose file that is meant to be started.
pub const FILES: [&str; 5] = [
    "docker-compose/gunicorn/compose.yaml",
    "docker-compose/uwsgi/compose.yaml",
    "docker-compose/channels/compose.yaml",
    "wsl2/compose.yaml",
    "wsl2/compose.ci.yaml",
];

/// A file of deploy/.
pub fn deploy(file: &str) -> PathBuf {
    repository().join("deploy").join(file)
}

/// What Compose makes of a file, or what it says against it.
pub fn read(file: &Path) -> Result<Value, String> {
    let mut command = Command::new(installed("docker-compose"));
    command.arg("--file").arg(file).args(["--profile=*", "config", "--format=json"]);
    let output = command.env_remove("COMPOSE_FILE").env_remove("COMPOSE_PROFILES").output().expect("cannot start docker-compose");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&output.stdout).expect("JSON was asked for"))
}

/// The services of a file of deploy/.
pub fn services(file: &str) -> Vec<(String, Value)> {
    let model = read(&deploy(file)).unwrap_or_else(|why| panic!("{file}: {why}"));
    let services = model["services"].as_object().expect("services");
    services.iter().map(|(name, service)| (name.clone(), service.clone())).collect()
}

/// The texts of a list, or none.
pub fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
