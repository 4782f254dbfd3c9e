//! Since when a merged total counts: the time a server may take for its zero.
//!
//! It is the earliest `_created` among the contributions at the child's first exposition, and fixed from then on: a server that puts a
//! 0 at that time does so before the first value only, where nothing can have been counted earlier. Had any of them none, the child
//! has none for good; of children shown as one, the contributions to all of them count. What joins later was counted from zero or from
//! a baseline, both after the first exposition.

use super::catalog::{Catalog, Child, ChildId};
use super::pool::{Pool, is_total};
use super::slot::Record;
use crate::model::{Role, sample_head};
use std::collections::HashMap;

/// The table grows by so many children: neither a copy for every new one nor twice the memory.
const GROWTH_STEP: usize = 512;

/// The beginning of a child's total.
#[derive(Debug)]
pub(crate) struct Beginning {
    /// Unix seconds.
    pub at: f64,
    /// The head of its sample.
    pub head: Box<str>,
}

/// The beginnings of all totals of a pool.
#[derive(Debug, Default)]
pub(crate) struct Beginnings {
    /// By child. Empty as long as no worker shows any.
    known: Vec<Option<Beginning>>,
    /// Of children not served so far, what was folded of them: the earliest, `None` if one had none.
    pub(super) folded: HashMap<ChildId, Option<f64>>,
}

impl Beginnings {
    pub fn get(&self, child: ChildId) -> Option<&Beginning> {
        self.known.get(child as usize)?.as_ref()
    }

    /// A contribution is about to be folded to a child not served so far: that of `part`, which is shown as it.
    pub fn note_folded(&mut self, child: ChildId, part: ChildId, record: &Record) {
        let at = created(record, part);
        let earliest = self.folded.entry(child).or_insert(at);
        *earliest = earlier(*earliest, at);
    }

    /// The child, or what it had counted, is gone.
    pub fn forget(&mut self, child: ChildId) {
        self.set(child, None);
        self.folded.remove(&child);
    }

    fn set(&mut self, child: ChildId, beginning: Option<Beginning>) {
        let at = child as usize;
        if self.known.len() <= at {
            if beginning.is_none() {
                return;
            }
            if self.known.capacity() <= at {
                self.known.reserve_exact((at + 1).next_multiple_of(GROWTH_STEP) - self.known.len());
            }
            self.known.resize_with(at + 1, || None);
        }
        self.known[at] = beginning;
    }
}

impl Pool {
    /// Works out the beginnings of totals that were not served so far, as they would be served now.
    pub(super) fn note_beginnings(&mut self) {
        for id in &self.unserved {
            if !self.may_begin(*id) {
                continue;
            }
            let folded = self.beginnings.folded.get(id).copied();
            let records = || self.slots.iter().flat_map(|s| &s.records);
            let shown = self.groups.shown_as(*id).flat_map(|part| {
                let child = self.catalog.child(part);
                records().filter(|record| shows(record, child)).map(move |record| created(record, part))
            });
            let at = folded.into_iter().chain(shown).reduce(earlier).flatten();
            if at == self.beginnings.get(*id).map(|known| known.at) {
                continue;
            }
            let beginning = at.map(|at| Beginning { at, head: head(&self.catalog, *id) });
            self.beginnings.set(*id, beginning);
        }
    }

    /// Takes back the beginning of a child that was saved.
    pub(super) fn restore_beginning(&mut self, id: ChildId, at: f64) {
        let head = head(&self.catalog, id);
        self.beginnings.set(id, Some(Beginning { at, head }));
    }

    /// A record is about to be folded: what it knows of children not served so far.
    pub(super) fn note_folded_beginnings(&mut self, record: &Record) {
        let catalog = &self.catalog;
        self.beginnings.folded.retain(|id, _| catalog.child(*id).served_at.is_none());
        for id in &self.unserved {
            if !self.may_begin(*id) {
                continue;
            }
            for part in self.groups.shown_as(*id).filter(|part| shows(record, self.catalog.child(*part))) {
                self.beginnings.note_folded(*id, part, record);
            }
        }
    }

    /// Whether it is a total that is shown as itself.
    fn may_begin(&self, id: ChildId) -> bool {
        let child = self.catalog.child(id);
        !child.is_forgotten() && is_total(self.catalog.variant(child.variant).kind) && !self.groups.is_part(id)
    }
}

/// The head of the sample that says when a child began.
fn head(catalog: &Catalog, id: ChildId) -> Box<str> {
    let variant = catalog.variant(catalog.child(id).variant);
    sample_head(&variant.name, variant.kind, Role::Created, &catalog.labels(id)).into()
}

fn shows(record: &Record, child: &Child) -> bool {
    child.totals().any(|s| record.last.has(s))
}

/// A time at or before 1970 says nothing: clients that know none send 0.
fn created(record: &Record, child: ChildId) -> Option<f64> {
    Some(record.created.get(child)).filter(|at| *at > 0.0)
}

fn earlier(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    Some(one?.min(other?))
}
