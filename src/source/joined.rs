//! What sources of stand-alone targets share: each target holds its own families; the source shows them as one.

use crate::config::Limits;
use crate::encode::{FamilyView, Rendered};
use crate::model::{Labels, sort_labels};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Label that tells the targets of a source apart.
const TARGET_LABEL: &str = "target";
/// What the server puts before a label of the exporter's own that has a reserved name.
const EXPORTED: &str = "exported_";

/// The families of all targets, see [`joined_views`].
pub(super) fn joined<'a>(parts: impl IntoIterator<Item = &'a Rendered<'static>>) -> Vec<FamilyView<'a>> {
    joined_views(parts.into_iter().flat_map(Rendered::views))
}

/// The families of all targets, those of one name as one, sorted by name. The first target's type and HELP stand; a family of
/// another type is left out (who fills the parts has counted it).
pub(super) fn joined_views<'a>(views: impl Iterator<Item = FamilyView<'a>>) -> Vec<FamilyView<'a>> {
    let mut families: BTreeMap<&'a str, FamilyView<'a>> = BTreeMap::new();
    for view in views {
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

/// Adds the target label; one of that name the sample has already gets `exported_` before its name, as often as needed.
pub(super) fn add_target(labels: &mut Labels<'static>, target: &str) {
    let mut free = TARGET_LABEL.to_string();
    while labels.iter().any(|(name, _)| *name == free) {
        free.insert_str(0, EXPORTED);
    }
    if let Some((name, _)) = labels.iter_mut().find(|(name, _)| name == TARGET_LABEL) {
        *name = Cow::Owned(free);
    }
    labels.push((Cow::Borrowed(TARGET_LABEL), Cow::Owned(target.to_string())));
    sort_labels(labels);
}
