//! The JSON Schema takes what the program takes, and refuses the plain mistakes.

use crate::blocks::configurations;
use crate::onescrape;
use crate::support::{repository, yaml};
use boon::{Compiler, SchemaIndex, Schemas};
use onescrape::source::KINDS;
use serde_json::{Value, json};
use std::fs;

/// Mistakes of form, which a schema can see.
const BAD: [&str; 4] = ["keys", "root", "shapes", "values"];

struct Schema(Schemas, SchemaIndex);

/// What the program prints, which must be a schema by its own draft.
fn schema() -> Schema {
    let printed = onescrape(&["config", "schema"]);
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let value: Value = serde_json::from_slice(&printed.stdout).unwrap();
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("onescrape.json", value).unwrap();
    let index = compiler.compile("onescrape.json", &mut schemas).unwrap_or_else(|error| panic!("{error:#}"));
    Schema(schemas, index)
}

impl Schema {
    fn check(&self, value: &Value) -> Result<(), String> {
        self.0.validate(value, self.1).map_err(|error| format!("{error:#}"))
    }
}

fn file(path: &str) -> Value {
    yaml::typed(&fs::read_to_string(repository().join(path)).unwrap())
}

#[test]
fn what_is_good_is_taken() {
    let schema = schema();
    for path in ["config/onescrape.yml", "config/minimal.yml"] {
        schema.check(&file(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let path = repository().join(path);
        let shown = onescrape(&["config".into(), "show".into(), format!("--config.file={}", path.display())]);
        let shown = String::from_utf8(shown.stdout).unwrap();
        assert!(shown.contains("sources:"));
        schema.check(&yaml::typed(&shown)).unwrap_or_else(|error| panic!("{}, shown: {error}", path.display()));
    }
    let blocks = configurations();
    assert!(blocks.len() >= 5);
    for block in blocks {
        schema.check(&yaml::typed(&block.text)).unwrap_or_else(|error| panic!("{}: {error}", block.place));
    }
}

#[test]
fn mistakes_of_form_are_refused() {
    let schema = schema();
    for name in BAD {
        assert!(schema.check(&file(&format!("tests/config/{name}.bad.yml"))).is_err(), "{name}");
    }
    let source = |kind: &str, key: &str, value: Value| {
        let mut source = json!({"name": "a", "kind": kind, "targets": ["h:1"]});
        source[key] = value;
        json!({"sources": [source]})
    };
    for kind in KINDS {
        schema.check(&source(kind.name, "required", json!(true))).unwrap();
        let foreign = ["cores", "gauge_hold", "files_max"].map(|key| (key, schema.check(&source(kind.name, key, json!(null)))));
        assert!(foreign.iter().filter(|(_, checked)| checked.is_err()).count() >= 2, "{kind:?}: {foreign:?}");
    }
    for (key, good, bad) in [
        ("expect", json!(4), json!(0)),
        ("expect", json!("${N}"), json!("four")),
        ("required", json!("true"), json!("yes")),
        ("gauge_hold", json!("1h30m"), json!("5")),
        ("gauge_default", json!("mostrecent"), json!("counter")),
        ("gauges", json!([{"match": "a", "mode": "sum"}]), json!([{"match": "a"}])),
        ("labels", json!({"a": 1}), json!({"a": []})),
        ("targets", json!(["h:1"]), json!([])),
        ("http_headers", json!({"Host": "h"}), json!("h")),
    ] {
        schema.check(&source("workers", key, good.clone())).unwrap_or_else(|error| panic!("{key}: {good}: {error}"));
        assert!(schema.check(&source("workers", key, bad.clone())).is_err(), "{key}: {bad}");
    }
    assert!(schema.check(&json!({"sources": [{"name": "a", "kind": "workers"}]})).is_err(), "no targets");
    assert!(schema.check(&json!({"limits": {"body_bytes_max": "64 parsecs"}})).is_err());
}
