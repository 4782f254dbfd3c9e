use crate::model::{Labels, sort_labels};
use std::borrow::Cow;

/// The label that holds a sample's name while rules run.
pub(super) const NAME: &str = "__name__";
/// Labels of this prefix don't outlive the rules.
const INTERNAL: &str = "__";
/// Put before the name of a series' own label where a static one takes it.
const EXPORTED: &str = "exported_";

/// The labels of one sample while rules run, in no order. No value is empty: a label with an empty value is one that isn't there.
pub(super) struct LabelSet<'a>(Labels<'a>);

impl<'a> LabelSet<'a> {
    pub(super) fn new(labels: Labels<'a>) -> Self {
        Self(labels)
    }

    /// The label's value, empty where there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    pub(super) fn set(&mut self, name: String, value: String) {
        self.0.retain(|(n, _)| **n != name);
        if !value.is_empty() {
            self.0.push((name.into(), value.into()));
        }
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _)| keep(name));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Adds a static label; an own one of that name becomes `exported_…`, with more `exported_` until the name is free.
    pub(super) fn attach(&mut self, name: &str, value: &str) {
        if let Some(at) = self.0.iter().position(|(n, _)| n == name) {
            let mut free = format!("{EXPORTED}{name}");
            while self.0.iter().any(|(n, _)| *n == free) {
                free.insert_str(0, EXPORTED);
            }
            self.0[at].0 = Cow::Owned(free);
        }
        self.0.push((name.to_string().into(), value.to_string().into()));
    }

    /// The name and the labels that are left when the rules have run, sorted.
    pub(super) fn finish(mut self) -> (String, Labels<'a>) {
        let name = self.get(NAME).to_string();
        self.0.retain(|(n, _)| !n.starts_with(INTERNAL));
        sort_labels(&mut self.0);
        (name, self.0)
    }
}
