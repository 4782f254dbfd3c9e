//! Services of a compose file, run on this machine: each with the command, environment and files that the compose file gives it.
//!
//! What differs from a container, all of it:
//! - addresses: names of services and their ports become ports of 127.0.0.1 ([`Addresses`]), in arguments, environment and files;
//! - paths: what is mounted is a copy in the test's directory, and a volume a directory there;
//! - times: scrape intervals and the like are shortened ([`TIMES`]), since nobody waits minutes here;
//! - programs are this machine's rather than the image's, and `nginx.conf`, which is the image's, is the test's ([`NGINX`]).

use crate::address::Addresses;
use crate::model::{deploy, services, texts};
use crate::support::installed;
use crate::support::process::Process;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Times in the files, and what they are here.
const TIMES: [(&str, &str); 6] = [
    ("scrape_interval: 15s", "scrape_interval: 1s"),
    ("evaluation_interval: 15s", "evaluation_interval: 1s"),
    ("group_wait: 5s", "group_wait: 1s"),
    ("group_interval: 15s", "group_interval: 1s"),
    ("for: 60s", "for: 1s"),
    ("for: 30s", "for: 1s"),
];

/// Around `conf.d/`, in place of the image's.
const NGINX: &str = "worker_processes 1;
pid @DIR@/nginx.pid;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path @DIR@/body;
    proxy_temp_path @DIR@/proxy;
    fastcgi_temp_path @DIR@/fastcgi;
    uwsgi_temp_path @DIR@/uwsgi;
    scgi_temp_path @DIR@/scgi;
    include conf.d/*.conf;
}
";

/// A compose file and where its services run.
pub struct Native {
    services: BTreeMap<String, Value>,
    pub addresses: Addresses,
    dir: PathBuf,
}

impl Native {
    pub fn new(file: &str, addresses: Addresses, dir: &Path) -> Self {
        Self { services: services(file).into_iter().collect(), addresses, dir: dir.to_path_buf() }
    }

    /// Runs a service that ends by itself.
    pub fn run(&self, service: &str) {
        let status = self.start(service).wait();
        assert!(status.success(), "{service} ended with {status}");
    }

    /// Starts a service.
    pub fn start(&self, service: &str) -> Process {
        self.start_changed(service, "", "")
    }

    /// The same with one of its arguments replaced.
    pub fn start_changed(&self, service: &str, argument: &str, by: &str) -> Process {
        let model = self.services.get(service).unwrap_or_else(|| panic!("no service {service}"));
        let own = model["network_mode"].as_str().and_then(|mode| mode.strip_prefix("service:")).unwrap_or(service);
        let mounts = self.mounts(service, model, own);
        let localized = |text: &str| self.addresses.translate(own, &with_paths(text, &mounts));
        let arguments = texts(&model["command"]).into_iter().map(|text| localized(if text == argument { by } else { text }));
        let arguments: Vec<_> = arguments.collect();
        let listen = |port| format!("--web.listen-address={}", self.addresses.of(own, port));
        let image = model["image"].as_str().expect("an image").split(':').next().unwrap_or_default();
        let mut command = match image {
            "onescrape" => program(env!("CARGO_BIN_EXE_onescrape").into(), &arguments, &[listen(11011)]),
            "prom/prometheus" => program("prometheus".into(), &arguments, &[listen(9090)]),
            "prom/alertmanager" => program("prometheus-alertmanager".into(), &arguments, &[listen(9093)]),
            "nginx" => self.nginx(service),
            "onescrape-example" | "python" => {
                let (first, rest) = arguments.split_first().expect("a command");
                program(installed(first), rest, &[])
            }
            other => panic!("{service}: nothing here runs {other}"),
        };
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        if image == "onescrape-example" {
            command.current_dir(deploy("docker-compose/app")).env("PYTHONDONTWRITEBYTECODE", "1");
            command.env("DATABASE_FILE", self.dir.join("volumes/data/shop.sqlite3"));
            command.env("PATH", installed("python").with_file_name(""));
        }
        for (name, value) in model["environment"].as_object().into_iter().flatten() {
            command.env(name, localized(value.as_str().unwrap_or_default()));
        }
        Process::spawn(service, command, &self.dir)
    }

    /// Lays out what is mounted; gives where each path of the container is here, the longest first.
    fn mounts(&self, service: &str, model: &Value, own: &str) -> Vec<(String, PathBuf)> {
        let mut mounts = Vec::new();
        for mount in model["volumes"].as_array().into_iter().flatten() {
            let (source, target) = (mount["source"].as_str().expect("a source"), mount["target"].as_str().expect("a target"));
            let here = if mount["type"] == "volume" { self.volume(source) } else { self.root(service).join(&target[1..]) };
            mounts.push((target.to_string(), here));
        }
        mounts.sort_by_key(|(target, _)| std::cmp::Reverse(target.len()));
        for mount in model["volumes"].as_array().into_iter().flatten().filter(|mount| mount["type"] == "bind") {
            let target = self.root(service).join(&mount["target"].as_str().expect("a target")[1..]);
            let localize = |text: &str| hastened(self.addresses.translate(own, &with_paths(text, &mounts)));
            copy(Path::new(mount["source"].as_str().expect("a source")), &target, &localize);
        }
        mounts
    }

    fn volume(&self, name: &str) -> PathBuf {
        let dir = self.dir.join("volumes").join(name);
        std::fs::create_dir_all(&dir).expect("cannot make a directory");
        dir
    }

    /// The root of a service's file system: only what is mounted is there.
    fn root(&self, service: &str) -> PathBuf {
        self.dir.join("roots").join(service)
    }

    fn nginx(&self, service: &str) -> Command {
        let dir = self.root(service).join("etc/nginx");
        std::fs::copy("/etc/nginx/uwsgi_params", dir.join("uwsgi_params")).expect("nginx' package has uwsgi_params");
        std::fs::write(dir.join("nginx.conf"), NGINX.replace("@DIR@", &dir.display().to_string()))
            .expect("cannot write nginx.conf");
        let found = Path::new("/usr/sbin/nginx");
        let mut command = Command::new(if found.exists() { found } else { Path::new("nginx") });
        command.arg("-p").arg(&dir).arg("-c").arg(dir.join("nginx.conf")).arg("-e").arg(dir.join("error.log"));
        command.args(["-g", "daemon off;"]);
        command
    }
}

fn program(path: PathBuf, arguments: &[String], more: &[String]) -> Command {
    let mut command = Command::new(path);
    command.args(arguments).args(more);
    command
}

/// Copies a file or a directory, every text changed.
fn copy(from: &Path, to: &Path, change: &impl Fn(&str) -> String) {
    if from.is_dir() {
        for entry in std::fs::read_dir(from).expect("a directory") {
            let entry = entry.expect("an entry");
            copy(&entry.path(), &to.join(entry.file_name()), change);
        }
        return;
    }
    let text = std::fs::read_to_string(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    std::fs::create_dir_all(to.parent().expect("a file is somewhere")).expect("cannot make a directory");
    std::fs::write(to, change(&text)).expect("cannot write a copy");
}

fn hastened(text: String) -> String {
    TIMES.iter().fold(text, |text, (from, to)| text.replace(from, to))
}

/// A text with the paths of a container replaced by those here.
fn with_paths(text: &str, mounts: &[(String, PathBuf)]) -> String {
    let of_path = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('/') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let end = from.find(|c| !of_path(c)).unwrap_or(from.len());
        let (path, after) = from.split_at(end);
        rest = after;
        let begins = !out.ends_with(|c| of_path(c) || c == ':'); // a colon: the path of a URL
        let below = |target: &str| path.strip_prefix(target).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        match mounts.iter().filter(|_| begins).find_map(|(target, here)| Some((below(target)?, here))) {
            Some((rest, here)) => out.push_str(&format!("{}{rest}", here.display())),
            None => out.push_str(path),
        }
    }
    out.push_str(rest);
    out
}
