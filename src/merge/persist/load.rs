//! The pool from messages. They are of a file whose checksum is right, so what makes no sense in them is of another release: it ends the
//! loading, and nothing of the file is used.

use super::super::catalog::{ChildId, VariantId};
use super::super::column::Column;
use super::super::last_words::Folded;
use super::super::pool::{Pool, is_total};
use super::super::slot::{LeftOut, Record, Slot};
use super::super::types::{Group, Hold, Text};
use super::messages::{
    BoundsPart, ChildPart, GroupPart, KeptPart, NativePart, PoolPart, RecordPart, SlotPart, TextPart, ValuesPart, VariantPart,
};
use super::{Of, Order, rules_of, tag};
use crate::model::{MetricType, Role};
use crate::state::{IS_IN, Saved, Unreadable};
use foldhash::HashSet;
use std::cmp::Reverse;
use std::time::Duration;

/// What is known of the messages so far, by their numbers.
#[derive(Default)]
struct Loading {
    variants: Vec<VariantId>,
    groups: Vec<GroupPart>,
    bounds: Vec<Vec<f64>>,
    order: Order,
    /// Index of each saved slot, if it still is one; those that are configured no longer stand behind those that are.
    slots: Vec<Option<usize>>,
    /// The settings that decide which samples are used are others now.
    changed_rules: bool,
}

impl Loading {
    /// The slot that messages are about now.
    fn slot(&self) -> Option<usize> {
        self.slots.last().copied().flatten()
    }
}

impl Pool {
    /// Takes back what [`save`](Self::save) wrote. To be called on a pool that has seen nothing yet; where it fails, that pool is not to
    /// be used.
    ///
    /// # Errors
    /// A message that makes no sense.
    pub fn load(&mut self, mut saved: Saved<'_>) -> Result<(), Unreadable> {
        if !IS_IN {
            return Ok(());
        }
        let mut loading = Loading::default();
        while let Some(part) = saved.next_part()? {
            match part.tag {
                tag::POOL => loading.changed_rules = self.load_pool(part.read()?),
                tag::VARIANT => {
                    let VariantPart { name, kind } = part.read()?;
                    let kind = MetricType::ALL.into_iter().find(|known| known.as_openmetrics() == kind);
                    let kind = kind.ok_or_else(|| senseless("a type"))?;
                    loading.variants.push(self.variant(&name, kind));
                }
                tag::GROUP => loading.groups.push(part.read()?),
                tag::BOUNDS => loading.bounds.push(part.read::<BoundsPart>()?.bounds),
                tag::CHILD => self.load_child(part.read()?, &mut loading)?,
                tag::SLOT => self.load_slot(part.read()?, &mut loading),
                tag::RECORD => self.load_record(part.read()?, &loading)?,
                tag::VALUES => self.load_values(&part.read()?, &loading)?,
                tag::KEPT => self.load_kept(part.read()?, &loading)?,
                tag::KEPT_VALUES => self.load_kept_values(&part.read()?, &loading)?,
                tag::NATIVE => self.load_native(part.read()?, &loading)?,
                _ => {}
            }
        }
        self.load_types(&loading)?;
        self.join_groups(&loading.order.children);
        self.retire_departed_beyond_limit();
        self.forget_beyond_limit();
        self.is_cold = false;
        Ok(())
    }

    /// Whether the settings that decide which samples are used are others now.
    fn load_pool(&mut self, part: PoolPart) -> bool {
        (self.round, self.serials) = (part.round, part.serials);
        self.first_served = part.first_served.map(Duration::from_nanos);
        self.outlived = part.outlived.into();
        part.rules != rules_of(&self.config, &self.relabelling)
    }

    /// Children that are served without some of their labels find their output child again.
    fn join_groups(&mut self, children: &[ChildId]) {
        for id in children {
            let child = self.catalog.child(*id);
            let buckets = child.buckets().iter().map(|(bound, _)| Role::Bucket(*bound));
            let others = [(child.value(), Role::Value), (child.count(), Role::Count), (child.sum(), Role::Sum)];
            let others = others.into_iter().filter_map(|(series, role)| series.map(|_| role));
            let roles: Vec<Role> = buckets.chain(others).collect();
            roles.into_iter().for_each(|role| self.join_group(*id, role));
        }
    }

    fn load_child(&mut self, part: ChildPart, loading: &mut Loading) -> Result<(), Unreadable> {
        let variant = at(&loading.variants, part.variant, "a family")?;
        if !is_total(self.catalog.variant(variant).kind) {
            return Err(senseless("a family"));
        }
        let bounds = part.bounds.map(|bounds| {
            let known = usize::try_from(bounds).ok().and_then(|bounds| loading.bounds.get(bounds));
            known.ok_or_else(|| senseless("bounds"))
        });
        let bounds = bounds.transpose()?.map(Vec::as_slice).unwrap_or_default();
        let id = self.catalog.intern_child(variant, &part.head);
        // In the order of `Child::totals`, so that the parts of a child stand side by side as they are looked at.
        let roles = part.value.then_some(Role::Value).into_iter().chain(bounds.iter().map(|bound| Role::Bucket(*bound)));
        let roles = roles.chain(part.count.then_some(Role::Count)).chain(part.sum.then_some(Role::Sum));
        for role in roles {
            let series = self.catalog.intern_series(id, role);
            loading.order.series.push(series);
        }
        loading.order.children.push(id);
        let uncounted: HashSet<_> = (0..)
            .zip(self.catalog.child(id).buckets())
            .filter(|(place, _)| part.uncounted.contains(place))
            .map(|(_, (_, series))| *series)
            .collect();
        self.catalog.count_buckets(id, |series| !uncounted.contains(&series));
        let child = self.catalog.child_mut(id);
        (child.served_at, child.seen_round) = (part.served_at.map(Duration::from_nanos), part.seen_round);
        (child.ragged, child.no_sum, child.no_count) = (part.ragged, part.no_sum, part.no_count);
        if child.served_at.is_none() {
            self.unserved.push(id);
        }
        self.catalog.reshape(id);
        if let Some(began) = part.began {
            self.restore_beginning(id, began);
        }
        if part.folded {
            self.beginnings.folded.insert(id, part.folded_began);
        }
        if let Some(native) = part.native {
            self.natives.insert(id, native.into());
        }
        Ok(())
    }

    fn load_slot(&mut self, part: SlotPart, loading: &mut Loading) {
        let mut slot = Slot {
            current: usize::try_from(part.current).unwrap_or_default(),
            folded: part.folded.into(),
            last_flip: part.last_flip.map(Duration::from_nanos),
            refused: part.refused,
            taken_whole: part.taken_whole,
            last_good_round: part.last_good_round,
            failed_attempts: part.failed_attempts,
            failed_time: Duration::from_nanos(part.failed_time),
            last_attempt: part.last_attempt.map(Duration::from_nanos),
            retired: part.retired,
            ..Slot::default()
        };
        let known = self.ids.iter().position(|id| *id == part.id).and_then(|index| Some((index, self.slots.get_mut(index)?)));
        loading.slots.push(match known {
            Some((index, place)) => {
                *place = slot;
                Some(index)
            }
            // It left the set, and was retired: nothing is left of it but who answered there.
            None if slot.retired => {
                self.outlive(slot.take_identities());
                None
            }
            None => {
                self.slots.push(slot);
                self.ids.push(part.id);
                Some(self.slots.len() - 1)
            }
        });
    }

    fn load_record(&mut self, part: RecordPart, loading: &Loading) -> Result<(), Unreadable> {
        let slot = loading.slot().and_then(|slot| self.slots.get_mut(slot)).ok_or_else(|| senseless("a slot"))?;
        slot.records.push(restored(part, loading));
        Ok(())
    }

    fn load_kept(&mut self, part: KeptPart, loading: &Loading) -> Result<(), Unreadable> {
        let slot = loading.slot().and_then(|slot| self.slots.get_mut(slot)).ok_or_else(|| senseless("a slot"))?;
        let record = restored(part.record.ok_or_else(|| senseless("a record"))?, loading);
        slot.keep(Folded { record, at: Duration::from_nanos(part.at) });
        Ok(())
    }

    fn load_kept_values(&mut self, part: &ValuesPart, loading: &Loading) -> Result<(), Unreadable> {
        let kept = loading.slot().and_then(|slot| self.slots.get_mut(slot)?.kept.back_mut());
        let record = &mut kept.ok_or_else(|| senseless("a record"))?.record;
        match of(part)? {
            Of::Last => put(&mut record.last, part, &loading.order.series),
            Of::Created => put(&mut record.created, part, &loading.order.children),
            Of::Offset | Of::Out | Of::Base => Err(senseless("a column")),
        }
    }

    fn load_values(&mut self, part: &ValuesPart, loading: &Loading) -> Result<(), Unreadable> {
        let of = of(part)?;
        let columns = self.catalog.columns();
        let column = match of {
            Of::Offset => &mut self.offset,
            Of::Out => &mut self.out,
            Of::Last | Of::Base | Of::Created => {
                let record = loading.slot().and_then(|slot| self.slots.get_mut(slot)?.records.last_mut());
                let record = record.ok_or_else(|| senseless("a record"))?;
                match of {
                    Of::Last => &mut record.last,
                    Of::Base => &mut record.base,
                    _ => &mut record.created,
                }
            }
        };
        let ids = if of == Of::Created { &loading.order.children } else { &loading.order.series };
        if of != Of::Created {
            column.reserve(columns);
        }
        put(column, part, ids)
    }

    fn load_native(&mut self, part: NativePart, loading: &Loading) -> Result<(), Unreadable> {
        let child = at(&loading.order.children, part.child, "a child")?;
        let record = loading.slot().and_then(|slot| self.slots.get_mut(slot)?.records.last_mut());
        let record = record.ok_or_else(|| senseless("a record"))?;
        let contribution = part.contribution.and_then(|part| part.restored()).ok_or_else(|| senseless("a histogram"))?;
        record.natives.insert(child, contribution);
        Ok(())
    }

    /// Types, once it is known which slots still are. With other rules a body of the same instance may well show another type: then the
    /// next one is heard as that of another.
    fn load_types(&mut self, loading: &Loading) -> Result<(), Unreadable> {
        let configured = self.configured();
        let slot = |saved: u32| usize::try_from(saved).ok().and_then(|saved| loading.slots.get(saved).copied().flatten());
        let text = |part: &Option<TextPart>| {
            let part = part.as_ref();
            // A slot that is gone gives way to any other.
            let whose = |part: &TextPart| slot(part.slot).filter(|slot| *slot < configured).unwrap_or(usize::MAX);
            part.map(|part| Text::restored(whose(part), &part.text)).unwrap_or_default()
        };
        for part in &loading.groups {
            let mut group = Group { help: text(&part.help), unit: text(&part.unit), ..Group::default() };
            group.established = part.established.map(|variant| at(&loading.variants, variant, "a family")).transpose()?;
            for hold in &part.holds {
                let variant = at(&loading.variants, hold.variant, "a family")?;
                let serial = if loading.changed_rules { 0 } else { hold.serial };
                if let Some(slot) = slot(hold.slot) {
                    group.holds.insert(slot, Hold { variant, serial });
                }
            }
            self.types.restore(&self.catalog, &part.name, group);
        }
        Ok(())
    }

    /// Of slots that have left the set as many stay as `max_slots` leaves room for, those that answered last; the others are retired at
    /// once, and so are those that never answered.
    fn retire_departed_beyond_limit(&mut self) {
        let room = self.limits.max_slots.saturating_sub(self.configured());
        let mut departed: Vec<usize> = (self.configured()..self.slots.len()).collect();
        departed.sort_by_key(|index| self.slots.get(*index).map(|slot| (slot.records.is_empty(), Reverse(slot.last_good_round))));
        for (place, index) in departed.into_iter().enumerate() {
            if place >= room || self.slots.get(index).is_some_and(|slot| slot.records.is_empty()) {
                self.retire_slot(index);
            }
        }
        self.drop_departed();
    }

    fn forget_beyond_limit(&mut self) {
        let mut excess = self.catalog.len().saturating_sub(self.limits.max_series);
        if excess == 0 {
            return;
        }
        let mut unseen: Vec<(u64, ChildId)> = self.catalog.children().map(|(id, child)| (child.seen_round, id)).collect();
        unseen.sort_unstable();
        let mut going = HashSet::default();
        for (_, id) in unseen {
            if excess == 0 {
                break;
            }
            let child = self.catalog.child(id);
            excess = excess.saturating_sub(child.series().count());
            // Back in the first round it would have fallen without a gap that tells.
            self.evicted.insert(child.key);
            going.insert(id);
        }
        self.forget_children(&going);
    }
}

fn restored(part: RecordPart, loading: &Loading) -> Record {
    Record {
        body_at: Duration::from_nanos(part.body_at),
        body_unix: part.body_unix,
        left_out: part.left_out.into_iter().map(LeftOut).collect(),
        left_out_full: part.left_out_full || loading.changed_rules,
        closed: part.closed,
        ..Record::new(part.serial, part.start)
    }
}

fn of(part: &ValuesPart) -> Result<Of, Unreadable> {
    Of::ALL.into_iter().find(|of| *of as u32 == part.of).ok_or_else(|| senseless("a column"))
}

/// Puts a piece of a column in its place.
fn put(column: &mut Column, part: &ValuesPart, ids: &[u32]) -> Result<(), Unreadable> {
    let from = usize::try_from(part.at).ok().and_then(|at| ids.get(at..)).ok_or_else(|| senseless("a column"))?;
    if from.len() < part.values.len() {
        return Err(senseless("a column"));
    }
    from.iter().zip(&part.values).for_each(|(id, value)| column.set(*id, *value));
    Ok(())
}

fn at<T: Copy>(list: &[T], index: u32, what: &str) -> Result<T, Unreadable> {
    usize::try_from(index).ok().and_then(|index| list.get(index).copied()).ok_or_else(|| senseless(what))
}

fn senseless(what: &str) -> Unreadable {
    Unreadable::Damaged(format!("{what} in it makes no sense"))
}
