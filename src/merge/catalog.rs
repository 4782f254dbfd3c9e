//! The names of everything a pool has seen, each stored once: families by name and type, children, series, as dense ids.
//!
//! A series' id is its place in every column of values, so that a worker costs 8 bytes a series and nothing else.

use super::column::{grow, push};
use super::heads::{Heads, Place};
use super::shape::{Shape, Total};
use crate::config::GaugeMode;
use crate::model::{Labels, MetricType, Role, sample_head, sort_labels, split_head};
use foldhash::HashSet;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::borrow::Cow;
use std::hash::BuildHasher;
use std::time::Duration;

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

/// The unit of counting: a family and a label set without `le` and `quantile`.
#[derive(Debug, Default)]
pub(crate) struct Child {
    pub variant: VariantId,
    /// Canonical head of name and labels; [`Place::NONE`] once it is forgotten.
    head: Place,
    /// Hash of name and labels, whatever the type.
    pub key: u64,
    value: Option<SeriesId>,
    many: Option<Box<Many>>,
    /// The last round in which a body was seen to have it; newer ones may have been taken whole, see [`Pool::refresh_seen`].
    ///
    /// [`Pool::refresh_seen`]: super::Pool
    pub seen_round: u64,
    /// The body whose children were last listed with it among them.
    pub listed_body: u64,
    /// When it was first served: T0.
    pub served_at: Option<Duration>,
    /// Some contribution lacks bounds that another has.
    pub ragged: bool,
    /// Some contribution has no `_sum` (or a summary no `_count`): then the total has none either.
    pub no_sum: bool,
    pub no_count: bool,
    /// It is shown as another one, or others are shown as it: its total is that of the whole group.
    pub is_grouped: bool,
}

/// The series of a child beside its value. Most children have none.
#[derive(Debug, Default)]
struct Many {
    /// By rising bound.
    buckets: Vec<(f64, SeriesId)>,
    /// By rising quantile.
    quantiles: Vec<(f64, SeriesId)>,
    count: Option<SeriesId>,
    sum: Option<SeriesId>,
}

impl Child {
    pub fn value(&self) -> Option<SeriesId> {
        self.value
    }

    /// Bounds and their series, rising.
    pub fn buckets(&self) -> &[(f64, SeriesId)] {
        self.many.as_ref().map_or(&[], |m| &m.buckets)
    }

    /// Quantiles and their series, rising.
    pub fn quantiles(&self) -> &[(f64, SeriesId)] {
        self.many.as_ref().map_or(&[], |m| &m.quantiles)
    }

    pub fn count(&self) -> Option<SeriesId> {
        self.many.as_ref()?.count
    }

    pub fn sum(&self) -> Option<SeriesId> {
        self.many.as_ref()?.sum
    }

    /// Whether any body that was applied had it.
    pub fn was_listed(&self) -> bool {
        self.listed_body > 0
    }

    /// Whether its id stands for nothing now.
    pub fn is_forgotten(&self) -> bool {
        self.head == Place::NONE
    }

    /// Every series of the child.
    pub fn series(&self) -> impl Iterator<Item = SeriesId> + '_ {
        self.totals().chain(self.quantiles().iter().map(|(_, s)| *s))
    }

    /// Its series without quantiles, which are no totals.
    pub fn totals(&self) -> impl Iterator<Item = SeriesId> + '_ {
        let buckets = self.buckets().iter().map(|(_, s)| *s);
        self.value().into_iter().chain(buckets).chain(self.count()).chain(self.sum())
    }
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

    /// By series.
    pub fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// By series.
    pub fn totals(&self) -> &[Total] {
        &self.totals
    }

    /// Children of totals whose parts hang on each other in ways that no [`Total`] says.
    pub fn uneven(&self) -> impl Iterator<Item = &Child> {
        self.uneven.iter().map(|id| self.child(*id))
    }

    /// Whether a body that was applied had the series.
    pub fn is_counted(&self, series: SeriesId) -> bool {
        self.counted[series as usize]
    }

    /// Notes the buckets of a child that an applied body has. Whether its bounds differ from those of others.
    pub fn count_buckets(&mut self, id: ChildId, has: impl Fn(SeriesId) -> bool) -> bool {
        let buckets = self.children[id as usize].buckets();
        let known = buckets.iter().any(|(_, s)| self.counted[*s as usize]);
        let mut differ = false;
        for (_, s) in buckets {
            let counted = &mut self.counted[*s as usize];
            differ |= if has(*s) { known && !*counted } else { *counted };
            *counted |= has(*s);
        }
        differ
    }

    /// Notes that the series are part of a total.
    pub fn mark_counted(&mut self, series: &[SeriesId]) {
        series.iter().for_each(|s| self.counted[*s as usize] = true);
    }

    /// The series stand for another life of their child's family.
    pub fn uncount(&mut self, series: &[SeriesId]) {
        series.iter().for_each(|s| self.counted[*s as usize] = false);
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

    /// The series of a child by role, if it is known.
    pub fn find_series(&self, child: ChildId, role: Role) -> Option<SeriesId> {
        let c = self.child(child);
        let at = |list: &[(f64, SeriesId)], x: f64| list.iter().find(|(b, _)| *b == x).map(|(_, s)| *s);
        match role {
            Role::Value => c.value(),
            Role::Bucket(bound) => at(c.buckets(), bound),
            Role::Quantile(q) => at(c.quantiles(), q),
            Role::Count => c.count(),
            Role::Sum => c.sum(),
            Role::Created => None,
        }
    }

    pub fn intern_series(&mut self, child: ChildId, role: Role) -> SeriesId {
        if let Some(id) = self.find_series(child, role) {
            return id;
        }
        let head = match role {
            Role::Value => self.child(child).head,
            _ => {
                let head = self.render(child, role);
                self.heads.push(&head)
            }
        };
        let entry = Series { child, head };
        let id = match self.free_series.pop() {
            Some(id) => {
                self.series[id as usize] = entry;
                id
            }
            None => {
                push(&mut self.series, entry);
                push(&mut self.shapes, Shape::FREE);
                push(&mut self.totals, Total::APART);
                push(&mut self.counted, false);
                (self.series.len() - 1) as SeriesId
            }
        };
        let c = self.child_mut(child);
        let insert = |list: &mut Vec<(f64, SeriesId)>, x: f64| {
            let at = list.partition_point(|(b, _)| *b < x);
            list.reserve_exact(grow(list.capacity(), list.len() + 1) - list.len());
            list.insert(at, (x, id));
        };
        match role {
            Role::Value => c.value = Some(id),
            Role::Bucket(bound) => insert(&mut c.many.get_or_insert_default().buckets, bound),
            Role::Quantile(q) => insert(&mut c.many.get_or_insert_default().quantiles, q),
            Role::Count => c.many.get_or_insert_default().count = Some(id),
            Role::Sum => c.many.get_or_insert_default().sum = Some(id),
            Role::Created => {}
        }
        self.reshape(child);
        id
    }

    /// Notes whether the child is one of a group.
    pub fn set_grouped(&mut self, id: ChildId, is_grouped: bool) {
        if std::mem::replace(&mut self.child_mut(id).is_grouped, is_grouped) != is_grouped {
            self.reshape(id);
        }
    }

    /// Works out the shapes and totals of a child's series: after a change of its parts, or of what they lack.
    pub fn reshape(&mut self, id: ChildId) {
        let child = &self.children[id as usize];
        let kind = self.variants[child.variant as usize].kind;
        let lacking = child.ragged || child.no_sum || child.no_count;
        let is_even = !lacking && write_totals(child, kind, &mut self.totals);
        if child.is_grouped {
            child.series().for_each(|s| self.totals[s as usize] = Total::APART);
            self.uneven.remove(&id);
        } else if is_even || !matches!(kind, MetricType::Counter | MetricType::Summary | MetricType::Histogram) {
            self.uneven.remove(&id);
        } else {
            child.series().for_each(|s| self.totals[s as usize] = Total::APART);
            self.uneven.insert(id);
        }
        let shapes = &mut self.shapes;
        for s in child.series() {
            shapes[s as usize] = Shape::FREE;
        }
        match kind {
            MetricType::Counter => child.value().into_iter().for_each(|s| shapes[s as usize] = Shape::TOTAL),
            MetricType::Summary => child.count().into_iter().for_each(|s| shapes[s as usize] = Shape::TOTAL),
            MetricType::Histogram => {
                let back = |s: SeriesId, other: SeriesId| s.saturating_sub(other);
                for (i, (_, s)) in child.buckets().iter().enumerate() {
                    let below = i.checked_sub(1).and_then(|i| child.buckets().get(i));
                    shapes[*s as usize] = below.map_or(Shape::TOTAL, |(_, b)| Shape::at_least(back(*s, *b)));
                }
                if let (Some(count), Some((_, infinity))) = (child.count(), child.buckets().last()) {
                    shapes[count as usize] = Shape::equal(back(count, *infinity));
                }
            }
            _ => {}
        }
    }

    /// Labels of a child, and its family's name.
    pub fn labels(&self, child: ChildId) -> Labels<'_> {
        split_head(self.child_head(child)).map(|(_, labels)| labels).unwrap_or_default()
    }

    fn render(&self, child: ChildId, role: Role) -> String {
        let variant = self.variant(self.child(child).variant);
        sample_head(&variant.name, variant.kind, role, &self.labels(child))
    }

    /// The head of a child's series with one more label; a label of that name the series has already becomes `exported_…`.
    pub fn head_with(&self, child: ChildId, role: Role, label: &str, value: &str) -> Box<str> {
        let variant = self.variant(self.child(child).variant);
        let labels = with_label(self.labels(child), label, value);
        sample_head(&variant.name, variant.kind, role, &labels).into()
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

/// Writes how the series of a child come into the output. False if that can't be said series by series.
fn write_totals(child: &Child, kind: MetricType, totals: &mut [Total]) -> bool {
    child.series().for_each(|s| totals[s as usize] = Total::APART);
    let mut set = |s: SeriesId, total: Total| totals[s as usize] = total;
    match kind {
        MetricType::Counter => child.value().into_iter().for_each(|s| set(s, Total::HELD)),
        MetricType::Summary | MetricType::Histogram if child.buckets().is_empty() => {
            child.count().into_iter().for_each(|s| set(s, Total::HELD));
        }
        MetricType::Histogram => {
            let mut below: Option<SeriesId> = None;
            for (_, s) in child.buckets() {
                let total = below.map_or(Some(Total::HELD), |below| Total::above(s.saturating_sub(below)));
                let Some(total) = total else { return false };
                set(*s, total);
                below = Some(*s);
            }
        }
        _ => {}
    }
    if matches!(kind, MetricType::Summary | MetricType::Histogram) {
        child.sum().into_iter().for_each(|s| set(s, Total::PLAIN));
    }
    true
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
