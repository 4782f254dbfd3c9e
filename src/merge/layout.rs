//! The lines that the bodies of a pool are made of, in their order: what the next line will say is predicted, not read.
//!
//! Workers of one pool send the same lines round after round but for the values. A line's *head* (all before the value; of a comment
//! line the whole) is compared with the one that followed last time; on a mismatch it is looked up by hash, and reading goes on
//! behind it. Only a head never seen is tokenised. What a head means depends on the TYPE line above it, its *block*, so it is known by
//! block and bytes. Bodies whose families stand apart, or whose types contradict each other, are not read this way at all.

use super::DropReason;
use super::catalog::{Catalog, ChildId, SeriesId, VariantId};
use super::column::push;
use super::heads::{Heads, Place};
use super::stream::equal;
use crate::model::MetricType;
use foldhash::fast::RandomState;
use foldhash::{HashMap, HashSet};
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Lines a layout may hold beyond four per series of the pool: HELP texts or spellings that change with every scrape must not pile up.
const SPARE_LINES: usize = 4096;

/// The format of a body, as far as lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Text,
    OpenMetrics,
}

/// Index of a line.
pub(crate) type LineId = u32;
/// Index of a block; 0 is the part of a body above the first TYPE line.
pub(crate) type BlockId = u32;

/// What a head stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// The value of a series of the block's family.
    Series(SeriesId),
    /// The value of a series whose family has no TYPE line.
    Untyped(SeriesId),
    /// The start time of a child.
    Created(ChildId),
    /// A sample that relabelling did something to, by index.
    Moved(u32),
    /// A sample that is left out and counted.
    Dropped(DropReason),
    /// A sample that is left out by configuration.
    Ignored,
    /// A TYPE line: a block begins.
    Type(BlockId),
    /// A HELP line, the text by index.
    Help(u32),
    /// A UNIT line, the text by index.
    Unit(u32),
    /// A series that was forgotten since.
    Dead,
}

/// A line known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub head: Place,
    block: BlockId,
    /// The line that followed when this one was learnt.
    pub next: LineId,
    pub what: What,
}

/// What a TYPE line begins.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// The name as declared.
    pub name: Box<str>,
    /// Number of that name, see [`Layout::names`].
    pub name_id: u32,
    pub kind: MetricType,
    /// The family; `None` if its name is reserved.
    pub variant: Option<VariantId>,
    /// `X_created` in text: the block of X, whose children these start times are of.
    pub start_times_of: Option<BlockId>,
}

/// What a line stands for that is more than a place for its value, since rules had a part in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moved {
    /// The place.
    pub what: What,
    /// A step that the body's path takes by it: its family is one that no TYPE line declares.
    pub step: Option<u32>,
    /// The child it became part of, and the key of the one it was: another may have become that child first.
    pub claim: Option<(ChildId, u64)>,
    /// It is the evidence of the instance.
    pub evidence: bool,
}

/// The comment lines of a body, in order, and the families without one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Path {
    dialect: Dialect,
    generation: u64,
    steps: Vec<u32>,
}

impl Path {
    pub fn steps(&self) -> &[u32] {
        &self.steps
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Layout {
    pub dialect: Dialect,
    /// Rises when all is forgotten.
    pub generation: u64,
    lines: Vec<Known>,
    table: HashTable<LineId>,
    hasher: RandomState,
    blocks: Vec<Block>,
    /// Declared names, numbered.
    names: HashMap<Box<str>, u32>,
    /// Sample names that belong to a block by their suffix.
    pub suffixed: HashSet<Box<str>>,
    /// Names of samples without a TYPE line.
    pub untyped: HashSet<Box<str>>,
    /// Texts of HELP and UNIT lines with the names they are about.
    texts: Vec<(Box<str>, Box<str>)>,
    moved: Vec<Moved>,
}

impl Layout {
    pub fn new(dialect: Dialect) -> Self {
        let outside = Block { name: "".into(), name_id: 0, kind: MetricType::Unknown, variant: None, start_times_of: None };
        Self {
            dialect,
            generation: 0,
            lines: Vec::new(),
            table: HashTable::new(),
            hasher: RandomState::default(),
            blocks: vec![outside],
            names: HashMap::from_iter([("".into(), 0)]),
            suffixed: HashSet::default(),
            untyped: HashSet::default(),
            texts: Vec::new(),
            moved: Vec::new(),
        }
    }

    /// Whether lines pile up that no body repeats.
    pub fn is_crowded(&self, series: usize) -> bool {
        self.lines.len().max(self.moved.len()) > 4 * series + SPARE_LINES
    }

    /// Forgets all.
    pub fn begin_anew(&mut self) {
        *self = Self { generation: self.generation + 1, ..Self::new(self.dialect) };
    }

    #[inline]
    pub fn line(&self, id: LineId) -> Option<&Known> {
        self.lines.get(id as usize)
    }

    pub fn block(&self, id: BlockId) -> Option<&Block> {
        self.blocks.get(id as usize)
    }

    /// The number of a declared name.
    pub fn name(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }

    /// The name that a HELP or UNIT line is about, and what it says.
    pub fn text(&self, id: u32) -> (&str, &str) {
        self.texts.get(id as usize).map_or(("", ""), |(name, text)| (name, text))
    }

    /// How many names are declared.
    pub fn name_count(&self) -> usize {
        self.names.len()
    }

    /// The hash to find a line by: of its block (0 for comment lines) and head.
    #[inline]
    pub fn hash(&self, block: BlockId, head: &[u8]) -> u64 {
        self.hasher.hash_one((block, head))
    }

    /// Finds a line by its block (0 for comment lines) and head.
    pub fn find(&self, heads: &Heads, block: BlockId, head: &[u8]) -> Option<LineId> {
        self.find_hashed(heads, self.hash(block, head), block, head).map(|(id, _)| id)
    }

    /// The same with its [`hash`](Self::hash) at hand.
    #[inline]
    pub fn find_hashed(&self, heads: &Heads, hash: u64, block: BlockId, head: &[u8]) -> Option<(LineId, &Known)> {
        let same = |id: &LineId| self.line(*id).is_some_and(|l| l.block == block && equal(heads.bytes(l.head), head));
        let id = *self.table.find(hash, same)?;
        Some((id, self.line(id)?))
    }

    /// Learns a line that came behind `after`; one that is known gets its new meaning.
    pub fn learn(&mut self, catalog: &mut Catalog, after: Option<LineId>, block: BlockId, head: &str, what: What) -> LineId {
        // A head as it is served is stored already.
        let stored = match what {
            What::Series(s) | What::Untyped(s) => Some(catalog.place(s)).filter(|p| catalog.heads.get(*p) == head),
            _ => None,
        };
        let heads = &mut catalog.heads;
        if let Some(id) = self.find(heads, block, head.as_bytes()) {
            let known = &mut self.lines[id as usize];
            known.what = what;
            known.head = stored.unwrap_or(known.head);
            return id;
        }
        let place = stored.unwrap_or_else(|| heads.push(head));
        let id = self.lines.len() as LineId;
        let next = match after.and_then(|after| self.lines.get_mut(after as usize)) {
            Some(before) => std::mem::replace(&mut before.next, id),
            // It came first; so the line that did so far comes second.
            None => 0,
        };
        // A line learnt at the end of all is followed by the next one learnt.
        let next = if next == id { id + 1 } else { next };
        push(&mut self.lines, Known { head: place, block, next, what });
        let Self { table, lines, hasher, .. } = self;
        let hash_of = |id: &LineId| {
            let l = &lines[*id as usize];
            hasher.hash_one((l.block, heads.bytes(l.head)))
        };
        table.insert_unique(hash_of(&id), id, hash_of);
        id
    }

    pub fn add_block(
        &mut self,
        name: &str,
        kind: MetricType,
        variant: Option<VariantId>,
        start_times_of: Option<BlockId>,
    ) -> BlockId {
        let next = self.names.len() as u32;
        let name_id = *self.names.entry(name.into()).or_insert(next);
        self.blocks.push(Block { name: name.into(), name_id, kind, variant, start_times_of });
        (self.blocks.len() - 1) as BlockId
    }

    pub fn add_text(&mut self, name: &str, text: &str) -> u32 {
        self.texts.push((name.into(), text.into()));
        (self.texts.len() - 1) as u32
    }

    pub fn add_moved(&mut self, moved: Moved) -> What {
        self.moved.push(moved);
        What::Moved((self.moved.len() - 1) as u32)
    }

    pub fn moved(&self, id: u32) -> Option<&Moved> {
        self.moved.get(id as usize)
    }

    pub fn path(&self, steps: Vec<u32>) -> Path {
        Path { dialect: self.dialect, generation: self.generation, steps }
    }

    /// The series and children are gone; their ids will be used for others.
    pub fn forget(&mut self, series: &HashSet<SeriesId>, children: &HashSet<ChildId>) {
        for line in &mut self.lines {
            let what = match line.what {
                What::Moved(id) => self.moved.get(id as usize).map_or(What::Dead, |moved| moved.what),
                what => what,
            };
            let gone = match what {
                What::Series(s) | What::Untyped(s) => series.contains(&s),
                What::Created(c) => children.contains(&c),
                _ => false,
            };
            if gone {
                line.what = What::Dead;
            }
        }
    }
}
