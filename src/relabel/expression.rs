//! The regular expressions of rules, as far as this build has any.

#[cfg(feature = "relabel")]
pub(super) use regex::{Captures, Error, Regex, escape};

#[cfg(not(feature = "relabel"))]
pub(super) use absent::{Captures, Error, Regex, escape};

/// The same names where the program was built without: no expression can be made, so rules are refused where they are read.
#[cfg(not(feature = "relabel"))]
mod absent {
    use std::marker::PhantomData;

    #[derive(Debug)]
    pub(in crate::relabel) struct Error;

    impl std::fmt::Display for Error {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("this build has no metric_relabel_configs (cargo feature `relabel`)")
        }
    }

    #[derive(Debug, Clone)]
    pub(in crate::relabel) enum Regex {}

    pub(in crate::relabel) enum Captures<'t> {
        #[allow(dead_code, reason = "there is nothing to capture")]
        None(Never, PhantomData<&'t str>),
    }

    pub(in crate::relabel) enum Never {}

    pub(in crate::relabel) struct Match<'t>(&'t str);

    impl<'t> Match<'t> {
        pub(in crate::relabel) fn as_str(&self) -> &'t str {
            self.0
        }
    }

    impl Regex {
        pub(in crate::relabel) fn new(_: &str) -> Result<Self, Error> {
            Err(Error)
        }

        pub(in crate::relabel) fn is_match(&self, _: &str) -> bool {
            match *self {}
        }

        pub(in crate::relabel) fn captures<'t>(&self, _: &'t str) -> Option<Captures<'t>> {
            match *self {}
        }

        pub(in crate::relabel) fn captures_len(&self) -> usize {
            match *self {}
        }

        pub(in crate::relabel) fn capture_names(&self) -> std::iter::Empty<Option<&str>> {
            match *self {}
        }
    }

    impl<'t> Captures<'t> {
        pub(in crate::relabel) fn get(&self, _: usize) -> Option<Match<'t>> {
            match self {
                Self::None(never, _) => match *never {},
            }
        }
    }

    pub(in crate::relabel) fn escape(text: &str) -> String {
        text.to_string()
    }
}
