//! The names of everything a pool has seen, each stored once: families by name and type, children, series, as dense ids.
//!
//! A series' id is its place in every column of values, so that a worker costs 8 bytes a series and nothing else.

mod child;
mod children;
mod series;
mod shapes;
mod text;

pub(crate) use child::Child;
pub(crate) use text::with_label;

use super::heads::{Heads, Place};
use super::shape::{Shape, Total};
use crate::config::GaugeMode;
use crate::model::MetricType;
use foldhash::HashSet;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Index of a family of one type.
pub(crate) type VariantId = u32;
/// Index of a child.
pub(crate) type ChildId = u32;
/// Index of a series, and its place in every column.
pub(crate) type SeriesId = u32;

/// A family as one type: the same name with another type is another variant.
#[derive(Debug)]
pub(crate) struct Variant {
    pub name: Box<str>,
    pub kind: MetricType,
    /// How gauges of several workers become one.
    pub mode: GaugeMode,
    /// Sorted by labels once [`Catalog::sort`] has run.
    pub children: Vec<ChildId>,
    unsorted: bool,
}

#[derive(Debug, Default)]
struct Series {
    child: ChildId,
    head: Place,
}

/// All names of a pool.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    pub heads: Heads,
    variants: Vec<Variant>,
    variant_table: HashTable<VariantId>,
    children: Vec<Child>,
    child_table: HashTable<ChildId>,
    series: Vec<Series>,
    shapes: Vec<Shape>,
    /// By series.
    totals: Vec<Total>,
    /// Children of totals whose parts hang on each other in ways that no [`Total`] says.
    uneven: HashSet<ChildId>,
    /// By series: whether a body that was applied had it. Bounds of bodies that were given up are none of the totals'.
    counted: Vec<bool>,
    free_children: Vec<ChildId>,
    free_series: Vec<SeriesId>,
    hasher: RandomState,
}

impl Catalog {
    pub fn variant(&self, id: VariantId) -> &Variant {
        &self.variants[id as usize]
    }

    pub fn child(&self, id: ChildId) -> &Child {
        &self.children[id as usize]
    }

    pub fn child_mut(&mut self, id: ChildId) -> &mut Child {
        &mut self.children[id as usize]
    }

    pub fn child_of(&self, series: SeriesId) -> ChildId {
        self.series[series as usize].child
    }

    /// Length of a column.
    pub fn columns(&self) -> usize {
        self.series.len()
    }

    /// Series in use.
    pub fn len(&self) -> usize {
        self.series.len() - self.free_series.len()
    }

    pub fn variants(&self) -> impl Iterator<Item = (VariantId, &Variant)> {
        (0..).zip(&self.variants)
    }

    /// Every child in use.
    pub fn children(&self) -> impl Iterator<Item = (ChildId, &Child)> {
        self.variants.iter().flat_map(|v| &v.children).map(|id| (*id, self.child(*id)))
    }

    pub fn find_variant(&self, name: &str, kind: MetricType) -> Option<VariantId> {
        let hash = self.hasher.hash_one((name, kind));
        let same = |id: &VariantId| {
            let v = &self.variants[*id as usize];
            v.kind == kind && *v.name == *name
        };
        self.variant_table.find(hash, same).copied()
    }

    /// `mode` says how its gauges are merged, where it is new: rules are matched once per family, not once per round.
    pub fn intern_variant(&mut self, name: &str, kind: MetricType, mode: impl FnOnce() -> GaugeMode) -> VariantId {
        if let Some(id) = self.find_variant(name, kind) {
            return id;
        }
        let id = self.variants.len() as VariantId;
        self.variants.push(Variant { name: name.into(), kind, mode: mode(), children: Vec::new(), unsorted: false });
        let Self { variants, variant_table, hasher, .. } = self;
        let hash_of = |id: &VariantId| {
            let v = &variants[*id as usize];
            hasher.hash_one((&*v.name, v.kind))
        };
        variant_table.insert_unique(hash_of(&id), id, hash_of);
        id
    }

    /// Sorts children by labels where new ones came.
    pub fn sort(&mut self) {
        for v in &mut self.variants {
            if std::mem::take(&mut v.unsorted) {
                let head = |id: &ChildId| self.heads.get(self.children[*id as usize].head);
                v.children.sort_by(|a, b| head(a).cmp(head(b)));
            }
        }
    }
}
