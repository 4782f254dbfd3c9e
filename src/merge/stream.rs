//! Reading bodies as they come, along the pool's [`Layout`]: a chunk in, values onto columns; no body is ever held.
//!
//! Equal to parsing the whole body and [staging](super::stage) it, on every body this accepts; what it can't be sure of it hands
//! back ([`FeedError::SecondLook`]) to be read whole.

use super::catalog::VariantId;
use super::column::is_absent;
use super::layout::{BlockId, Dialect, Layout, LineId, What};
use super::pool::Pool;
use super::relabelled::Traces;
use super::stage::{Declared, Staged, is_reserved};
use crate::config::BoundsPolicy;
use crate::model::{Labels, MetricType, Role, child_head, parse_number};
use crate::parse::{EOF, Head, Line, ParseError, Tail, head_of, is_openmetrics, line_of, tail_of};
use memchr::{memchr, memrchr};
use std::borrow::Cow;
use std::sync::Arc;

/// Digits that surely fit an exact integer below 2^53.
const QUICK_DIGITS: usize = 15;
/// Marks a step of a path that is a family without TYPE line.
pub(super) const UNTYPED_STEP: u32 = 1 << 31;
/// Marks such a step of a family that a rule made of one with a TYPE line.
pub(super) const RENAMED_STEP: u32 = 1 << 30;

/// Why a body can't be read on as it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedError {
    /// It breaks the rules of its format.
    Rejected(ParseError),
    /// Its lines stand in an order that only the whole body explains: read it again, whole.
    SecondLook,
}

/// A body being read.
#[derive(Debug)]
pub(crate) struct Reader {
    dialect: Dialect,
    generation: u64,
    pub(super) staged: Staged,
    /// The beginning of a line whose end has not come yet.
    carry: Vec<u8>,
    /// The line expected next.
    next: LineId,
    /// The line read last, where it was a known one.
    last: Option<LineId>,
    block: BlockId,
    /// By number of the declared name: its block in this body, 0 if it has not come.
    visited: Vec<BlockId>,
    steps: Vec<u32>,
    /// Lines read.
    lines: usize,
    ended: bool,
    contradicts: bool,
    /// What relabelling wants to know of the body.
    pub(super) traces: Traces,
}

impl Reader {
    pub fn staged(&self) -> &Staged {
        &self.staged
    }

    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// A block begins. False if its name was declared before in this body, or it hangs on one that was not.
    fn enter(&mut self, layout: &Layout, id: BlockId) -> bool {
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
    pub(super) fn apply(&mut self, what: What, tail: Tail<'_>) {
        self.staged.samples += 1;
        match what {
            What::Series(series) => self.staged.put(series, tail.value, tail.timestamp, tail.exemplar),
            What::Untyped(series, variant) => {
                self.note_untyped(variant);
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
    pub(super) fn note_step(&mut self, step: u32) {
        if !self.steps.iter().rev().any(|known| *known == step) {
            self.steps.push(step);
        }
    }

    /// Reads lines as long as they are the ones expected; returns how many bytes that were.
    fn run(&mut self, layout: &Layout, data: &[u8]) -> usize {
        let mut at = 0;
        while let Some(known) = layout.line(self.next) {
            let Some(rest) = data.get(at..).and_then(|d| d.strip_prefix(layout.head(known))) else { break };
            let head = data.len() - at - rest.len();
            match (known.what, rest.first()) {
                (What::Series(series), Some(b' ')) => {
                    let Some((value, length)) = quick_number(&rest[1..]) else { break };
                    match self.staged.values.place(series) {
                        Some(place) if is_absent(*place) => *place = value,
                        _ => break,
                    }
                    self.staged.samples += 1;
                    at += head + 1 + length;
                }
                (What::Created(child), Some(b' ')) => {
                    let Some((value, length)) = quick_number(&rest[1..]) else { break };
                    self.staged.created.set(child, value);
                    self.staged.samples += 1;
                    at += head + 1 + length;
                }
                (What::Type(block), Some(b'\n')) => {
                    if !self.enter(layout, block) {
                        self.contradicts = true;
                        break;
                    }
                    self.steps.push(self.next);
                    at += head + 1;
                }
                (What::Help(_) | What::Unit(_), Some(b'\n')) => {
                    self.steps.push(self.next);
                    at += head + 1;
                }
                _ => break,
            }
            self.lines += 1;
            self.last = Some(self.next);
            self.next = known.next;
        }
        at
    }
}

/// A finite number up to the line feed, and how many bytes it took with it; `None` where more than a number stands there.
#[inline]
fn quick_number(bytes: &[u8]) -> Option<(f64, usize)> {
    let mut integer = 0u64;
    let mut digits = 0;
    while let Some(digit) = bytes.get(digits).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10 && digits < QUICK_DIGITS) {
        integer = integer * 10 + u64::from(digit);
        digits += 1;
    }
    if digits > 0 {
        match bytes.get(digits..) {
            Some([b'\n', ..]) => return Some((integer as f64, digits + 1)),
            Some([b'.', b'0', b'\n', ..]) => return Some((integer as f64, digits + 3)),
            _ => {}
        }
    }
    let end = memchr(b'\n', bytes)?;
    let value: f64 = fast_float2::parse(bytes.get(..end)?).ok()?;
    value.is_finite().then_some((value, end + 1))
}

impl Pool {
    /// Begins to read a body of `slot` as it comes. False: it must be read whole.
    pub fn begin_body(&mut self, slot: usize, content_type: Option<&str>) -> bool {
        let Some(state) = self.slots.get(slot) else { return false };
        if state.unsteady || self.config.histograms != BoundsPolicy::Union {
            return false;
        }
        let dialect = if is_openmetrics(content_type) { Dialect::OpenMetrics } else { Dialect::Text };
        self.inbox[slot] = None;
        self.readers[slot] = None;
        let series = self.catalog.len();
        self.layouts[dialect as usize].tidy(series);
        let staged = self.begin_staging();
        self.readers[slot] = Some(Reader {
            dialect,
            generation: self.layouts[dialect as usize].generation,
            staged,
            carry: Vec::new(),
            next: 0,
            last: None,
            block: 0,
            visited: Vec::new(),
            steps: Vec::new(),
            lines: 0,
            ended: false,
            contradicts: false,
            traces: Traces::default(),
        });
        true
    }

    /// Reads the next bytes of the body begun.
    ///
    /// # Errors
    /// See [`FeedError`]; the body is given up then.
    pub fn feed(&mut self, slot: usize, chunk: &[u8]) -> Result<(), FeedError> {
        let Some(mut reader) = self.readers.get_mut(slot).and_then(Option::take) else { return Err(FeedError::SecondLook) };
        let result = self.read_chunk(&mut reader, chunk);
        match &result {
            Ok(()) => self.readers[slot] = Some(reader),
            Err(error) => self.give_up(slot, reader, error),
        }
        result
    }

    /// The body is whole: it waits for [`apply`](Pool::apply) as [`Attempt::Streamed`](super::Attempt::Streamed). Returns its number
    /// of samples.
    ///
    /// # Errors
    /// See [`FeedError`].
    pub fn end_body(&mut self, slot: usize) -> Result<usize, FeedError> {
        let Some(mut reader) = self.readers.get_mut(slot).and_then(Option::take) else { return Err(FeedError::SecondLook) };
        let end = self.read_end(&mut reader).and_then(|()| self.check_claims(&reader));
        if let Err(error) = end {
            self.give_up(slot, reader, &error);
            return Err(error);
        }
        let mut staged = reader.staged;
        staged.start_time = reader.traces.start_time().or_else(|| self.start_time(&staged));
        let path = self.layouts[reader.dialect as usize].path(reader.steps);
        staged.declared = match &self.slots[slot].path {
            Some((known, _)) if *known == path => self.slots[slot].declared.clone(),
            _ => self.declared(reader.dialect, path.steps()),
        };
        staged.path = Some(path);
        let samples = staged.samples;
        self.inbox[slot] = Some(staged);
        Ok(samples)
    }

    fn give_up(&mut self, slot: usize, mut reader: Reader, error: &FeedError) {
        // A layout begun anew says nothing about the body.
        let steady = reader.generation != self.layouts[reader.dialect as usize].generation;
        self.slots[slot].unsteady |= *error == FeedError::SecondLook && !steady;
        reader.staged.clear();
        self.spare.push(reader.staged);
    }

    fn read_chunk(&mut self, reader: &mut Reader, mut chunk: &[u8]) -> Result<(), FeedError> {
        if reader.generation != self.layouts[reader.dialect as usize].generation {
            return Err(FeedError::SecondLook);
        }
        if !reader.carry.is_empty() {
            let Some(end) = memchr(b'\n', chunk) else {
                reader.carry.extend_from_slice(chunk);
                return Ok(());
            };
            let (head, rest) = chunk.split_at(end + 1);
            let mut line = std::mem::take(&mut reader.carry);
            line.extend_from_slice(head);
            self.read_lines(reader, &line)?;
            line.clear();
            reader.carry = line;
            chunk = rest;
        }
        let whole = memrchr(b'\n', chunk).map_or(0, |end| end + 1);
        self.read_lines(reader, &chunk[..whole])?;
        reader.carry.extend_from_slice(&chunk[whole..]);
        Ok(())
    }

    /// What is left when the body ends: in text nothing may be, in OpenMetrics the last line feed may be missing.
    fn read_end(&mut self, reader: &mut Reader) -> Result<(), FeedError> {
        let rest = std::mem::take(&mut reader.carry);
        let shown = String::from_utf8_lossy(&rest);
        let cut = |why| FeedError::Rejected(ParseError::cut_short(reader.lines + 1, why, &shown));
        match reader.dialect {
            Dialect::Text if !rest.is_empty() => Err(cut("no line feed at the end: the body is cut short")),
            Dialect::OpenMetrics if rest == EOF.as_bytes() && !reader.ended => Ok(()),
            Dialect::OpenMetrics if !reader.ended => Err(cut("no `# EOF` at the end: the body is cut short")),
            Dialect::OpenMetrics if !rest.is_empty() => {
                Err(FeedError::Rejected(ParseError::in_line(reader.lines + 1, "text after `# EOF`", &shown)))
            }
            _ => Ok(()),
        }
    }

    /// Reads whole lines.
    fn read_lines(&mut self, reader: &mut Reader, mut data: &[u8]) -> Result<(), FeedError> {
        loop {
            let layout = &self.layouts[reader.dialect as usize];
            let read = reader.run(layout, data);
            if reader.contradicts {
                return Err(FeedError::SecondLook);
            }
            data = &data[read..];
            let Some(end) = memchr(b'\n', data) else { return Ok(()) };
            self.read_unexpected(reader, &data[..end])?;
            data = &data[end + 1..];
        }
    }

    /// Reads a line other than the one expected (or more than a plain number): looked up by its head, else tokenised and learnt.
    fn read_unexpected(&mut self, reader: &mut Reader, line: &[u8]) -> Result<(), FeedError> {
        reader.lines += 1;
        let number = reader.lines;
        if reader.ended {
            let shown = String::from_utf8_lossy(line);
            return Err(FeedError::Rejected(ParseError::in_line(number, "text after `# EOF`", &shown)));
        }
        let layout = &self.layouts[reader.dialect as usize];
        let comment = line.first() == Some(&b'#');
        let head = if comment { line } else { likely_head(line) };
        let known = layout.find(if comment { 0 } else { reader.block }, head).and_then(|id| Some((id, *layout.line(id)?)));
        if let Some((id, known)) = known.filter(|(_, k)| k.what != What::Dead) {
            match known.what {
                What::Type(block) if !reader.enter(layout, block) => return Err(FeedError::SecondLook),
                What::Type(_) | What::Help(_) | What::Unit(_) => reader.steps.push(id),
                what => {
                    let tail = line.get(head.len()..).unwrap_or_default();
                    let tail = match quick_tail(tail) {
                        Some(value) => Tail { value, timestamp: None, exemplar: None },
                        None => tail_of(reader.dialect == Dialect::OpenMetrics, utf8(tail, number)?)
                            .map_err(|why| FeedError::Rejected(ParseError::in_line(number, why, &String::from_utf8_lossy(line))))?,
                    };
                    if !self.take_line(reader, what, tail) {
                        return Err(FeedError::SecondLook);
                    }
                }
            }
            (reader.last, reader.next) = (Some(id), known.next);
            return Ok(());
        }
        let text = utf8(line, number)?;
        if reader.dialect == Dialect::OpenMetrics && text == EOF {
            reader.ended = true;
            return Ok(());
        }
        self.learn(reader, text).map_err(|error| match error {
            Learn::Bad(why) => FeedError::Rejected(ParseError::in_line(number, why, text)),
            Learn::SecondLook => FeedError::SecondLook,
        })
    }

    fn learn(&mut self, reader: &mut Reader, line: &str) -> Result<(), Learn> {
        let openmetrics = reader.dialect == Dialect::OpenMetrics;
        let comment = line.trim_start_matches([' ', '\t']).starts_with('#');
        if comment && !line.starts_with('#') && !openmetrics {
            return Err(Learn::SecondLook); // metadata that doesn't begin its line can't be expected
        }
        let what = match comment.then(|| line_of(openmetrics, line)).transpose()? {
            None if line.trim_matches([' ', '\t']).is_empty() && !openmetrics => return Ok(()),
            None => return self.learn_sample(reader, line),
            // Words for people change as they like, so they are not learnt.
            Some(Line::Words | Line::Sample(..)) => return Ok(()),
            Some(Line::Help(name, text)) => What::Help(self.layouts[reader.dialect as usize].add_text(&name, &text)),
            Some(Line::Unit(name, text)) => What::Unit(self.layouts[reader.dialect as usize].add_text(&name, &text)),
            Some(Line::Type(name, kind)) => What::Type(self.learn_block(reader, &name, kind)?),
        };
        let layout = &mut self.layouts[reader.dialect as usize];
        let id = layout.learn(reader.last, 0, line.as_bytes(), what);
        if let What::Type(block) = what
            && !reader.enter(layout, block)
        {
            return Err(Learn::SecondLook);
        }
        reader.steps.push(id);
        reader.step_to(layout, id);
        Ok(())
    }

    /// A TYPE line never seen. Where what it says hangs on other lines in ways that a line alone doesn't show, the body is handed back.
    fn learn_block(&mut self, reader: &Reader, name: &str, kind: MetricType) -> Result<BlockId, Learn> {
        let layout = &self.layouts[reader.dialect as usize];
        let text = reader.dialect == Dialect::Text;
        let declared = |name: &str| layout.name(name).is_some();
        let beside = |suffix: &str| declared(&format!("{name}{suffix}"));
        let untyped = |suffix: &str| layout.untyped.contains(&*format!("{name}{suffix}"));
        let of_gauge_histogram =
            text && (["_gcount", "_gsum"].iter().any(|s| name.strip_suffix(s).is_some_and(declared) || beside(s)));
        if layout.suffixed.contains(name) || untyped("") || SUFFIXES.iter().any(|s| untyped(s)) || of_gauge_histogram {
            return Err(Learn::SecondLook);
        }
        let mut parent = None;
        if let Some(stem) = name.strip_suffix("_created") {
            let total = format!("{stem}_total");
            let block_of = |name: &str| layout.name(name).and_then(|n| reader.visited.get(n as usize).copied()).filter(|b| *b != 0);
            let is_total = |b: &BlockId| {
                layout
                    .block(*b)
                    .is_some_and(|b| matches!(b.kind, MetricType::Counter | MetricType::Histogram | MetricType::Summary))
            };
            parent = block_of(&total).or_else(|| block_of(stem)).filter(is_total);
            let unclear = declared(&total) && declared(stem) || parent.is_none() && (declared(&total) || declared(stem));
            if unclear || (parent.is_some() && (!text || kind != MetricType::Gauge)) {
                return Err(Learn::SecondLook);
            }
        }
        let stem = name.strip_suffix("_total").unwrap_or(name);
        if declared(&format!("{stem}_created")) || beside("_created") {
            return Err(Learn::SecondLook);
        }
        let canonical = match kind {
            MetricType::Counter if !text => Cow::Owned(format!("{name}_total")),
            MetricType::Info if !text => Cow::Owned(format!("{name}_info")),
            _ => Cow::Borrowed(name),
        };
        let variant = (!is_reserved(&canonical)).then(|| {
            let kind = self.merged_kind(&canonical, kind);
            self.variant(&canonical, kind)
        });
        Ok(self.layouts[reader.dialect as usize].add_block(name, kind, variant, parent))
    }

    fn learn_sample(&mut self, reader: &mut Reader, line: &str) -> Result<(), Learn> {
        let openmetrics = reader.dialect == Dialect::OpenMetrics;
        let (head, raw) = head_of(openmetrics, line)?;
        let tail = tail_of(openmetrics, line.get(raw.len()..).unwrap_or_default())?;
        let Head { name, mut labels } = head;
        let layout = &mut self.layouts[reader.dialect as usize];
        let Some(block) = layout.block(reader.block) else { return Err(Learn::SecondLook) };
        let (what, cached) = if let Some(part) = part_in(openmetrics, &block.name, block.kind, &name) {
            if *name != *block.name {
                if !(openmetrics && *name == *format!("{}_total", block.name)) && layout.name(&name).is_some() {
                    return Err(Learn::SecondLook);
                }
                layout.suffixed.insert(name.as_ref().into());
            }
            let role = role_of(part, &mut labels).ok_or(Learn::SecondLook)?;
            let Some(block) = self.layouts[reader.dialect as usize].block(reader.block) else { return Err(Learn::SecondLook) };
            let parent = block.start_times_of.and_then(|b| self.layouts[reader.dialect as usize].block(b));
            match (parent, block.variant) {
                (Some(parent), _) => self.meaning(reader, (parent.variant, parent.kind), Role::Created, &labels),
                (None, variant) => self.meaning(reader, (variant, block.kind), role, &labels),
            }
        } else {
            let claimed = |suffix: &&str| name.strip_suffix(*suffix).is_some_and(|stem| layout.name(stem).is_some());
            if layout.name(&name).is_some() || SUFFIXES.iter().any(claimed) || name.ends_with("_created") {
                return Err(Learn::SecondLook);
            }
            layout.untyped.insert(name.as_ref().into());
            let variant = (!is_reserved(&name)).then(|| {
                let kind = self.merged_kind(&name, MetricType::Unknown);
                self.variant(&name, kind)
            });
            reader.traces.typeless = true;
            let meaning = self.meaning(reader, (variant, MetricType::Unknown), Role::Value, &labels);
            reader.traces.typeless = false;
            match (meaning, variant) {
                ((What::Series(series), cached), Some(variant)) => (What::Untyped(series, variant), cached),
                (other, _) => other,
            }
        };
        if !self.take_line(reader, what, tail) {
            return Err(Learn::SecondLook);
        }
        // A head that doesn't begin its line can't be expected.
        if cached && !line.starts_with([' ', '\t']) {
            let layout = &mut self.layouts[reader.dialect as usize];
            let id = layout.learn(reader.last, reader.block, raw.as_bytes(), what);
            reader.step_to(layout, id);
        }
        Ok(())
    }

    /// What a sample is, and whether that will be so next time.
    fn meaning(
        &mut self,
        reader: &mut Reader,
        family: (Option<VariantId>, MetricType),
        role: Role,
        labels: &Labels<'_>,
    ) -> (What, bool) {
        let (Some(variant), kind) = family else { return (What::Dropped(super::DropReason::ReservedName), true) };
        if let Some(reason) = self.unwanted(role, labels) {
            return (reason.map_or(What::Ignored, What::Dropped), true);
        }
        if !self.relabelling.is_empty() {
            return self.relabelled_meaning(reader, variant, kind, role, labels);
        }
        let head = child_head(&self.catalog.variant(variant).name, labels);
        if role == Role::Created {
            let child = self.catalog.find_child(variant, &head);
            return child.map_or((What::Ignored, false), |child| (What::Created(child), true));
        }
        match self.place(&mut reader.staged, variant, &head, role) {
            Some(series) => (What::Series(series), true),
            // There was no room, which is counted; there may be some next time.
            None => (What::Ignored, false),
        }
    }

    /// The families that the steps of a body declare, with HELP and UNIT: the first of each counts.
    fn declared(&self, dialect: Dialect, steps: &[u32]) -> Arc<[Declared]> {
        let layout = &self.layouts[dialect as usize];
        let whats = || steps.iter().filter(|s| *s & UNTYPED_STEP == 0).filter_map(|s| layout.line(*s)).map(|l| l.what);
        let text = |name: &str, is: fn(What) -> Option<u32>| -> Box<str> {
            whats().filter_map(is).map(|id| layout.text(id)).find(|(n, _)| *n == name).map_or("", |(_, text)| text).into()
        };
        let of = |name: &str, variant| Declared {
            variant,
            help: text(name, |w| if let What::Help(id) = w { Some(id) } else { None }),
            unit: text(name, |w| if let What::Unit(id) = w { Some(id) } else { None }),
        };
        let typed = whats().filter_map(|w| match w {
            What::Type(block) => layout.block(block).filter(|b| b.start_times_of.is_none()),
            _ => None,
        });
        let typed = typed.filter_map(|b| Some(of(&b.name, b.variant?)));
        let untyped = steps.iter().filter(|s| *s & UNTYPED_STEP != 0).map(|s| {
            let variant = s & !(UNTYPED_STEP | RENAMED_STEP);
            // What a rule made of another family has no HELP: that was about the other.
            let name = if s & RENAMED_STEP == 0 { &*self.catalog.variant(variant).name } else { "" };
            of(name, variant)
        });
        self.one_type_each(typed.chain(untyped).collect()).into()
    }
}

impl Reader {
    /// A line just learnt was read.
    fn step_to(&mut self, layout: &Layout, id: LineId) {
        self.last = Some(id);
        self.next = layout.line(id).map_or(0, |l| l.next);
    }
}

/// Why a line can't be learnt.
enum Learn {
    Bad(&'static str),
    SecondLook,
}

impl From<&'static str> for Learn {
    fn from(why: &'static str) -> Self {
        Self::Bad(why)
    }
}

/// Suffixes by which sample names may belong to a family declared elsewhere.
const SUFFIXES: [&str; 9] = ["_total", "_created", "_bucket", "_count", "_sum", "_gcount", "_gsum", "_info", ""];

/// A [`Role`] whose bound or quantile has not been read.
#[derive(Clone, Copy)]
enum Part {
    Role(Role),
    Bucket,
    Quantile,
}

/// What a sample of this name is in the family declared by the block's TYPE line; `None` if it is none of its samples.
fn part_in(openmetrics: bool, declared: &str, kind: MetricType, name: &str) -> Option<Part> {
    use MetricType::{Counter, Gauge, GaugeHistogram, Histogram, Info, StateSet, Summary, Unknown};
    if declared.is_empty() {
        return None;
    }
    Some(match (kind, name.strip_prefix(declared)?) {
        (Counter, "_total") if openmetrics => Part::Role(Role::Value),
        (Counter, "") if !openmetrics => Part::Role(Role::Value),
        (Info, "_info") if openmetrics => Part::Role(Role::Value),
        (Gauge | Unknown | StateSet, "") => Part::Role(Role::Value),
        (Summary, "") => Part::Quantile,
        (Histogram, "_bucket") => Part::Bucket,
        (GaugeHistogram, "_bucket") => Part::Bucket,
        (Histogram | Summary, "_count") | (GaugeHistogram, "_gcount") => Part::Role(Role::Count),
        (Histogram | Summary, "_sum") | (GaugeHistogram, "_gsum") => Part::Role(Role::Sum),
        (Counter | Histogram | Summary, "_created") if openmetrics => Part::Role(Role::Created),
        _ => return None,
    })
}

/// The part's role; takes the label that a bound or quantile stands in. `None` if that is missing or no number.
fn role_of(part: Part, labels: &mut Labels<'_>) -> Option<Role> {
    let mut number = |label: &str| {
        let at = labels.iter().position(|(k, _)| k == label)?;
        let number = parse_number(&labels[at].1).filter(|n| !n.is_nan())?;
        labels.remove(at);
        Some(number)
    };
    match part {
        Part::Role(role) => Some(role),
        Part::Bucket => number("le").map(Role::Bucket),
        Part::Quantile => number("quantile").map(Role::Quantile),
    }
}

/// Where the head of a sample most likely ends. Wrong only where a label value holds `}`, or blanks stand before `{`: then the line is
/// not found and tokenised.
fn likely_head(line: &[u8]) -> &[u8] {
    let name = line.iter().position(|b| matches!(b, b'{' | b' ')).unwrap_or(line.len());
    match line.get(name) {
        Some(b'{') => memchr(b'}', line).map_or(line, |end| &line[..=end]),
        _ => &line[..name],
    }
}

/// The value where nothing but one stands behind one space.
fn quick_tail(tail: &[u8]) -> Option<f64> {
    let value: f64 = fast_float2::parse(tail.strip_prefix(b" ")?).ok()?;
    value.is_finite().then_some(value)
}

fn utf8(line: &[u8], number: usize) -> Result<&str, FeedError> {
    std::str::from_utf8(line)
        .map_err(|_| FeedError::Rejected(ParseError::in_line(number, "not UTF-8", &String::from_utf8_lossy(line))))
}
