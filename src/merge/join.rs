//! Families of several sources → one list, each family under one TYPE line.

use crate::encode::FamilyView;
use std::collections::BTreeMap;

/// Joins the families of the sources.
#[derive(Debug)]
pub struct Join {
    dropped: Vec<u64>,
    conflicts: usize,
}

impl Join {
    /// For sources of these names, in the order of configuration.
    pub fn new(names: Vec<String>) -> Self {
        Self { dropped: vec![0; names.len()], conflicts: 0 }
    }

    /// The families of all sources by name; of a name with several types the earlier source's stands.
    pub fn join<'a>(&'a mut self, per_source: Vec<(usize, Vec<FamilyView<'a>>)>) -> Vec<FamilyView<'a>> {
        let mut joined: BTreeMap<&'a str, FamilyView<'a>> = BTreeMap::new();
        self.conflicts = 0;
        for (source, families) in per_source {
            for family in families {
                match joined.get_mut(family.name) {
                    None => {
                        joined.insert(family.name, family);
                    }
                    Some(earlier) if earlier.kind == family.kind => earlier.samples.extend(family.samples),
                    Some(_) => {
                        self.conflicts += 1;
                        if let Some(dropped) = self.dropped.get_mut(source) {
                            *dropped += family.samples.len() as u64;
                        }
                    }
                }
            }
        }
        joined.into_values().collect()
    }

    /// By source: samples left out so far (`source_clash`).
    pub fn dropped(&self) -> &[u64] {
        &self.dropped
    }

    /// Families now in conflict between sources.
    pub fn conflicts(&self) -> usize {
        self.conflicts
    }
}
