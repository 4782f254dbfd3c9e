//! Which series there are: keys of files onto dense ids, families with their children for the way out.

use super::column::{Column, Fold};
use super::meaning::{Meaning, meaning};
use crate::config::Limits;
use crate::encode::{FamilyView, SampleView};
use crate::merge::DropReason;
use crate::model::{MetricType, Role, child_head, sample_head, sample_name};
use crate::multiproc::{BadFile, FileKind, FileName, Key};
use crate::source::joined::add_target;
use foldhash::{HashMap, HashMapExt};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Names that the scraping server and the program use themselves.
const RESERVED_NAME: &str = "up";
const RESERVED_PREFIXES: [&str; 2] = ["scrape_", "onescrape_"];

/// A series, by number.
pub(super) type SeriesId = u32;

/// Where a key's value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// To this series.
    Series(SeriesId),
    /// Nowhere: it is computed from others.
    Computed,
    /// Nowhere, for this reason.
    Dropped(DropReason),
}

/// What is known of a series.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) fold: Fold,
    pub(super) role: Role,
    /// Whether it is a total: kept when its process has gone.
    pub(super) is_total: bool,
    /// Its child, by number.
    pub(super) child: u32,
    family: Arc<str>,
    head: Arc<str>,
}

impl Series {
    /// Whether a fall of it can only mean that it began anew.
    pub(super) fn only_grows(&self) -> bool {
        self.is_total && self.role != Role::Sum
    }
}

/// A family.
#[derive(Debug)]
struct Family {
    kind: MetricType,
    help: String,
    /// By head.
    children: BTreeMap<Arc<str>, Child>,
}

/// A child: what has the family's name and one set of labels.
#[derive(Debug)]
struct Child {
    number: u32,
    /// In the order in which they are shown.
    parts: Vec<Part>,
    /// The head of the count, where that is computed.
    count: Option<Box<str>>,
}

#[derive(Debug)]
struct Part {
    role: Role,
    head: Box<str>,
    series: SeriesId,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Catalog {
    /// The target's label, if there is to be one.
    target: Option<String>,
    limits: Limits,
    max_series: usize,
    families: BTreeMap<Arc<str>, Family>,
    /// Sample names, by the family that has them.
    claims: HashMap<String, Arc<str>>,
    /// Keys seen before, but for gauges of single processes.
    keys: HashMap<FileKind, HashMap<Box<str>, Place>>,
    series: Vec<Series>,
    /// Numbers that can be given again.
    free: Vec<SeriesId>,
    children: u32,
    /// Families that were there under another type.
    conflicts: BTreeSet<String>,
}

impl Catalog {
    pub(super) fn new(target: Option<String>, limits: Limits, max_series: usize) -> Self {
        Self {
            target,
            limits,
            max_series,
            families: BTreeMap::new(),
            claims: HashMap::new(),
            keys: HashMap::new(),
            series: Vec::new(),
            free: Vec::new(),
            children: 0,
            conflicts: BTreeSet::new(),
        }
    }

    /// Every series by its number.
    pub(super) fn series(&self) -> &[Series] {
        &self.series
    }

    /// How many families were found under two types.
    pub(super) fn conflicts(&self) -> usize {
        self.conflicts.len()
    }

    /// Where the value of a key goes that stands in a file of that name.
    ///
    /// # Errors
    /// It means nothing; then the file is broken.
    pub(super) fn place(&mut self, file: &FileName<'_>, key: &str) -> Result<Place, BadFile> {
        if let Some(place) = self.keys.get(&file.kind).and_then(|known| known.get(key)) {
            return Ok(*place);
        }
        let parsed = Key::parse(key).map_err(|why| BadFile::key(key, why))?;
        let place = match meaning(file, parsed).map_err(|why| BadFile::key(key, why))? {
            None => Place::Computed,
            Some(meaning) => self.place_anew(meaning),
        };
        // There may be room later; and the series of single processes are not for the others.
        let lasts = place != Place::Dropped(DropReason::MaxSeries) && !file.is_of_single_processes();
        let known = self.keys.entry(file.kind).or_default();
        if lasts && known.len() < self.max_series {
            known.insert(key.into(), place);
        }
        Ok(place)
    }

    fn place_anew(&mut self, mut meaning: Meaning) -> Place {
        if meaning.family == RESERVED_NAME || RESERVED_PREFIXES.iter().any(|prefix| meaning.family.starts_with(prefix)) {
            return Place::Dropped(DropReason::ReservedName);
        }
        if let Some(reason) = DropReason::of_labels(&self.limits, meaning.labels.iter().map(|(_, value)| value.as_ref())) {
            return Place::Dropped(reason);
        }
        if let Some(target) = &self.target {
            add_target(&mut meaning.labels, target);
        }
        if !self.is_free_for(&meaning) {
            self.conflicts.insert(meaning.family);
            return Place::Dropped(DropReason::TypeConflict);
        }
        let head = child_head(&meaning.family, &meaning.labels);
        let family = self.families.get(meaning.family.as_str());
        let child = family.and_then(|family| family.children.get(head.as_str()));
        if let Some(part) = child.and_then(|child| child.parts.iter().find(|part| part.role == meaning.role)) {
            // A gauge of one process must not share its series with others: it goes with its process.
            let is_shared = |fold: &Fold| (*fold == Fold::Only) != (meaning.fold == Fold::Only);
            return match self.series.get(part.series as usize).map(|series| series.fold).filter(is_shared) {
                Some(_) => Place::Dropped(DropReason::Duplicate),
                None => Place::Series(part.series),
            };
        }
        if self.series.len() - self.free.len() >= self.max_series {
            return Place::Dropped(DropReason::MaxSeries);
        }
        Place::Series(self.insert(meaning, head.into()))
    }

    /// Whether the family is of this type, or can become one: no other has its names.
    fn is_free_for(&self, meaning: &Meaning) -> bool {
        match self.families.get(meaning.family.as_str()) {
            Some(family) => family.kind == meaning.kind,
            None => names(&meaning.family, meaning.kind).all(|name| !self.claims.contains_key(&name)),
        }
    }

    fn insert(&mut self, meaning: Meaning, head: Arc<str>) -> SeriesId {
        let Meaning { family: name, kind, help, role, labels, fold } = meaning;
        let name: Arc<str> = match self.families.get_key_value(name.as_str()) {
            Some((name, _)) => name.clone(),
            None => name.into(),
        };
        let claims = &mut self.claims;
        let family = self.families.entry(name.clone()).or_insert_with(|| {
            claims.extend(names(&name, kind).map(|sample| (sample, name.clone())));
            Family { kind, help: String::new(), children: BTreeMap::new() }
        });
        if family.help.is_empty() {
            family.help = help;
        }
        let children = &mut self.children;
        let child = family.children.entry(head.clone()).or_insert_with(|| {
            *children += 1;
            let count = (kind == MetricType::Histogram).then(|| sample_head(&name, kind, Role::Count, &labels).into());
            Child { number: *children, parts: Vec::new(), count }
        });
        let is_total = kind != MetricType::Gauge;
        let known = Series { fold, role, is_total, child: child.number, family: name.clone(), head };
        let series = match self.free.pop() {
            Some(series) => series,
            // As many series as there are numbers would not fit any memory.
            None => SeriesId::try_from(self.series.len()).unwrap_or(SeriesId::MAX),
        };
        match self.series.get_mut(series as usize) {
            Some(slot) => *slot = known,
            None => self.series.push(known),
        }
        let part = Part { role, head: sample_head(&name, kind, role, &labels).into(), series };
        let at = child.parts.partition_point(|other| order(other.role) < order(role));
        child.parts.insert(at, part);
        series
    }

    /// Forgets gauges of a process that has gone. Nothing may refer to them any more.
    pub(super) fn forget(&mut self, gone: impl Iterator<Item = SeriesId>) {
        for series in gone {
            let Some(known) = self.series.get(series as usize) else { continue };
            if let Some(family) = self.families.get_mut(&known.family)
                && family.children.remove(&known.head).is_some()
            {
                self.free.push(series);
            }
        }
    }

    /// The families with these values, sorted by name; gauges only if they are to be shown.
    pub(super) fn views<'a>(&'a self, values: &Column, gauges: bool) -> Vec<FamilyView<'a>> {
        let shown = |family: &&(&Arc<str>, &Family)| gauges || family.1.kind != MetricType::Gauge;
        let views = self.families.iter().collect::<Vec<_>>();
        let views = views.iter().filter(shown).map(|(name, family)| FamilyView {
            name,
            kind: family.kind,
            help: &family.help,
            unit: "",
            samples: family.children.values().flat_map(|child| child.samples(values)).collect(),
            natives: Vec::new(),
        });
        views.filter(|family| !family.samples.is_empty()).collect()
    }
}

impl Child {
    /// Its samples: buckets added up, the count from them.
    fn samples<'a>(&'a self, values: &Column) -> impl Iterator<Item = SampleView<'a>> {
        let mut total = None;
        let sample = |head, role, value| SampleView { head, role, value, exemplar: None };
        let mut samples = Vec::with_capacity(self.parts.len() + 1);
        for part in &self.parts {
            let Some(value) = values.get(part.series) else { continue };
            let shown = match part.role {
                Role::Bucket(_) => *total.insert(total.unwrap_or(0.0) + value),
                _ => value,
            };
            samples.push(sample(part.head.as_ref(), part.role, shown));
        }
        if let (Some(total), Some(head)) = (total, &self.count) {
            let at = samples.partition_point(|sample| order(sample.role) < order(Role::Count));
            samples.insert(at, sample(head, Role::Count, total));
        }
        samples.into_iter()
    }
}

/// Where a part stands within its child.
fn order(role: Role) -> (u8, OrderedBound) {
    match role {
        Role::Bucket(bound) => (0, OrderedBound(bound)),
        Role::Count => (1, OrderedBound(0.0)),
        _ => (2, OrderedBound(0.0)),
    }
}

/// A bound, which is a number.
#[derive(PartialEq, PartialOrd)]
struct OrderedBound(f64);

/// The names of a family's samples, its own among them.
fn names(family: &str, kind: MetricType) -> impl Iterator<Item = String> {
    let roles: &[Role] = match kind {
        MetricType::Histogram => &[Role::Value, Role::Bucket(0.0), Role::Count, Role::Sum],
        MetricType::Summary => &[Role::Value, Role::Count, Role::Sum],
        _ => &[Role::Value],
    };
    roles.iter().map(move |role| sample_name(family, kind, *role).into_owned())
}
