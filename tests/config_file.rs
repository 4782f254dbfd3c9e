//! The configuration file as people write it: the examples load, mistakes are told in words that don't change unnoticed, and no
//! input at all brings the program down.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use onescrape::config::{Config, Credentials, Kept, Overrides, Secret, parse};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

/// Set to write the expected texts anew, to be read before they are committed.
const REWRITE: &str = "REWRITE_EXPECTED";
/// The annotated example.
const EXAMPLE: &str = include_str!("../config/onescrape.yml");

fn env(name: &str) -> Option<String> {
    match name {
        "HOST" => Some("h".into()),
        "BAD_PORT" => Some("h:0".into()),
        "TOKEN" => Some("s3cret".into()),
        "TOKEN_WITH_NEWLINE" => Some("s3cret\n".into()),
        _ => None,
    }
}

fn load(name: &str, bytes: &[u8]) -> Result<Config, String> {
    parse(name, bytes, &Overrides::default(), &env).map_err(|e| format!("{e}\n"))
}

fn bad_files() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config");
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(".bad.yml"));
    files.sort();
    files
}

#[test]
fn mistakes_are_told_as_expected() {
    let files = bad_files();
    assert!(files.len() >= 12, "{files:?}");
    let mut mistakes = 0;
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let told = load(&name, &fs::read(&file).unwrap()).expect_err(&name);
        assert!(!told.contains("s3cret"), "a secret is told: {told}");
        let expected = file.with_extension("txt");
        if std::env::var_os(REWRITE).is_some() {
            fs::write(&expected, &told).unwrap();
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(told, wanted, "{name}; {REWRITE}=1 writes what is told now");
        mistakes += told.lines().count();
    }
    assert!(mistakes >= 80, "only {mistakes} kinds of mistakes are tried");
}

// It has https targets, and names in DNS.
#[cfg(all(feature = "dns", feature = "tls"))]
#[test]
fn the_annotated_example_shows_every_key_at_its_default() {
    let config = load("onescrape.yml", EXAMPLE.as_bytes()).unwrap();
    let shown = config.to_yaml();
    for line in shown.lines().filter(|line| line.contains(':') && !line.contains('"')) {
        let key = line.trim_start_matches([' ', '-']).split(':').next().unwrap();
        assert!(EXAMPLE.contains(&format!("{key}:")), "{key} is not in the example");
    }
    // What is left after the sources is default by nature; the sources' own defaults are those of the least example.
    let minimal = load("minimal.yml", include_bytes!("../config/minimal.yml")).unwrap();
    assert_eq!((config.limits, &config.web, config.log), (minimal.limits, &minimal.web, minimal.log));
    assert_eq!(onescrape::config::StateConfig { file: None, ..config.state.clone() }, minimal.state);
    assert_eq!(config.scrape_timeout, minimal.scrape_timeout);
    let (mut full, least) = (config.sources[0].clone(), &minimal.sources[0]);
    assert_eq!((full.expect, full.merge.gauges.len(), full.http_headers.0.len()), (Some(4), 2, 1));
    full.expect = None;
    full.scrape_timeout = None;
    full.merge.gauges.clear();
    assert!(full.last_words.token_file.take().is_some());
    assert_eq!((full.relabelling.labels.len(), full.relabelling.rules.len(), full.merge.aggregate.len()), (1, 2, 1));
    full.relabelling = Default::default();
    full.merge.aggregate.clear();
    full.http_headers.0.clear();
    assert_eq!(&full, least);
}

#[test]
fn what_is_shown_loads_to_the_same_but_for_secrets() {
    let yaml = "sources:\n- name: 'no: \"${HOST}\" $${x}'\n  kind: exporter\n  targets: ['http://${HOST}:1/a?b=${TOKEN:-}']\n  \
                http_headers: {Authorization: \"Bearer ${TOKEN}\", X-Api-Key: '${TOKEN}', X-Plain: '# \\ $${y}'}\n";
    let config = load("c.yml", yaml.replace("?b=${TOKEN:-}", "").as_bytes()).unwrap();
    let shown = config.to_yaml();
    assert!(!shown.contains("s3cret") && shown.contains("<secret>"), "{shown}");
    let mut again = load("shown.yml", shown.as_bytes()).unwrap();
    let headers = &config.sources[0].http_headers;
    assert_eq!(headers.0["Authorization"], "Bearer s3cret");
    assert_eq!(again.sources[0].http_headers.0["X-Plain"], headers.0["X-Plain"]);
    again.sources[0].http_headers.clone_from(headers);
    assert_eq!(again, config);
}

/// What Prometheus' own files say of `$` means the same here: variables are not replaced in rules.
#[test]
fn rules_keep_their_dollars() {
    let yaml = "sources:\n- name: a\n  kind: workers\n  targets: [\"${HOST}:1\"]\n  labels: {host: \"${HOST}\"}\n  metric_relabel_configs:\n\
                \x20 - {source_labels: [a], regex: '(.*)_${HOST}$', target_label: 't_${1}', replacement: '$${1}${x}', action: Replace}\n";
    let config = load("c.yml", yaml.as_bytes()).unwrap();
    let relabelling = &config.sources[0].relabelling;
    assert_eq!(relabelling.labels, [("host".to_string(), "h".to_string())]);
    let spec = relabelling.rules[0].spec();
    assert_eq!(spec.regex.as_deref(), Some("(.*)_${HOST}$"));
    assert_eq!((spec.target_label.as_deref(), spec.replacement.as_deref()), (Some("t_${1}"), Some("$${1}${x}")));
    assert_eq!(load("shown.yml", config.to_yaml().as_bytes()), Ok(config));
}

#[test]
fn credentials_are_shown_masked_and_files_where_they_are() {
    let yaml = "sources:\n- {name: a, kind: exporter, targets: ['h:1'], basic_auth: {username: u, password: '${TOKEN}'}}\n\
                - {name: b, kind: workers, targets: ['h:2'], authorization: {credentials_file: t}, tls_config: {ca_file: /ca}}\n";
    let config = load("/etc/c.yml", yaml.as_bytes()).unwrap();
    let shown = config.to_yaml();
    assert!(!shown.contains("s3cret") && !format!("{config:?}").contains("s3cret"), "{shown}");
    assert!(shown.contains("credentials_file: /etc/t") && shown.contains("ca_file: /ca"), "{shown}");
    assert_eq!(load("/elsewhere/c.yml", shown.as_bytes()), Ok(masked(config)));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = load("any.yml", &bytes);
    }

    #[test]
    fn arbitrary_yaml_like_text_never_panics(text in "([-:,?&*!|>'\"%@`{}\\[\\]# \n\tab1]|sources: |- |kind: |&a |\\*a |\\$\\{){0,60}") {
        let _ = load("any.yml", text.as_bytes());
    }

    /// Pieces of the example cut out, moved and bent: either every mistake has a place, or what loads is shown and loads again.
    #[test]
    fn bent_examples(from in 0..EXAMPLE.len(), len in 0usize..400, put in "[\\PC\n]{0,12}") {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        let to = (from + len).min(bytes.len());
        bytes.splice(from..to, put.bytes());
        match load("bent.yml", &bytes) {
            Ok(config) => prop_assert_eq!(load("shown.yml", config.to_yaml().as_bytes()), Ok(masked(config))),
            Err(told) => prop_assert!(told.starts_with("bent.yml:") || told.starts_with("nothing to scrape"), "{}", told),
        }
    }
}

fn masked(mut config: Config) -> Config {
    for source in &mut config.sources {
        for (name, value) in &mut source.http_headers.0 {
            if onescrape::config::is_secret_header(name) {
                *value = "<secret>".into();
            }
        }
        if let Some(Credentials::Basic { password: Some(kept), .. } | Credentials::Token { credentials: kept, .. }) =
            &mut source.credentials
            && matches!(kept, Kept::Here(_))
        {
            *kept = Kept::Here(Secret::new("<secret>"));
        }
    }
    config
}
