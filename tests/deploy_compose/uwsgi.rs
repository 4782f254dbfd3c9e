//! The uWSGI stack, and the load that is made for k6: what it counts is what was sent.

use crate::address::Addresses;
use crate::model::deploy;
use crate::native::Native;
use crate::{status_for_public, wait_ok, wait_value};
use serde_json::Value;

/// How often every request of the load is sent.
const VISITS: usize = 5;

#[test]
fn uwsgi_stack() {
    let dir = tempfile::tempdir().unwrap();
    let ports = [8000..=8000, 3031..=3031, 1717..=1717, 8081..=8081, 11011..=11011, 5001..=5008];
    let addresses = Addresses::hold(&[(&["nginx", "shop"], &ports), (&["prometheus"], &[9090..=9090])]);
    let stack = Native::new("docker-compose/uwsgi/compose.yaml", addresses, dir.path());
    let _nginx = stack.start("nginx");
    stack.run("migrate");
    let _app = stack.start("app");
    let (shop, metrics) = (stack.addresses.of("shop", 8000), stack.addresses.of("prometheus", 9090));
    wait_ok("the application behind nginx", shop, "/");
    let _onescrape = stack.start("onescrape");
    let _prometheus = stack.start("prometheus");
    wait_ok("Prometheus", metrics, "/-/ready");
    wait_value(metrics, "onescrape_slots{job=\"shop\", source=\"workers\", state=\"up\"}", 4.0);

    let requests = std::fs::read_to_string(deploy("docker-compose/uwsgi/k6/requests.json")).unwrap();
    let requests: Vec<Value> = serde_json::from_str(&requests).unwrap();
    for _ in 0..VISITS {
        for request in &requests {
            let text = |key: &str| request[key].as_str().unwrap();
            let status = status_for_public(text("method"), shop, text("path"));
            assert_eq!(Value::from(status), request["status"], "{request}");
        }
    }
    let orders = requests.iter().filter(|request| request["method"] == "POST").count() * VISITS;
    for (counter, expected) in [
        ("django_http_requests_total_by_method_total{method=\"POST\"}", orders),
        ("django_http_responses_total_by_status_total{status=\"201\"}", orders),
        ("django_http_responses_total_by_status_total{status=\"404\"}", VISITS),
        ("django_model_inserts_total{model=\"order\"}", orders),
        ("django_model_inserts_total{model=\"note\"}", orders),
        ("django_model_updates_total{model=\"order\"}", orders),
        ("uwsgi_workers", 4),
        ("nginx_up", 1),
        ("absent(django_http_responses_total_by_status_total{status=\"403\"})", 1), // nginx', before the application
    ] {
        wait_value(metrics, &format!("sum({counter})"), expected as f64);
    }
    // Statements: one for each order and note, and one for the payment; the count now and then.
    for (counter, least) in [
        ("django_db_execute_total{alias=\"default\", vendor=\"sqlite\"}", 3 * orders),
        ("django_cache_get_hits_total{backend=\"locmem\"}", 1),
        ("uwsgi_requests_total", 5 * VISITS),
    ] {
        wait_value(metrics, &format!("sum({counter}) >= bool {least}"), 1.0);
    }
}
