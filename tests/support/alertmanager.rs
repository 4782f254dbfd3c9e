//! A real Alertmanager.

use super::expect;
use super::http;
use super::port::Port;
use super::process::Process;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// The server.
pub struct Alertmanager {
    /// Held: it ends with this.
    _process: Process,
    port: Port,
}

impl Alertmanager {
    /// Starts it, without peers, and waits until it is ready.
    pub fn start(config: &Path, dir: &Path) -> Self {
        let port = Port::reserve();
        let mut command = Command::new("prometheus-alertmanager");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", dir.join("alertmanager").display()))
            .arg(format!("--web.listen-address={}", port.address()))
            .args(["--cluster.listen-address=", "--log.level=warn"]);
        let mut process = Process::spawn("alertmanager", command, dir);
        let address = port.address();
        process.wait_until("is ready", || {
            let status = http::get(address, "/-/ready", &[]).map_err(|error| error.to_string())?.status;
            expect(status == 200, || format!("status {status}"))
        });
        Self { _process: process, port }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The alerts it holds, as its API tells them.
    pub fn alerts(&self) -> Vec<Value> {
        let response = http::get(self.port.address(), "/api/v2/alerts", &[]).expect("Alertmanager's API");
        serde_json::from_slice(&response.body).expect("a list of alerts")
    }
}
