//! A real nginx without its status page, or with it elsewhere; a real uWSGI whose stats are asked for in the wrong way.

use crate::case::Case;
use crate::support::fake_worker::{Answer, FakeWorker};
use crate::support::port::Port;
use crate::support::process::Process;
use crate::support::stack::{Stats, Uwsgi};
use std::path::Path;
use std::process::Command;

/// Runs nginx with these locations.
fn nginx(dir: &Path, port: &Port, locations: &str) -> Process {
    let config = format!(
        "pid {0}/nginx.pid;\nevents {{}}\nhttp {{\n  access_log off;\n  client_body_temp_path {0}/body;\n  proxy_temp_path {0}/proxy;\n  \
         fastcgi_temp_path {0}/fastcgi;\n  uwsgi_temp_path {0}/uwsgi;\n  scgi_temp_path {0}/scgi;\n  \
         server {{ listen {1};\n{locations}\n}} }}\n",
        dir.display(),
        port.address()
    );
    std::fs::write(dir.join("nginx.conf"), config).unwrap();
    let found = Path::new("/usr/sbin/nginx");
    let mut command = Command::new(if found.exists() { found } else { Path::new("nginx") });
    command.arg("-c").arg(dir.join("nginx.conf")).arg("-e").arg(dir.join("error.log")).args(["-g", "daemon off;"]);
    let mut process = Process::spawn("nginx", command, dir);
    process.wait_listening(port.address());
    process
}

#[test]
fn status_pages() {
    let (dir, port) = (tempfile::tempdir().unwrap(), Port::reserve());
    let at = format!("http://{}/status", port.address());
    let case = || Case::new("nginx", &at);
    let without = nginx(dir.path(), &port, "location / { return 404; }");
    let findings = case().findings();
    assert_eq!(findings[0]["code"], "not_found");
    let paste = findings[0]["paste"][0]["text"].as_str().unwrap().to_string();
    drop(without);
    let with = nginx(dir.path(), &port, &paste);
    case().clears("not_found");
    assert!(case().findings().is_empty());
    // The page of nginx, taken for a worker.
    Case::new("workers", &at).finds_and_clears("wrong_kind");
    drop(with);
    let denied = nginx(dir.path(), &port, "location = /status { stub_status; deny all; }");
    let findings = case().findings();
    assert_eq!(findings[0]["code"], "forbidden");
    let paste = findings[0]["paste"][0]["text"].as_str().unwrap().to_string();
    drop(denied);
    let _allowed = nginx(dir.path(), &port, &paste);
    case().clears("forbidden");
}

#[cfg(feature = "tls")]
#[test]
fn tls_where_there_is_none() {
    let (dir, port) = (tempfile::tempdir().unwrap(), Port::reserve());
    let _nginx = nginx(dir.path(), &port, "location = /status { stub_status; }");
    Case::new("nginx", &format!("https://{}/status", port.address())).finds_and_clears("tls_mismatch");
}

#[test]
fn uwsgi_stats() {
    let dir = tempfile::tempdir().unwrap();
    let uwsgi = Uwsgi::start("uwsgi", Stats::Tcp(Port::reserve()), dir.path());
    let raw = uwsgi.target();
    assert!(Case::new("uwsgi", &raw).findings().is_empty());
    // Raw statistics where the address says HTTP: found out.
    let http = raw.replace("tcp://", "http://");
    assert!(Case::new("uwsgi", &http).findings().is_empty());
    let findings = Case::new("workers", &http).with("expect", "1").findings();
    // No HTTP: it speaks at once and closes, so that either its bytes or its end come first.
    assert!(["cut_short", "unreadable"].contains(&findings[0]["code"].as_str().unwrap()), "{findings:?}");
    // uWSGI runs two workers, of which one exports.
    let worker = FakeWorker::answering(Answer::text(
        "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1000.25\n# TYPE c counter\nc_total 1\n",
    ));
    let stats = format!("{{name: uwsgi, kind: uwsgi, targets: [\"{raw}\"]}}");
    let case = Case::new("workers", &worker.id()).with("expect", "1").beside(&stats);
    case.finds("fewer_than_uwsgi");
}
