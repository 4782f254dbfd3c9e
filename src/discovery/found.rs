//! What lookups have brought so far.

use crate::config::Scheme;
use std::collections::BTreeMap;

/// Targets that belong together, as a lookup names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Group {
    /// As under `targets:` of a source.
    pub(super) targets: Vec<String>,
    /// Labels that their series get; `None`: what brought them knows no labels.
    pub(super) labels: Option<BTreeMap<String, String>>,
    /// In place of the source's `metrics_path`.
    pub(super) metrics_path: Option<String>,
    /// In place of the source's `scheme`.
    pub(super) scheme: Option<Scheme>,
}

/// How the lookup of one name or file stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lookup {
    /// What was found when it last went well.
    pub(super) groups: Vec<Group>,
    /// Why it did not go well the last time.
    pub(super) failure: Option<String>,
}

impl Lookup {
    /// Takes what a new try brought; a failure leaves what is known.
    pub(super) fn take(&mut self, result: Result<Vec<Group>, String>) {
        match result {
            Ok(groups) => *self = Self { groups, failure: None },
            Err(failure) => self.failure = Some(failure),
        }
    }
}

/// The lookups of one entry under `dns_sd_configs` or `file_sd_configs`, by name or file.
pub(super) type Found = BTreeMap<String, Lookup>;

/// By source, then by entry; `None` where nothing was tried yet.
pub(super) type Findings = Vec<Vec<Option<Found>>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_leaves_what_is_known() {
        let group = Group { targets: vec!["10.0.0.1:1".into()], ..Group::default() };
        let mut lookup = Lookup::default();
        lookup.take(Ok(vec![group.clone()]));
        lookup.take(Err("no answer".into()));
        assert_eq!(lookup, Lookup { groups: vec![group], failure: Some("no answer".into()) });
        lookup.take(Ok(Vec::new()));
        assert_eq!(lookup, Lookup::default(), "none is an answer, too");
    }
}
