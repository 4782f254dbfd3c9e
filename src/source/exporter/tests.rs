use super::*;
use crate::encode::{Escaping, Format, encode};
use crate::model::{Exemplar, NativeHistogram, NativeSample, Role, Sample};
use crate::source::testing::{answer, answer_as, apply, config, file, refused, series};
use std::borrow::Cow;

const ONE: &[&str] = &["http://127.0.0.1:9100"];
const TWO: &[&str] = &["http://127.0.0.1:9100", "127.0.0.1:9101"];
#[cfg_attr(not(feature = "protobuf"), expect(dead_code, reason = "natives come in protobuf only"))]
const PROTOBUF: Option<&str> = Some("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited");
const OPENMETRICS: Option<&str> = Some("application/openmetrics-text; version=1.0.0; charset=utf-8");

fn exporters(targets: &[&str]) -> Exporters {
    Exporters::new(&config(&KIND, targets))
}

fn heads(source: &Exporters) -> Vec<String> {
    series(source).into_keys().collect()
}

/// Every line of a captured body is there afterwards, with its value.
#[test]
fn captured_expositions_pass_whole() {
    for name in ["node", "prometheus", "alertmanager", "exporter-exporter", "nginx-exporter"] {
        let body = file(&format!("fixtures/exporters/{name}.prom"));
        let text = String::from_utf8(body.clone()).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let mut source = exporters(ONE);
        let outcome = apply(&mut source, &[answer(body)]).remove(0);
        assert_eq!(outcome, Some(Ok(lines.clone().count())), "{name}");
        let shown = series(&source);
        for line in lines {
            let (head, value) = line.rsplit_once(' ').unwrap();
            let bound = head.contains("le=\"") || head.contains("quantile=\""); // printed canonically
            let value: f64 = value.parse().unwrap();
            let same = |found: Option<&f64>| found.is_some_and(|found| *found == value || (found.is_nan() && value.is_nan()));
            assert!(bound || same(shown.get(&sorted(head))), "{name}: {line}");
        }
        assert_eq!(*source.tally(), Tally::default(), "{name}");
    }
}

/// Protobuf of the same programs passes with as many samples, and the text of it has as many lines.
#[cfg(feature = "protobuf")]
#[test]
fn captured_protobuf_passes_whole() {
    for name in ["node", "prometheus", "nginx-exporter"] {
        let mut source = exporters(ONE);
        let lines = file(&format!("fixtures/exporters/{name}.prom"));
        let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"#")).count();
        let outcome = apply(&mut source, &[answer_as(PROTOBUF, file(&format!("fixtures/exporters/{name}.pb")))]).remove(0);
        assert_eq!((outcome, source.tally()), (Some(Ok(lines)), &Tally::default()), "{name}");
    }
}

/// The head with its labels sorted and the empty ones left out; of captured bodies, whose values hold no `",`.
fn sorted(head: &str) -> String {
    let Some((name, labels)) = head.split_once('{') else { return head.to_string() };
    let labels = labels.trim_end_matches('}').replace("\",", "\"\u{0}");
    let mut labels: Vec<_> = labels.split('\u{0}').filter(|label| !label.is_empty() && !label.ends_with("=\"\"")).collect();
    labels.sort_unstable();
    if labels.is_empty() { name.to_string() } else { format!("{name}{{{}}}", labels.join(",")) }
}

#[test]
fn several_targets_are_told_apart_and_a_down_one_leaves_nothing() {
    let mut source = exporters(TWO);
    let body = "a{exported_target=\"x\",target=\"y\"} 1\nb 2\n";
    let outcomes = apply(&mut source, &[answer(body), answer("b 3\n")]);
    assert_eq!(outcomes, [Some(Ok(2)), Some(Ok(1))]);
    let of_second = "b{target=\"127.0.0.1:9101\"}";
    let of_first =
        ["a{exported_exported_target=\"y\",exported_target=\"x\",target=\"127.0.0.1:9100\"}", "b{target=\"127.0.0.1:9100\"}"];
    assert_eq!(heads(&source), [&of_first[..], &[of_second]].concat());
    assert_eq!(source.families().len(), 2, "one family a name");

    assert_eq!(apply(&mut source, &[refused(), None]), [Some(Err(Missed::Refused)), None]);
    assert_eq!(heads(&source), [of_second], "the second was not tried and stays");
    apply(&mut source, &[answer("c 1\n"), answer("broken\n")]);
    assert_eq!(heads(&source), ["c{target=\"127.0.0.1:9100\"}"]);
}

#[test]
fn one_target_keeps_its_labels() {
    let mut source = exporters(ONE);
    apply(&mut source, &[answer("a{target=\"y\"} 1\n")]);
    assert_eq!(heads(&source), ["a{target=\"y\"}"]);
}

#[test]
fn reserved_names_are_dropped_and_counted() {
    let mut source = exporters(ONE);
    let body = "onescrape_x 1\nup 1\nscrape_duration_seconds{a=\"b\"} 1\nscrapers 1\nupper 1\nmy_up 1\n";
    assert_eq!(apply(&mut source, &[answer(body)]), [Some(Ok(3))]);
    assert_eq!(heads(&source), ["my_up", "scrapers", "upper"]);
    assert_eq!(source.tally().dropped, BTreeMap::from([(DropReason::ReservedName, 3)]));
}

#[test]
fn the_first_of_duplicates_stays_and_of_points_the_latest() {
    let mut source = exporters(ONE);
    apply(&mut source, &[answer("a{x=\"1\",y=\"2\"} 1\na 7\na{y=\"2\",x=\"1\"} 2\n")]);
    assert_eq!(series(&source)["a{x=\"1\",y=\"2\"}"], 1.0);
    assert_eq!(source.tally().dropped, BTreeMap::from([(DropReason::Duplicate, 1)]));

    let mut source = exporters(ONE);
    apply(&mut source, &[answer_as(OPENMETRICS, "# TYPE a gauge\na 1 10\na 2 20\n# EOF\n")]);
    assert_eq!(series(&source)["a"], 2.0);
    assert!(source.tally().dropped.is_empty());
}

#[test]
fn samples_of_a_child_stand_together_buckets_rising() {
    let mut source = exporters(ONE);
    let body = "# TYPE h histogram\nh_bucket{v=\"b\",le=\"+Inf\"} 4\nh_bucket{v=\"a\",le=\"10\"} 1\nh_count{v=\"b\"} 4\nh_bucket{v=\"b\",le=\"2\"} 3\n\
                h_bucket{v=\"a\",le=\"+Inf\"} 1\nh_sum{v=\"a\"} 9\nh_count{v=\"a\"} 1\nh_sum{v=\"b\"} 5\n";
    apply(&mut source, &[answer(body)]);
    let families = source.families();
    let roles: Vec<_> = families[0].samples.iter().map(|s| (s.role, s.value)).collect();
    let infinity = Role::Bucket(f64::INFINITY);
    let of_a = [(Role::Bucket(10.0), 1.0), (infinity, 1.0), (Role::Count, 1.0), (Role::Sum, 9.0)];
    let of_b = [(Role::Bucket(2.0), 3.0), (infinity, 4.0), (Role::Count, 4.0), (Role::Sum, 5.0)];
    assert_eq!(roles, [of_a, of_b].concat());
}

/// A native histogram of one observation for each of these children, which each have a classic one, too, if `classic`.
#[cfg_attr(not(feature = "protobuf"), expect(dead_code, reason = "natives come in protobuf only"))]
fn natives(children: &[&str], classic: bool) -> Vec<u8> {
    let mut family = Family::new("h", MetricType::Histogram, "");
    for x in children {
        let labels = vec![("x".into(), x.to_string().into())];
        let histogram = NativeHistogram { count: 1.0, positive: vec![(0, 1.0)], ..Default::default() };
        let exemplars = vec![Exemplar { labels: Vec::new(), value: 1.0, timestamp: Some(2.0) }];
        let histogram = Cow::Owned(histogram);
        family.natives.push(NativeSample { labels: labels.clone(), timestamp: None, histogram, exemplars });
        let roles = [Role::Bucket(f64::INFINITY), Role::Count, Role::Sum];
        let sample = |role| Sample { role, labels: labels.clone(), value: 1.0, timestamp: None, exemplar: None };
        family.samples.extend(roles.iter().filter(|_| classic).map(|role| sample(*role)));
    }
    let mut body = Vec::new();
    encode(&Rendered::new(vec![family]).views(), Format::Protobuf(Escaping::AllowUtf8), &mut body);
    body
}

#[cfg_attr(not(feature = "protobuf"), expect(dead_code, reason = "natives come in protobuf only"))]
fn native_heads(source: &Exporters) -> Vec<String> {
    source.families().iter().flat_map(|family| &family.natives).map(|native| native.head.to_string()).collect()
}

#[cfg(feature = "protobuf")]
#[test]
fn natives_pass_with_the_label_of_their_target() {
    let mut source = exporters(TWO);
    let outcomes = apply(&mut source, &[answer_as(PROTOBUF, natives(&["1"], false)), answer_as(PROTOBUF, natives(&["1"], true))]);
    assert_eq!(outcomes, [Some(Ok(1)), Some(Ok(4))]);
    let want = ["h{target=\"127.0.0.1:9100\",x=\"1\"}", "h{target=\"127.0.0.1:9101\",x=\"1\"}"];
    assert_eq!(native_heads(&source), want);
    assert_eq!(heads(&source).len(), 3);
    let families = source.families();
    assert_eq!((families.len(), families[0].natives[0].histogram.count, families[0].natives[0].exemplars.len()), (1, 1.0, 1));
}

#[cfg(feature = "protobuf")]
#[test]
fn natives_take_room_are_held_to_the_limits_and_pass_once() {
    let mut source = exporters(ONE);
    source.max_series = 5;
    // The first child takes four, the second would, too; one that is only native takes one.
    let body = [natives(&["1", "2"], true), natives(&["3", "4"], false)].concat();
    assert_eq!(apply(&mut source, &[answer_as(PROTOBUF, body)]), [Some(Ok(5))]);
    assert_eq!(native_heads(&source), ["h{x=\"1\"}", "h{x=\"3\"}"]);
    assert_eq!(source.tally().dropped, BTreeMap::from([(DropReason::MaxSeries, 5)]));

    let mut source = exporters(ONE);
    source.limits.label_value_bytes_max = 3;
    let body = [natives(&["1", "long"], false), natives(&["1"], false)].concat();
    assert_eq!(apply(&mut source, &[answer_as(PROTOBUF, body)]), [Some(Ok(1))]);
    assert_eq!(source.tally().dropped, BTreeMap::from([(DropReason::LabelValueBytesMax, 1), (DropReason::Duplicate, 1)]));
}

#[test]
fn exemplars_and_created_pass() {
    let mut source = exporters(ONE);
    let body = "# TYPE a counter\n# HELP a Help.\na_total 5 # {trace=\"t\"} 1 10.5\na_created 7\n# EOF\n";
    apply(&mut source, &[answer_as(OPENMETRICS, body)]);
    let families = source.families();
    assert_eq!((families[0].name, families[0].help, families[0].kind), ("a_total", "Help.", MetricType::Counter));
    assert_eq!(families[0].samples[0].exemplar.map(|e| e.value), Some(1.0));
    assert_eq!((families[0].samples[1].role, families[0].samples[1].value), (Role::Created, 7.0));
}

#[test]
fn the_first_targets_type_stays_while_it_has_the_family() {
    let mut source = exporters(TWO);
    let (counter, gauge) = ("# HELP a One.\n# TYPE a counter\na 1\n", "# HELP a Two.\n# TYPE a gauge\na 2\nb 3\n");
    apply(&mut source, &[answer(counter), answer(gauge)]);
    assert_eq!(heads(&source), ["a{target=\"127.0.0.1:9100\"}", "b{target=\"127.0.0.1:9101\"}"]);
    assert_eq!(source.families()[0].kind, MetricType::Counter);
    assert_eq!(source.tally().dropped, BTreeMap::from([(DropReason::TypeConflict, 1)]));
    assert_eq!(source.tally().type_conflicts, 1);

    apply(&mut source, &[refused(), answer(gauge)]);
    assert_eq!((source.families()[0].kind, source.tally().type_conflicts), (MetricType::Gauge, 0));

    apply(&mut source, &[answer("# HELP a One.\n# TYPE a gauge\na 1\n"), answer(gauge)]);
    assert_eq!(source.tally().help_conflicts, 1);
    assert_eq!(source.families()[0].help, "One.");
}

#[test]
fn limits_bound_what_is_held_and_keep_children_whole() {
    let mut source = exporters(ONE);
    source.max_series = 5;
    let body = "# TYPE h histogram\nh_bucket{v=\"a\",le=\"+Inf\"} 1\nh_count{v=\"a\"} 1\nh_sum{v=\"a\"} 9\n\
                h_bucket{v=\"b\",le=\"+Inf\"} 1\nh_count{v=\"b\"} 1\nh_sum{v=\"b\"} 9\nz 1\n";
    assert_eq!(apply(&mut source, &[answer(body)]), [Some(Ok(4))]);
    assert_eq!(source.tally().dropped, BTreeMap::from([(DropReason::MaxSeries, 3)]));

    let mut source = exporters(ONE);
    source.limits.label_value_bytes_max = 3;
    source.limits.labels_max = 2;
    assert_eq!(apply(&mut source, &[answer("a{b=\"long\"} 1\na{b=\"c\",d=\"e\",f=\"g\"} 1\na{b=\"c\"} 1\n")]), [Some(Ok(1))]);
    assert_eq!(source.tally().dropped, BTreeMap::from([(DropReason::LabelsMax, 1), (DropReason::LabelValueBytesMax, 1)]));
}

#[cfg(feature = "protobuf")]
#[test]
fn bodies_that_are_none_say_why() {
    for (content_type, body, truncated, word) in [
        (None, "a 1\nb 12", true, "line 2"),
        (None, "a 1\nb c\n", false, "line 2"),
        (None, "<html>\n</html>\n", false, "HTML"),
        (OPENMETRICS, "a 1\n", true, "line"),
        (PROTOBUF, "\u{5}\n\u{3}abc\u{9}", true, "family 2"),
        (PROTOBUF, "a 1\n", true, "family 1"),
        (Some("application/vnd.google.protobuf;encoding=text"), "", false, "encoding=delimited"),
    ] {
        let outcome = apply(&mut exporters(ONE), &[answer_as(content_type, body)]).remove(0).unwrap().unwrap_err();
        assert_eq!(matches!(outcome, Missed::Truncated(_)), truncated, "{body}: {outcome}");
        assert!(outcome.to_string().contains(word), "{body}: {outcome}");
    }
}
