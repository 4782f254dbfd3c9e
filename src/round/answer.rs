use super::own;
use super::state::State;
use crate::compression::{Encoding, pack};
use crate::encode::{FamilyView, Format, Rendered, Style, encode};
use crate::model::{MetricType, sample_name};
use bytes::Bytes;

/// Bodies kept between two rounds: one per format and query in use. More just aren't shared.
const CACHE_MAX: usize = 8;
/// Smaller bodies are not packed: what it saved on the way would not pay for the time.
const PACK_BYTES_MIN: usize = 1 << 10;

/// What of everything a request wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Only these sources; empty = all.
    pub sources: Vec<String>,
    /// Only families and series of these names; empty = all.
    pub names: Vec<String>,
    /// Every endpoint's series apart.
    pub unmerged: bool,
}

/// Why there is no exposition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The first round isn't over.
    #[error("the first round of scrapes is not over yet; ask again")]
    NotReady,
    /// Nothing was ever good.
    #[error("no target has given a good answer yet; see / for the reason of each")]
    NothingYet,
    /// Required sources are wholly down.
    #[error("required source down: {}; see / for the reasons", .0.join(", "))]
    RequiredDown(Vec<String>),
    /// No such source.
    #[error("no source is called {name:?}; there are: {}", known.join(", "))]
    UnknownSource {
        /// As asked for.
        name: String,
        /// All there are.
        known: Vec<String>,
    },
}

/// Encoded bodies since the last change.
#[derive(Debug, Default)]
pub(super) struct Cache {
    kept: Vec<Kept>,
    /// The memory of an earlier body, to write the next one into: given back and asked for anew, the kernel would clear every page of
    /// it in each round.
    spare: Vec<u8>,
}

#[derive(Debug)]
struct Kept {
    query: Query,
    format: Format,
    body: Bytes,
    /// The body in the encodings asked for so far.
    packed: Vec<(Encoding, Bytes)>,
}

impl Cache {
    /// Something came in: what is kept is of the past.
    pub(super) fn clear(&mut self) {
        for kept in self.kept.drain(..) {
            // The largest that no client is still reading.
            if let Ok(body) = kept.body.try_into_mut()
                && body.capacity() > self.spare.capacity()
            {
                self.spare = body.into();
                self.spare.clear();
            }
        }
    }

    fn get(&self, query: &Query, format: Format) -> Option<Bytes> {
        self.kept.iter().find(|kept| kept.query == *query && kept.format == format).map(|kept| kept.body.clone())
    }

    fn put(&mut self, query: &Query, format: Format, body: &Bytes) {
        if self.kept.len() < CACHE_MAX {
            self.kept.push(Kept { query: query.clone(), format, body: body.clone(), packed: Vec::new() });
        }
    }

    /// `body` in this encoding: packed once while it is kept. What is small, or doesn't become smaller, stays as it is.
    pub(super) fn packed(&mut self, body: Bytes, encoding: Encoding) -> (Bytes, Encoding) {
        if body.len() < PACK_BYTES_MIN {
            return (body, Encoding::Identity);
        }
        let mut kept = self.kept.iter_mut().find(|kept| kept.body.as_ptr() == body.as_ptr() && kept.body.len() == body.len());
        let known = kept.iter().flat_map(|kept| &kept.packed).find(|(of, _)| *of == encoding).map(|(_, packed)| packed.clone());
        if let Some(packed) = known {
            return (packed, encoding);
        }
        let Some(packed) = pack(&body, encoding).filter(|packed| packed.len() < body.len()).map(Bytes::from) else {
            return (body, Encoding::Identity);
        };
        if let Some(kept) = &mut kept {
            kept.packed.push((encoding, packed.clone()));
        }
        (packed, encoding)
    }
}

impl State {
    /// The exposition as it stands.
    pub(super) fn answer(&mut self, query: &Query, format: Format) -> Result<Bytes, Refusal> {
        let picked = self.pick(&query.sources)?;
        if !self.ready {
            return Err(Refusal::NotReady);
        }
        if !self.any_good {
            return Err(Refusal::NothingYet);
        }
        let down: Vec<String> = picked
            .iter()
            .filter_map(|i| self.sources.get(*i))
            .filter(|s| s.config.required && s.status.up() == 0)
            .map(|s| s.config.name.clone())
            .collect();
        if !down.is_empty() {
            return Err(Refusal::RequiredDown(down));
        }
        if let Some(body) = self.cache.get(query, format) {
            return Ok(body);
        }
        let body = self.render(query, &picked, format);
        self.cache.put(query, format, &body);
        Ok(body)
    }

    /// What was just answered has been served: from now on it counts as exposed. Only whole expositions of a source do.
    pub(super) fn mark_served(&mut self, query: &Query) {
        if query.unmerged || !query.names.is_empty() {
            return;
        }
        let now = self.clock.now();
        for index in self.pick(&query.sources).unwrap_or_default() {
            if let Some(entry) = self.sources.get_mut(index) {
                entry.source.mark_served(now);
                self.keeper.iter_mut().for_each(|keeper| keeper.note_served(index));
            }
        }
    }

    fn render(&mut self, query: &Query, picked: &[usize], format: Format) -> Bytes {
        let now = self.clock.now();
        let Self { sources, join, ledger, keeper, cache, openmetrics_created, .. } = self;
        let unmerged: Vec<Option<Rendered<'static>>> =
            picked.iter().map(|i| sources.get(*i).filter(|_| query.unmerged).and_then(|s| s.source.unmerged())).collect();
        let per_source: Vec<(usize, Vec<FamilyView<'_>>)> = picked
            .iter()
            .zip(&unmerged)
            .filter_map(|(i, apart)| {
                let families = match apart {
                    Some(apart) => apart.views(),
                    None => sources.get(*i)?.source.families(),
                };
                Some((*i, families))
            })
            .collect();
        if *query == Query::default() {
            join.settle(&per_source);
        }
        // What is left out in writing is known only once it is written: those counts are of the answers before this one.
        let left_out = own::LeftOut { clashes: join.dropped().to_vec(), escape_collisions: ledger.escape_collisions };
        let conflicts = join.conflicts();
        let mut families = join.join(&per_source);
        if *query == Query::default() {
            ledger.merged = (families.len(), families.iter().map(series).sum());
        }
        let mut ours = own::of_sources(sources, picked, ledger, &left_out, now);
        if query.sources.is_empty() {
            ours.extend(own::of_process(sources, ledger, conflicts, own::Process::read(), keeper.as_ref().map(|k| &k.saves)));
        }
        let ours = Rendered::new(ours);
        families.extend(ours.views());
        families.sort_by(FamilyView::by_name);
        if !query.names.is_empty() {
            families.retain_mut(|f| keep_named(f, &query.names));
        }
        let mut body = std::mem::take(&mut cache.spare);
        let report = encode(&families, Style { format, openmetrics_created: *openmetrics_created }, &mut body);
        ledger.escape_collisions += report.escape_collisions as u64;
        body.into()
    }
}

/// Series of a family: a native histogram is one, the time at which a child began is none.
fn series(family: &FamilyView<'_>) -> usize {
    family.samples.iter().filter(|s| s.role != crate::model::Role::Created).count() + family.natives.len()
}

/// Keeps a family of one of these names whole (a counter's with or without `_total`), else its samples of these names.
fn keep_named(family: &mut FamilyView<'_>, names: &[String]) -> bool {
    let named = |name: &str| names.iter().any(|n| n == name);
    let bare = family.name.strip_suffix("_total").filter(|_| family.kind == MetricType::Counter);
    if !named(family.name) && !bare.is_some_and(named) {
        let (name, kind) = (family.name, family.kind);
        family.samples.retain(|s| named(&sample_name(name, kind, s.role)));
        family.natives.clear();
    }
    !family.samples.is_empty() || !family.natives.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::{NativeView, SampleView};
    use crate::model::{NativeHistogram, Role};
    use crate::testing;

    #[test]
    fn requests_share_a_body_until_something_comes_in() {
        let mut state = State::new(&testing::config(vec![testing::pool("w", vec![])]));
        (state.ready, state.any_good) = (true, true);
        let (all, other) = (Query::default(), Query { unmerged: true, ..Query::default() });
        state.cache.put(&all, Format::Text004, &Bytes::from_static(b"kept"));
        assert_eq!(state.answer(&all, Format::Text004).unwrap(), "kept");
        assert_ne!(state.answer(&other, Format::Text004).unwrap(), "kept");
        assert_ne!(state.answer(&all, Format::OpenMetrics001).unwrap(), "kept");
        assert_eq!(state.cache.kept.len(), 3);
        state.apply(&vec![vec![]], true);
        assert_ne!(state.answer(&all, Format::Text004).unwrap(), "kept");
    }

    #[cfg(feature = "compression")]
    #[test]
    fn a_body_is_packed_once_for_all_who_share_it() {
        let (mut cache, query) = (Cache::default(), Query::default());
        let body = Bytes::from("a_total 1\n".repeat(200));
        cache.put(&query, Format::Text004, &body);
        let (first, encoding) = cache.packed(body.clone(), Encoding::Gzip);
        assert_eq!(encoding, Encoding::Gzip);
        let (again, _) = cache.packed(cache.get(&query, Format::Text004).unwrap(), Encoding::Gzip);
        assert_eq!(again.as_ptr(), first.as_ptr());
        let (other, encoding) = cache.packed(body.clone(), Encoding::Zstd);
        assert_eq!((encoding, other == first), (Encoding::Zstd, false));
        assert_eq!(cache.packed(body.clone(), Encoding::Identity), (body.clone(), Encoding::Identity));

        // A body that is not kept is packed all the same; one that is small, or dense, isn't.
        let stranger = Bytes::copy_from_slice(&body);
        let (packed, encoding) = cache.packed(stranger, Encoding::Gzip);
        assert_eq!((packed == first, encoding), (true, Encoding::Gzip));
        assert_ne!(packed.as_ptr(), first.as_ptr());
        let small = Bytes::from("a".repeat(PACK_BYTES_MIN - 1));
        assert_eq!(cache.packed(small.clone(), Encoding::Gzip), (small, Encoding::Identity));
        let mut state = 1_u32;
        let dense: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(PACK_BYTES_MIN)
        .collect();
        let dense = Bytes::from(dense);
        assert_eq!(cache.packed(dense.clone(), Encoding::Gzip), (dense, Encoding::Identity));
    }

    #[test]
    fn names_pick_families_or_series() {
        let sample = |role| SampleView { head: "", role, value: 0.0, exemplar: None };
        let kept = |name, kind, names: &[&str]| {
            let samples = vec![sample(Role::Value), sample(Role::Count), sample(Role::Sum)];
            let mut family = FamilyView { name, kind, help: "", unit: "", samples, natives: Vec::new() };
            let names: Vec<String> = names.iter().map(|n| n.to_string()).collect();
            (keep_named(&mut family, &names), family.samples.len())
        };
        assert_eq!(kept("a", MetricType::Summary, &["a", "z"]), (true, 3));
        assert_eq!(kept("a", MetricType::Summary, &["a_sum"]), (true, 1));
        assert_eq!(kept("a", MetricType::Summary, &["b"]), (false, 0));
        let histogram = NativeHistogram::default();
        let natives = vec![NativeView { head: "h", histogram: &histogram, exemplars: &[] }];
        let mut native = FamilyView { name: "h", kind: MetricType::Histogram, help: "", unit: "", samples: vec![], natives };
        assert!(keep_named(&mut native, &["h".to_string()]));
        assert!(!keep_named(&mut native, &["h_count".to_string()]), "what is only native has no such series");
        assert!(kept("a_total", MetricType::Counter, &["a"]).0);
        assert!(!kept("a_total", MetricType::Gauge, &["a"]).0);
    }
}
