//! The settings to copy: who takes a metrics port, and who leaves them to the workers.

use crate::model::deploy;
use crate::support::installed;
use crate::support::port::Port;
use std::process::Command;

/// Whether a process that loads the example's settings, started with these arguments of Python, exports.
fn exports(arguments: &[&str]) -> bool {
    let ports = Port::reserve_range(2);
    let mut command = Command::new(installed("python"));
    command.args(arguments).current_dir(deploy("docker-compose/app"));
    command.env("METRICS_START_PORT", ports[0].number().to_string()).env("METRICS_PORTS", "2");
    command.env("DJANGO_SETTINGS_MODULE", "example.settings").env("PYTHONDONTWRITEBYTECODE", "1").env("DATABASE_FILE", ":memory:");
    let output = command.output().expect("cannot start python");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    said.contains("Exporting Prometheus /metrics/ on port")
}

#[test]
fn management_commands_take_no_metrics_port() {
    assert!(!exports(&["manage.py", "check"]), "manage.py took a port");
    assert!(!exports(&["-m", "django", "check"]), "python -m django took a port");
    assert!(exports(&["-c", "import django; django.setup()"]), "what serves would have no port");
}
