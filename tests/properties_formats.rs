//! Laws of the parsers and encoders over random input: what is written reads back, and nothing makes them panic.
#![cfg(feature = "protobuf")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/laws.rs"]
mod laws;

mod arbitrary;
mod projection;

use arbitrary::{families, number, soup};
use onescrape::encode::{Escaping, Format, Rendered, encode};
use onescrape::model::{Family, child_head, is_legacy_metric_name, sample_head};
use onescrape::parse::{openmetrics, protobuf, text};
use projection::{carried, comparable, encoded, owned, read};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::collections::{BTreeMap, HashSet};

const UTF8_FORMATS: [Format; 2] = [Format::Text100(Escaping::AllowUtf8), Format::OpenMetrics100(Escaping::AllowUtf8)];
const PROTOBUF: Format = Format::Protobuf(Escaping::AllowUtf8);
const ALL_FORMATS: [Format; 14] = [
    Format::Text004,
    Format::Text100(Escaping::AllowUtf8),
    Format::Text100(Escaping::Underscores),
    Format::Text100(Escaping::Dots),
    Format::Text100(Escaping::Values),
    Format::OpenMetrics001,
    Format::OpenMetrics100(Escaping::AllowUtf8),
    Format::OpenMetrics100(Escaping::Underscores),
    Format::OpenMetrics100(Escaping::Dots),
    Format::OpenMetrics100(Escaping::Values),
    PROTOBUF,
    Format::Protobuf(Escaping::Underscores),
    Format::Protobuf(Escaping::Dots),
    Format::Protobuf(Escaping::Values),
];

/// Whatever is read can be written in every format, to something that reads again.
fn check_any_body(body: &[u8]) {
    for exposition in [text(body), openmetrics(body), protobuf(body)].into_iter().flatten() {
        let rendered = Rendered::new(exposition.families.iter().map(owned).collect());
        for format in ALL_FORMATS {
            let mut out = Vec::new();
            encode(&rendered.views(), format, &mut out);
            read(&out, format).unwrap_or_else(|error| panic!("{format:?} of {:?}: {error}", String::from_utf8_lossy(body)));
        }
    }
}

/// A change to a body.
fn mutate(body: &mut Vec<u8>, at: &Index, byte: u8, how: u8) {
    if body.is_empty() {
        return;
    }
    let at = at.index(body.len());
    match how % 4 {
        0 => body[at] = byte,
        1 => body.insert(at, byte),
        2 => drop(body.remove(at)),
        _ => body.truncate(at),
    }
}

proptest! {
    #![proptest_config(laws::tries(128))]

    #[test]
    fn what_is_written_reads_back(families in families(true)) {
        for format in UTF8_FORMATS.into_iter().chain([PROTOBUF]) {
            let body = encoded(&families, format);
            let back = read(&body, format).unwrap();
            prop_assert_eq!(comparable(&back.families), comparable(&carried(&families, format)));
            prop_assert_eq!((back.repeated_metadata, back.irregular_samples), (0, 0));
        }
    }

    #[test]
    fn legacy_names_are_the_same_in_every_format(families in families(false)) {
        for format in ALL_FORMATS {
            let body = encoded(&families, format);
            let back = read(&body, format).unwrap();
            prop_assert_eq!(comparable(&back.families), comparable(&carried(&families, format)));
        }
    }

    #[test]
    fn escaping_makes_no_series_twice(families in families(true)) {
        let rendered = Rendered::new(families.clone());
        for format in ALL_FORMATS {
            let mut out = Vec::new();
            let report = encode(&rendered.views(), format, &mut out);
            let back = read(&out, format).unwrap();
            let mut heads = HashSet::new();
            for family in &back.families {
                for sample in &family.samples {
                    let head = sample_head(&family.name, family.kind, sample.role, &sample.labels);
                    prop_assert!(heads.insert(head.clone()), "{} twice", head);
                }
                for native in &family.natives {
                    let head = child_head(&family.name, &native.labels) + " native";
                    prop_assert!(heads.insert(head.clone()), "{} twice", head);
                }
            }
            let read_samples: usize = back.families.iter().map(|family| family.samples.len()).sum();
            if report.escape_collisions == 0 {
                let carried: usize = carried(&families, format).iter().map(|family| family.samples.len()).sum();
                prop_assert_eq!(read_samples, carried);
                let natives = |families: &[Family<'_>]| families.iter().map(|family| family.natives.len()).sum::<usize>();
                prop_assert!(!matches!(format, Format::Protobuf(_)) || natives(&back.families) == natives(&families));
            }
            if format.escaping() != Escaping::AllowUtf8 {
                for family in &back.families {
                    prop_assert!(is_legacy_metric_name(&family.name), "{}", family.name);
                }
            }
        }
    }

    #[test]
    fn no_bytes_make_the_parsers_panic(body in vec(any::<u8>(), 0..200)) {
        check_any_body(&body);
    }

    #[test]
    fn nearly_valid_bodies_are_taken_or_refused(mut body in soup(), ended in any::<bool>()) {
        if ended {
            body.push_str("\n# EOF\n");
        }
        check_any_body(body.as_bytes());
    }

    #[test]
    fn damaged_bodies_are_taken_or_refused(
        families in families(true),
        openmetrics in any::<bool>(),
        changes in vec((any::<Index>(), prop_oneof![any::<u8>(), select(b" \t\n\"\\{}=,#_1".to_vec())], any::<u8>()), 1..6),
    ) {
        let mut body = encoded(&families, UTF8_FORMATS[usize::from(openmetrics)]);
        for (at, byte, how) in changes {
            mutate(&mut body, &at, byte, how);
        }
        check_any_body(&body);
    }

    #[test]
    fn damaged_messages_are_taken_or_refused(
        families in families(true),
        changes in vec((any::<Index>(), any::<u8>(), any::<u8>()), 1..6),
    ) {
        let mut body = encoded(&families, PROTOBUF);
        for (at, byte, how) in changes {
            mutate(&mut body, &at, byte, how);
        }
        check_any_body(&body);
    }

    #[test]
    fn damaged_answers_of_real_software_are_taken_or_refused(
        openmetrics in any::<bool>(),
        start in any::<Index>(),
        changes in vec((any::<Index>(), prop_oneof![any::<u8>(), select(b" \t\n\"\\{}=,#_1".to_vec())], any::<u8>()), 1..6),
    ) {
        let (answer, end) = match openmetrics {
            true => (include_str!("fixtures/django-workers/2-after/worker1.om"), "# EOF\n"),
            false => (include_str!("fixtures/django-workers/2-after/worker1.prom"), ""),
        };
        let lines: Vec<&str> = answer.split_inclusive('\n').filter(|line| *line != "# EOF\n").collect();
        let mut body: Vec<u8> = lines.iter().skip(start.index(lines.len())).take(20).flat_map(|line| line.bytes()).collect();
        for (at, byte, how) in changes {
            mutate(&mut body, &at, byte, how);
        }
        body.extend_from_slice(end.as_bytes());
        check_any_body(&body);
    }

    #[test]
    fn a_cut_body_is_never_taken_for_a_whole_one(families in families(true), at in any::<Index>()) {
        for format in UTF8_FORMATS {
            let body = encoded(&families, format);
            let cut = if body.is_empty() { 0 } else { at.index(body.len()) };
            let cut = &body[..cut];
            match read(cut, format) {
                // Text that ends with a line is whole as far as anyone can tell; the transport must see the loss.
                Ok(_) if format.is_openmetrics() => prop_assert!(cut.ends_with(b"\n# EOF") || cut == b"# EOF"),
                Ok(_) => prop_assert!(cut.is_empty() || cut.ends_with(b"\n")),
                Err(error) => prop_assert!(error.truncated, "{}", error),
            }
        }
    }

    #[test]
    fn a_cut_message_is_never_taken_for_a_whole_one(families in families(true), at in any::<Index>()) {
        let body = encoded(&families, PROTOBUF);
        let cut = if body.is_empty() { 0 } else { at.index(body.len()) };
        match protobuf(&body[..cut]) {
            // Between two families a body is whole as far as anyone can tell; the transport must see the loss.
            Ok(exposition) => prop_assert_eq!(encoded(&exposition.families.iter().map(owned).collect::<Vec<_>>(), PROTOBUF).len(), cut),
            Err(error) => prop_assert!(error.truncated, "{}", error),
        }
    }

    /// prometheus-parse is right about plain values with plain labels.
    #[test]
    fn an_independent_parser_reads_the_same(
        samples in btree_map(("[a-z_]{1,8}", "[a-zA-Z0-9/. é_-]{1,8}"), (number(), select(vec!["gauge", "counter", "untyped"])), 0..12),
    ) {
        let mut body = String::new();
        let mut types = BTreeMap::new();
        for ((name, _), (_, kind)) in &samples {
            types.entry(format!("m_{name}_x")).or_insert(*kind);
        }
        for (name, kind) in &types {
            body.push_str(&format!("# HELP {name} Help of it.\n# TYPE {name} {kind}\n"));
            for ((own, label), (value, _)) in &samples {
                if format!("m_{own}_x") == *name {
                    body.push_str(&format!("{name}{{view=\"{label}\",z=\"1\"}} {value}\n"));
                }
            }
        }
        let theirs = prometheus_parse::Scrape::parse(body.lines().map(|line| Ok(line.to_string()))).unwrap();
        let mut oracle: Vec<String> = theirs.samples.iter().map(|sample| {
            let value = match sample.value {
                prometheus_parse::Value::Counter(value) | prometheus_parse::Value::Gauge(value) | prometheus_parse::Value::Untyped(value) => value,
                ref other => panic!("{other:?}"),
            };
            format!("{} {:?} {:?} {value:?}", sample.metric, sample.labels.get("view"), sample.labels.get("z"))
        }).collect();
        oracle.sort();
        let ours = text(body.as_bytes()).unwrap();
        let mut found: Vec<String> = ours.families.iter().flat_map(|family| family.samples.iter().map(move |sample| {
            let label = |name: &str| sample.labels.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_ref());
            format!("{} {:?} {:?} {:?}", family.name, label("view"), label("z"), sample.value)
        })).collect();
        found.sort();
        prop_assert_eq!(found, oracle);
    }
}
