//! What sources of stand-alone targets share: each target holds its own families; the source shows them as one.

use crate::config::Limits;
use crate::encode::{FamilyView, Rendered};
use std::collections::BTreeMap;

/// The families of all targets, those of one name as one, sorted by name. The first target's type and HELP stand; a family of
/// another type is left out (who fills the parts has counted it).
pub(super) fn joined<'a>(parts: impl IntoIterator<Item = &'a Rendered>) -> Vec<FamilyView<'a>> {
    let mut families: BTreeMap<&'a str, FamilyView<'a>> = BTreeMap::new();
    for view in parts.into_iter().flat_map(Rendered::views) {
        match families.get_mut(view.name) {
            None => drop(families.insert(view.name, view)),
            Some(first) if first.kind == view.kind => {
                if first.help.is_empty() {
                    first.help = view.help;
                }
                first.samples.extend(view.samples);
                first.natives.extend(view.natives);
            }
            Some(_) => {}
        }
    }
    families.into_values().collect()
}

/// How many series one of `targets` may hold: an equal share of `limits.max_series`, so that a target costs only its own data.
pub(super) fn share(limits: &Limits, targets: usize) -> usize {
    (limits.max_series / targets.max(1)).max(1)
}
