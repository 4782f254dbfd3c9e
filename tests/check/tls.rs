//! Certificates: of another name, expired, of an unknown authority; TLS on one side only. The other side is Python's own metrics server.

use crate::case::Case;
use crate::support::certificates::{Authority, Validity};
use crate::support::fake_worker::FakeWorker;
use crate::support::installed;
use crate::support::port::Port;
use crate::support::process::Process;
use std::path::Path;
use std::process::Command;

/// The name of the target that its certificate should have.
const LOCAL: &[&str] = &["127.0.0.1"];

/// Python's metrics servers, one for each certificate.
fn python(dir: &Path, certificates: &[(&str, &Port)]) -> Process {
    let starts: String = certificates
        .iter()
        .map(|(name, port)| {
            format!("p.start_http_server({}, addr='127.0.0.1', certfile='{name}.crt', keyfile='{name}.key')\n", port.number())
        })
        .collect();
    let script = format!("import prometheus_client as p, threading\n{starts}threading.Event().wait()\n");
    let mut command = Command::new(installed("python"));
    command.current_dir(dir).args(["-c", &script]);
    let mut process = Process::spawn("python", command, dir);
    certificates.iter().for_each(|(_, port)| process.wait_listening(port.address()));
    process
}

#[test]
fn certificates() {
    let (dir, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let ca = authority.write(dir.path(), "ca.crt");
    authority.sign(LOCAL, Validity::Good).write(dir.path(), "good");
    authority.sign(LOCAL, Validity::Over).write(dir.path(), "over");
    authority.sign(&["shop.example"], Validity::Good).write(dir.path(), "other");
    let ports = [(); 3].map(|()| Port::reserve());
    let _python = python(dir.path(), &[("good", &ports[0]), ("over", &ports[1]), ("other", &ports[2])]);
    let case = |port: &Port| Case::new("exporter", &port.address().to_string()).with("scheme", "https");
    let trusting = |port: &Port| case(port).with("tls_config", &format!("{{ca_file: {}}}", ca.display()));

    let finding = case(&ports[0]).finds("tls_untrusted");
    let pasted = finding.paste("source").replace("/etc/onescrape/ca.pem", &ca.display().to_string());
    case(&ports[0]).with("tls_config", pasted.trim_start_matches("tls_config: ")).clears("tls_untrusted");
    trusting(&ports[1]).finds("tls_expired");
    let finding = trusting(&ports[2]).finds("tls_name");
    let server_name = finding.paste("source").replace("tls_config: {", "").replace('}', "");
    let named = format!("{{ca_file: {}, {server_name}}}", ca.display());
    case(&ports[2]).with("tls_config", &named).clears("tls_name");

    let plain = FakeWorker::start();
    let case = Case::new("exporter", &plain.id()).with("scheme", "https");
    case.with("tls_config", "{ca_file: /nowhere/ca.pem}").finds("tls");
    let basic_auth = "{username: u, password_file: /nowhere/password}";
    Case::new("exporter", &plain.id()).with("basic_auth", basic_auth).finds("credentials");
}
