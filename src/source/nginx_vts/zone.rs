//! A zone: what the module counts for one server, filter, upstream peer or cache.

use crate::source::lenient::Number;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;

/// The numbers of a zone; each kind of zone has some of them.
#[derive(Debug, Clone, Default, PartialEq, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Zone {
    /// Address of a peer.
    pub(super) server: String,
    pub(super) request_counter: Number,
    pub(super) in_bytes: Number,
    pub(super) out_bytes: Number,
    /// By class of status (`2xx`) and by state of the cache (`hit`).
    pub(super) responses: Rows<Number>,
    /// By status code, with `other` for those that aren't listed.
    pub(super) status_codes: Rows<Number>,
    /// Milliseconds.
    pub(super) request_msec_counter: Number,
    request_msecs: Ring,
    pub(super) request_buckets: Buckets,
    /// Milliseconds.
    pub(super) response_msec_counter: Number,
    pub(super) response_buckets: Buckets,
    /// Bytes.
    pub(super) max_size: Number,
    /// Bytes.
    pub(super) used_size: Number,
}

/// Cumulative buckets without the last, unbounded one: that is the number of requests.
#[derive(Debug, Clone, Default, PartialEq, serde::Deserialize)]
#[serde(default)]
pub(super) struct Buckets {
    /// Upper bounds in milliseconds.
    pub(super) msecs: Vec<Number>,
    pub(super) counters: Vec<Number>,
}

/// The latest times, of which only this is used: whether there is room for any.
#[derive(Debug, Clone, Default, PartialEq, serde::Deserialize)]
#[serde(default)]
struct Ring {
    times: NotEmpty,
}

impl Zone {
    /// Whether the module keeps counts for it. It lists every configured peer, but counts for one only once that had a request.
    pub(super) fn is_counted(&self) -> bool {
        self.request_msecs.times.0 || self.request_counter.0.is_some_and(|n| n != 0)
    }

    /// Adds what `other` counted to it.
    fn add(&mut self, other: Self) {
        for (mine, theirs) in [
            (&mut self.request_counter, other.request_counter),
            (&mut self.in_bytes, other.in_bytes),
            (&mut self.out_bytes, other.out_bytes),
            (&mut self.request_msec_counter, other.request_msec_counter),
            (&mut self.response_msec_counter, other.response_msec_counter),
        ] {
            add(mine, theirs);
        }
        self.responses.add(other.responses);
        self.status_codes.add(other.status_codes);
        self.request_buckets.add(other.request_buckets);
        self.response_buckets.add(other.response_buckets);
        self.request_msecs.times.0 |= other.request_msecs.times.0;
    }
}

impl Buckets {
    fn add(&mut self, other: Self) {
        if self.msecs != other.msecs {
            *self = Self::default();
            return;
        }
        self.counters.iter_mut().zip(other.counters).for_each(|(mine, theirs)| add(mine, theirs));
    }
}

fn add(mine: &mut Number, theirs: Number) {
    mine.0 = match (mine.0, theirs.0) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (a, b) => a.or(b),
    };
}

/// The zones by key, in order, those of one key as one. Keys are what clients sent, which the module cuts at 0x1f, and bytes that are no
/// UTF-8 have become U+FFFD: so several rows can have the same.
pub(super) fn distinct<K: Eq + Hash + Clone>(rows: impl IntoIterator<Item = (K, Zone)>) -> Vec<(K, Zone)> {
    let mut distinct: Vec<(K, Zone)> = Vec::new();
    let mut places: HashMap<K, usize> = HashMap::new();
    for (key, zone) in rows {
        match places.get(&key).and_then(|at| distinct.get_mut(*at)) {
            Some((_, first)) => first.add(zone),
            None => {
                places.insert(key.clone(), distinct.len());
                distinct.push((key, zone));
            }
        }
    }
    distinct
}

/// The members of an object in their order, also those whose key stands twice.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rows<T>(pub(super) Vec<(String, T)>);

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl Rows<Number> {
    /// The value of the first member of this name.
    pub(super) fn get(&self, name: &str) -> Number {
        self.0.iter().find(|(key, _)| key == name).map(|(_, number)| *number).unwrap_or_default()
    }

    /// Adds members of the same names; both have few.
    fn add(&mut self, other: Self) {
        for (name, theirs) in other.0 {
            match self.0.iter_mut().find(|(key, _)| *key == name) {
                Some((_, mine)) => add(mine, theirs),
                None => self.0.push((name, theirs)),
            }
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Rows<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collecting<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Collecting<T> {
            type Value = Rows<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Rows<T>, A::Error> {
                let mut rows = Vec::new();
                while let Some(row) = map.next_entry()? {
                    rows.push(row);
                }
                Ok(Rows(rows))
            }
        }
        deserializer.deserialize_map(Collecting(PhantomData))
    }
}

/// Whether a list has members; they are not kept.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct NotEmpty(bool);

impl<'de> Deserialize<'de> for NotEmpty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Looking;
        impl<'de> Visitor<'de> for Looking {
            type Value = NotEmpty;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<NotEmpty, A::Error> {
                let mut any = false;
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    any = true;
                }
                Ok(NotEmpty(any))
            }
        }
        deserializer.deserialize_seq(Looking)
    }
}
