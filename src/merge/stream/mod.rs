//! Reading bodies as they come, along the pool's [`Layout`](super::layout::Layout): a chunk in, values onto columns; no body is ever held.
//!
//! Equal to parsing the whole body and [staging](super::stage) it, on every body this accepts; what it can't be sure of it hands
//! back ([`FeedError::SecondLook`]) to be read whole.

mod learn;
mod number;
mod quick;
mod reader;

pub(crate) use quick::equal;
pub(crate) use reader::{RENAMED_STEP, Reader, UNTYPED_STEP};

use super::layout::{Dialect, What};
use super::pool::Pool;
use super::stage::Declared;
use crate::config::BoundsPolicy;
use crate::parse::{EOF, ParseError, Tail, is_openmetrics, is_protobuf, tail_of};
use learn::Learn;
use memchr::{memchr, memrchr};
use number::quick_number;
use quick::{head_before_value, likely_head};
use std::sync::Arc;

/// Why a body can't be read on as it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedError {
    /// It breaks the rules of its format.
    Rejected(ParseError),
    /// Its lines stand in an order that only the whole body explains: read it again, whole.
    SecondLook,
}

impl Pool {
    /// Begins to read a body of `slot` as it comes. False: it must be read whole.
    pub fn begin_body(&mut self, slot: usize, content_type: Option<&str>) -> bool {
        let Some(state) = self.slots.get(slot) else { return false };
        if state.unsteady || self.config.histograms != BoundsPolicy::Union || is_protobuf(content_type) {
            return false;
        }
        let dialect = if is_openmetrics(content_type) { Dialect::OpenMetrics } else { Dialect::Text };
        self.inbox[slot] = None;
        self.readers[slot] = None;
        let mut staged = self.begin_staging();
        // As many start times as in the body before, at once.
        staged.created.reserve(self.slots[slot].current().map_or(0, |record| record.created.as_slice().len()));
        self.readers[slot] = Some(Reader::new(dialect, self.layouts[dialect as usize].generation, staged));
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
        // A layout begun anew meanwhile says nothing about the body.
        let begun_anew = reader.generation != self.layouts[reader.dialect as usize].generation;
        self.slots[slot].unsteady |= *error == FeedError::SecondLook && !begun_anew;
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
            let read = reader.read_known(layout, &self.catalog.heads, data);
            if reader.contradicts {
                return Err(FeedError::SecondLook);
            }
            data = &data[read..];
            let Some(end) = memchr(b'\n', data) else { return Ok(()) };
            self.read_unexpected(reader, &data[..=end])?;
            data = &data[end + 1..];
        }
    }

    /// Reads a line (its line feed with it) other than the one expected, or with more than a plain number: looked up by its head, else
    /// tokenised and learnt.
    fn read_unexpected(&mut self, reader: &mut Reader, whole: &[u8]) -> Result<(), FeedError> {
        let line = whole.strip_suffix(b"\n").unwrap_or(whole);
        reader.lines += 1;
        let number = reader.lines;
        if reader.ended {
            let shown = String::from_utf8_lossy(line);
            return Err(FeedError::Rejected(ParseError::in_line(number, "text after `# EOF`", &shown)));
        }
        let layout = &self.layouts[reader.dialect as usize];
        let comment = line.first() == Some(&b'#');
        let heads = &self.catalog.heads;
        let block = if comment { 0 } else { reader.block };
        let look_up = |head| layout.find(heads, block, head).and_then(|id| Some((id, *layout.line(id)?, head)));
        // Most lines end with their value; those with more behind it are looked at from the front.
        let known =
            if comment { look_up(line) } else { head_before_value(line).and_then(look_up).or_else(|| look_up(likely_head(line))) };
        if let Some((id, known, head)) = known.filter(|(_, k, _)| k.what != What::Dead) {
            match known.what {
                What::Type(block) if !reader.enter(layout, block) => return Err(FeedError::SecondLook),
                What::Type(_) | What::Help(_) | What::Unit(_) => reader.steps.push(id),
                what => {
                    let tail = line.get(head.len()..).unwrap_or_default();
                    let number_behind = whole.get(head.len()..).and_then(|t| t.strip_prefix(b" ")).and_then(quick_number);
                    let tail = match number_behind {
                        Some((value, _)) => Tail { value, timestamp: None, exemplar: None },
                        None => tail_of(reader.dialect == Dialect::OpenMetrics, utf8(tail, number)?)
                            .map_err(|why| FeedError::Rejected(ParseError::in_line(number, why, &String::from_utf8_lossy(line))))?,
                    };
                    if !self.take_line(reader, what, tail) {
                        return Err(FeedError::SecondLook);
                    }
                }
            }
            reader.step(id, known.next);
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

fn utf8(line: &[u8], number: usize) -> Result<&str, FeedError> {
    std::str::from_utf8(line)
        .map_err(|_| FeedError::Rejected(ParseError::in_line(number, "not UTF-8", &String::from_utf8_lossy(line))))
}
