#![allow(clippy::unwrap_used)]

use super::super::testing::{answer, apply, assert_golden, config, file, refused, series};
use super::*;

const ONE: &[&str] = &["http://127.0.0.1:8080/nginx/status"];
const TWO: &[&str] = &["http://127.0.0.1:8080", "unix:///run/nginx.sock:/status"];

fn nginx(targets: &[&str], names: NginxNames) -> Nginx {
    Nginx::new(&SourceConfig { names, ..config(&KIND, targets) })
}

#[test]
fn goldens_of_captured_pages() {
    for (page, names, golden) in [
        ("idle", NginxNames::Official, "nginx/idle-official.txt"),
        ("under-load", NginxNames::Legacy, "nginx/under-load-legacy.txt"),
        ("after-load", NginxNames::Both, "nginx/after-load-both.txt"),
    ] {
        let mut source = nginx(ONE, names);
        apply(&mut source, &[answer(file(&format!("fixtures/nginx/stub_status-{page}.txt")))]);
        assert_golden(golden, &source);
    }
}

/// The exporter's answer was captured at the same instant, one request of its own later.
#[test]
fn official_names_are_those_of_the_official_exporter() {
    let mut source = nginx(ONE, NginxNames::Official);
    apply(&mut source, &[answer(file("fixtures/nginx/stub_status-idle.txt"))]);
    let captured = String::from_utf8(file("fixtures/nginx/nginx-exporter-idle.prom")).unwrap();
    let lines = |text: &str| {
        let about = |line: &&str| line.contains("nginx_") && !line.contains("nginxexporter");
        let kept = text.lines().filter(about).filter(|line| line.starts_with('#') || !line.contains("build_info"));
        kept.map(|line| if line.starts_with('#') { line.to_string() } else { line.split(' ').next().unwrap_or_default().to_string() })
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(lines(&super::super::testing::render(&source.families())), lines(&captured));
}

#[test]
fn several_targets_carry_addr_and_a_down_one_leaves_only_up() {
    let mut source = nginx(TWO, NginxNames::Official);
    let page = file("fixtures/nginx/stub_status-idle.txt");
    let outcomes = apply(&mut source, &[answer(page), refused()]);
    assert_eq!(outcomes, [Some(Ok(8)), Some(Err(Missed::Refused))]);
    assert_golden("nginx/two-targets.txt", &source);

    // A target that was not tried stays as it was.
    apply(&mut source, &[answer("<html>"), None]);
    assert_eq!(
        series(&source).into_iter().collect::<Vec<_>>(),
        TWO.map_up(0.0),
        "an HTML page takes everything but nginx_up of the first"
    );
}

trait Up {
    fn map_up(&self, value: f64) -> Vec<(String, f64)>;
}

impl Up for &[&str] {
    fn map_up(&self, value: f64) -> Vec<(String, f64)> {
        self.iter().map(|addr| (format!("nginx_up{{addr=\"{addr}\"}}"), value)).collect()
    }
}

#[test]
fn counters_fall_with_nginx() {
    let mut source = nginx(ONE, NginxNames::Official);
    apply(&mut source, &[answer(file("fixtures/nginx/stub_status-under-load.txt"))]);
    apply(&mut source, &[answer(file("fixtures/nginx/stub_status-idle.txt"))]);
    assert_eq!(series(&source)["nginx_http_requests_total"], 3.0);
}
