use super::*;
use crate::config::LogLevel;
use clap::CommandFactory;
use std::time::Duration;

fn args(line: &str) -> Args {
    Args::read(format!("onescrape {line}").split_whitespace()).unwrap()
}

/// The configuration of a command line in an environment of `NAME=value` pairs.
fn loaded(line: &str, env: &[(&str, &str)]) -> Result<Config, String> {
    let env = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string());
    load(&args(line), &env).map_err(|e| e.to_string())
}

/// `name kind targets` of each source.
fn sources(config: &Config) -> Vec<String> {
    let ids = |s: &config::SourceConfig| s.targets.iter().map(|t| t.id.clone()).collect::<Vec<_>>().join(" ");
    config.sources.iter().map(|s| format!("{} {} {}", s.name, s.kind.name, ids(s))).collect()
}

#[test]
fn the_definition_is_sound() {
    Args::command().debug_assert();
}

#[test]
fn flags_of_one_kind_and_name_join() {
    let line = "--workers h:1-2 --workers jobs=h:5 --workers h:3 --exporter pg=http://h:9187/metrics --expect 2 scrape";
    // Two sources of workers: expect can't tell which.
    assert!(loaded(line, &[]).unwrap_err().contains("several"));
    let config = loaded(&line.replace("--expect 2", ""), &[]).unwrap();
    assert_eq!(sources(&config), ["workers workers h:1 h:2 h:3", "jobs workers h:5", "pg exporter h:9187"]);
    assert_eq!(args(line).what(), Command::Scrape);
}

#[test]
fn directories() {
    let config = loaded("--multiproc /run/m/ --multiproc jobs=/run/j", &[]).unwrap();
    assert_eq!(sources(&config), ["multiproc multiproc /run/m/", "jobs multiproc /run/j"]);
    assert!(loaded("--multiproc /run/m --multiproc /run/m/", &[]).unwrap_err().contains("already a target"));
}

#[test]
fn aliases_and_places_of_flags() {
    let before = loaded("--stats.uri http://h:1717 --nginx.scrape-uri http://h:8080/s scrape", &[]).unwrap();
    let after = loaded("scrape --uwsgi http://h:1717 --nginx http://h:8080/s", &[]).unwrap();
    assert_eq!(before, after);
    assert_eq!(args("--workers h:1").what(), Command::Serve);
}

#[test]
fn flag_beats_environment_beats_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.yml");
    let text = "scrape_timeout: 1s\nlog: {level: error}\nweb: {listen_addresses: [\"h:1\"], telemetry_path: /a}\n\
                sources: [{name: workers, kind: workers, targets: [\"h:5001\"], expect: 1}]\n";
    std::fs::write(&file, text).unwrap();
    let env = [
        ("ONESCRAPE_CONFIG_FILE", file.to_str().unwrap()),
        ("ONESCRAPE_SCRAPE_TIMEOUT", "2s"),
        ("ONESCRAPE_LOG_LEVEL", "warn"),
        ("ONESCRAPE_WEB_LISTEN_ADDRESS", "h:2, h:3"),
        ("ONESCRAPE_WEB_TELEMETRY_PATH", "  "),
        ("ONESCRAPE_WORKERS", "h:5002 h:5003,jobs=h:6000"),
        ("ONESCRAPE_NGINX", ""),
    ];
    let config = loaded("--scrape.timeout 3s", &env).unwrap();
    assert_eq!(config.scrape_timeout, Duration::from_secs(3));
    assert_eq!(config.log.level, LogLevel::Warn);
    assert_eq!(config.web.listen_addresses, ["h:2", "h:3"]);
    assert_eq!(config.web.telemetry_path, "/a");
    assert_eq!(sources(&config), ["workers workers h:5001 h:5002 h:5003", "jobs workers h:6000"]);
    let config = loaded("--workers h:7000", &env).unwrap();
    assert_eq!(sources(&config), ["workers workers h:5001 h:7000"]);
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let env = [("ONESCRAPE_SCRAPE_TIMEOUT", "soon"), ("ONESCRAPE_WORKERS", "h:0")];
    let message = loaded("--log.format xml --exporter http://h:1 --expect 0 --web.telemetry-path metrics", &env).unwrap_err();
    let places: Vec<_> = message.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(
        places,
        [
            "--expect",
            "--exporter",
            "--log.format",
            "--web.telemetry-path",
            "ONESCRAPE_SCRAPE_TIMEOUT (environment)",
            "ONESCRAPE_WORKERS (environment)"
        ]
    );
}

#[test]
fn django_ports_stand_in_where_no_source_is_given() {
    let env = [("METRICS_START_PORT", "5001"), ("WEB_CONCURRENCY", "2")];
    let config = loaded("", &env).unwrap();
    assert_eq!(sources(&config), ["workers workers 127.0.0.1:5001 127.0.0.1:5002"]);
    assert_eq!(config.sources[0].expect, Some(2));

    let wider = [env[0], env[1], ("METRICS_PORTS", "4")];
    let config = loaded("", &wider).unwrap();
    assert_eq!((config.sources[0].targets.len(), config.sources[0].expect), (4, Some(2)));
    let config = loaded("--expect 3", &wider).unwrap();
    assert_eq!(config.sources[0].expect, Some(3));
    let config = loaded("--nginx http://h:1/s", &wider).unwrap();
    assert_eq!(sources(&config), ["nginx nginx h:1"]);

    let bad = loaded("", &[("METRICS_START_PORT", "x"), ("WEB_CONCURRENCY", "-1")]).unwrap_err();
    assert!(bad.contains("METRICS_START_PORT (environment)") && bad.contains("WEB_CONCURRENCY (environment)"), "{bad}");
    let bad = loaded("", &[("METRICS_START_PORT", "65535"), ("WEB_CONCURRENCY", "2")]).unwrap_err();
    assert!(bad.contains("beyond 65535"), "{bad}");
}

#[test]
fn nothing_to_scrape_shows_three_ways() {
    let message = loaded("", &[]).unwrap_err();
    for way in ["--workers", "--config.file", "METRICS_START_PORT=5001"] {
        assert!(message.contains(way), "{message}");
    }
    let message = loaded("", &[("METRICS_START_PORT", "5001")]).unwrap_err();
    assert!(message.contains("WEB_CONCURRENCY is not"), "{message}");
}

#[test]
fn a_missing_file_is_told() {
    let message = loaded("--config.file /nonexistent/c.yml", &[]).unwrap_err();
    assert!(message.contains("cannot read the configuration file /nonexistent/c.yml"), "{message}");
}

#[test]
fn wrong_flags_are_claps_to_tell() {
    for line in ["--wokers h:1", "check --wait soon", "config", "frobnicate"] {
        let error = Args::read(format!("onescrape {line}").split_whitespace()).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
    }
    for line in ["--help", "--version", "scrape --help"] {
        let error = Args::read(format!("onescrape {line}").split_whitespace()).unwrap_err();
        assert_eq!(error.exit_code(), 0, "{line}");
    }
}

#[test]
fn help_shows_every_kind_and_alias() {
    let help = Args::command().render_help().to_string();
    let flags = KINDS.iter().map(|kind| format!("--{} <", kind.name.replace('_', "-")));
    for part in flags.chain(["--stats.uri".into(), "--nginx.scrape-uri".into(), "Examples:".into()]) {
        assert!(help.contains(&part), "{part} in {help}");
    }
}
