//! One type per family: which of several declared types is established, and what becomes of the others.

use super::catalog::{Catalog, VariantId};
use crate::model::{MetricType, Role, sample_name};
use foldhash::HashMap;
use std::collections::BTreeMap;

/// Whose body it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speaker {
    pub slot: usize,
    /// The instance in the slot.
    pub serial: u64,
    /// Whether the instance is known by evidence, so that a change of type within it doesn't count.
    pub evident: bool,
}

/// The type a slot's last good body gave the family, and the instance that did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Hold {
    pub(super) variant: VariantId,
    pub(super) serial: u64,
}

/// Text of HELP or UNIT: the lowest slot's that isn't empty.
#[derive(Debug, Default)]
pub(crate) struct Text {
    pub(super) slot: usize,
    pub text: Box<str>,
    /// Slots that say otherwise.
    differing: Vec<usize>,
}

impl Text {
    /// What a slot had said.
    pub(super) fn restored(slot: usize, text: &str) -> Self {
        Self { slot, text: text.into(), differing: Vec::new() }
    }

    /// Whether the text, or whose it is, has changed: then others must be heard again to know whether they differ.
    fn hear(&mut self, slot: usize, text: &str) -> bool {
        if text.is_empty() {
            return false;
        }
        let takes = self.text.is_empty() || slot < self.slot || (slot == self.slot && *self.text != *text);
        if takes {
            if !self.text.is_empty() && slot != self.slot && *self.text != *text && !self.differing.contains(&self.slot) {
                self.differing.push(self.slot);
            }
            self.slot = slot;
            if *self.text != *text {
                self.text = text.into();
            }
        }
        self.differing.retain(|s| *s != slot);
        if *self.text != *text {
            self.differing.push(slot);
        }
        takes
    }
}

/// All variants of one family name.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) holds: BTreeMap<usize, Hold>,
    pub(super) established: Option<VariantId>,
    pub(super) help: Text,
    pub(super) unit: Text,
}

/// What to do with the samples of one variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// They are of the established type.
    Use,
    /// They have no type (or a weaker one) and count as samples of this variant.
    YieldTo(VariantId),
    /// They are left out.
    Conflict,
}

/// The types of all families.
#[derive(Debug, Default)]
pub(crate) struct Types {
    pub(super) groups: HashMap<Box<str>, Group>,
    /// Sample names in use, by the established variant that owns them.
    claims: HashMap<Box<str>, VariantId>,
    dirty: Vec<Box<str>>,
    /// Rises whenever a verdict may have changed.
    version: u64,
    /// Rises whenever a HELP or UNIT changes.
    texts_version: u64,
}

impl Types {
    /// Rises whenever a verdict may have changed; never 0 once anything was heard.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Rises whenever a HELP or UNIT changes.
    pub fn texts_version(&self) -> u64 {
        self.texts_version
    }

    /// Notes what a good body says of a family: its type, HELP and UNIT.
    pub fn hear(&mut self, catalog: &Catalog, speaker: Speaker, variant: VariantId, help: &str, unit: &str) {
        let Speaker { slot, serial, evident } = speaker;
        let name = &catalog.variant(variant).name;
        let group = match self.groups.get_mut(name) {
            Some(group) => group,
            None => self.groups.entry(name.clone()).or_default(),
        };
        let changed = group.help.hear(slot, help) | group.unit.hear(slot, unit);
        self.texts_version += u64::from(changed);
        match group.holds.get_mut(&slot) {
            Some(hold) if hold.variant == variant => hold.serial = serial,
            Some(hold) if evident && hold.serial == serial => {}
            _ => {
                group.holds.insert(slot, Hold { variant, serial });
                self.dirty.push(name.clone());
            }
        }
    }

    /// The slot is retired: it holds nothing any more.
    pub fn forget_slot(&mut self, slot: usize) {
        for (name, group) in &mut self.groups {
            if group.holds.remove(&slot).is_some() {
                self.dirty.push(name.clone());
            }
        }
    }

    /// Decides anew where something changed. Returns the variants whose state must be dropped: another type took over.
    pub fn resolve(&mut self, catalog: &Catalog) -> Vec<VariantId> {
        let mut dropped = Vec::new();
        let mut names = std::mem::take(&mut self.dirty);
        names.sort_unstable();
        names.dedup();
        self.version += u64::from(!names.is_empty());
        for name in names {
            let Some(group) = self.groups.get(&name) else { continue };
            let before = group.established;
            let Some(after) = choose(catalog, group) else { continue };
            if before == Some(after) {
                continue;
            }
            if let Some(before) = before {
                self.claims.retain(|_, v| *v != before);
                dropped.push(before);
            }
            let established = self.claim(catalog, &name, after, &mut dropped).then_some(after);
            if let Some(group) = self.groups.get_mut(&name) {
                group.established = established;
            }
            if established.is_none() {
                // Another family owns one of its sample names: look again when something changes there.
                self.dirty.push(name);
            }
        }
        dropped
    }

    /// Takes the sample names of `variant`; families without a type give theirs up. False if another type owns one of them.
    fn claim(&mut self, catalog: &Catalog, name: &str, variant: VariantId, dropped: &mut Vec<VariantId>) -> bool {
        let kind = catalog.variant(variant).kind;
        let names = claimed_names(name, kind);
        let mut evicted = Vec::new();
        for claimed in &names {
            match self.claims.get(&**claimed) {
                Some(other) if *other != variant => {
                    if kind == MetricType::Unknown || catalog.variant(*other).kind != MetricType::Unknown {
                        return false;
                    }
                    evicted.push(*other);
                }
                _ => {}
            }
        }
        for other in evicted {
            self.claims.retain(|_, v| *v != other);
            let other_name = &catalog.variant(other).name;
            if let Some(group) = self.groups.get_mut(other_name) {
                group.established = None;
            }
            self.dirty.push(other_name.clone());
            dropped.push(other);
        }
        self.claims.extend(names.into_iter().map(|n| (n.into_boxed_str(), variant)));
        true
    }

    /// What becomes of samples declared as `variant`.
    pub fn verdict(&self, catalog: &Catalog, variant: VariantId) -> Verdict {
        let v = catalog.variant(variant);
        let established = self.groups.get(&v.name).and_then(|g| g.established);
        match established {
            Some(e) if e == variant => Verdict::Use,
            Some(e) if yields(catalog, variant, e) => Verdict::YieldTo(e),
            Some(_) => Verdict::Conflict,
            None => match self.claims.get(&v.name) {
                Some(owner) if v.kind == MetricType::Unknown => Verdict::YieldTo(*owner),
                _ => Verdict::Conflict,
            },
        }
    }

    /// Established variants.
    pub fn established(&self) -> impl Iterator<Item = VariantId> + '_ {
        self.groups.values().filter_map(|g| g.established)
    }

    /// The established variant of a name.
    pub fn established_of(&self, name: &str) -> Option<VariantId> {
        self.groups.get(name)?.established
    }

    /// Whether the variant is the established one of its name.
    pub fn is_established(&self, catalog: &Catalog, variant: VariantId) -> bool {
        self.groups.get(&catalog.variant(variant).name).is_some_and(|g| g.established == Some(variant))
    }

    /// Takes in a family as it was saved.
    pub(super) fn restore(&mut self, catalog: &Catalog, name: &str, group: Group) {
        match group.established {
            Some(variant) => {
                let names = claimed_names(name, catalog.variant(variant).kind);
                self.claims.extend(names.into_iter().map(|n| (n.into_boxed_str(), variant)));
            }
            None => self.dirty.push(name.into()),
        }
        self.groups.insert(name.into(), group);
        self.version += 1;
        self.texts_version += 1;
    }

    /// HELP and UNIT of a family.
    pub fn texts(&self, name: &str) -> (&str, &str) {
        self.groups.get(name).map_or(("", ""), |g| (&g.help.text, &g.unit.text))
    }

    /// Families now in conflict over their type, HELP, UNIT.
    pub fn conflicts(&self, catalog: &Catalog) -> (usize, usize, usize) {
        let mut n = (0, 0, 0);
        for g in self.groups.values() {
            let odd = |h: &Hold| self.verdict(catalog, h.variant) == Verdict::Conflict;
            n.0 += usize::from(g.holds.values().any(odd));
            n.1 += usize::from(!g.help.differing.is_empty());
            n.2 += usize::from(!g.unit.differing.is_empty());
        }
        n
    }
}

/// The established variant stays while a slot holds it and it doesn't yield to another held one; else the lowest slot's.
fn choose(catalog: &Catalog, group: &Group) -> Option<VariantId> {
    let held = || group.holds.values().map(|h| h.variant);
    let stands = |v: VariantId| !held().any(|other| yields(catalog, v, other));
    match group.established {
        Some(e) if held().any(|v| v == e) && stands(e) => Some(e),
        _ => held().find(|v| stands(*v)).or(group.established),
    }
}

/// Whether samples of `weak` count as samples of `strong`: a missing type yields to any; the gauge `foo_info`, as text has it, to
/// the info `foo`, as OpenMetrics has it.
fn yields(catalog: &Catalog, weak: VariantId, strong: VariantId) -> bool {
    let (w, s) = (catalog.variant(weak), catalog.variant(strong));
    match w.kind {
        MetricType::Unknown => s.kind != MetricType::Unknown,
        MetricType::Gauge => s.kind == MetricType::Info && w.name == s.name,
        _ => false,
    }
}

/// The names on a family's sample lines.
fn claimed_names(family: &str, kind: MetricType) -> Vec<String> {
    let roles: &[Role] = match kind {
        MetricType::Histogram | MetricType::GaugeHistogram => &[Role::Bucket(0.0), Role::Count, Role::Sum],
        MetricType::Summary => &[Role::Value, Role::Count, Role::Sum],
        _ => &[Role::Value],
    };
    roles.iter().map(|role| sample_name(family, kind, *role).into_owned()).collect()
}
