//! The keys as JSON Schema, for editors and for checks in pipelines. What it refuses, reading refuses too, but for spellings: a word
//! of an `action` in capitals. What it can't know (whether addresses make sense, whether two sources have one name) is left to
//! `config check`.

use super::file::root_keys;
use super::key::{Form, Key};
use super::source_keys::SOURCES_KEY;
use crate::source::KINDS;
use serde_json::{Map, Value, json};

/// The draft that the schema is written in.
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of a configuration file.
pub fn schema() -> Value {
    let mut schema = mapping(&root_keys());
    let about = json!({
        "$schema": DRAFT,
        "title": "onescrape",
        "description": "The configuration file of onescrape.",
        "$defs": {"variable": {"type": "string", "pattern": "\\$\\{", "description": "replaced from the environment"}},
    });
    if let (Value::Object(schema), Value::Object(about)) = (&mut schema, about) {
        schema.extend(about);
    }
    schema
}

fn mapping(keys: &[&Key]) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|key| (key.name.into(), property(key))).collect();
    let needed: Vec<_> = keys.iter().filter(|key| key.needed).map(|key| key.name).collect();
    json!({"type": "object", "properties": properties, "required": needed, "additionalProperties": false})
}

/// The value of a key. One that is not needed may hold nothing, which is the same as leaving it out.
fn property(key: &Key) -> Value {
    let form = if key.name == SOURCES_KEY { sources(key) } else { form(&key.form) };
    let mut property = match key.needed {
        true => form,
        false => json!({"anyOf": [form, {"type": "null"}]}),
    };
    if let Some(property) = property.as_object_mut() {
        property.insert("description".into(), key.about.into());
        if !key.default.is_empty() {
            property.insert("default".into(), default(key));
        }
    }
    property
}

fn default(key: &Key) -> Value {
    match (&key.form, key.default.parse::<u64>()) {
        (Form::Flag, _) => (key.default == "true").into(),
        (Form::Count(_) | Form::CountOr(..), Ok(number)) => number.into(),
        _ => key.default.into(),
    }
}

fn form(form: &Form) -> Value {
    let variable = || json!({"$ref": "#/$defs/variable"});
    let text = || json!({"type": ["string", "number", "boolean"]});
    let digits = || json!({"type": "string", "pattern": "^[0-9]+$"});
    let integer = |allowed: &std::ops::RangeInclusive<usize>| {
        let integer = json!({"type": "integer", "minimum": allowed.start(), "maximum": allowed.end()});
        vec![integer, digits(), variable()]
    };
    match form {
        Form::Flag => json!({"anyOf": [{"type": "boolean"}, {"enum": ["true", "false"]}, variable()]}),
        Form::Text | Form::Verbatim => text(),
        Form::Count(allowed) => json!({"anyOf": integer(allowed)}),
        Form::CountOr(allowed, word) => {
            let mut any = integer(allowed);
            any.push(json!({"const": word}));
            json!({"anyOf": any})
        }
        Form::Number => json!({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}]}),
        Form::Duration => {
            let duration = json!({"type": "string", "pattern": "^(0|([0-9]+(w|d|h|ms|m|s))+)$"});
            json!({"anyOf": [duration, {"const": 0}, variable()]})
        }
        Form::Size => {
            let size = json!({"type": "string", "pattern": "^[0-9]+ *(B|kB|KB|MB|GB|KiB|MiB|GiB)?$"});
            json!({"anyOf": [size, {"type": "integer", "minimum": 0}, variable()]})
        }
        Form::Words(words) => json!({"anyOf": [{"enum": words()}, variable()]}),
        Form::Ports => {
            let range = json!({"type": "string", "pattern": "^[0-9]+(-[0-9]+)?$"});
            json!({"anyOf": [range, {"type": "integer", "minimum": 1, "maximum": u16::MAX}, variable()]})
        }
        Form::List(item) => json!({"type": "array", "items": self::form(item)}),
        Form::Map(keys) => mapping(&keys()),
        Form::Texts => json!({"type": "object", "additionalProperties": text()}),
    }
}

/// Sources, each with the keys of its kind. All keys stand once; what a kind doesn't have is refused by their names.
fn sources(key: &Key) -> Value {
    let keys = key.form.keys();
    let of_kind = |kind: &str| -> Vec<_> { keys.iter().filter(|key| key.is_of(kind)).map(|key| key.name).collect() };
    let kinds: Vec<_> = KINDS
        .iter()
        .map(|kind| {
            json!({
                "if": {"properties": {"kind": {"const": kind.name}}, "required": ["kind"]},
                "then": {"propertyNames": {"enum": of_kind(kind.name)}},
            })
        })
        .collect();
    let given = |key: &str| json!({"required": [key], "properties": {key: {"type": "array", "minItems": 1}}});
    let mut source = mapping(&keys);
    if let Some(source) = source.as_object_mut() {
        source.insert("allOf".into(), kinds.into());
        source.insert("anyOf".into(), ["targets", "dns_sd_configs", "file_sd_configs"].map(given).into_iter().collect());
    }
    json!({"type": "array", "items": source})
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::yaml::{Node, Value as Yaml, compose};
    use super::super::{Overrides, parse};
    use super::*;

    /// A source of every kind, every mapping with as little in it as it takes: what is shown beside that is default.
    const LEAST: &str = "sources:
- {name: a, kind: workers, targets: ['h:1'], last_words: {token_file: t}, file_sd_configs: [{files: [t.yml]}], aggregate: [{match: m, without: [l]}],
   gauges: [{match: m, mode: sum}]}
- {name: b, kind: uwsgi, targets: ['tcp://h:2']}
- {name: c, kind: nginx, targets: ['http://h:3/x']}
- {name: d, kind: nginx_vts, targets: ['http://h:4/x']}
- {name: e, kind: exporter, targets: ['http://h:5/x'], authorization: {credentials: x}}
- {name: f, kind: multiproc, targets: [/x]}
";
    /// Worked out at the start, by the memory there is.
    const WORKED_OUT: &str = "auto";

    fn hold(keys: &[&Key], node: &Node, seen: &mut usize) {
        match &node.value {
            Yaml::List(items) => items.iter().for_each(|item| hold(keys, item, seen)),
            Yaml::Map(entries) => {
                for entry in entries {
                    let key = keys.iter().find(|key| key.name == entry.key).unwrap_or_else(|| panic!("{} is no key", entry.key));
                    if let (Yaml::Scalar(shown), false) = (&entry.value.value, ["", WORKED_OUT].contains(&key.default)) {
                        assert_eq!((key.name, key.default), (key.name, shown.as_str()));
                        *seen += 1;
                    }
                    if !key.form.keys().is_empty() {
                        hold(&key.form.keys(), &entry.value, seen);
                    }
                }
            }
            _ => {}
        }
    }

    #[test]
    fn defaults_are_what_is_in_force() {
        let config = parse("least.yml", LEAST.as_bytes(), &Overrides::default(), &|_| None).unwrap();
        let (root, faults) = compose(config.to_yaml().as_bytes());
        assert_eq!(faults, []);
        let mut seen = 0;
        hold(&root_keys(), &root.unwrap(), &mut seen);
        assert!(seen > 50, "{seen}");
    }

    #[test]
    #[cfg(feature = "tools")]
    fn every_key_says_what_it_is_for() {
        fn each(keys: &[&Key]) {
            for key in keys {
                assert!(key.about.len() > 3 && !key.about.ends_with('.'), "{}", key.name);
                each(&key.form.keys());
            }
        }
        each(&root_keys());
    }
}
