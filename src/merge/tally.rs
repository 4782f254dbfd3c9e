use crate::config::Limits;
use std::collections::BTreeMap;

/// Why a child was found to have been reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResetCause {
    /// `process_start_time_seconds` moved.
    StartTime,
    /// The process id moved.
    Pid,
    /// The child's `_created` moved.
    Created,
    /// The value fell.
    Value,
}

/// Why a sample was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // the names are the label values, documented with the metric
pub enum DropReason {
    Duplicate,
    TypeConflict,
    NotFinite,
    Negative,
    ReservedName,
    EscapeCollision,
    MaxSeries,
    RelabelCollision,
    SourceClash,
    LabelsMax,
    LabelValueBytesMax,
}

/// What was mended in a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum RepairKind {
    InfMissing,
    CountMismatch,
    NotCumulative,
    BoundsDiffer,
}

impl ResetCause {
    /// Evidence that one child gives by itself, in a process that goes on.
    pub(super) const CHILD: [Self; 2] = [Self::Created, Self::Value];

    /// Value of the `cause` label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StartTime => "start_time",
            Self::Pid => "pid",
            Self::Created => "created",
            Self::Value => "value",
        }
    }
}

impl DropReason {
    /// Why a sample with labels of these values is not held, if it isn't.
    pub(crate) fn of_labels<'v>(limits: &Limits, values: impl Iterator<Item = &'v str>) -> Option<Self> {
        let (mut labels, mut longest) = (0, 0);
        for value in values {
            (labels, longest) = (labels + 1, longest.max(value.len()));
        }
        if labels > limits.labels_max {
            return Some(Self::LabelsMax);
        }
        (longest > limits.label_value_bytes_max).then_some(Self::LabelValueBytesMax)
    }

    /// Value of the `reason` label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::TypeConflict => "type_conflict",
            Self::NotFinite => "not_finite",
            Self::Negative => "negative",
            Self::ReservedName => "reserved_name",
            Self::EscapeCollision => "escape_collision",
            Self::MaxSeries => "max_series",
            Self::RelabelCollision => "relabel_collision",
            Self::SourceClash => "source_clash",
            Self::LabelsMax | Self::LabelValueBytesMax => "label_limit",
        }
    }
}

impl RepairKind {
    /// Value of the `kind` label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InfMissing => "inf_missing",
            Self::CountMismatch => "count_mismatch",
            Self::NotCumulative => "not_cumulative",
            Self::BoundsDiffer => "bounds_differ",
        }
    }
}

/// What one source counted since the start of the program; monotone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// Resets by endpoint (index) and cause: scrapes in which that cause was seen.
    pub resets: BTreeMap<(usize, ResetCause), u64>,
    /// By endpoint: returns of an instance seen before (several processes answer on one endpoint).
    pub flaps: BTreeMap<usize, u64>,
    /// By endpoint: children taken at a baseline, since their past was never in the output.
    pub baselines: BTreeMap<usize, u64>,
    /// Samples left out.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Histograms mended.
    pub repairs: BTreeMap<RepairKind, u64>,
    /// Families whose types differ between endpoints now.
    pub type_conflicts: usize,
    /// Families whose HELP differs between endpoints now.
    pub help_conflicts: usize,
    /// Families whose UNIT differs between endpoints now.
    pub unit_conflicts: usize,
    /// Series held that no live endpoint shows at present.
    pub retained_series: usize,
}

impl Tally {
    /// Counts `n` samples left out.
    pub fn drop(&mut self, reason: DropReason, n: u64) {
        if n > 0 {
            *self.dropped.entry(reason).or_default() += n;
        }
    }

    /// Counts a mended histogram.
    pub fn repair(&mut self, kind: RepairKind) {
        *self.repairs.entry(kind).or_default() += 1;
    }

    /// Its counts, without what is so only now; of endpoints those that `place` gives a new index.
    #[must_use]
    pub fn counts(&self, place: impl Fn(usize) -> Option<usize>) -> Self {
        let of_endpoints = |counts: &BTreeMap<usize, u64>| moved(counts, |i| place(*i));
        Self {
            resets: moved(&self.resets, |(i, cause)| Some((place(*i)?, *cause))),
            flaps: of_endpoints(&self.flaps),
            baselines: of_endpoints(&self.baselines),
            dropped: self.dropped.clone(),
            repairs: self.repairs.clone(),
            ..Self::default()
        }
    }

    /// Counts on from what was counted `before`.
    #[must_use]
    pub fn after(mut self, before: &Self) -> Self {
        add(&mut self.resets, &before.resets);
        add(&mut self.flaps, &before.flaps);
        add(&mut self.baselines, &before.baselines);
        add(&mut self.dropped, &before.dropped);
        add(&mut self.repairs, &before.repairs);
        self
    }
}

/// The counts of what has a place, under that place.
fn moved<K: Ord>(counts: &BTreeMap<K, u64>, place: impl Fn(&K) -> Option<K>) -> BTreeMap<K, u64> {
    let mut moved = BTreeMap::new();
    for (key, n) in counts {
        if let Some(key) = place(key) {
            moved.insert(key, *n);
        }
    }
    moved
}

fn add<K: Ord + Copy>(to: &mut BTreeMap<K, u64>, counts: &BTreeMap<K, u64>) {
    counts.iter().for_each(|(key, n)| *to.entry(*key).or_default() += n);
}
