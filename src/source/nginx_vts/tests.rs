use super::*;
use crate::config::Limit;
use crate::merge::{DropReason, RepairKind};
use crate::model::split_head;
use crate::source::testing::{answer, apply, config, file, path, refused, series};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ONE: &[&str] = &["http://127.0.0.1:8080/status/format/json"];
const TWO: &[&str] = &["http://127.0.0.1:8080", "http://127.0.0.1:8081"];

fn vts(targets: &[&str]) -> NginxVts {
    NginxVts::new(&config(&KIND, targets))
}

/// What a source of one target shows of a document.
fn shown(document: &Value) -> BTreeMap<String, f64> {
    let mut source = vts(ONE);
    let outcome = apply(&mut source, &[answer(document.to_string())]);
    assert!(matches!(outcome.as_slice(), [Some(Ok(_))]), "{outcome:?}");
    series(&source)
}

/// A document with these servers and no more than it must have.
fn servers(rows: &str) -> String {
    format!("{{\"hostName\":\"h\",\"serverZones\":{{{rows}}}}}")
}

/// A series: its name and its labels, bounds as numbers.
type Series = (String, BTreeMap<String, String>);

fn with_bound(mut series: Series) -> Series {
    if let Some(le) = series.1.get_mut("le") {
        *le = le.parse::<f64>().unwrap().to_string();
    }
    series
}

/// The module's own exposition. Label values end at a quote before a comma or brace: old releases escape nothing.
fn samples(exposition: &str, escaped: bool) -> Vec<(Series, f64)> {
    let sample = |line: &str| {
        let (head, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = head.split_once('{').unwrap_or((head, "}"));
        let mut rest = labels.strip_suffix('}').unwrap();
        let mut labels = BTreeMap::new();
        while let Some((label, after)) = rest.split_once("=\"") {
            let end = after.find("\",").unwrap_or(after.len() - 1);
            let text = if escaped { unescaped(&after[..end]) } else { after[..end].to_string() };
            labels.insert(label.to_string(), text);
            rest = after.get(end + 2..).unwrap_or_default();
        }
        (with_bound((name.to_string(), labels)), value.parse().unwrap())
    };
    exposition.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(sample).collect()
}

/// Bytes that are no UTF-8 are written `\\xFF` there.
fn unescaped(text: &str) -> String {
    let text = text.replace("\\n", "\n").replace("\\\"", "\"").replace("\\\\", "\\");
    let mut parts = text.split("\\x");
    let first = parts.next().unwrap().to_string();
    parts.fold(first, |all, part| all + "\u{fffd}" + &part[2..])
}

/// What the module's series become: see the table of `families`.
fn corrected(module: Vec<(Series, f64)>) -> BTreeMap<Series, f64> {
    let mut all: BTreeMap<Series, Vec<f64>> = BTreeMap::new();
    for ((name, mut labels), value) in module {
        let average = name.ends_with("_request_seconds") || name.ends_with("_response_seconds");
        // Releases before 0.2 call the code of a filter its direction, and sum the codes.
        if name == "nginx_vts_filter_requests_total"
            && let Some(code) = labels.remove("direction")
        {
            labels.insert("code".into(), code);
        }
        if average || labels.get("code").is_some_and(|code| code == "total") {
            continue;
        }
        let name = match (name.as_str(), labels.values().next().map(String::as_str)) {
            ("nginx_vts_main_connections", Some(counter @ ("accepted" | "handled"))) => {
                format!("nginx_vts_main_connections_{counter}_total")
            }
            ("nginx_vts_main_connections", Some("requests")) => "nginx_vts_main_requests_total".into(),
            ("nginx_vts_main_shm_usage_bytes", Some("used_node")) => "nginx_vts_main_shm_used_nodes".into(),
            _ => name,
        };
        if name.starts_with("nginx_vts_main") && (name.ends_with("_total") || name.ends_with("_nodes")) {
            labels.clear();
        }
        all.entry((name, labels)).or_default().push(value);
    }
    for ((name, labels), values) in &mut all {
        // The sum row comes last and has no histogram.
        if labels.get("host").is_some_and(|host| host == "*") && !name.contains("_duration_") {
            values.pop();
        }
    }
    all.retain(|_, values| !values.is_empty());
    let all: BTreeMap<Series, f64> = all.into_iter().map(|(series, values)| (series, values.iter().sum())).collect();
    let without_bound = |labels: &BTreeMap<String, String>| {
        let mut labels = labels.clone();
        labels.remove("le");
        labels
    };
    let sane = |(name, labels): &Series| {
        let Some((family, _)) = name.split_once("_duration_seconds") else { return true };
        let family = format!("{family}_duration_seconds");
        let count = all[&(format!("{family}_count"), without_bound(labels))];
        all.iter().all(|((name, other), value)| {
            *name != format!("{family}_bucket") || without_bound(other) != without_bound(labels) || *value <= count
        })
    };
    all.iter().filter(|(series, _)| sane(series)).map(|(series, value)| (series.clone(), *value)).collect()
}

#[test]
fn what_the_module_shows_is_shown() {
    for name in ["idle", "load", "after-reload", "v0.2.7-after-reset", "v0.1.18"] {
        let mut source = vts(ONE);
        let outcome = apply(&mut source, &[answer(file(&format!("fixtures/nginx-vts/{name}.json")))]);
        assert!(matches!(outcome.as_slice(), [Some(Ok(_))]), "{name}: {outcome:?}");
        let ours: BTreeMap<Series, f64> = series(&source)
            .into_iter()
            .map(|(head, value)| {
                let (name, labels) = split_head(&head).unwrap();
                let labels = labels.into_iter().map(|(label, value)| (label.into_owned(), value.into_owned())).collect();
                (with_bound((name.into_owned(), labels)), value)
            })
            .collect();
        let module = file(&format!("fixtures/nginx-vts/{name}.module"));
        let module = corrected(samples(&String::from_utf8_lossy(&module), name != "v0.1.18"));
        let lacks = |these: &BTreeMap<Series, f64>, those: &BTreeMap<Series, f64>| -> Vec<Series> {
            these.keys().filter(|series| !those.contains_key(series)).cloned().collect()
        };
        assert_eq!((lacks(&module, &ours), lacks(&ours, &module)), (vec![], vec![]), "{name}");
        // Releases before 0.2 give histograms of responses the sum of the requests.
        let wrong = |series: &Series| name == "v0.1.18" && series.0 == "nginx_vts_upstream_response_duration_seconds_sum";
        for (series, value) in ours.iter().filter(|(series, _)| !wrong(series)) {
            let counts_scrapes = series.0.starts_with("nginx_vts_main_")
                || series.1.values().any(|value| value == "status.test" || value.starts_with("curl/"));
            let theirs = module[series];
            assert!(*value == theirs || (counts_scrapes && *value < theirs), "{name}: {series:?} {value}, {theirs} there");
        }
        assert!(ours.len() > 200, "{name}: {}", ours.len());
    }
}

/// Names, types and HELP; `docs/metrics.md` is held against the same file.
#[test]
fn golden_of_families() {
    let mut source = vts(ONE);
    apply(&mut source, &[answer(file("fixtures/nginx-vts/load.json"))]);
    let mut shown = String::new();
    for family in source.families() {
        shown += &format!("# HELP {} {}\n# TYPE {0} {}\n", family.name, family.help, family.kind.as_openmetrics());
    }
    let golden = path("golden/nginx_vts/families.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&golden, &shown).unwrap();
    }
    assert_eq!(shown, std::fs::read_to_string(&golden).unwrap_or_default(), "BLESS=1 writes {} anew", golden.display());

    let module = file("fixtures/nginx-vts/load.module");
    let module = String::from_utf8_lossy(&module).replace(" [vts]", "").replace("THe", "The");
    let module: Vec<&str> = module.lines().map(str::trim_end).collect();
    const OURS: [&str; 4] = ["_accepted_total", "_handled_total", "main_requests_total", "_used_nodes"];
    for line in shown.lines().filter(|line| !OURS.iter().any(|ours| line.contains(ours))) {
        let line = line.replace("nginx_vts_info info", "nginx_vts_info gauge");
        assert!(module.contains(&line.as_str()), "the module says otherwise: {line}");
    }
}

#[test]
fn the_row_that_sums_is_left_out_whatever_its_name() {
    let hosts = |rows: &str| {
        let mut source = vts(ONE);
        let outcome = apply(&mut source, &[answer(servers(rows))]);
        assert!(matches!(outcome.as_slice(), [Some(Ok(_))]), "{outcome:?}");
        let mut hosts = Vec::new();
        for (head, value) in series(&source) {
            let (name, labels) = split_head(&head).unwrap();
            if name == "nginx_vts_server_bytes_total" {
                hosts.extend(labels.into_iter().filter(|(label, _)| label == "host").map(|(_, host)| (host.into_owned(), value)));
            }
        }
        hosts
    };
    let row = |key: &str, requests: u64| format!("\"{key}\":{{\"requestCounter\":{requests},\"inBytes\":{requests}}}");
    let named = |rows: &[(&str, u64)]| rows.iter().map(|(key, n)| row(key, *n)).collect::<Vec<_>>().join(",");
    assert_eq!(hosts(&named(&[("a", 1), ("b", 2), ("*", 3)])), [("a".into(), 1.0), ("b".into(), 2.0)]);
    assert_eq!(hosts(&named(&[("a", 1), ("b", 2), ("all", 3)])), [("a".into(), 1.0), ("b".into(), 2.0)]);
    assert_eq!(hosts(&named(&[("a", 1), ("*", 2), ("*", 3)])), [("*".into(), 2.0), ("a".into(), 1.0)]);
    assert_eq!(hosts(&named(&[("a", 1), ("b", 2)])), [("a".into(), 1.0), ("b".into(), 2.0)]);
    assert_eq!(hosts(&named(&[("*", 0)])), []);
    assert_eq!(hosts(""), []);
}

#[test]
fn rows_of_one_key_are_one() {
    let zone = |n: u64| {
        json!({"requestCounter": n, "inBytes": n, "requestMsecCounter": n * 1000, "responses": {"2xx": n, "hit": n}, "statusCodes": {"200": n},
               "requestBuckets": {"msecs": [5, 50], "counters": [n, n]}})
        .to_string()
    };
    let body = format!("{{\"serverZones\":{{\"a\\u0001\":{0},\"a\\u0001\":{1},\"\":{0},\"*\":{1}}}}}", zone(2), zone(3));
    let mut source = vts(ONE);
    apply(&mut source, &[answer(body)]);
    let shown = series(&source);
    for head in [
        "nginx_vts_server_bytes_total{direction=\"in\",host=\"a\u{1}\"}",
        "nginx_vts_server_requests_total{code=\"2xx\",host=\"a\u{1}\"}",
        "nginx_vts_server_cache_total{host=\"a\u{1}\",status=\"hit\"}",
        "nginx_vts_status_code_requests_total{code=\"200\",host=\"a\u{1}\"}",
        "nginx_vts_server_request_seconds_total{host=\"a\u{1}\"}",
        "nginx_vts_server_request_duration_seconds_count{host=\"a\u{1}\"}",
    ] {
        assert_eq!(shown.get(head), Some(&5.0), "{head} in {shown:?}");
    }
    assert_eq!(shown["nginx_vts_server_bytes_total{direction=\"in\"}"], 2.0, "an empty host is no label");
}

#[test]
fn a_histogram_that_is_none_is_left_out_and_counted() {
    let zone = |count: u64, msecs: &[u64], counters: &[u64]| {
        json!({"serverZones": {"a": {"requestCounter": count, "requestMsecCounter": 1, "requestBuckets": {"msecs": msecs, "counters": counters}},
               "*": {}}})
    };
    for (document, repaired) in [
        (zone(3, &[5, 50], &[1, 2]), None),
        (zone(3, &[], &[]), None),
        (zone(1, &[5, 50], &[1, 2]), Some(RepairKind::CountMismatch)),
        (zone(3, &[5, 50], &[2, 1]), Some(RepairKind::NotCumulative)),
        (zone(3, &[50, 5], &[1, 2]), Some(RepairKind::NotCumulative)),
        (zone(3, &[5, 5], &[1, 2]), Some(RepairKind::NotCumulative)),
        (zone(3, &[5], &[1, 2]), Some(RepairKind::NotCumulative)),
        (zone(3, &[5, 50], &[u64::MAX, 2]), Some(RepairKind::NotCumulative)),
    ] {
        let mut source = vts(ONE);
        apply(&mut source, &[answer(document.to_string())]);
        assert_eq!(
            source.tally().repairs.keys().copied().collect::<Vec<_>>(),
            repaired.into_iter().collect::<Vec<_>>(),
            "{document}"
        );
        let buckets = series(&source).keys().filter(|head| head.contains("_bucket")).count();
        assert_eq!(buckets > 0, repaired.is_none() && document.to_string().contains("50"), "{document}");
    }
}

#[test]
fn a_target_that_is_down_leaves_nothing_and_several_carry_target() {
    let mut source = vts(TWO);
    let page = file("fixtures/nginx-vts/idle.json");
    let outcomes = apply(&mut source, &[answer(page.clone()), answer(page)]);
    assert!(matches!(outcomes.as_slice(), [Some(Ok(a)), Some(Ok(b))] if a == b), "{outcomes:?}");
    let shown = series(&source);
    for target in &source.targets {
        let label = format!("target=\"{}\"", target.label.as_deref().unwrap());
        assert_eq!(shown.keys().filter(|head| head.contains(&label)).count(), shown.len() / 2);
    }
    // The second was not tried and stays.
    let outcomes = apply(&mut source, &[refused(), None]);
    assert_eq!(outcomes, [Some(Err(Missed::Refused)), None]);
    assert_eq!(series(&source).len(), shown.len() / 2);
}

#[test]
fn only_peers_that_had_requests_are_shown() {
    let mut source = vts(ONE);
    apply(&mut source, &[answer(file("fixtures/nginx-vts/fresh.json"))]);
    let shown = series(&source);
    assert!(shown.len() > 5 && !shown.keys().any(|head| head.contains("upstream=")), "{shown:?}");
}

#[test]
fn numbers_below_zero_and_missing_ones() {
    let shown = shown(&json!({"serverZones": {"a": {"inBytes": u64::MAX, "outBytes": "x"}, "*": {}},
                              "connections": {"waiting": u64::MAX, "accepted": 9_007_199_254_740_993_u64}}));
    assert!(!shown.keys().any(|head| head.contains("bytes_total")), "{shown:?}");
    assert_eq!(shown["nginx_vts_main_connections{status=\"waiting\"}"], -1.0);
    assert_eq!(shown["nginx_vts_main_connections_accepted_total"], 9_007_199_254_740_992.0);
    assert!(!shown.contains_key("nginx_vts_start_time_seconds"));
}

#[test]
fn documents_that_are_none_say_what_they_are() {
    for (body, truncated, word) in [
        ("", true, "empty"),
        ("{\"serverZones\":{\"a", true, "last brace"),
        ("<!doctype html><html>", false, "HTML"),
        ("# HELP nginx_vts_info", false, "# HELP"),
        ("Active connections: 1", false, "\"Active connections: 1\""),
        ("{}", false, "nothing to show"),
        ("{\"workers\":[]}", false, "serverZones"),
        ("{\"serverZones\":[]}", false, "shape"),
        ("{\"serverZones\":{\"a\":\"secret\"}}", false, "shape"),
        ("{\"serverZones\":{}}x", false, "trailing"),
    ] {
        let outcome = apply(&mut vts(ONE), &[answer(body)]).remove(0).unwrap().unwrap_err();
        assert_eq!(matches!(outcome, Missed::Truncated(_)), truncated, "{body}: {outcome}");
        assert!(outcome.to_string().contains(word), "{body}: {outcome}");
        assert!(!outcome.to_string().contains("secret"), "{outcome}");
    }
}

#[test]
fn limits_bound_what_is_held_filters_first() {
    let zones = |prefix: &str, many: u64| {
        let rows = (0..many).map(|n| (format!("{prefix}{n}"), json!({"inBytes": n, "outBytes": n, "requestCounter": n})));
        Value::Object(rows.collect())
    };
    let document = json!({"serverZones": zones("host", 5), "filterZones": {"agent": zones("agent", 50)}});
    let mut source = vts(ONE);
    source.max_series = 50;
    let outcome = apply(&mut source, &[answer(document.to_string())]).remove(0);
    assert!(matches!(&outcome, Some(Err(Missed::OverLimit { limit: Limit::MaxSeries, .. }))), "{outcome:?}");
    source.max_series = 60;
    apply(&mut source, &[answer(document.to_string())]);
    let shown = series(&source);
    assert!(shown.len() <= 60);
    assert_eq!(shown.keys().filter(|head| head.contains("host=\"host")).count(), 10);
    assert!(source.tally().dropped[&DropReason::MaxSeries] > 0);

    let mut source = vts(ONE);
    source.limits.label_value_bytes_max = 10;
    let long = json!({"serverZones": {"a-name-too-long": {"inBytes": 1}, "a": {"inBytes": 1, "requestCounter": 1}}});
    apply(&mut source, &[answer(long.to_string())]);
    assert_eq!(series(&source).into_keys().filter(|head| head.contains("host")).count(), 1);
    assert_eq!(source.tally().dropped, BTreeMap::from([(DropReason::LabelValueBytesMax, 1)]));
}

#[test]
fn commas_behind_last_members_are_forgiven() {
    let mut source = vts(ONE);
    let outcome = apply(&mut source, &[answer(servers("\"a\":{\"inBytes\":1,},\"*\":{\"inBytes\":1,}, "))]).remove(0);
    assert!(matches!(outcome, Some(Ok(_))), "{outcome:?}");
    assert_eq!(series(&source)["nginx_vts_server_bytes_total{direction=\"in\",host=\"a\"}"], 1.0);
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        apply(&mut vts(ONE), &[answer(bytes.clone())]);
        apply(&mut vts(ONE), &[answer([b"{\"serverZones\":{\"", bytes.as_slice()].concat())]);
    }

    #[test]
    fn mutated_documents_are_an_answer(edits in proptest::collection::vec((0.0..1.0, any::<u8>(), any::<bool>()), 1..8)) {
        let mut source = vts(TWO);
        let mut body = file("fixtures/nginx-vts/idle.json");
        for (at, byte, cut) in edits {
            let at = (at * body.len() as f64) as usize;
            if cut {
                body.drain(at..(at + usize::from(byte)).min(body.len()));
            } else if let Some(old) = body.get_mut(at) {
                *old = byte;
            }
            apply(&mut source, &[answer(body.clone()), answer(body.clone())]);
            series(&source); // asserts that no series stands twice
        }
    }
}
