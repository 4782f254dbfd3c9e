use super::*;
use crate::source::testing::{answer, apply, assert_golden, config, file, refused, render, series};
use std::collections::BTreeSet;

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

/// Both were captured from one nginx: names, types and HELP must agree, the values moved on in between.
#[test]
fn official_names_are_those_of_the_official_exporter() {
    let mut source = nginx(ONE, NginxNames::Official);
    apply(&mut source, &[answer(file("fixtures/nginx/stub_status-idle.txt"))]);
    let captured = String::from_utf8(file("fixtures/nginx/nginx-exporter-idle.prom")).unwrap();
    let without_values = |text: &str| {
        let lines = text.lines().filter(|line| !line.contains("nginxexporter"));
        lines.map(|line| line.trim_end_matches(|c: char| c.is_ascii_digit()).to_string()).collect::<BTreeSet<_>>()
    };
    assert_eq!(without_values(&render(&source.families())), without_values(&captured));
}

#[test]
fn several_targets_carry_addr_and_a_down_one_leaves_only_up() {
    let mut source = nginx(TWO, NginxNames::Official);
    let page = file("fixtures/nginx/stub_status-idle.txt");
    let outcomes = apply(&mut source, &[answer(page), refused()]);
    assert_eq!(outcomes, [Some(Ok(8)), Some(Err(Missed::Refused))]);
    assert_golden("nginx/two-targets.txt", &source);

    // An HTML page takes everything but nginx_up; a target that was not tried stays as it was.
    apply(&mut source, &[answer("<html>"), None]);
    let left: Vec<_> = series(&source).into_iter().collect();
    assert_eq!(left, TWO.iter().map(|addr| (format!("nginx_up{{addr=\"{addr}\"}}"), 0.0)).collect::<Vec<_>>());
}

#[test]
fn counters_fall_with_nginx() {
    let mut source = nginx(ONE, NginxNames::Official);
    apply(&mut source, &[answer(file("fixtures/nginx/stub_status-under-load.txt"))]);
    apply(&mut source, &[answer(file("fixtures/nginx/stub_status-idle.txt"))]);
    assert_eq!(series(&source)["nginx_http_requests_total"], 3.0);
}
