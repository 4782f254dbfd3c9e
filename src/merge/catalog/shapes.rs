//! How the series of a child hang together: what each must keep, and how each comes into the output.

use super::{Catalog, Child, ChildId, SeriesId};
use crate::merge::shape::{Shape, Total};
use crate::model::MetricType;

impl Catalog {
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
