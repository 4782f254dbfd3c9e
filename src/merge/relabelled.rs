//! Relabelling on the way into the pool: once per series for bodies read as they come, per body for those read whole.
//!
//! The evidence of an instance is read before the rules. Children that fall on one within a body are never mixed: the first stays. A
//! body read as it comes in which that happens is handed back to be read whole.

use super::DropReason;
use super::catalog::{ChildId, VariantId};
use super::layout::{Moved, What};
use super::pool::Pool;
use super::stage::{Declared, START_TIME, Staged, is_reserved};
use super::stream::{FeedError, RENAMED_STEP, Reader, UNTYPED_STEP};
use crate::model::{Family, Labels, MetricType, Role, child_head};
use crate::parse::{Exposition, Tail};
use crate::relabel::{Relabelled, Relabelling};
use foldhash::HashMap;

/// What is noted while a body is read.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    /// The evidence of the instance, as it came.
    evidence: Option<f64>,
    /// Children that one became which wasn't the first to do so: the key of that one, and its samples so far.
    owners: HashMap<ChildId, (u64, usize)>,
    /// The sample looked at has no TYPE line.
    pub typeless: bool,
}

impl Traces {
    pub fn start_time(&self) -> Option<f64> {
        self.evidence.filter(|start| start.is_finite())
    }
}

/// The evidence of the instance as a body shows it, before any rules.
pub(super) fn start_time_of(exposition: &Exposition<'_>) -> Option<f64> {
    let of = |family: &Family<'_>| {
        let sample = family.samples.iter().find(|s| is_evidence(&family.name, family.kind, s.role, &s.labels))?;
        Some(sample.value).filter(|start| start.is_finite())
    };
    exposition.families.iter().find_map(of)
}

fn is_evidence(family: &str, kind: MetricType, role: Role, labels: &Labels<'_>) -> bool {
    let kinds = [MetricType::Gauge, MetricType::Unknown, MetricType::Counter];
    family == START_TIME && kinds.contains(&kind) && role == Role::Value && labels.is_empty()
}

impl Pool {
    /// Sets static labels and rules. What instances known so far show next may have been left out before, so none of their new
    /// children counts with its past.
    pub fn set_relabelling(&mut self, relabelling: Relabelling) {
        if self.relabelling == relabelling {
            return;
        }
        self.relabelling = relabelling;
        self.origins.clear();
        self.shifted = true;
        self.begin_layouts_anew();
        self.slots.iter_mut().for_each(|slot| slot.path = None);
        self.slots.iter_mut().flat_map(super::slot::Slot::all_records_mut).for_each(super::slot::Record::leave_out_all);
    }

    /// The families of a whole body as the rules make them; `None` if there are no rules.
    pub(super) fn relabelled<'a>(&self, exposition: &Exposition<'a>, staged: &mut Staged) -> Option<Vec<Family<'a>>> {
        if self.relabelling.is_empty() {
            return None;
        }
        let drops = &mut staged.drops;
        let mut is_wanted = |family: &str, role: Role, labels: &Labels<'_>| {
            let reason = if is_reserved(family) { Some(Some(DropReason::ReservedName)) } else { self.unwanted(role, labels) };
            drops.extend(reason.flatten());
            reason.is_none()
        };
        let mut families = exposition.families.clone();
        families.retain_mut(|family| {
            family.samples.retain(|sample| is_wanted(&family.name, sample.role, &sample.labels));
            family.natives.retain(|native| is_wanted(&family.name, Role::Count, &native.labels));
            !is_reserved(&family.name)
        });
        let (families, left_out) = self.relabelling.families_where(families, is_wanted);
        staged.drops.extend(std::iter::repeat_n(DropReason::RelabelCollision, left_out));
        Some(families)
    }

    /// The families a body declares, each name once: rules may have made one name of families of several types, of which one can be
    /// used. Which one doesn't hang on the order of lines; a type comes before none.
    pub(super) fn one_type_each(&self, mut declared: Vec<Declared>) -> Vec<Declared> {
        if self.relabelling.is_empty() {
            return declared;
        }
        let of = |d: &Declared| self.catalog.variant(d.variant);
        declared.sort_by_key(|d| (&of(d).name, of(d).kind == MetricType::Unknown, of(d).kind));
        declared.dedup_by(|other, first| {
            let same = of(other).name == of(first).name;
            for (text, more) in [(&mut first.help, &other.help), (&mut first.unit, &other.unit)] {
                if same && text.is_empty() {
                    text.clone_from(more);
                }
            }
            same
        });
        declared
    }

    /// What a sample of a family of this type is once relabelled, and whether that will be so next time.
    pub(super) fn relabelled_meaning(
        &mut self,
        reader: &mut Reader,
        variant: VariantId,
        kind: MetricType,
        role: Role,
        labels: &Labels<'_>,
    ) -> (What, bool) {
        let from = self.catalog.variant(variant).name.clone();
        let evidence = is_evidence(&from, kind, role, labels);
        let (mut moved, cached) = match self.relabelling.sample(&from, kind, role, labels) {
            Relabelled::Dropped => (Moved::plain(What::Ignored), true),
            Relabelled::Odd => (Moved::plain(What::Dropped(DropReason::RelabelCollision)), true),
            Relabelled::Kept { family, .. } if is_reserved(&family) => {
                (Moved::plain(What::Dropped(DropReason::ReservedName)), true)
            }
            Relabelled::Kept { labels, .. } if self.unwanted(role, &labels).is_some() => {
                let reason = self.unwanted(role, &labels).flatten();
                (Moved::plain(reason.map_or(What::Ignored, What::Dropped)), true)
            }
            Relabelled::Kept { family, labels: new } => {
                let key = self.catalog.key(&child_head(&from, labels));
                self.moved(reader, (&from, variant, kind), (key, role), &family, &new)
            }
        };
        moved.evidence = evidence;
        let is_plain = moved.step.is_none() && moved.claim.is_none() && !moved.evidence;
        let what = if is_plain { moved.what } else { self.layouts[reader.dialect as usize].add_moved(moved) };
        (what, cached)
    }

    /// A sample that the rules keep, as part of `family{labels}`; `key` is that of the child it was.
    fn moved(
        &mut self,
        reader: &mut Reader,
        (from, before, kind): (&str, VariantId, MetricType),
        (key, role): (u64, Role),
        family: &str,
        labels: &Labels<'_>,
    ) -> (Moved, bool) {
        let merged_kind = self.merged_kind(family, kind);
        let variant = self.variant(family, merged_kind);
        let head = child_head(family, labels);
        let known = self.catalog.find_child(variant, &head);
        let may_merge = self.relabelling.may_merge();
        if role == Role::Created {
            let Some(child) = known else { return (Moved::plain(What::Ignored), false) };
            let claim = may_merge.then_some((child, key));
            return (Moved { claim, ..Moved::plain(What::Created(child)) }, true);
        }
        // There was no room, which is counted; there may be some next time.
        let Some(series) = self.place(&mut reader.staged, variant, &head, role) else {
            return (Moved::plain(What::Ignored), false);
        };
        let child = self.catalog.child_of(series);
        if known.is_none() && key != self.catalog.child(child).key {
            self.origins.insert(child, key);
        }
        let is_first = self.origin(child) == key;
        let claim = (may_merge && !is_first).then_some((child, key));
        let what = What::Series(series);
        if reader.traces.typeless {
            // HELP of this very name speaks of it, TYPE lines don't.
            (Moved { claim, step: Some(variant | UNTYPED_STEP), ..Moved::plain(what) }, true)
        } else {
            let step = (variant != before || from != family).then_some(variant | UNTYPED_STEP | RENAMED_STEP);
            (Moved { claim, step, ..Moved::plain(what) }, true)
        }
    }

    /// The key of the child that first became this one.
    fn origin(&self, child: ChildId) -> u64 {
        self.origins.get(&child).copied().unwrap_or_else(|| self.catalog.child(child).key)
    }

    /// Takes what a known line says. False: children of this body fell together, which only the whole body can sort out.
    pub(super) fn take_line(&self, reader: &mut Reader, what: What, tail: Tail<'_>) -> bool {
        if self.relabelling.is_empty() {
            reader.apply(&self.catalog, what, tail);
            return true;
        }
        let moved = match what {
            What::Moved(id) => self.layouts[reader.dialect as usize].moved(id).copied(),
            _ => None,
        };
        let moved = moved.unwrap_or(Moved::plain(what));
        if moved.evidence {
            reader.traces.evidence.get_or_insert(tail.value);
        }
        if let Some(step) = moved.step {
            reader.note_step(step);
        }
        match (moved.what, moved.claim) {
            (What::Created(child), Some((_, key))) => {
                let shown = reader.staged.shows(self.catalog.child(child));
                let owner = reader.traces.owners.get(&child).map(|(owner, _)| *owner).or_else(|| shown.then(|| self.origin(child)));
                let is_own = owner.is_none_or(|owner| owner == key);
                reader.apply(&self.catalog, if is_own { moved.what } else { What::Ignored }, tail);
            }
            (What::Series(series), claim) => {
                if reader.staged.values.has(series) {
                    return false;
                }
                if let Some((child, key)) = claim {
                    if !reader.traces.owners.contains_key(&child) && reader.staged.shows(self.catalog.child(child)) {
                        return false;
                    }
                    let (owner, samples) = reader.traces.owners.entry(child).or_insert((key, 0));
                    if *owner != key {
                        return false;
                    }
                    *samples += 1;
                }
                reader.apply(&self.catalog, moved.what, tail);
            }
            (what, _) => reader.apply(&self.catalog, what, tail),
        }
        true
    }

    /// Whether nothing came to a child from another than the one that became it in this body.
    pub(super) fn check_claims(&self, reader: &Reader) -> Result<(), FeedError> {
        let is_mixed = |(child, (_, samples)): (&ChildId, &(u64, usize))| {
            self.catalog.child(*child).series().filter(|s| reader.staged.values.has(*s)).count() != *samples
        };
        if reader.traces.owners.iter().any(is_mixed) { Err(FeedError::SecondLook) } else { Ok(()) }
    }
}

impl Moved {
    fn plain(what: What) -> Self {
        Self { what, step: None, claim: None, evidence: false }
    }
}
