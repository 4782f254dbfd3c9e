//! Series: the parts of children, each with a place in every column.

use super::{Catalog, ChildId, Series, SeriesId};
use crate::merge::column::{grow, push};
use crate::merge::shape::{Shape, Total};
use crate::model::Role;

impl Catalog {
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
}
