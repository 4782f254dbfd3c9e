//! Files of targets in the form that Prometheus' `file_sd_configs` read: a list of groups with `targets` and `labels`, as JSON or YAML.
//! Nothing is replaced in them: who writes such a file need not know our environment.

use super::found::Group;
use crate::config::yaml::{Entry, Node, Place, Value, compose};
use crate::config::{choice, label_name, path};
use std::collections::BTreeMap;

/// What a file holds.
///
/// # Errors
/// The first mistake, with line and column.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Group>, String> {
    let (root, faults) = compose(bytes);
    if let Some(fault) = faults.first() {
        return Err(at(fault.place, &fault.message));
    }
    match root.map(|root| (root.place, root.value)) {
        None | Some((_, Value::Null)) => Ok(Vec::new()),
        Some((_, Value::List(groups))) => groups.iter().map(group).collect(),
        Some((place, other)) => {
            Err(at(place, &format!("expected a list of groups like [{{targets: [a:1]}}], found {}", other.describe())))
        }
    }
}

fn group(node: &Node) -> Result<Group, String> {
    let mut group = Group { labels: Some(BTreeMap::new()), ..Group::default() };
    let Value::Map(entries) = &node.value else {
        return Err(at(node.place, &format!("expected a group with targets and labels, found {}", node.value.describe())));
    };
    for entry in entries {
        match entry.key.as_str() {
            "targets" => group.targets = targets(&entry.value)?,
            "labels" => labels(&entry.value, &mut group)?,
            key => return Err(at(entry.place, &format!("unknown key {key:?}; known are targets, labels"))),
        }
    }
    Ok(group)
}

fn targets(node: &Node) -> Result<Vec<String>, String> {
    match &node.value {
        Value::Null => Ok(Vec::new()),
        Value::List(items) => items.iter().map(|item| scalar(item).map(str::to_string)).collect(),
        other => Err(at(node.place, &format!("targets: expected a list like [a:1, b:1], found {}", other.describe()))),
    }
}

fn labels(node: &Node, group: &mut Group) -> Result<(), String> {
    match &node.value {
        Value::Null => Ok(()),
        Value::Map(entries) => entries.iter().try_for_each(|entry| label(entry, group)),
        other => Err(at(node.place, &format!("labels: expected names with values, found {}", other.describe()))),
    }
}

/// A label of the group. Those that begin with `__` are messages to the scraper: two are followed; what only relabelling of targets could
/// read is left out, as Prometheus does; any other is refused rather than ignored.
fn label(entry: &Entry, group: &mut Group) -> Result<(), String> {
    let value = scalar(&entry.value)?;
    let wrong = |message: String| at(entry.place, &message);
    match entry.key.as_str() {
        "__metrics_path__" => group.metrics_path = Some(path(value).map_err(wrong)?),
        "__scheme__" => group.scheme = Some(choice(value).map_err(wrong)?),
        name if name.starts_with("__meta_") || name.starts_with("__tmp") => {}
        name if name.starts_with("__") => {
            return Err(wrong(format!("the label {name} is not followed here; __metrics_path__ and __scheme__ are")));
        }
        // An empty label is none, as everywhere in Prometheus.
        name if value.is_empty() => drop(label_name(name).map_err(wrong)?),
        name => {
            let name = label_name(name).map_err(wrong)?;
            group.labels.get_or_insert_default().insert(name, value.to_string());
        }
    }
    Ok(())
}

fn scalar(node: &Node) -> Result<&str, String> {
    match &node.value {
        Value::Scalar(text) => Ok(text),
        other => Err(at(node.place, &format!("expected a single value, found {}", other.describe()))),
    }
}

fn at(place: Place, message: &str) -> String {
    format!("line {}, column {}: {message}", place.line, place.column)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::config::Scheme;
    use proptest::prelude::*;

    #[test]
    fn json_and_yaml() {
        let json = b"[\n\t{\"targets\": [\"10.0.0.1:5001\", \"web:5001-5008\"],\n\t\"labels\": {\"app\": \"shop\", \"__meta_x\": \"y\"}},\n\t{\"targets\": []}\n]";
        let yaml = b"# by a script\n- targets:\n  - 10.0.0.1:5001\n  - web:5001-5008\n  labels:\n    app: shop\n- targets: []\n";
        let groups = parse(yaml).unwrap();
        assert_eq!(parse(json).unwrap(), groups);
        assert_eq!(groups[0].targets, ["10.0.0.1:5001", "web:5001-5008"]);
        assert_eq!(groups[0].labels, Some([("app".to_string(), "shop".to_string())].into()));
        assert_eq!(groups[1], Group { labels: Some(BTreeMap::new()), ..Group::default() });
        assert_eq!(parse(b"").unwrap(), []);
        assert_eq!(parse(b"[]").unwrap(), []);
    }

    #[test]
    fn what_speaks_to_the_scraper_is_followed_or_refused() {
        let group = parse(b"- {targets: [a:1], labels: {__metrics_path__: /m, __scheme__: https}}").unwrap().remove(0);
        assert_eq!((group.metrics_path.as_deref(), group.scheme), (Some("/m"), Some(Scheme::Https)));
        assert_eq!(group.labels, Some(BTreeMap::new()));
        let told = parse(b"- targets: [a:1]\n  labels:\n    __param_x: 1").unwrap_err();
        assert_eq!(told, "line 3, column 5: the label __param_x is not followed here; __metrics_path__ and __scheme__ are");
    }

    #[test]
    fn mistakes_have_places() {
        for (text, told) in [
            ("targets: [a:1]", "line 1, column 1: expected a list of groups"),
            ("- target: [a:1]", "line 1, column 3: unknown key \"target\""),
            ("- targets: a:1", "line 1, column 12: targets: expected a list"),
            ("- targets: [[a]]", "line 1, column 13: expected a single value"),
            ("- labels: {le: x}", "line 1, column 12: \"le\" is the label of histograms"),
            ("- labels: {a: [x]}", "line 1, column 15: expected a single value"),
            ("- {targets: [a}", "not valid YAML"),
        ] {
            let wrong = parse(text.as_bytes()).unwrap_err();
            assert!(wrong.contains(told), "{text}: {wrong}");
        }
    }

    #[test]
    fn nothing_is_replaced() {
        assert_eq!(parse(b"- targets: ['${HOME}:1']").unwrap()[0].targets, ["${HOME}:1"]);
    }

    proptest! {
        #[test]
        fn no_file_panics(text in "([-:,{}\\[\\]\"# \n\t]|targets|labels|__scheme__|a){0,40}") {
            let _ = parse(text.as_bytes());
        }
    }
}
