//! Addresses inside a compose network, and the ports of 127.0.0.1 that stand for them when its services run on this machine.

use crate::support::port::Port;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

/// Addresses that mean the host itself, whichever it is.
const OWN: [&str; 4] = ["", "127.0.0.1", "0.0.0.0", "localhost"];

/// Every host of a compose network (containers that share a network namespace are one) with its ports.
pub struct Addresses {
    /// Name of a host, or another name of it.
    names: BTreeMap<String, usize>,
    hosts: Vec<BTreeMap<u16, Port>>,
}

impl Addresses {
    /// Holds a port of this machine for each of these. Ranges stay ranges.
    pub fn hold(hosts: &[(&[&str], &[RangeInclusive<u16>])]) -> Self {
        let mut names = BTreeMap::new();
        let mut held = Vec::new();
        for (index, (called, ranges)) in hosts.iter().enumerate() {
            names.extend(called.iter().map(|name| (name.to_string(), index)));
            let hold = |range: &RangeInclusive<u16>| {
                let count = u16::try_from(range.len()).expect("a range of u16");
                range.clone().zip(if count == 1 { vec![Port::reserve()] } else { Port::reserve_range(count) })
            };
            held.push(ranges.iter().flat_map(hold).collect());
        }
        Self { names, hosts: held }
    }

    /// What stands for `host:port`.
    pub fn of(&self, host: &str, port: u16) -> SocketAddr {
        self.hosts[self.names[host]][&port].address()
    }

    /// A text of `own`, be it a configuration or an argument, with every address and port number replaced.
    pub fn translate(&self, own: &str, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        let mut host = self.names.get(own).copied(); // the one that the last number belonged to
        while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
            let (digits, after) = from.split_at(end);
            rest = after;
            let alone = !out.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.')
                && !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.');
            if !alone {
                out.push_str(digits);
                continue;
            }
            let name = out.strip_suffix(':').map(|head| last_name(head).to_string());
            if let Some(name) = &name {
                let is_own = OWN.contains(&name.as_str());
                host = self.names.get(if is_own { own } else { name }).copied();
            } else if !out.ends_with('-') {
                host = self.names.get(own).copied();
            }
            let port = digits.parse().ok().and_then(|number: u16| self.hosts.get(host?)?.get(&number));
            let Some(port) = port else {
                out.push_str(digits);
                continue;
            };
            if let Some(name) = name {
                out.truncate(out.len() - 1 - name.len());
                out.push_str("127.0.0.1:");
            } else if out.ends_with("listen ") {
                out.push_str("127.0.0.1:"); // nginx: a port alone is every address
            }
            out.push_str(&port.number().to_string());
        }
        out.push_str(rest);
        out.replace("0.0.0.0", "127.0.0.1")
    }
}

/// The name at the end of a text.
fn last_name(text: &str) -> &str {
    text.rsplit(|c: char| !(c.is_ascii_alphanumeric() || "_.-".contains(c))).next().unwrap_or_default()
}

#[test]
fn addresses_are_replaced_wherever_they_stand() {
    let hosts = Addresses::hold(&[(&["nginx", "shop"], &[8000..=8000, 5001..=5004]), (&["web_blue"], &[5001..=5002])]);
    let number = |host: &str, port| hosts.of(host, port).port();
    let (http, first, last) = (number("shop", 8000), number("shop", 5001), number("shop", 5004));
    let blue = number("web_blue", 5001);
    for (text, expected) in [
        ("listen 8000;".to_string(), format!("listen 127.0.0.1:{http};")),
        ("0.0.0.0:8000".to_string(), format!("127.0.0.1:{http}")),
        ("METRICS=5001".to_string(), format!("METRICS={first}")),
        ("--workers=127.0.0.1:5001-5004".to_string(), format!("--workers=127.0.0.1:{first}-{last}")),
        ("\"web_blue:5001-5002\" 5004".to_string(), format!("\"127.0.0.1:{blue}-{}\" {last}", blue + 1)),
        ("http://shop:8000/x".to_string(), format!("http://127.0.0.1:{http}/x")),
        ("example.com:8000 8000ms v8000 1.8000 9000".to_string(), "example.com:8000 8000ms v8000 1.8000 9000".to_string()),
    ] {
        assert_eq!(hosts.translate("nginx", &text), expected);
    }
}
