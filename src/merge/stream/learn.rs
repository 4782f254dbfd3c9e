//! A line never seen: tokenised, understood, and remembered with what it means.

use super::reader::Reader;
use crate::merge::DropReason;
use crate::merge::catalog::VariantId;
use crate::merge::layout::{BlockId, Dialect, What};
use crate::merge::pool::Pool;
use crate::merge::stage::is_reserved;
use crate::model::{Labels, MetricType, Role, child_head, parse_number};
use crate::parse::{Head, Line, head_of, line_of, tail_of};
use std::borrow::Cow;

/// Why a line can't be learnt.
pub(super) enum Learn {
    Bad(&'static str),
    SecondLook,
}

impl From<&'static str> for Learn {
    fn from(why: &'static str) -> Self {
        Self::Bad(why)
    }
}

impl Pool {
    pub(super) fn learn(&mut self, reader: &mut Reader, line: &str) -> Result<(), Learn> {
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
        let id = layout.learn(&mut self.catalog, reader.last, 0, line, what);
        if let What::Type(block) = what
            && !reader.enter(layout, block)
        {
            return Err(Learn::SecondLook);
        }
        reader.steps.push(id);
        reader.step_to_learnt(layout, id);
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
                ((What::Series(series), cached), Some(_)) => (What::Untyped(series), cached),
                (other, _) => other,
            }
        };
        if !self.take_line(reader, what, tail) {
            return Err(Learn::SecondLook);
        }
        // A head that doesn't begin its line can't be expected.
        if cached && !line.starts_with([' ', '\t']) {
            let layout = &mut self.layouts[reader.dialect as usize];
            let id = layout.learn(&mut self.catalog, reader.last, reader.block, raw, what);
            reader.step_to_learnt(layout, id);
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
        let (Some(variant), kind) = family else { return (What::Dropped(DropReason::ReservedName), true) };
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
