//! The channels stack: both colours apart and together, one of them stopped, and the two tests of alerts that people run by hand.

use crate::address::Addresses;
use crate::model::deploy;
use crate::native::Native;
use crate::support::curl::curl;
use crate::support::process::Process;
use crate::support::{expect, http, installed, wait_for};
use crate::{executable, wait_ok, wait_value};
use std::path::Path;
use std::process::Command;

/// Stands for `docker compose` in the scripts: what it is asked to stop or to start, the test does.
const COMPOSE: &str = "#!/bin/sh
set -e
case \"$1\" in
  exec) shift 3; cd @APP@; exec @BIN@/\"$@\" ;;
  *) echo \"$*\" > @DIR@/asked.new; mv @DIR@/asked.new @DIR@/asked; while [ -e @DIR@/asked ]; do sleep 0.05; done ;;
esac
";

#[test]
fn channels_stack() {
    let dir = tempfile::tempdir().unwrap();
    let color = [8000..=8000, 5101..=5104];
    let addresses = Addresses::hold(&[
        (&["nginx", "shop"], &[8000..=8000, 8081..=8081, 11011..=11011]),
        (&["web_blue"], &color),
        (&["web_green"], &color),
        (&["prometheus"], &[9090..=9090]),
        (&["alertmanager"], &[9093..=9093]),
        (&["alerts"], &[5001..=5001]),
    ]);
    let stack = Native::new("docker-compose/channels/compose.yaml", addresses, dir.path());
    stack.run("migrate");
    let (blue, _green) = (stack.start("web_blue"), stack.start("web_green"));
    wait_ok("blue", stack.addresses.of("web_blue", 8000), "/");
    wait_ok("green", stack.addresses.of("web_green", 8000), "/");
    let _others = ["nginx", "onescrape", "alertmanager", "alerts", "prometheus"].map(|service| stack.start(service));
    let metrics = stack.addresses.of("prometheus", 9090);
    wait_ok("Prometheus", metrics, "/-/ready");

    both_colours_are_told_apart(&stack, dir.path());
    let compose = fake_compose(dir.path());
    no_connections(&stack, &compose, dir.path());
    blue_stopped(&stack, blue, &compose, dir.path());
}

/// Two connections through nginx: its sum, and whose it is.
fn both_colours_are_told_apart(stack: &Native, dir: &Path) {
    let metrics = stack.addresses.of("prometheus", 9090);
    for color in ["blue", "green"] {
        wait_value(metrics, &format!("onescrape_slots{{source=\"{color}\", state=\"up\"}}"), 2.0);
        wait_value(metrics, &format!("count(application_deployment_info{{color=\"{color}\"}})"), 1.0);
        wait_value(metrics, &format!("application_uptime_seconds{{color=\"{color}\"}} > bool 0"), 1.0);
        wait_value(metrics, &format!("sum(websocket_connections_active{{color=\"{color}\"}})"), 0.0);
    }
    let clients: Vec<_> = (0..2).map(|_| client(stack, dir)).collect();
    wait_value(metrics, "sum(websocket_connections_active)", 2.0);
    wait_value(metrics, "sum(websocket_connections_total)", 2.0);
    // nginx takes the two in turn.
    wait_value(metrics, "websocket_connections_active{color=\"blue\"}", 1.0);
    wait_value(metrics, "sum(websocket_messages_total) > bool 0", 1.0);
    wait_value(metrics, "sum(websocket_message_processing_duration_seconds_count) > bool 0", 1.0);
    wait_value(metrics, "count(websocket_heartbeat_pings_total)", 2.0);
    wait_value(metrics, "nginx_up", 1.0);
    drop(clients);
    wait_value(metrics, "sum(websocket_connections_active)", 0.0);
}

fn client(stack: &Native, dir: &Path) -> Process {
    let mut command = Command::new(installed("python"));
    command.arg(deploy("docker-compose/app/websocket_client.py"));
    command.arg(format!("ws://{}/ws/echo/", stack.addresses.of("shop", 8000))).arg("3600");
    Process::spawn("websocket_client", command, dir)
}

fn no_connections(stack: &Native, compose: &Path, dir: &Path) {
    let mut script = script(stack, "test-no-connections.sh", compose, dir);
    let status = script.wait();
    assert!(status.success(), "{}", script.log());
}

fn blue_stopped(stack: &Native, blue: Process, compose: &Path, dir: &Path) {
    let (shop, metrics) = (stack.addresses.of("shop", 8000), stack.addresses.of("prometheus", 9090));
    let mut script = script(stack, "test-stop-blue.sh", compose, dir);
    let asked = dir.join("asked");
    let wait_asked = |script: &mut Process, what: &str| {
        script.wait_until(what, || {
            let said = std::fs::read_to_string(&asked).unwrap_or_default();
            expect(said.trim() == what, || format!("it asked for {said:?}"))
        });
    };
    wait_asked(&mut script, "stop web_blue");
    drop(blue);
    std::fs::remove_file(&asked).unwrap();
    wait_value(metrics, "onescrape_source_up{source=\"blue\"}", 0.0);
    wait_value(metrics, "onescrape_source_up{source=\"green\"}", 1.0);
    wait_value(metrics, "up{job=\"shop\"}", 1.0);
    wait_ok("green, behind nginx", shop, "/");
    wait_value(metrics, "sum(django_http_requests_before_middlewares_total{color=\"blue\"}) > bool 0", 1.0);
    wait_asked(&mut script, "start web_blue");
    let _blue = stack.start("web_blue");
    std::fs::remove_file(&asked).unwrap();
    let status = script.wait();
    assert!(status.success(), "{}", script.log());
    wait_value(metrics, "onescrape_source_up{source=\"blue\"}", 1.0);
}

/// One of the scripts for people, with this stack's addresses.
fn script(stack: &Native, name: &str, compose: &Path, dir: &Path) -> Process {
    let at = |host, port| stack.addresses.of(host, port);
    let mut command = Command::new(deploy("docker-compose/channels").join(name));
    command.env("SHOP", format!("http://{}", at("shop", 8000))).env("ALERTS", format!("http://{}/alerts", at("alerts", 5001)));
    command.env("WEBSOCKET", format!("ws://{}/ws/echo/", at("shop", 8000)));
    command.env("COMPOSE", compose).env("PATIENCE", "120");
    Process::spawn(name, command, dir)
}

fn fake_compose(dir: &Path) -> std::path::PathBuf {
    let path = dir.join("docker-compose");
    let bin = installed("python");
    let text = COMPOSE
        .replace("@DIR@", &dir.display().to_string())
        .replace("@APP@", &deploy("docker-compose/app").display().to_string())
        .replace("@BIN@", &bin.parent().unwrap().display().to_string());
    executable(&path, &text);
    path
}

/// The receiver refuses what is no notification, and goes on.
#[test]
fn receiver_lists_what_it_was_sent() {
    let dir = tempfile::tempdir().unwrap();
    let addresses = Addresses::hold(&[(&["alerts"], &[5001..=5001])]);
    let stack = Native::new("docker-compose/channels/compose.yaml", addresses, dir.path());
    let _receiver = stack.start("alerts");
    let address = stack.addresses.of("alerts", 5001);
    wait_ok("the receiver", address, "/alerts");
    let post = |body: &str, path: &str| curl(&["--data-binary", body, &format!("http://{address}{path}")]).status;
    assert_eq!(post("nonsense", "/alerts"), 400);
    assert_eq!(post("[]", "/alerts"), 400);
    assert_eq!(post("{}", "/elsewhere"), 404);
    let good = r#"{"alerts": [{"status": "firing", "labels": {"alertname": "A", "job": "shop", "color": "blue"}}]}"#;
    assert_eq!(post(good, "/alerts/"), 200);
    wait_for("the list", || {
        let list = http::get(address, "/alerts", &[]).map_err(|error| error.to_string())?;
        expect(list.text() == "firing A color=blue job=shop\n", || list.text().to_string())
    });
}
