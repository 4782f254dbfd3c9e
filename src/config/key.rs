//! What a key of the configuration is: its name, what it takes, its default and one line about it. Reading refuses what has no row of
//! this kind; the JSON Schema and the reference are made of the same rows.

use super::choice::Choice;
use std::ops::RangeInclusive;

/// One key of a mapping.
#[derive(Debug, Clone)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// What it takes.
    pub form: Form,
    /// What holds where it is not given, as it would stand in a file; empty: nothing, or what `about` says.
    pub default: &'static str,
    /// What it is for, in one line of Markdown.
    pub about: &'static str,
    /// The kinds of sources that have it; empty: all, or it is no key of a source.
    pub kinds: &'static [&'static str],
    /// Whether its mapping makes no sense without it.
    pub needed: bool,
}

/// What a key takes. Every single value may also come from a variable, `${VAR}`.
#[derive(Debug, Clone)]
pub enum Form {
    /// `true` or `false`.
    Flag,
    /// Any text.
    Text,
    /// Any text, in which variables are not replaced.
    Verbatim,
    /// A whole number.
    Count(RangeInclusive<usize>),
    /// A whole number, or this word.
    CountOr(RangeInclusive<usize>, &'static str),
    /// A number above zero.
    Number,
    /// A duration.
    Duration,
    /// A number of bytes.
    Size,
    /// One of these words.
    Words(fn() -> Vec<&'static str>),
    /// A port, or a range of them.
    Ports,
    /// A list.
    List(&'static Form),
    /// A mapping with these keys.
    Map(fn() -> Vec<&'static Key>),
    /// A mapping of any names to texts.
    Texts,
}

impl Form {
    /// One of the words of a [`Choice`].
    pub(crate) const fn choice<T: Choice>() -> Self {
        Self::Words(words::<T>)
    }

    /// The keys of the mapping that this is, or that the list is of; none for anything else.
    pub fn keys(&self) -> Vec<&'static Key> {
        match self {
            Self::Map(keys) => keys(),
            Self::List(item) => item.keys(),
            _ => Vec::new(),
        }
    }
}

impl Key {
    pub(crate) const fn new(name: &'static str, form: Form, about: &'static str) -> Self {
        // Only the schema and the reference read it out; the others are spared its text.
        let about = if cfg!(feature = "tools") { about } else { "" };
        Self { name, form, default: "", about, kinds: &[], needed: false }
    }

    /// The same with a default.
    pub(crate) const fn or(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    /// The same, of these kinds of sources only.
    pub(crate) const fn of(mut self, kinds: &'static [&'static str]) -> Self {
        self.kinds = kinds;
        self
    }

    /// The same, which must be given.
    pub(crate) const fn needed(mut self) -> Self {
        self.needed = true;
        self
    }

    /// Whether sources of this kind have it.
    pub fn is_of(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }
}

/// The names of keys, for the reader.
pub(crate) fn names(keys: &[Key]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}

fn words<T: Choice>() -> Vec<&'static str> {
    T::WORDS.iter().map(|(_, word)| *word).collect()
}
