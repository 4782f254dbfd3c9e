//! Delimited protobuf: a run of `MetricFamily` messages, each behind its length.

mod metric;
mod native;
#[cfg(test)]
mod tests;

use super::families::Joined;
use super::{Exposition, ParseError, Place};
use crate::model::{Family, MetricType};
use crate::protobuf::messages;
use metric::Children;
use prost::Message;
use prost::bytes::Bytes;
use std::borrow::Cow;

/// Bytes of the longest varint.
const VARINT_BYTES_MAX: usize = 10;
/// A length ends with the first byte that has not this bit.
const VARINT_CONTINUES: u8 = 0x80;

/// Reads delimited protobuf.
///
/// # Errors
/// See [`parse`](super::parse()). A body that ends within a message is rejected as cut short.
pub fn protobuf(body: &[u8]) -> Result<Exposition<'_>, ParseError> {
    let mut joined = Joined::new();
    let mut repeated_metadata = 0;
    let mut children = Children::of_body(body.len());
    let mut rest = body;
    for number in 1.. {
        if rest.is_empty() {
            break;
        }
        let message = next_message(&mut rest).map_err(|why| why.in_family(number))?;
        // One copy a family: what its fields hold are slices of it.
        let message = messages::MetricFamily::decode(Bytes::copy_from_slice(message))
            .map_err(|error| ParseError::at(Place::Family(number), error.to_string(), ""))?;
        // As clients see it, a family without a metric isn't there.
        if message.metric.is_empty() {
            continue;
        }
        let name = message.name.clone().unwrap_or_default();
        let wrong = |why: Cow<'static, str>| ParseError::at(Place::Family(number), why, &name);
        if name.is_empty() {
            return Err(wrong("a family without a name".into()));
        }
        let kind = kind_of(message.r#type).ok_or_else(|| wrong("not a type of the protobuf format".into()))?;
        repeated_metadata += usize::from(joined.is_known(&name, kind));
        let family = joined.family_of_message(number, name.clone(), kind, message.help, message.unit);
        read_children(&mut children, family, message.metric).map_err(wrong)?;
    }
    Ok(Exposition { families: joined.finish(), repeated_metadata, irregular_samples: 0 })
}

fn read_children(children: &mut Children, family: &mut Family<'_>, metrics: Vec<Bytes>) -> Result<(), Cow<'static, str>> {
    for metric in metrics {
        let metric = messages::Metric::decode(metric).map_err(|error| error.to_string())?;
        children.read(family, metric)?;
    }
    Ok(())
}

/// Why there is no further message.
enum NoMessage {
    /// The body ends within its length or the message itself.
    CutShort,
    /// Its length is none.
    BadLength,
}

impl NoMessage {
    fn in_family(self, number: usize) -> ParseError {
        match self {
            Self::CutShort => {
                let why = "the body ends within this family: it is cut short";
                ParseError { truncated: true, ..ParseError::at(Place::Family(number), why, "") }
            }
            Self::BadLength => ParseError::at(Place::Family(number), "what should be its length is no varint", ""),
        }
    }
}

/// Takes the next length and as many bytes from `rest`.
fn next_message<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], NoMessage> {
    let ended = rest.iter().take(VARINT_BYTES_MAX).any(|byte| byte & VARINT_CONTINUES == 0);
    if !ended && rest.len() < VARINT_BYTES_MAX {
        return Err(NoMessage::CutShort);
    }
    let length = prost::decode_length_delimiter(&mut *rest).map_err(|_| NoMessage::BadLength)?;
    let (message, after) = rest.split_at_checked(length).ok_or(NoMessage::CutShort)?;
    *rest = after;
    Ok(message)
}

/// A type that is absent is the first one. `None` for one that there is not.
fn kind_of(number: Option<i32>) -> Option<MetricType> {
    Some(match messages::MetricType::try_from(number.unwrap_or_default()).ok()? {
        messages::MetricType::Counter => MetricType::Counter,
        messages::MetricType::Gauge => MetricType::Gauge,
        messages::MetricType::Summary => MetricType::Summary,
        messages::MetricType::Untyped => MetricType::Unknown,
        messages::MetricType::Histogram => MetricType::Histogram,
        messages::MetricType::GaugeHistogram => MetricType::GaugeHistogram,
    })
}
