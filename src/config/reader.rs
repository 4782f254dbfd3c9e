//! Walks the tree of a file: keys known or not, shapes as expected or not, variables replaced. Notes every mistake and goes on.

use super::expand::{Env, expand};
use super::problem::{Given, Origin, Problem, Problems};
use super::value::{did_you_mean, listed};
use super::yaml::{Entry, Node, Place, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads the nodes of one file.
pub(crate) struct Reader<'a> {
    pub(crate) file: Arc<str>,
    pub(crate) env: &'a Env<'a>,
    pub(crate) problems: &'a mut Problems,
}

/// A node and the path of keys that leads to it.
#[derive(Debug, Clone)]
pub(crate) struct Field<'n> {
    pub(crate) node: &'n Node,
    pub(crate) path: String,
}

/// A mapping.
pub(crate) struct Map<'n> {
    pub(crate) entries: &'n [Entry],
    path: String,
    place: Place,
}

impl<'n> Map<'n> {
    /// The value of a key; `None` where the key is absent or holds nothing (`key:`), which is the same.
    pub(crate) fn get(&self, key: &str) -> Option<Field<'n>> {
        let entry = self.entries.iter().find(|e| e.key == key)?;
        (!matches!(entry.value.value, Value::Null)).then(|| self.field(entry))
    }

    pub(crate) fn field(&self, entry: &'n Entry) -> Field<'n> {
        Field { node: &entry.value, path: self.path_of(&entry.key) }
    }

    pub(crate) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_string() } else { format!("{}.{key}", self.path) }
    }
}

impl Reader<'_> {
    /// Notes a mistake at a place of this file.
    pub(crate) fn problem(&mut self, place: Place, path: &str, message: impl Into<String>) {
        let origin = Origin::File { file: self.file.clone(), line: place.line, column: place.column };
        self.problems.0.push(Problem { origin, key: path.to_string(), message: message.into() });
    }

    /// Notes that a mapping lacks a key it must have.
    pub(crate) fn missing(&mut self, map: &Map<'_>, key: &str, what: &str) {
        self.problem(map.place, &map.path_of(key), format!("missing; {what}"));
    }

    /// A mapping with any keys.
    pub(crate) fn map<'n>(&mut self, field: &Field<'n>) -> Option<Map<'n>> {
        match &field.node.value {
            Value::Map(entries) => Some(Map { entries, path: field.path.clone(), place: field.node.place }),
            other => {
                let message = format!("expected keys with values, found {}", other.describe());
                self.problem(field.node.place, &field.path, message);
                None
            }
        }
    }

    /// A mapping with these keys and no others.
    pub(crate) fn map_of<'n>(&mut self, field: &Field<'n>, known: &[&str]) -> Option<Map<'n>> {
        let map = self.map(field)?;
        self.refuse_unknown(&map, |_| false, known);
        Some(map)
    }

    /// Notes every key that is neither in `known` nor left to a later check.
    pub(crate) fn refuse_unknown(&mut self, map: &Map<'_>, later: impl Fn(&str) -> bool, known: &[&str]) {
        for entry in map.entries.iter().filter(|e| !known.contains(&e.key.as_str()) && !later(&e.key)) {
            let mut hint = did_you_mean(&entry.key, known.iter().copied());
            if hint.is_empty() {
                hint = format!("; known are {}", listed(known.iter().copied()));
            }
            self.problem(entry.place, &map.path_of(&entry.key), format!("unknown key{hint}"));
        }
    }

    /// The items of a list.
    pub(crate) fn list<'n>(&mut self, field: &Field<'n>) -> Option<Vec<Field<'n>>> {
        match &field.node.value {
            Value::List(items) => {
                let item = |(i, node)| Field { node, path: format!("{}[{i}]", field.path) };
                Some(items.iter().enumerate().map(item).collect())
            }
            other => {
                let message = format!("expected a list like [a, b], found {}", other.describe());
                self.problem(field.node.place, &field.path, message);
                None
            }
        }
    }

    /// A single value, variables replaced.
    pub(crate) fn scalar(&mut self, field: &Field<'_>) -> Option<Given> {
        let place = field.node.place;
        match &field.node.value {
            Value::Scalar(text) => match expand(text, self.env) {
                Ok(text) => {
                    let origin = Origin::File { file: self.file.clone(), line: place.line, column: place.column };
                    Some(Given { text, key: field.path.clone(), origin })
                }
                Err(message) => {
                    self.problem(place, &field.path, message);
                    None
                }
            },
            other => {
                self.problem(place, &field.path, format!("expected a single value, found {}", other.describe()));
                None
            }
        }
    }

    /// The single values of a list.
    pub(crate) fn scalars(&mut self, field: &Field<'_>) -> Vec<Given> {
        let items = self.list(field).unwrap_or_default();
        items.iter().filter_map(|item| self.scalar(item)).collect()
    }

    /// A single value understood.
    pub(crate) fn value<T>(&mut self, field: &Field<'_>, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let given = self.scalar(field)?;
        self.problems.keep(given.parse(parse))
    }

    /// The path of a file; a relative one starts where the file with the setting is, as in Prometheus' own configuration.
    pub(crate) fn file(&mut self, field: &Field<'_>) -> Option<PathBuf> {
        let here = Path::new(&*self.file).parent().map(Path::to_path_buf).unwrap_or_default();
        self.value(field, |text| match text.trim().is_empty() || text.chars().any(char::is_control) {
            true => Err(format!("{text:?} is no path of a file")),
            false => Ok(here.join(text)),
        })
    }

    /// Puts a value into its place, if it can be understood.
    pub(crate) fn set<T>(&mut self, slot: &mut T, field: &Field<'_>, parse: impl FnOnce(&str) -> Result<T, String>) {
        if let Some(value) = self.value(field, parse) {
            *slot = value;
        }
    }
}
