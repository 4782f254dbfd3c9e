//! Heads and labels of what is known.

use super::{Catalog, ChildId, SeriesId};
use crate::merge::heads::Place;
use crate::model::{Labels, Role, sample_head, sort_labels, split_head};
use std::borrow::Cow;

impl Catalog {
    pub fn head(&self, series: SeriesId) -> &str {
        self.heads.get(self.place(series))
    }

    /// Where the head of a series stands.
    pub fn place(&self, series: SeriesId) -> Place {
        self.series[series as usize].head
    }

    /// The canonical head of a child.
    pub fn child_head(&self, child: ChildId) -> &str {
        self.heads.get(self.children[child as usize].head)
    }

    /// Labels of a child, and its family's name.
    pub fn labels(&self, child: ChildId) -> Labels<'_> {
        split_head(self.child_head(child)).map(|(_, labels)| labels).unwrap_or_default()
    }

    pub(super) fn render(&self, child: ChildId, role: Role) -> String {
        let variant = self.variant(self.child(child).variant);
        sample_head(&variant.name, variant.kind, role, &self.labels(child))
    }

    /// The head of a child's series with one more label; a label of that name the series has already becomes `exported_…`.
    pub fn head_with(&self, child: ChildId, role: Role, label: &str, value: &str) -> Box<str> {
        let variant = self.variant(self.child(child).variant);
        let labels = with_label(self.labels(child), label, value);
        sample_head(&variant.name, variant.kind, role, &labels).into()
    }

    /// Stores the heads anew, those in use only. No other place is good any more.
    pub fn compact_heads(&mut self) {
        let before = std::mem::take(&mut self.heads);
        let mut moved = |place: Place| if place == Place::NONE { place } else { self.heads.push(before.get(place)) };
        for v in &self.variants {
            for id in &v.children {
                let child = &mut self.children[*id as usize];
                let (old, new) = (child.head, moved(child.head));
                child.head = new;
                let series: Vec<SeriesId> = child.series().collect();
                for s in series {
                    let head = &mut self.series[s as usize].head;
                    *head = if *head == old { new } else { moved(*head) };
                }
            }
        }
    }
}

/// Adds a label; an own label of that name becomes `exported_…`, with more `exported_` until the name is free.
pub(crate) fn with_label<'a>(mut labels: Labels<'a>, label: &'a str, value: &'a str) -> Labels<'a> {
    if let Some(at) = labels.iter().position(|(k, _)| k == label) {
        let mut name = format!("exported_{label}");
        while labels.iter().any(|(k, _)| *k == name) {
            name.insert_str(0, "exported_");
        }
        labels[at].0 = Cow::Owned(name);
    }
    labels.push((Cow::Borrowed(label), Cow::Borrowed(value)));
    sort_labels(&mut labels);
    labels
}
