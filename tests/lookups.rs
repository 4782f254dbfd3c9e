//! What lookups find, and what becomes of it: records of every type, servers that fail, targets that are the same, limits.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

#[path = "support/mod.rs"]
mod support;

use onescrape::config::{Config, Overrides, parse};
use onescrape::discovery::{Filled, once};
use std::time::Duration;

/// Longer than any lookup of these tests takes; only says how long a failure takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn config(source: &str) -> Config {
    let text = format!("sources:\n- {{name: web, kind: workers, {source}}}\n");
    parse("c.yml", text.as_bytes(), &Overrides::default(), &|_| None).unwrap()
}

async fn filled(config: &Config) -> Filled {
    once(config, PATIENCE).await
}

fn ids(filled: &Filled) -> Vec<&str> {
    filled.config.sources[0].targets.iter().map(|target| target.id.as_str()).collect()
}

#[cfg(feature = "dns")]
mod dns {
    use super::*;
    use crate::support::dns::{DnsServer, Reply};

    /// A lookup at this server.
    fn at(server: &DnsServer, lookup: &str) -> Config {
        config(&format!("dns_sd_configs: [{{dns_servers: ['{}'], {lookup}}}]", server.address()))
    }

    #[tokio::test]
    async fn addresses_become_targets_in_their_order() {
        let server = DnsServer::start();
        server.set_addresses("web", &["10.0.0.20", "10.0.0.3", "2001:db8::1", "10.0.0.20"]);
        let found = filled(&at(&server, "names: [web], type: A, port: 5001-5002")).await;
        assert_eq!(ids(&found), ["10.0.0.3:5001", "10.0.0.3:5002", "10.0.0.20:5001", "10.0.0.20:5002"]);
        assert_eq!(found.notes, [Vec::<String>::new()]);
        assert_eq!(found.config.sources[0].targets[0].address.to_string(), "http://10.0.0.3:5001/metrics");
        let found = filled(&at(&server, "names: [web.], type: AAAA, port: 80")).await;
        assert_eq!(ids(&found), ["[2001:db8::1]:80"]);
    }

    #[tokio::test]
    async fn services_bring_their_ports_and_count_once() {
        let server = DnsServer::start();
        let services = [("b.web", 5002), ("a.web", 5001), ("a.web", 5001), ("six.web", 5003), ("", 5004)];
        server.set("_m._tcp.web", Reply::Services(services.map(|(host, port)| (host.to_string(), port)).into()));
        server.set_addresses("a.web", &["10.0.0.1", "2001:db8::1"]);
        server.set_addresses("b.web", &["10.0.0.2"]);
        server.set_addresses("six.web", &["2001:db8::6"]);
        let found = filled(&at(&server, "names: [_m._tcp.web]")).await;
        assert_eq!(ids(&found), ["10.0.0.1:5001", "10.0.0.2:5002", "[2001:db8::6]:5003"]);
    }

    /// More services than fit into a message over UDP.
    fn many() -> Vec<(String, u16)> {
        (5001..=5040).map(|port| ("a.web".to_string(), port)).collect()
    }

    #[tokio::test]
    async fn an_answer_cut_short_is_asked_for_again_over_tcp() {
        let server = DnsServer::start();
        server.set("_m._tcp.web", Reply::Services(many()));
        server.set_addresses("a.web", &["10.0.0.1"]);
        let found = filled(&at(&server, "names: [_m._tcp.web]")).await;
        let all: Vec<String> = many().iter().map(|(_, port)| format!("10.0.0.1:{port}")).collect();
        assert_eq!((ids(&found), found.notes.concat()), (all.iter().map(String::as_str).collect(), vec![]));
        assert_eq!(server.asked_over_tcp(), 1, "what fits is asked for over UDP only");
    }

    #[tokio::test]
    async fn the_part_of_an_answer_is_no_answer() {
        let server = DnsServer::start_udp();
        server.set("_m._tcp.web", Reply::Services(many()));
        server.set_addresses("a.web", &["10.0.0.1"]);
        let found = filled(&at(&server, "names: [_m._tcp.web]")).await;
        assert_eq!(ids(&found), [] as [&str; 0]);
        let note = "_m._tcp.web: SRV records of _m._tcp.web.: the answer is too long for UDP, and over TCP there is none; no target is known \
                    from before";
        assert_eq!(found.notes.concat(), [note]);
    }

    #[tokio::test]
    async fn none_is_an_answer_and_no_answer_is_none() {
        let server = DnsServer::start();
        server.set("empty", Reply::Empty);
        server.set("broken", Reply::Code(2));
        server.set_addresses("good", &["10.0.0.1"]);
        let found = filled(&at(&server, "names: [empty, unknown, good], type: A, port: 1")).await;
        assert_eq!((ids(&found), found.notes.concat()), (vec!["10.0.0.1:1"], vec![]));
        let found = filled(&at(&server, "names: [broken, good], type: A, port: 1")).await;
        assert_eq!(ids(&found), ["10.0.0.1:1"], "one name costs no other");
        let note = "broken: A records of broken.: the server says Server Failure; no target is known from before";
        assert_eq!(found.notes, [vec![note.to_string()]]);
    }

    #[tokio::test]
    async fn what_does_not_answer_in_time_is_said() {
        let server = DnsServer::start();
        server.set("web", Reply::Silent);
        let found = once(&at(&server, "names: [web], type: A, port: 1"), Duration::from_millis(1)).await;
        assert_eq!(found.notes, [vec!["web: the lookup has not ended yet".to_string()]]);
    }

    #[tokio::test]
    async fn one_place_is_one_target_whatever_leads_to_it() {
        let server = DnsServer::start();
        server.set_addresses("web", &["10.0.0.1", "127.0.0.1"]);
        server.set_addresses("alias", &["10.0.0.1", "10.0.0.2"]);
        let lookups =
            format!("dns_sd_configs: [{{dns_servers: ['{}'], names: [web, alias], type: A, port: 5001}}]", server.address());
        let found = filled(&config(&format!("targets: ['localhost:5001', 'localhost:5002'], {lookups}"))).await;
        assert_eq!(ids(&found), ["localhost:5001", "localhost:5002", "10.0.0.1:5001", "10.0.0.2:5001"]);
        let notes = found.notes.concat();
        assert_eq!(notes, ["10.0.0.1:5001 is found more than once; it is one target (and 1 more like it)"]);
    }

    #[tokio::test]
    async fn the_limit_holds_and_the_proxy_is_no_target() {
        let server = DnsServer::start();
        server.set_addresses("web", &["10.0.0.1", "10.0.0.2", "127.0.0.1"]);
        let text = format!(
            "limits: {{max_slots: 3}}\nsources:\n- name: web\n  kind: workers\n  dns_sd_configs:\n  - {{dns_servers: ['{}'], names: [web], \
             type: A, port: 11010-11011}}\n",
            server.address()
        );
        let limited = parse("c.yml", text.as_bytes(), &Overrides::default(), &|_| None).unwrap();
        let found = filled(&limited).await;
        assert_eq!(ids(&found), ["10.0.0.1:11010", "10.0.0.1:11011", "10.0.0.2:11010"]);
        assert!(found.is_over_limit && found.notes.concat()[0].contains("max_slots"), "{:?}", found.notes);
        let wide =
            parse("c.yml", text.replace("max_slots: 3", "max_slots: 6").as_bytes(), &Overrides::default(), &|_| None).unwrap();
        let found = filled(&wide).await;
        assert_eq!(ids(&found).len(), 5);
        assert!(
            !found.is_over_limit && found.notes.concat()[0].starts_with("127.0.0.1:11011 is this proxy's own"),
            "{:?}",
            found.notes
        );
    }
}

mod files {
    use super::*;
    use std::fs;

    async fn found(files: &[(&str, &str)], more: &str) -> Filled {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let pattern = dir.path().join("*.yml").display().to_string();
        let mut found = filled(&config(&format!("file_sd_configs: [{{files: ['{pattern}']}}]{more}"))).await;
        for note in found.notes.iter_mut().flatten() {
            *note = note.replace(&format!("{}/", dir.path().display()), "");
        }
        found
    }

    #[tokio::test]
    async fn groups_become_targets_with_their_labels() {
        let a = "- {targets: ['10.0.0.2:1', '10.0.0.1:1-2'], labels: {app: shop, tier: web}}";
        let b = "- {targets: ['10.0.0.3:1'], labels: {tier: web, app: shop, __metrics_path__: /m}}";
        let found = found(&[("a.yml", a), ("b.yml", b)], ", labels: {tier: front}").await;
        assert_eq!(ids(&found), ["10.0.0.1:1", "10.0.0.1:2", "10.0.0.2:1", "10.0.0.3:1"]);
        assert_eq!(found.config.sources[0].targets[3].address.to_string(), "http://10.0.0.3:1/m");
        let labels = [("tier".to_string(), "front".to_string()), ("app".into(), "shop".into())];
        assert_eq!((found.notes.concat(), found.config.sources[0].relabelling.labels.clone()), (vec![], labels.into()));
    }

    #[tokio::test]
    async fn other_labels_are_no_part_of_the_same_sum() {
        let a = "- {targets: ['10.0.0.1:1'], labels: {app: shop}}";
        let b = "- {targets: ['10.0.0.2:1'], labels: {app: blog}}\n- {targets: ['10.0.0.3:1'], labels: {app: shop}}";
        let found = found(&[("a.yml", a), ("b.yml", b)], "").await;
        assert_eq!(ids(&found), ["10.0.0.1:1", "10.0.0.3:1"]);
        assert_eq!(
            found.notes.concat(),
            [
                "b.yml: a group with the labels {app=\"blog\"} is left out, since a.yml has {app=\"shop\"}; labels belong to a whole source: \
              make two sources of them"
            ]
        );
    }

    #[tokio::test]
    async fn mistakes_are_told_and_cost_no_other_file() {
        let a = "- {targets: ['10.0.0.1', 'ftp://x', '10.0.0.2:1']}";
        let found = found(&[("a.yml", a), ("b.yml", "- target: [x]"), ("c.yml", "- targets: ['10.0.0.3:1']")], "").await;
        assert_eq!(ids(&found), ["10.0.0.2:1", "10.0.0.3:1"]);
        let notes = found.notes.concat();
        assert_eq!(
            notes[0],
            "b.yml: line 1, column 3: unknown key \"target\"; known are targets, labels; no target is known from before"
        );
        assert!(notes[1].starts_with("cannot use target") && notes[1].ends_with("(and 1 more like it)"), "{notes:?}");
    }
}
