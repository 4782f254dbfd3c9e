//! Children: found by family and head, added, forgotten.

use super::{Catalog, Child, ChildId, SeriesId, VariantId};
use crate::merge::column::push;
use crate::merge::shape::{Shape, Total};
use foldhash::HashSet;
use std::hash::BuildHasher;

impl Catalog {
    /// The hash by which a child is remembered across types.
    pub fn key(&self, head: &str) -> u64 {
        self.hasher.hash_one(head)
    }

    pub fn find_child(&self, variant: VariantId, head: &str) -> Option<ChildId> {
        let same = |id: &ChildId| {
            let c = &self.children[*id as usize];
            c.variant == variant && self.heads.get(c.head) == head
        };
        self.child_table.find(self.key(head), same).copied()
    }

    pub fn intern_child(&mut self, variant: VariantId, head: &str) -> ChildId {
        if let Some(id) = self.find_child(variant, head) {
            return id;
        }
        let key = self.key(head);
        let child = Child { variant, head: self.heads.push(head), key, ..Child::default() };
        let id = match self.free_children.pop() {
            Some(id) => {
                self.children[id as usize] = child;
                id
            }
            None => {
                push(&mut self.children, child);
                (self.children.len() - 1) as ChildId
            }
        };
        let Self { children, child_table, .. } = self;
        child_table.insert_unique(key, id, |id| children[*id as usize].key);
        let v = &mut self.variants[variant as usize];
        push(&mut v.children, id);
        v.unsorted = true;
        id
    }

    /// Forgets a child; its ids are used again. Returns its series. Its family lists it until [`Catalog::unlist_children`].
    pub fn remove_child(&mut self, id: ChildId) -> Vec<SeriesId> {
        let child = std::mem::take(&mut self.children[id as usize]);
        let freed: Vec<SeriesId> = child.series().collect();
        self.heads.disuse(child.head);
        for place in freed.iter().map(|s| self.place(*s)).filter(|place| *place != child.head).collect::<Vec<_>>() {
            self.heads.disuse(place);
        }
        if let Ok(entry) = self.child_table.find_entry(child.key, |other| *other == id) {
            entry.remove();
        }
        self.free_children.push(id);
        for s in &freed {
            self.shapes[*s as usize] = Shape::FREE;
            self.totals[*s as usize] = Total::APART;
            self.counted[*s as usize] = false;
        }
        self.uneven.remove(&id);
        self.free_series.extend(&freed);
        freed
    }

    /// Takes children that were removed out of the lists of their families.
    pub fn unlist_children(&mut self, children: &HashSet<ChildId>) {
        self.variants.iter_mut().for_each(|v| v.children.retain(|id| !children.contains(id)));
    }
}
