//! Where the check runs: what `127.0.0.1` means here, and what can be seen of gunicorn.

use std::collections::BTreeSet;
use std::path::Path;

/// Files that container runtimes put into every container.
const CONTAINER_FILES: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];
/// Where Linux tells its release, which names Microsoft under WSL.
const KERNEL_RELEASE: &str = "/proc/sys/kernel/osrelease";

/// Where the check runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// In a container.
    pub container: bool,
    /// In a pod of Kubernetes, whose containers share their loopback.
    pub kubernetes: bool,
    /// In Linux on Windows, whose loopback is not that of Windows.
    pub wsl: bool,
    /// Numbers of workers on the command lines of gunicorns that can be seen from here.
    pub gunicorn_workers: BTreeSet<usize>,
}

impl Surroundings {
    /// Looks around. Variables: `container` is set by podman and systemd, `KUBERNETES_SERVICE_HOST` in every pod, `WSL_DISTRO_NAME`
    /// under WSL.
    pub fn look(env: &dyn Fn(&str) -> Option<String>) -> Self {
        let release = std::fs::read_to_string(KERNEL_RELEASE).unwrap_or_default().to_lowercase();
        Self {
            container: env("container").is_some() || CONTAINER_FILES.iter().any(|file| Path::new(file).exists()),
            kubernetes: env("KUBERNETES_SERVICE_HOST").is_some(),
            wsl: env("WSL_DISTRO_NAME").is_some() || release.contains("microsoft"),
            gunicorn_workers: command_lines().iter().filter_map(|line| gunicorn_workers(line)).collect(),
        }
    }
}

/// The command lines of all processes that can be seen: the whole pod's where the process namespace is shared.
fn command_lines() -> Vec<Vec<String>> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let line = |path: &Path| {
        let bytes = std::fs::read(path.join("cmdline")).ok()?;
        Some(bytes.split(|b| *b == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect())
    };
    processes.flatten().filter_map(|process| line(&process.path())).collect()
}

/// The number of workers on gunicorn's command line, where it is given there.
fn gunicorn_workers(line: &[String]) -> Option<usize> {
    let is_gunicorn = |word: &String| Path::new(word).file_name().is_some_and(|name| name == "gunicorn");
    let at = line.iter().take(2).position(is_gunicorn)?;
    let words: Vec<&str> = line.iter().skip(at + 1).map(String::as_str).collect();
    let value = words.iter().enumerate().find_map(|(i, word)| match *word {
        "-w" | "--workers" => words.get(i + 1).copied(),
        _ => word.strip_prefix("--workers=").or_else(|| word.strip_prefix("-w")),
    });
    value?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_on_a_command_line() {
        let of = |line: &str| gunicorn_workers(&line.split(' ').map(String::from).collect::<Vec<_>>());
        for (line, workers) in [
            ("/venv/bin/python /venv/bin/gunicorn -w 3 shop.wsgi", Some(3)),
            ("gunicorn --workers=5 shop.wsgi", Some(5)),
            ("gunicorn --workers 6 shop.wsgi", Some(6)),
            ("gunicorn -w7 shop.wsgi", Some(7)),
            ("gunicorn shop.wsgi", None),
            ("gunicorn -w", None),
            ("vi gunicorn.conf.py -w 3", None),
        ] {
            assert_eq!(of(line), workers, "{line}");
        }
    }

    #[test]
    fn variables_tell_where_we_are() {
        let look = |name: &'static str| Surroundings::look(&move |asked| (asked == name).then(|| "x".to_string()));
        assert!(look("container").container && look("KUBERNETES_SERVICE_HOST").kubernetes && look("WSL_DISTRO_NAME").wsl);
    }
}
