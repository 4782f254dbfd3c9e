//! Targets that gave nothing: why, and what to paste. Codes: from `nothing_listens` to `credentials` in the list.

use super::code::Code;
use super::finding::{Finding, Place, Severity};
use super::observe::{Observation, Observed};
use super::surroundings::Surroundings;
use crate::config::Limit;
use crate::round::TargetState;
use crate::scrape::{Missed, TlsFault};
use crate::target::{Address, Target};

/// The name under which Docker's containers reach their host, where it is told them.
const DOCKER_HOST: &str = "host.docker.internal";
/// What an error of a failed lookup holds, in lower case.
const LOOKUP_FAILED: [&str; 6] = ["dns", "lookup", "resolve", "name or service not known", "nodename", "name resolution"];

/// Adds a finding for each reason, with all targets that have it.
pub(super) fn diagnose(observation: &Observation<'_>, around: &Surroundings, findings: &mut Vec<Finding>) {
    let source = observation.source;
    let targets = &observation.targets;
    if targets.len() > 1 && targets.iter().all(|t| observation.state(t) == TargetState::Vacant) {
        findings.push(silent_range(observation, around));
        return;
    }
    let failed = targets.iter().filter(|t| matches!(observation.state(t), TargetState::Stuck | TargetState::Down));
    let mut groups: Vec<(Code, String, Vec<&Observed<'_>>)> = Vec::new();
    for (observed, why) in failed.filter_map(|t| t.missed().map(|why| (t, why))) {
        let (code, text) = (code_of(observation, observed, why, around), seen(observed, why));
        match groups.iter_mut().find(|(known, said, _)| *known == code && *said == text) {
            Some((_, _, members)) => members.push(observed),
            None => groups.push((code, text, vec![observed])),
        }
    }
    for (code, text, members) in groups {
        let finding = Finding::new(Severity::Error, code, &source.name, text);
        let finding = finding.at(members.iter().map(|t| t.target.id.clone()).collect());
        findings.push(mended(finding, observation, &members, around));
    }
}

/// A range in which nothing listens at all.
fn silent_range(observation: &Observation<'_>, around: &Surroundings) -> Finding {
    let targets = &observation.targets;
    let is_own = targets.iter().all(|t| is_loopback(t.target)) && is_own_loopback(around);
    let code = if is_own { Code::OwnLoopback } else { Code::NothingListens };
    let text = format!("nothing listens on any of the {} ports", targets.len());
    let finding = Finding::new(Severity::Error, code, &observation.source.name, text);
    if is_own {
        return own_loopback(finding, around);
    }
    let fix = "start the application; if it runs, compare the range with its PROMETHEUS_METRICS_EXPORT_PORT_RANGE and look for \"Cannot \
               export Prometheus /metrics/\" in its log";
    let finding = finding.fix(fix);
    match observation.port_range() {
        Some((_, first, last)) => finding.paste(Place::Settings, port_range_setting(first, last)),
        None => finding,
    }
}

/// Django's setting for these ports.
pub(super) fn port_range_setting(first: u16, last: u16) -> String {
    let range = format!("PROMETHEUS_METRICS_EXPORT_PORT_RANGE = range({first}, {})", u32::from(last) + 1);
    format!("{range}\nPROMETHEUS_METRICS_EXPORT_ADDRESS = \"127.0.0.1\"")
}

/// What was seen: the error, and of a page what it is.
fn seen(observed: &Observed<'_>, why: &Missed) -> String {
    let title =
        observed.last().and_then(|read| read.page.as_ref()).map(|page| page.title.as_str()).filter(|title| !title.is_empty());
    match title {
        Some(title) => format!("answers a web page, {title:?}, in place of metrics"),
        None => why.to_string(),
    }
}

fn code_of(observation: &Observation<'_>, observed: &Observed<'_>, why: &Missed, around: &Surroundings) -> Code {
    let page = observed.last().and_then(|read| read.page.as_ref());
    match why {
        Missed::Refused if is_loopback(observed.target) && is_own_loopback(around) => Code::OwnLoopback,
        Missed::Refused => Code::NothingListens,
        Missed::Connect(why) if LOOKUP_FAILED.iter().any(|words| why.to_lowercase().contains(words)) => Code::UnknownName,
        Missed::Connect(_) => Code::NoConnection,
        Missed::Timeout { .. } => Code::NoAnswer,
        Missed::Credentials(_) => Code::Credentials,
        Missed::Tls { fault, .. } => match fault {
            TlsFault::Name => Code::TlsName,
            TlsFault::Expired | TlsFault::NotYetValid => Code::TlsExpired,
            TlsFault::UnknownIssuer | TlsFault::SelfSigned => Code::TlsUntrusted,
            TlsFault::PlainHttp => Code::TlsMismatch,
            TlsFault::OwnCertificate | TlsFault::Setup | TlsFault::Other => Code::Tls,
        },
        Missed::Status { code, detail } => status_code(observation, *code, detail.as_deref().unwrap_or_default(), observed.target),
        _ if page.is_some_and(|page| page.is_login) => Code::LoginPage,
        _ if page.is_some() => Code::WebPage,
        Missed::Parse(why) | Missed::Truncated(why) if right_kind(observation.source.kind.name, why).is_some() => Code::WrongKind,
        Missed::Parse(_) => Code::Unreadable,
        Missed::Truncated(_) => Code::CutShort,
        Missed::TooLarge { .. } => Code::TooLarge,
        Missed::OverLimit { limit: Limit::RedirectsMax, .. } => Code::Redirect,
        Missed::OverLimit { .. } => Code::OverLimit,
    }
}

fn status_code(observation: &Observation<'_>, code: u16, detail: &str, target: &Target) -> Code {
    match code {
        301 | 302 | 303 | 307 | 308 if slashed(detail, target).is_some() => Code::TrailingSlash,
        301 | 302 | 303 | 307 | 308 if detail.contains("login") => Code::LoginPage,
        301 | 302 | 303 | 307 | 308 => Code::Redirect,
        400 if detail.contains("HTTPS") => Code::TlsMismatch,
        400 if matches!(observation.source.kind.name, "workers" | "exporter") => Code::AllowedHosts,
        401 => Code::Unauthorized,
        403 => Code::Forbidden,
        404 => Code::NotFound,
        _ => Code::BadStatus,
    }
}

/// The path with its slash, where that is all a redirect adds.
fn slashed(location: &str, target: &Target) -> Option<String> {
    let path = path(target)?;
    let wanted = format!("{path}/");
    location.split(['?', '#']).next()?.ends_with(&wanted).then_some(wanted)
}

/// The kind of source that reads what came instead, told from how the excerpt in the error begins.
fn right_kind(kind: &str, why: &str) -> Option<&'static str> {
    let why = why.to_lowercase();
    let is = |words: &[&str]| words.iter().any(|word| why.contains(word));
    let found = if is(&["\"active connections"]) {
        "nginx"
    } else if is(&["serverzones", "hostname"]) {
        "nginx_vts"
    } else if is(&["\"{"]) {
        "uwsgi"
    } else if is(&["\"# help", "\"# type"]) && matches!(kind, "uwsgi" | "nginx") {
        "workers"
    } else {
        return None;
    };
    (found != kind).then_some(found)
}

/// The finding with its cause, what to do and what to paste.
fn mended(finding: Finding, observation: &Observation<'_>, members: &[&Observed<'_>], around: &Surroundings) -> Finding {
    let source = observation.source;
    let Some(first) = members.first() else { return finding };
    let (kind, target) = (source.kind.name, first.target);
    let path = path(target).unwrap_or("/");
    let code = finding.code;
    if code == Code::OwnLoopback {
        return own_loopback(finding, around);
    }
    let mut finding = finding;
    finding.fix = first.hint(kind);
    let detail = match first.missed() {
        Some(Missed::Status { detail: Some(detail), .. }) => detail.as_str(),
        Some(Missed::Parse(why) | Missed::Truncated(why) | Missed::Tls { why, .. }) => why.as_str(),
        _ => "",
    };
    let moved = |to: &str| targets_with(members, |text| text.replacen(path, to, 1), to);
    match (code, kind) {
        (Code::UnknownName, _) if host(target) == Some(DOCKER_HOST) => finding
            .fix("only Docker Desktop knows this name by itself; on Linux the compose file must say what it stands for")
            .paste(Place::Compose, format!("extra_hosts: [\"{DOCKER_HOST}:host-gateway\"]")),
        (Code::NothingListens, "uwsgi") => {
            let at = target.text.split("://").last().unwrap_or_default().to_string();
            finding.paste(Place::Uwsgi, format!("master = true\nstats = {at}"))
        }
        (Code::AllowedHosts, _) => finding.paste(Place::Source, "http_headers: {Host: localhost}"),
        (Code::TrailingSlash, _) => {
            let to = slashed(detail, target).unwrap_or_default();
            finding.paste(Place::Source, moved(&to))
        }
        (Code::LoginPage, _) => finding
            .fix("the path asks people to log in: exempt it (LOGIN_EXEMPT_URLS, LoginRequiredMiddleware's login_not_required), or better use \
                  the workers' own metrics ports")
            .paste(Place::Settings, "PROMETHEUS_METRICS_EXPORT_PORT_RANGE = range(5001, 5009)"),
        (Code::Redirect, _) if detail.contains("https://") => finding.paste(Place::Source, "scheme: https"),
        // Followed already, in circles.
        (Code::Redirect, _) if source.follow_redirects => finding,
        (Code::Redirect, _) => finding.paste(Place::Source, "follow_redirects: true"),
        (Code::Unauthorized, _) => {
            finding.paste(Place::Source, "basic_auth: {username: prometheus, password_file: /run/secrets/metrics-password}")
        }
        (Code::Forbidden, "nginx" | "nginx_vts") => finding.paste(Place::Nginx, format!("location = {path} {{ stub_status; allow 127.0.0.1; deny all; }}")),
        (Code::NotFound | Code::WebPage, "nginx") => {
            finding.paste(Place::Nginx, format!("location = {path} {{ stub_status; allow 127.0.0.1; deny all; }}"))
        }
        (Code::NotFound | Code::WebPage, "workers" | "exporter") if path != "/metrics" => finding.paste(Place::Source, moved("/metrics")),
        (Code::NotFound | Code::WebPage, "workers") => {
            finding.paste(Place::Urls, "path(\"\", include(\"django_prometheus.urls\")),")
        }
        (Code::WrongKind, _) => match right_kind(kind, detail) {
            Some(right) => finding.paste(Place::Source, format!("kind: {right}")),
            None => finding,
        },
        (Code::TooLarge, _) => match first.missed() {
            Some(Missed::TooLarge { limit }) => finding.paste(Place::File, format!("limits: {{body_bytes_max: {}}}", limit.saturating_mul(2))),
            _ => finding,
        },
        (Code::TlsName, _) => match certified_name(detail) {
            Some(name) => finding.paste(Place::Source, format!("tls_config: {{server_name: {name}}}")),
            None => finding,
        },
        (Code::TlsUntrusted, _) => finding.paste(Place::Source, "tls_config: {ca_file: /etc/onescrape/ca.pem}"),
        (Code::TlsMismatch, _) => {
            let is_tls = matches!(target.address, Address::Http { tls: true, .. });
            let (from, to) = if is_tls { ("https", "http") } else { ("http", "https") };
            let scheme = format!("scheme: {to}");
            let text = targets_with(members, |text| text.replacen(&format!("{from}://"), &format!("{to}://"), 1), path);
            finding.paste(Place::Source, if has_scheme(target) { text } else { scheme })
        }
        _ => finding,
    }
}

/// The setting that leads to another path: of the targets where they name one, else of the source.
fn targets_with(members: &[&Observed<'_>], change: impl Fn(&str) -> String, path: &str) -> String {
    if members.first().is_some_and(|first| has_scheme(first.target)) {
        let texts: Vec<String> = members.iter().map(|t| format!("{:?}", change(&t.target.text))).collect();
        format!("targets: [{}]", texts.join(", "))
    } else {
        format!("metrics_path: {path}")
    }
}

fn has_scheme(target: &Target) -> bool {
    target.text.contains("://")
}

/// The first name that a certificate is good for, as the error tells it.
fn certified_name(why: &str) -> Option<&str> {
    let (_, rest) = why.split_once("DnsName(\"")?;
    rest.split_once('"').map(|(name, _)| name)
}

/// Whether `127.0.0.1` here is not that of the application, most likely.
fn is_own_loopback(around: &Surroundings) -> bool {
    !around.kubernetes && (around.container || around.wsl)
}

fn own_loopback(finding: Finding, around: &Surroundings) -> Finding {
    if around.container {
        let fix = "in a container 127.0.0.1 is the container itself: share the application's network (its service is called app here); if \
                   that is done, start the application";
        finding.fix(fix).paste(Place::Compose, "network_mode: service:app")
    } else {
        let fix = "under WSL2 127.0.0.1 is Linux, not Windows: start the application in WSL as well, or, if it runs on Windows, set \
                   networkingMode=mirrored under [wsl2] in .wslconfig";
        finding.fix(fix)
    }
}

fn is_loopback(target: &Target) -> bool {
    host(target).is_some_and(|host| host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()))
}

fn host(target: &Target) -> Option<&str> {
    match &target.address {
        Address::Http { host, .. } | Address::Tcp { host, .. } => Some(host),
        _ => None,
    }
}

fn path(target: &Target) -> Option<&str> {
    match &target.address {
        Address::Http { path, .. } | Address::HttpUnix { path, .. } => Some(path),
        _ => None,
    }
}
