//! The pool as messages.

use super::super::catalog::{Child, ChildId, SeriesId, VariantId};
use super::super::column::{Column, is_absent};
use super::super::last_words::Folded;
use super::super::pool::{Pool, is_total};
use super::super::slot::{Record, Slot};
use super::super::types::Text;
use super::messages::{
    BoundsPart, ChildPart, GroupPart, HoldPart, KeptPart, NativePart, PoolPart, RecordPart, SlotPart, TextPart, TotalPart,
    ValuesPart, VariantPart,
};
use super::{Of, PIECE_VALUES, nanos, rules_of, tag};
use crate::state::{IS_IN, Parts};
use foldhash::HashMap;

impl Pool {
    /// Writes all that must outlive the process.
    pub fn save(&self, to: &mut Parts<'_>) {
        if !IS_IN {
            return;
        }
        let pool = PoolPart {
            round: self.round,
            serials: self.serials,
            first_served: self.first_served.map(nanos),
            outlived: self.outlived.iter().copied().collect(),
            rules: rules_of(&self.config, &self.relabelling),
        };
        to.put(tag::POOL, &pool);
        let variants = self.save_types(to);
        let (children, series) = self.save_children(&variants, to);
        let mut piece = ValuesPart::default();
        let mut column = |of: Of, column: &Column, order: &[u32], to: &mut Parts<'_>| {
            put_column((tag::VALUES, of), column, order, &mut piece, to);
        };
        column(Of::Offset, &self.offset, &series, to);
        column(Of::Out, &self.out, &series, to);
        let places: HashMap<ChildId, u32> = children.iter().copied().zip(0..).collect();
        for (id, slot) in self.ids.iter().zip(&self.slots) {
            to.put(tag::SLOT, &slot_part(id, slot));
            for record in &slot.records {
                to.put(tag::RECORD, &record_part(record));
                column(Of::Last, &record.last, &series, to);
                column(Of::Base, &record.base, &series, to);
                column(Of::Created, &record.created, &children, to);
                for (child, native) in record.natives.iter().filter_map(|(id, native)| Some((*places.get(id)?, native))) {
                    to.put(tag::NATIVE, &NativePart { child, contribution: Some(native.into()) });
                }
            }
            for Folded { record, at } in &slot.kept {
                to.put(tag::KEPT, &KeptPart { record: Some(record_part(record)), at: nanos(*at) });
                for (of, column, order) in [(Of::Last, &record.last, &series), (Of::Created, &record.created, &children)] {
                    put_column((tag::KEPT_VALUES, of), column, order, &mut ValuesPart::default(), to);
                }
            }
        }
    }

    /// Families with their types. Returns the numbers by which they are known from there on.
    fn save_types(&self, to: &mut Parts<'_>) -> HashMap<VariantId, u32> {
        let mut numbers = HashMap::default();
        let mut number = |id: VariantId, to: &mut Parts<'_>| {
            let next = numbers.len() as u32;
            *numbers.entry(id).or_insert_with(|| {
                let variant = self.catalog.variant(id);
                to.put(tag::VARIANT, &VariantPart { name: variant.name.to_string(), kind: variant.kind.as_openmetrics().into() });
                next
            })
        };
        let text = |text: &Text| {
            let said = || TextPart { slot: u32::try_from(text.slot).unwrap_or(u32::MAX), text: text.text.to_string() };
            (!text.text.is_empty()).then(said)
        };
        let mut groups: Vec<_> = self.types.groups.iter().collect();
        groups.sort_unstable_by_key(|(name, _)| *name);
        for (name, group) in groups {
            let holds = group.holds.iter().map(|(slot, hold)| HoldPart {
                slot: u32::try_from(*slot).unwrap_or(u32::MAX),
                variant: number(hold.variant, to),
                serial: hold.serial,
            });
            let holds = holds.collect();
            let established = group.established.map(|id| number(id, to));
            let (help, unit) = (text(&group.help), text(&group.unit));
            to.put(tag::GROUP, &GroupPart { name: name.to_string(), established, holds, help, unit });
        }
        numbers
    }

    /// Children of totals that have counted anything. Returns them and their series, in the order in which they are known from there on.
    fn save_children(&self, variants: &HashMap<VariantId, u32>, to: &mut Parts<'_>) -> (Vec<ChildId>, Vec<SeriesId>) {
        let (mut children, mut series) = (Vec::new(), Vec::new());
        let mut bounds: HashMap<Vec<u64>, u32> = HashMap::default();
        let mut part = ChildPart::default();
        for (id, child) in self.catalog.children() {
            let Some(variant) = variants.get(&child.variant).copied() else { continue };
            if !(is_total(self.catalog.variant(child.variant).kind) && self.has_counted(child)) {
                continue;
            }
            let next = bounds.len() as u32;
            let key: Vec<u64> = child.buckets().iter().map(|(bound, _)| bound.to_bits()).collect();
            part.bounds = (!key.is_empty()).then(|| {
                *bounds.entry(key).or_insert_with(|| {
                    to.put(tag::BOUNDS, &BoundsPart { bounds: child.buckets().iter().map(|(bound, _)| *bound).collect() });
                    next
                })
            });
            part.variant = variant;
            part.head.clear();
            part.head.push_str(self.catalog.child_head(id));
            (part.value, part.count, part.sum) = (child.value().is_some(), child.count().is_some(), child.sum().is_some());
            part.uncounted.clear();
            let uncounted = (0..).zip(child.buckets()).filter(|(_, (_, series))| !self.catalog.is_counted(*series));
            part.uncounted.extend(uncounted.map(|(place, _)| place));
            (part.served_at, part.seen_round) = (child.served_at.map(nanos), child.seen_round);
            (part.ragged, part.no_sum, part.no_count) = (child.ragged, child.no_sum, child.no_count);
            part.began = self.beginnings.get(id).map(|began| began.at);
            let folded = self.beginnings.folded.get(&id);
            (part.folded, part.folded_began) = (folded.is_some(), folded.copied().flatten());
            part.native = self.natives.get(&id).map(TotalPart::from);
            to.put(tag::CHILD, &part);
            children.push(id);
            series.extend(child.totals());
        }
        (children, series)
    }

    fn has_counted(&self, child: &Child) -> bool {
        let in_records = |s: SeriesId| self.slots.iter().flat_map(|slot| &slot.records).any(|record| record.last.has(s));
        child.totals().any(|s| self.out.has(s)) || child.totals().any(|s| self.offset.has(s) || in_records(s))
    }
}

/// Writes a column in pieces; those without a value are left out.
fn put_column((tag, of): (u8, Of), column: &Column, order: &[u32], piece: &mut ValuesPart, to: &mut Parts<'_>) {
    if column.as_slice().iter().all(|value| is_absent(*value)) {
        return;
    }
    for (ids, at) in order.chunks(PIECE_VALUES).zip((0..).step_by(PIECE_VALUES)) {
        piece.values.clear();
        piece.values.extend(ids.iter().map(|id| column.get(*id)));
        if piece.values.iter().any(|value| !is_absent(*value)) {
            (piece.of, piece.at) = (of as u32, at);
            to.put(tag, piece);
        }
    }
}

fn slot_part(id: &str, slot: &Slot) -> SlotPart {
    SlotPart {
        id: id.into(),
        current: u32::try_from(slot.current).unwrap_or(u32::MAX),
        folded: slot.folded.iter().copied().collect(),
        last_flip: slot.last_flip.map(nanos),
        refused: slot.refused,
        taken_whole: slot.taken_whole,
        last_good_round: slot.last_good_round,
        failed_attempts: slot.failed_attempts,
        failed_time: nanos(slot.failed_time),
        last_attempt: slot.last_attempt.map(nanos),
        retired: slot.retired,
    }
}

fn record_part(record: &Record) -> RecordPart {
    RecordPart {
        serial: record.serial,
        start: record.start,
        body_at: nanos(record.body_at),
        body_unix: record.body_unix,
        left_out: record.left_out.iter().map(|child| child.0).collect(),
        left_out_full: record.left_out_full,
        closed: record.closed,
    }
}
