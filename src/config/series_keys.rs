//! `labels`, `metric_relabel_configs` and `aggregate`: what becomes of a source's series.

use super::choice::Choice;
use super::key::{Form, Key, names};
use super::reader::{Field, Reader};
use super::shown::Shown;
use super::value;
use super::yaml::Value;
use super::{AggregateRule, SourceConfig};
use crate::relabel::{Action, Rule, RuleSpec};

impl Choice for Action {
    const WORDS: &'static [(Self, &'static str)] = &Self::ALL;
}

/// The keys of a rule. Its defaults are those of Prometheus.
const RULE_KEYS: &[Key] = &[
    Key::new("source_labels", Form::List(&Form::Verbatim), "labels whose values are joined"),
    Key::new("separator", Form::Verbatim, "what stands between them. Default: `;`"),
    Key::new("regex", Form::Verbatim, "what the joined values, or labels' names, must match as a whole. Default: `(.*)`"),
    Key::new("modulus", Form::Count(1..=usize::MAX), "of `hashmod`"),
    Key::new("target_label", Form::Verbatim, "the label that is set"),
    Key::new("replacement", Form::Verbatim, "what it is set to. Default: `$1`"),
    Key::new("action", Form::choice::<Action>(), "what to do. Default: `replace`"),
];

/// The keys of a rule of `aggregate`.
const AGGREGATE_KEYS: &[Key] = &[
    Key::new("match", Form::Text, "name of the family; `*` matches any run of characters").needed(),
    Key::new("without", Form::List(&Form::Text), "the labels to drop; not `le`, not `quantile`").needed(),
];

/// Keys of an item of `metric_relabel_configs`.
pub(super) fn rule_keys() -> Vec<&'static Key> {
    RULE_KEYS.iter().collect()
}

/// Keys of an item of `aggregate`.
pub(super) fn aggregate_keys() -> Vec<&'static Key> {
    AGGREGATE_KEYS.iter().collect()
}

/// Reads static labels.
pub(crate) fn read_labels(reader: &mut Reader<'_>, field: &Field<'_>) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    let Some(map) = reader.map(field) else { return labels };
    for entry in map.entries {
        let path = map.path_of(&entry.key);
        match value::worker_label(&entry.key) {
            Err(message) => reader.problem(entry.place, &path, message),
            Ok(name) => {
                let filled = |text: &str| match text.is_empty() {
                    true => Err("an empty value is no label; leave it out".to_string()),
                    false => Ok(text.to_string()),
                };
                labels.extend(reader.value(&map.field(entry), filled).map(|value| (name, value)));
            }
        }
    }
    labels
}

pub(crate) fn show_labels(source: &SourceConfig) -> Shown {
    Shown::Map(source.relabelling.labels.iter().map(|(name, value)| (name.clone(), Shown::text(value))).collect())
}

/// Reads relabelling rules. Their `$` are their own: variables are not replaced in them, so that what Prometheus takes can be pasted.
pub(crate) fn read_rules(reader: &mut Reader<'_>, field: &Field<'_>) -> Vec<Rule> {
    let items = reader.list(field).unwrap_or_default();
    items.iter().filter_map(|item| read_rule(reader, item)).collect()
}

fn read_rule(reader: &mut Reader<'_>, item: &Field<'_>) -> Option<Rule> {
    let before = reader.problems.0.len();
    let map = reader.map_of(item, &names(RULE_KEYS))?;
    let mut spec = RuleSpec::default();
    if let Some(labels) = map.get("source_labels") {
        let names = reader.list(&labels).unwrap_or_default();
        let names = names.iter().filter_map(|name| verbatim(reader, name, filled));
        spec.source_labels = Some(names.collect());
    }
    let mut text = |key| map.get(key).and_then(|field| verbatim(reader, &field, |text| Ok(text.to_string())));
    (spec.separator, spec.regex) = (text("separator"), text("regex"));
    (spec.target_label, spec.replacement) = (text("target_label"), text("replacement"));
    if let Some(field) = map.get("modulus") {
        let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text:?} is not a whole number"));
        spec.modulus = verbatim(reader, &field, number);
    }
    if let Some(field) = map.get("action") {
        spec.action = verbatim(reader, &field, |text| value::choice(&text.to_lowercase()))?;
    }
    if reader.problems.0.len() > before {
        return None;
    }
    match Rule::new(spec) {
        Ok(rule) => Some(rule),
        Err(error) => {
            let place = map.get(error.key).map_or(item.node.place, |field| field.node.place);
            reader.problem(place, &map.path_of(error.key), error.message);
            None
        }
    }
}

fn filled(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("a label's name is not empty".into()) } else { Ok(text.into()) }
}

/// A single value in which no variables are replaced.
fn verbatim<T>(reader: &mut Reader<'_>, field: &Field<'_>, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
    let Value::Scalar(text) = &field.node.value else {
        let message = format!("expected a single value, found {}", field.node.value.describe());
        reader.problem(field.node.place, &field.path, message);
        return None;
    };
    match parse(text) {
        Ok(value) => Some(value),
        Err(message) => {
            reader.problem(field.node.place, &field.path, message);
            None
        }
    }
}

pub(crate) fn show_rules(source: &SourceConfig) -> Shown {
    Shown::List(source.relabelling.rules.iter().map(|rule| show_rule(rule.spec())).collect())
}

fn show_rule(spec: &RuleSpec) -> Shown {
    let raw = |text: &Option<String>| text.clone().map_or(Shown::Nothing, Shown::Verbatim);
    let names = |labels: &Vec<String>| Shown::List(labels.iter().cloned().map(Shown::Verbatim).collect());
    Shown::Map(vec![
        ("source_labels".into(), spec.source_labels.as_ref().map_or(Shown::Nothing, names)),
        ("separator".into(), raw(&spec.separator)),
        ("regex".into(), raw(&spec.regex)),
        ("modulus".into(), spec.modulus.map_or(Shown::Nothing, |n| Shown::Word(n.to_string()))),
        ("target_label".into(), raw(&spec.target_label)),
        ("replacement".into(), raw(&spec.replacement)),
        ("action".into(), Shown::Word(spec.action.word().into())),
    ])
}

/// Labels that make histograms and summaries what they are.
const NEEDED_LABELS: [&str; 2] = ["le", "quantile"];

/// Reads what is to be summed up over labels.
pub(crate) fn read_aggregate(reader: &mut Reader<'_>, field: &Field<'_>) -> Vec<AggregateRule> {
    let mut rules: Vec<AggregateRule> = Vec::new();
    for item in reader.list(field).unwrap_or_default() {
        let Some(map) = reader.map_of(&item, &names(AGGREGATE_KEYS)) else { continue };
        let (pattern, without) = (map.get("match"), map.get("without"));
        if pattern.is_none() {
            reader.missing(&map, "match", "the family it is for; * matches any run of characters");
        }
        if without.is_none() {
            reader.missing(&map, "without", "the labels that are dropped, for example [templatename]");
        }
        let pattern = pattern.and_then(|f| reader.value(&f, value::pattern));
        let Some(list) = without else { continue };
        let names = reader.scalars(&list);
        let legal: Vec<_> = names.iter().filter_map(|given| reader.problems.keep(given.parse(dispensable))).collect();
        if matches!(&list.node.value, Value::List(items) if items.is_empty()) {
            reader.problem(list.node.place, &list.path, "at least one label is needed");
        }
        let Some(pattern) = pattern else { continue };
        if let Some(earlier) = rules.iter().find(|rule| crate::merge::rules::matches(&rule.pattern, &pattern)) {
            let message =
                format!("never used: the earlier rule {:?} takes everything it matches; put it before that one", earlier.pattern);
            reader.problem(item.node.place, &item.path, message);
        }
        rules.push(AggregateRule { pattern, without: legal });
    }
    rules
}

fn dispensable(label: &str) -> Result<String, String> {
    if NEEDED_LABELS.contains(&label) {
        return Err(format!("{label:?} can't be dropped: buckets and quantiles are nothing without it"));
    }
    filled(label)
}

pub(crate) fn show_aggregate(source: &SourceConfig) -> Shown {
    let show = |rule: &AggregateRule| {
        let without = rule.without.iter().map(|label| Shown::text(label)).collect();
        Shown::Map(vec![("match".into(), Shown::text(&rule.pattern)), ("without".into(), Shown::List(without))])
    };
    Shown::List(source.merge.aggregate.iter().map(show).collect())
}
