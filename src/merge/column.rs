//! Columns: one value per series, and arithmetic on the parts of a child.

use super::catalog::{Child, SeriesId};

/// Marks a series that a column has no value for: a NaN with a payload that no parser makes.
pub(crate) const ABSENT: f64 = f64::from_bits(0x7ff8_0bad_0bad_0bad);

/// Columns grow by multiples of so many entries.
const GROWTH_STEP: usize = 512;
/// What lives as long as the pool grows by an eighth, not to double: memory at rest is dearer than a copy now and then.
const GROWTH_SHARE: usize = 8;

/// The capacity for `length` entries where there is one for `capacity`.
pub(crate) fn grow(capacity: usize, length: usize) -> usize {
    if length <= capacity { capacity } else { length + length / GROWTH_SHARE }
}

/// Appends, growing gently.
pub(crate) fn push<T>(list: &mut Vec<T>, entry: T) {
    let wanted = grow(list.capacity(), list.len() + 1);
    list.reserve_exact(wanted - list.len());
    list.push(entry);
}

/// Whether a column's entry is [`ABSENT`].
pub(crate) fn is_absent(v: f64) -> bool {
    v.to_bits() == ABSENT.to_bits()
}

/// Values by series id; reading past the end gives [`ABSENT`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Column(Vec<f64>);

impl Column {
    pub fn get(&self, id: SeriesId) -> f64 {
        self.0.get(id as usize).copied().unwrap_or(ABSENT)
    }

    pub fn has(&self, id: SeriesId) -> bool {
        !is_absent(self.get(id))
    }

    pub fn set(&mut self, id: SeriesId, value: f64) {
        if self.0.len() <= id as usize {
            if is_absent(value) {
                return;
            }
            self.0.resize(id as usize + 1, ABSENT);
        }
        self.0[id as usize] = value;
    }

    /// The entry itself, if there is room for it.
    #[inline]
    pub fn place(&mut self, id: SeriesId) -> Option<&mut f64> {
        self.0.get_mut(id as usize)
    }

    pub fn take(&mut self, id: SeriesId) -> f64 {
        let v = self.get(id);
        self.set(id, ABSENT);
        v
    }

    /// All entries become [`ABSENT`]; the memory is kept.
    pub fn clear(&mut self) {
        self.0.fill(ABSENT);
    }

    /// All entries there is room for.
    pub fn entries(&mut self) -> &mut [f64] {
        &mut self.0
    }

    pub fn as_slice(&self) -> &[f64] {
        &self.0
    }

    /// Makes room for `columns` entries at once, in steps: neither a copy for every new series nor twice the memory.
    pub fn reserve(&mut self, columns: usize) {
        if self.0.len() < columns {
            if self.0.capacity() < columns {
                self.0.reserve_exact(columns.next_multiple_of(GROWTH_STEP) - self.0.len());
            }
            self.0.resize(columns, ABSENT);
        }
    }
}

/// Walks a child's bounds as a step function: the value at a bound the column lacks is that at its largest own bound below, 0 if
/// there is none. `None` if the column has none of the child's bounds.
pub(crate) fn steps<'a>(child: &'a Child, column: &'a Column) -> Option<impl Iterator<Item = f64> + 'a> {
    child.buckets().iter().any(|(_, s)| column.has(*s)).then(|| {
        child.buckets().iter().scan(0.0, |below, (_, s)| {
            let v = column.get(*s);
            if !is_absent(v) {
                *below = v;
            }
            Some(*below)
        })
    })
}

/// Adds `last − base` of a child to `offset`: what its contribution was stays in the total for ever.
pub(crate) fn fold(child: &Child, last: &mut Column, base: &mut Column, offset: &mut Column) {
    if !child.buckets().is_empty() {
        fold_buckets(child, last, base, offset);
    }
    for s in child.value().into_iter().chain(child.count()).chain(child.sum()) {
        let (v, b) = (last.take(s), base.take(s));
        // A sum may be non-finite: it shows while it lasts but must not poison the total.
        if !is_absent(v) && v.is_finite() {
            let grown = v - if is_absent(b) || !b.is_finite() { 0.0 } else { b };
            let before = offset.get(s);
            offset.set(s, if is_absent(before) { grown } else { before + grown });
        }
    }
}

fn fold_buckets(child: &Child, last: &mut Column, base: &mut Column, offset: &mut Column) {
    let Some(mut total) = steps(child, last).map(|it| it.collect::<Vec<_>>()) else { return };
    if let Some(base) = steps(child, base) {
        total.iter_mut().zip(base).for_each(|(t, b)| *t -= b);
    }
    if let Some(before) = steps(child, offset) {
        total.iter_mut().zip(before).for_each(|(t, o)| *t += o);
    }
    // A bound neither side has stays unset, so that a step function stays one.
    for ((_, s), t) in child.buckets().iter().zip(total) {
        if last.has(*s) || offset.has(*s) || base.has(*s) {
            offset.set(*s, t);
        }
        last.set(*s, ABSENT);
        base.set(*s, ABSENT);
    }
}
