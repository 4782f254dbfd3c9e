//! A body being read: lines that are known, in the order expected or in another.

use super::number::quick_number;
use super::quick::{behind, head_before_value};
use crate::merge::catalog::{Catalog, VariantId};
use crate::merge::column::is_absent;
use crate::merge::heads::Heads;
use crate::merge::layout::{BlockId, Dialect, Layout, LineId, What};
use crate::merge::relabelled::Traces;
use crate::merge::stage::Staged;
use crate::parse::Tail;
use memchr::memchr;

/// Lines that are looked up at once.
const LOOKED_UP_AT_ONCE: usize = 16;
/// Marks a step of a path that is a family without TYPE line.
pub(crate) const UNTYPED_STEP: u32 = 1 << 31;
/// Marks such a step of a family that a rule made of one with a TYPE line.
pub(crate) const RENAMED_STEP: u32 = 1 << 30;

/// A body being read.
#[derive(Debug)]
pub(crate) struct Reader {
    pub dialect: Dialect,
    pub generation: u64,
    pub staged: Staged,
    /// The beginning of a line whose end has not come yet.
    pub carry: Vec<u8>,
    /// The line expected next.
    next: LineId,
    /// The line read last, where it was a known one.
    pub last: Option<LineId>,
    /// The line read last was not the one expected, so the next is looked up at once.
    is_lost: bool,
    pub block: BlockId,
    /// By number of the declared name: its block in this body, 0 if it has not come.
    pub visited: Vec<BlockId>,
    pub steps: Vec<u32>,
    /// Lines read.
    pub lines: usize,
    pub ended: bool,
    pub contradicts: bool,
    /// What relabelling wants to know of the body.
    pub traces: Traces,
}

/// A line that will be looked up.
#[derive(Clone, Copy, Default)]
struct Ahead<'d> {
    head: &'d [u8],
    value: f64,
    /// Of the whole line.
    length: usize,
    hash: u64,
}

impl Reader {
    /// At the beginning of a body.
    pub fn new(dialect: Dialect, generation: u64, staged: Staged) -> Self {
        Self {
            dialect,
            generation,
            staged,
            carry: Vec::new(),
            next: 0,
            last: None,
            is_lost: false,
            block: 0,
            visited: Vec::new(),
            steps: Vec::new(),
            lines: 0,
            ended: false,
            contradicts: false,
            traces: Traces::default(),
        }
    }

    pub fn staged(&self) -> &Staged {
        &self.staged
    }

    /// A block begins. False if its name was declared before in this body, or it hangs on one that was not.
    pub fn enter(&mut self, layout: &Layout, id: BlockId) -> bool {
        let Some(block) = layout.block(id) else { return false };
        self.visited.resize(layout.name_count(), 0);
        if let Some(parent) = block.start_times_of
            && layout.block(parent).is_none_or(|p| self.visited[p.name_id as usize] != parent)
        {
            return false;
        }
        self.block = id;
        std::mem::replace(&mut self.visited[block.name_id as usize], id) == 0
    }

    /// What a known line says, its value read.
    pub fn apply(&mut self, catalog: &Catalog, what: What, tail: Tail<'_>) {
        self.staged.samples += 1;
        match what {
            What::Series(series) => self.staged.put(series, tail.value, tail.timestamp, tail.exemplar),
            What::Untyped(series) => {
                self.note_untyped(catalog.child(catalog.child_of(series)).variant);
                self.staged.put(series, tail.value, tail.timestamp, tail.exemplar);
            }
            What::Created(child) if tail.value.is_finite() => self.staged.created.set(child, tail.value),
            What::Dropped(reason) => self.staged.drops.push(reason),
            _ => {}
        }
    }

    fn note_untyped(&mut self, variant: VariantId) {
        self.note_step(variant | UNTYPED_STEP);
    }

    /// Notes a step, once. The newest come first: lines of one family stand together.
    pub fn note_step(&mut self, step: u32) {
        if !self.steps.iter().rev().any(|known| *known == step) {
            self.steps.push(step);
        }
    }

    /// Reads plain lines that are known; returns how many bytes that were. What comes then is anything else, or the end.
    pub fn read_known(&mut self, layout: &Layout, heads: &Heads, data: &[u8]) -> usize {
        let mut at = 0;
        while !self.ended && !self.contradicts {
            let rest = data.get(at..).unwrap_or_default();
            let read = if self.is_lost { self.jump(layout, heads, rest) } else { self.run(layout, heads, rest) };
            at += read;
            if read == 0 {
                break;
            }
        }
        at
    }

    /// A line that is known was read.
    pub fn step(&mut self, id: LineId, next: LineId) {
        self.is_lost = id != self.next;
        self.last = Some(id);
        self.next = next;
    }

    /// A line just learnt was read. Where it came in, all goes on as before.
    pub fn step_to_learnt(&mut self, layout: &Layout, id: LineId) {
        self.is_lost = false;
        self.last = Some(id);
        self.next = layout.line(id).map_or(0, |l| l.next);
    }

    /// Reads lines as long as they are the ones expected; returns how many bytes that were.
    fn run(&mut self, layout: &Layout, heads: &Heads, data: &[u8]) -> usize {
        let mut rest = self.run_of_samples(layout, heads, data);
        while let Some(known) = layout.line(self.next)
            && let Some(behind) = behind(rest, heads.bytes(known.head)).and_then(|behind| behind.strip_prefix(b"\n"))
        {
            match known.what {
                What::Type(block) if !self.enter(layout, block) => {
                    self.contradicts = true;
                    break;
                }
                What::Type(_) | What::Help(_) | What::Unit(_) => self.steps.push(self.next),
                _ => break,
            }
            self.lines += 1;
            self.last = Some(self.next);
            self.next = known.next;
            rest = self.run_of_samples(layout, heads, behind);
        }
        data.len() - rest.len()
    }

    /// Reads samples as long as they are the ones expected; returns what stands behind them.
    fn run_of_samples<'d>(&mut self, layout: &Layout, heads: &Heads, mut rest: &'d [u8]) -> &'d [u8] {
        let Staged { values, created, samples, .. } = &mut self.staged;
        let values = values.entries();
        let (mut next, mut last) = (self.next, self.last);
        let mut read = 0;
        while let Some(known) = layout.line(next)
            && let Some(behind) = behind(rest, heads.bytes(known.head)).and_then(|behind| behind.strip_prefix(b" "))
            && let Some((value, length)) = quick_number(behind)
        {
            match known.what {
                What::Series(series) => match values.get_mut(series as usize) {
                    Some(place) if is_absent(*place) => *place = value,
                    _ => break,
                },
                What::Created(child) => match created.place(child) {
                    Some(place) => *place = value,
                    None => created.set(child, value),
                },
                _ => break,
            }
            read += 1;
            rest = behind.get(length..).unwrap_or_default();
            (last, next) = (Some(next), known.next);
        }
        (self.last, self.next) = (last, next);
        self.lines += read;
        *samples += read;
        rest
    }

    /// Reads series by looking each up, until one is again what was expected; returns how many bytes that were. Some at a time: first
    /// all are hashed and their values read, then all are looked up, so that the processor can wait for many places in memory at once.
    fn jump(&mut self, layout: &Layout, heads: &Heads, data: &[u8]) -> usize {
        let mut rest = data;
        let mut at_once = 1;
        let mut ahead = [Ahead::default(); LOOKED_UP_AT_ONCE];
        while self.is_lost {
            let mut count = 0;
            let mut unseen = rest;
            for place in ahead.iter_mut().take(at_once) {
                let Some(line) = self.look_ahead(layout, unseen) else { break };
                unseen = unseen.get(line.length..).unwrap_or_default();
                *place = line;
                count += 1;
            }
            for line in ahead.iter().take(count) {
                if !self.take_looked_up(layout, heads, line) {
                    return data.len() - rest.len();
                }
                rest = rest.get(line.length..).unwrap_or_default();
                if !self.is_lost {
                    return data.len() - rest.len();
                }
            }
            if count < at_once {
                break;
            }
            at_once = (at_once * 2).min(LOOKED_UP_AT_ONCE);
        }
        data.len() - rest.len()
    }

    /// The line that `data` begins with, if it is a head and a number.
    #[inline]
    fn look_ahead<'d>(&self, layout: &Layout, data: &'d [u8]) -> Option<Ahead<'d>> {
        let end = memchr(b'\n', data).filter(|_| data.first() != Some(&b'#'))?;
        let head = head_before_value(data.get(..end)?)?;
        let (value, _) = quick_number(data.get(head.len() + 1..)?)?;
        Some(Ahead { head, value, length: end + 1, hash: layout.hash(self.block, head) })
    }

    /// Takes the sample of a line, if its head is known.
    #[inline]
    fn take_looked_up(&mut self, layout: &Layout, heads: &Heads, line: &Ahead<'_>) -> bool {
        let Some((id, known)) = layout.find_hashed(heads, line.hash, self.block, line.head) else { return false };
        match known.what {
            What::Series(series) => match self.staged.values.place(series) {
                Some(place) if is_absent(*place) => *place = line.value,
                _ => return false,
            },
            What::Created(child) => self.staged.created.set(child, line.value),
            _ => return false,
        }
        self.staged.samples += 1;
        self.lines += 1;
        self.step(id, known.next);
        true
    }
}
