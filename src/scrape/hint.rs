//! What is probably behind a missed scrape, and what to do about it: one line for `check`, the landing page and the log.

use super::{Missed, TlsFault};
use crate::config::Limit;
use crate::target::{Address, Target};

/// What the path of nginx' VTS module ends in when it is to answer JSON, whatever its display format is set to.
const VTS_FORMAT_JSON: &str = "/format/json";

/// The likely cause of `missed` at a target of this kind of source, and the fix, in one line; `None` where nothing better can be
/// said than the error itself.
pub fn hint(kind: &str, missed: &Missed, target: &Target) -> Option<String> {
    match missed {
        Missed::Refused => Some(refused(kind).into()),
        Missed::Connect(why) => connect(kind, &why.to_lowercase(), target),
        Missed::Tls { fault, .. } => tls(*fault, target),
        Missed::Credentials(_) => {
            Some("check the path in basic_auth or authorization, and that the secret is mounted and readable".into())
        }
        Missed::Timeout { .. } => Some(timeout(kind).into()),
        Missed::Status { code, detail } => status(kind, *code, detail.as_deref().unwrap_or_default(), target),
        Missed::Parse(why) => parse(kind, why, target),
        // Another kind of page often has no line feed at its end, which makes it look cut short.
        Missed::Truncated(why) => parse(kind, why, target).or_else(|| Some(truncated(kind, why).into())),
        Missed::TooLarge { .. } => Some(
            "a label with very many values is the usual cause; drop that label in the application, or raise limits.body_bytes_max"
                .into(),
        ),
        Missed::OverLimit { limit, .. } => over_limit(*limit).map(String::from),
    }
}

fn over_limit(limit: Limit) -> Option<&'static str> {
    Some(match limit {
        Limit::FilesMax => {
            "files of ended processes pile up: call mark_process_dead, run onescrape multiproc compact, or empty the directory when the \
             application starts; or raise files_max"
        }
        Limit::HeaderBytesMax => {
            "another server answers there, or a proxy adds headers or cookies; or raise limits.header_bytes_max"
        }
        Limit::MaxSeries => "a label with very many values is the usual cause; or raise limits.max_series",
        Limit::RedirectsMax => "the redirects lead in a circle, or to a login: write the address of the metrics themselves",
        _ => return None,
    })
}

fn refused(kind: &str) -> &'static str {
    match kind {
        "workers" => {
            "a free slot of the port range; if a worker should be there, look for \"Cannot export Prometheus /metrics/\" in the \
             application's log"
        }
        "uwsgi" => "uWSGI is not running, or runs without its stats server: start it with --stats on this address",
        "nginx" => "nginx is not running or listens elsewhere: compare with the listen line of the server that has stub_status",
        "nginx_vts" => {
            "nginx is not running or listens elsewhere: compare with the listen line of the server that has \
             vhost_traffic_status_display"
        }
        _ => "the exporter is not running or listens elsewhere: start it, or correct the address",
    }
}

fn connect(kind: &str, why: &str, target: &Target) -> Option<String> {
    let any = |words: &[&str]| words.iter().any(|word| why.contains(word));
    if any(&["dns", "lookup", "resolve", "name or service not known", "nodename", "name resolution"]) {
        let host = host(&target.address).unwrap_or("this host");
        return Some(format!("the name {host} is not known here; containers of one pod reach each other at 127.0.0.1"));
    }
    if kind == "multiproc" {
        return directory(&any).map(String::from);
    }
    if any(&["no such file", "no socket file", "no file"]) {
        return Some("there is no such file here: check the path, and that both containers mount the directory it is in".into());
    }
    if any(&["permission denied"]) {
        return Some(match kind {
            "uwsgi" => {
                "the socket is not open to this user: run under uWSGI's user or group, or give uWSGI --chmod-socket=666".into()
            }
            _ => "this user may not open it: run under the same user or group as its owner".into(),
        });
    }
    any(&["unreachable", "no route"]).then(|| "no network path to this address: check it, and firewalls or network policies".into())
}

fn directory(any: &impl Fn(&[&str]) -> bool) -> Option<&'static str> {
    if any(&["no directory"]) {
        Some(
            "there is no such directory here: compare it with the application's PROMETHEUS_MULTIPROC_DIR; in a pod, mount one volume in \
             both containers",
        )
    } else if any(&["permission denied"]) {
        Some("this user may not read it: run under the same user or group as the application")
    } else {
        any(&["not a directory"]).then_some("this is a file: give the directory that PROMETHEUS_MULTIPROC_DIR is set to")
    }
}

fn tls(fault: TlsFault, target: &Target) -> Option<String> {
    let host = host(&target.address).unwrap_or("the target");
    Some(match fault {
        TlsFault::Name => {
            format!("the certificate is not for {host}: set tls_config: {{server_name: …}} to a name it has, or use that name as target")
        }
        TlsFault::Expired => "renew the target's certificate, and restart or reload the target if that is done; or a clock is wrong".into(),
        TlsFault::NotYetValid => "the clock of this machine or of the one that made the certificate is wrong".into(),
        TlsFault::UnknownIssuer => {
            "set tls_config: {ca_file: …} to the certificate of the authority that signed the target's; if it is set, it is another's"
                .into()
        }
        TlsFault::SelfSigned => {
            "the certificate is made as an authority (CA:TRUE), not as a server's: sign one with it, or set insecure_skip_verify: true"
                .into()
        }
        TlsFault::OwnCertificate => {
            "the target asks for a certificate of ours: set tls_config: {cert_file: …, key_file: …}, signed by an authority it knows"
                .into()
        }
        TlsFault::PlainHttp => "the target speaks no TLS there: use http, or the port that speaks https".into(),
        TlsFault::Setup => "nothing was sent: correct tls_config, and check that the files are mounted and readable".into(),
        TlsFault::Other => {
            "compare the versions of TLS (1.2 and 1.3 are spoken here) and what openssl s_client -connect HOST:PORT says".into()
        }
    })
}

fn timeout(kind: &str) -> &'static str {
    match kind {
        "workers" => {
            "it accepts but does not answer: a child forked by a dead worker still holds the port, or another client keeps a connection \
             open (the port serves one at a time), or the worker is too busy (then raise scrape_timeout)"
        }
        "uwsgi" => "the master answers its stats between its other work and is busy, or another client reads it slowly; try again",
        "multiproc" => {
            "the file system is slow, or there are very many files: what was read by then is kept, the next scrape goes on"
        }
        _ => "it accepts but does not answer in time: it is overloaded or stopped, or the port belongs to something else",
    }
}

fn status(kind: &str, code: u16, detail: &str, target: &Target) -> Option<String> {
    let path = path(&target.address).unwrap_or("/");
    Some(match (code, kind) {
        (301 | 302 | 303 | 307 | 308, _) => redirect(kind, path, detail),
        (400, _) if detail.contains("HTTPS") => {
            "the target speaks TLS on this port: write https:// in the target, or set scheme: https".into()
        }
        (400, "workers" | "exporter") => {
            "Django refuses the Host header (ALLOWED_HOSTS): set http_headers: {Host: localhost}, or a host that it allows".into()
        }
        (401, _) => {
            "it asks for a login: set basic_auth or authorization in this source; if it is set, user, password or token are wrong"
                .into()
        }
        (403, "nginx" | "nginx_vts") => {
            format!("nginx does not let this address in: put \"allow 127.0.0.1;\" into location {path}")
        }
        (403, _) => {
            format!("access to {path} is restricted: let the scraper's address in, or use the workers' own metrics ports")
        }
        (404, "nginx") => {
            format!("nothing is served there: add \"location = {path} {{ stub_status; }}\", or correct the path in the target")
        }
        (404, "nginx_vts") => {
            let location = path.strip_suffix(VTS_FORMAT_JSON).unwrap_or(path);
            format!(
                "nothing is served there: add \"location {location} {{ vhost_traffic_status_display; }}\", or correct the path in the target"
            )
        }
        (404, "uwsgi") => "this is a web server, not uWSGI's stats server: use the address given to uWSGI's --stats".into(),
        (404, _) => format!("no metrics at {path}: set metrics_path, or write the path into the target (http://HOST:PORT/path)"),
        (405, _) => "this is no metrics endpoint, it does not allow GET: check address and path".into(),
        (502..=504, _) => "a reverse proxy answers in place of the program behind it: use that program's own address".into(),
        (508, _) => "the target leads back to this proxy: remove it from the targets".into(),
        (500..=599, _) => format!("the program itself fails on {path}: its log says why"),
        _ => return None,
    })
}

fn redirect(kind: &str, path: &str, location: &str) -> String {
    let (scheme, rest) = location.split_once("://").unwrap_or(("", location));
    let to = if scheme.is_empty() { rest } else { rest.find('/').map_or("/", |at| &rest[at..]) };
    let plain = to.split(['?', '#']).next().unwrap_or_default();
    if plain.strip_suffix('/') == Some(path) {
        match kind {
            "workers" | "exporter" => format!("the path wants its trailing slash: set metrics_path: {plain}"),
            _ => format!("the path wants its trailing slash: write {plain} in the target"),
        }
    } else if scheme.eq_ignore_ascii_case("https") {
        "plain HTTP is redirected to https (SECURE_SSL_REDIRECT): exempt the path with SECURE_REDIRECT_EXEMPT, or use the workers' own \
         metrics ports"
            .into()
    } else if plain.contains("login") {
        "the page asks for a login: exempt the path from it, or use the workers' own metrics ports".into()
    } else if plain.is_empty() {
        "redirects are not followed: give the final path".into()
    } else {
        format!("redirects are not followed: give the final path, {plain}")
    }
}

/// What a body that could not be read looks like, told from the error's own words, or from how the excerpt in quotes begins: the rest
/// of a line may hold any word as a label value.
fn parse(kind: &str, why: &str, target: &Target) -> Option<String> {
    let text = why.to_lowercase();
    let any = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if kind == "multiproc" {
        return any(&["files_max"]).then(|| {
            "stop the application and run onescrape multiproc compact on it, or wipe it before every start; or raise files_max"
                .into()
        });
    }
    let path = path(&target.address).unwrap_or("/");
    if any(&["content-encoding", "\"\\u{1f}"]) {
        return Some(
            "the answer is compressed although none was asked for: switch compression off for this path (GZipMiddleware, gzip on)"
                .into(),
        );
    }
    if any(&["html page", "\"<"]) {
        return Some(match kind {
            "uwsgi" => "use the address given to uWSGI's --stats".into(),
            "nginx" => format!("put \"stub_status;\" into location {path}, or correct the path in the target"),
            "nginx_vts" => format!("end the path in {VTS_FORMAT_JSON}: without it VTS may answer its page for people"),
            _ => format!("{path} answers a web page: set metrics_path to where the metrics are"),
        });
    }
    if kind != "nginx" && any(&["\"active connections"]) {
        return Some("this is nginx's stub_status: give it with --nginx, or kind: nginx".into());
    }
    if kind != "uwsgi" && any(&["\"{"]) {
        return Some(
            "this is JSON; give uWSGI's stats server with --uwsgi, and the status of nginx' VTS module with --nginx-vts".into(),
        );
    }
    if kind != "uwsgi" && any(&["http version", "not http", "invalid http"]) {
        return Some(
            "no HTTP is spoken there; a uWSGI stats server is given with --uwsgi, uWSGI's own socket cannot be scraped".into(),
        );
    }
    if kind == "nginx_vts" && any(&["# help", "# type"]) {
        return Some(format!("these are VTS' own Prometheus metrics: end the path in {VTS_FORMAT_JSON}, which is read better"));
    }
    if matches!(kind, "uwsgi" | "nginx") && any(&["# help", "# type"]) {
        return Some("these are Prometheus metrics: give the target with --workers or --exporter".into());
    }
    None
}

fn truncated(kind: &str, why: &str) -> &'static str {
    match kind {
        "uwsgi" if ["nothing", "without a byte", "no byte"].iter().any(|words| why.contains(words)) => {
            "uWSGI could not build its stats; or the port is not a stats server's: compare with uWSGI's --stats"
        }
        "workers" => "the worker ended while it answered; if it stays so, a proxy in between cuts the answer",
        _ => "the connection broke while it answered; if it stays so, a proxy in between cuts the answer",
    }
}

fn host(address: &Address) -> Option<&str> {
    match address {
        Address::Http { host, .. } | Address::Tcp { host, .. } => Some(host),
        Address::HttpUnix { .. } | Address::Unix(_) | Address::File(_) | Address::Directory(_) => None,
    }
}

fn path(address: &Address) -> Option<&str> {
    match address {
        Address::Http { path, .. } | Address::HttpUnix { path, .. } => Some(path),
        Address::Tcp { .. } | Address::Unix(_) | Address::File(_) | Address::Directory(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::http_targets;
    use std::time::Duration;

    #[test]
    fn every_failure_names_its_fix() {
        let status = |code, detail: &str| Missed::Status { code, detail: (!detail.is_empty()).then(|| detail.to_string()) };
        let parse = |why: &str| Missed::Parse(why.into());
        let tls = |fault| Missed::Tls { fault, why: String::new() };
        let timeout = Missed::Timeout { after: Duration::from_secs(5) };
        let dns = Missed::Connect("failed to lookup address information: Name or service not known".into());
        for (kind, missed, part) in [
            ("workers", Missed::Refused, "Cannot export Prometheus /metrics/"),
            ("uwsgi", Missed::Refused, "--stats"),
            ("nginx", Missed::Refused, "listen line"),
            ("nginx_vts", Missed::Refused, "vhost_traffic_status_display"),
            ("workers", timeout, "still holds the port"),
            ("workers", dns, "the name web.example is not known"),
            ("uwsgi", Missed::Connect("No such file or directory (os error 2)".into()), "mount"),
            ("uwsgi", Missed::Connect("Permission denied (os error 13)".into()), "--chmod-socket"),
            ("workers", status(400, "<h1>Bad Request"), "http_headers: {Host: localhost}"),
            ("workers", status(301, "/metrics/"), "set metrics_path: /metrics/"),
            ("workers", status(301, "http://web.example:5001/metrics/"), "set metrics_path: /metrics/"),
            ("nginx", status(301, "/metrics/"), "write /metrics/ in the target"),
            ("workers", status(301, "https://web.example/metrics"), "SECURE_SSL_REDIRECT"),
            ("workers", status(302, "/accounts/login/?next=/metrics"), "login"),
            ("workers", status(302, ""), "final path"),
            ("workers", status(403, ""), "restricted"),
            ("nginx", status(403, ""), "allow 127.0.0.1;"),
            ("workers", status(404, ""), "metrics_path"),
            ("nginx", status(404, ""), "location = /metrics { stub_status; }"),
            ("nginx_vts", status(403, ""), "allow 127.0.0.1;"),
            ("nginx_vts", status(404, ""), "location /metrics { vhost_traffic_status_display; }"),
            ("nginx_vts", parse("an HTML page"), "/format/json"),
            ("nginx_vts", parse("it begins with \"# HELP nginx_vts_info\""), "/format/json"),
            ("nginx_vts", parse("it begins with \"Active connections: 1\""), "--nginx"),
            ("workers", status(400, "Client sent an HTTP request to an HTTPS server."), "scheme: https"),
            ("nginx", status(400, "The plain HTTP request was sent to HTTPS port"), "scheme: https"),
            ("exporter", status(401, "Unauthorized"), "basic_auth"),
            ("workers", Missed::Credentials("cannot read /x: no such file".into()), "mounted"),
            ("exporter", tls(TlsFault::Name), "web.example"),
            ("exporter", tls(TlsFault::Expired), "renew"),
            ("exporter", tls(TlsFault::NotYetValid), "clock"),
            ("exporter", tls(TlsFault::UnknownIssuer), "ca_file"),
            ("exporter", tls(TlsFault::SelfSigned), "insecure_skip_verify"),
            ("exporter", tls(TlsFault::OwnCertificate), "cert_file"),
            ("exporter", tls(TlsFault::PlainHttp), "use http"),
            ("exporter", tls(TlsFault::Setup), "tls_config"),
            ("exporter", tls(TlsFault::Other), "openssl"),
            ("workers", status(500, ""), "its log"),
            ("workers", status(502, ""), "reverse proxy"),
            ("exporter", status(508, ""), "leads back to this proxy"),
            ("workers", parse("line 1: no metric name: \"<!DOCTYPE html>\""), "answers a web page"),
            ("nginx", parse("an HTML page"), "stub_status;"),
            ("workers", parse("line 1: not UTF-8: \"\\u{1f}\u{fffd}\\u{8}\""), "compressed"),
            ("workers", parse("line 1: no metric name: \"{\\\"version\\\"\""), "--uwsgi"),
            ("workers", parse("line 1: no metric name: \"{\\\"hostName\\\"\""), "--nginx-vts"),
            ("workers", parse("line 1: bad value: \"Active connections: 3 \""), "--nginx"),
            ("workers", parse("the answer is not HTTP (invalid HTTP version parsed)"), "--uwsgi"),
            ("workers", parse("Content-Encoding is \"br\" although identity was asked for"), "switch compression off"),
            ("workers", parse("the body is not what its Content-Encoding gzip says: deflate decompression error"), "compressed"),
            ("workers", Missed::Truncated("line 1: no line feed at the end: \"<html></html>\"".into()), "answers a web page"),
            ("uwsgi", parse("not uWSGI's stats JSON: it begins with \"# HELP python_info\""), "--workers"),
            ("uwsgi", Missed::Truncated("connected, then nothing".into()), "--stats"),
            ("multiproc", Missed::Connect("no directory /m".into()), "PROMETHEUS_MULTIPROC_DIR"),
            ("multiproc", Missed::Connect("/m: Permission denied (os error 13)".into()), "same user"),
            ("multiproc", Missed::Connect("/m: Not a directory (os error 20)".into()), "this is a file"),
            ("multiproc", parse("more than 5 files in /m (files_max)"), "multiproc compact"),
            ("workers", Missed::TooLarge { limit: 1 }, "limits.body_bytes_max"),
        ] {
            let target = &http_targets("http://web.example:5001/metrics", "/metrics").unwrap()[0];
            let hint = hint(kind, &missed, target).unwrap_or_default();
            assert!(hint.contains(part), "{kind} {missed:?}: {hint:?} lacks {part:?}");
            assert!(!hint.contains('\n'), "one line: {hint:?}");
        }
    }

    #[test]
    fn says_nothing_where_it_knows_nothing() {
        let target = &http_targets("a:1", "/metrics").unwrap()[0];
        assert_eq!(hint("workers", &Missed::Status { code: 418, detail: None }, target), None);
        let line = r#"line 7: bad value: "a{t=\"x.html\",e=\"gzip\",c=\"application/json\"} b""#;
        assert_eq!(hint("workers", &Missed::Parse(line.into()), target), None);
    }
}
