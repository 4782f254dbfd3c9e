//! Where a redirect leads, if it may be followed: on the same host and port, or from there to TLS. Elsewhere there is nothing for a
//! scraper that sits beside its targets, and credentials must not go there.

use crate::target::{Address, http_targets};

/// Where `location` leads from `from`. `named` is the host that the request was sent with, which is what most servers build a
/// location from; it counts as the same.
pub(super) fn next(from: &Address, named: &str, location: &str) -> Option<Address> {
    let Address::Http { tls, host, port, path } = from else { return None };
    let location = location.split('#').next().unwrap_or_default();
    let at = |tls, port, path: &str| Address::Http { tls, host: host.clone(), port, path: path.to_string() };
    if location.contains("://") {
        let target = http_targets(location, "/").ok()?.into_iter().next()?;
        let Address::Http { tls: to_tls, host: to_host, port: to_port, path } = target.address else { return None };
        let same_host = to_host.eq_ignore_ascii_case(host) || to_host.eq_ignore_ascii_case(host_of(named));
        let upgrade = to_tls && !*tls;
        let same_port = to_port == *port && to_tls == *tls;
        return (same_host && (upgrade || same_port)).then(|| at(to_tls, to_port, &path));
    }
    match location.strip_prefix("//") {
        Some(_) => None,
        None if location.starts_with('/') => Some(at(*tls, *port, location)),
        None if location.starts_with('?') => Some(at(*tls, *port, &format!("{}{location}", without_query(path)))),
        None if location.is_empty() => None,
        None => {
            let directory = without_query(path).rsplit_once('/').map_or("", |(directory, _)| directory);
            Some(at(*tls, *port, &format!("{directory}/{location}")))
        }
    }
}

fn without_query(path: &str) -> &str {
    path.split('?').next().unwrap_or(path)
}

/// The host of `host`, `host:port` or `[v6]:port`.
fn host_of(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.split(':').next().unwrap_or(authority),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_place_or_its_secure_side() {
        let leads = |from: &str, location: &str| {
            let from = http_targets(from, "/metrics").unwrap().remove(0).address;
            next(&from, "shop.example:80", location).map(|to| to.to_string())
        };
        for (location, want) in [
            ("/metrics/", "http://a:80/metrics/"),
            ("/metrics/#top", "http://a:80/metrics/"),
            ("other?x=1", "http://a:80/m/other?x=1"),
            ("?x=1", "http://a:80/m/etrics?x=1"),
            ("http://a/x", "http://a:80/x"),
            ("http://A:80/x", "http://a:80/x"),
            ("https://a/x", "https://a:443/x"),
            ("https://a:8443/x", "https://a:8443/x"),
            ("http://shop.example/x", "http://a:80/x"),
            ("https://shop.example/x", "https://a:443/x"),
        ] {
            assert_eq!(leads("http://a/m/etrics", location).as_deref(), Some(want), "{location}");
        }
        for elsewhere in ["http://b/x", "https://b/x", "//b/x", "http://a:81/x", "ftp://a/x", "http://u:p@a/x", "", "http://a:x/"] {
            assert_eq!(leads("http://a/m/etrics", elsewhere), None, "{elsewhere}");
        }
        assert_eq!(leads("https://a/m", "http://a/m"), None, "never from TLS to none");
        assert_eq!(leads("https://a/m", "https://a:444/m"), None);
        assert_eq!(leads("https://a/m", "https://a/n").as_deref(), Some("https://a:443/n"));
    }
}
