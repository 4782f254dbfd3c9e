//! The delimited protobuf exposition: what `parse` and `encode` share about it. The only format that carries native histograms.
//!
//! A body is a run of families: a varint length, then that many bytes of a `MetricFamily` (`messages`).

#[cfg(feature = "protobuf")]
pub(crate) mod messages;
#[cfg(feature = "protobuf")]
mod time;

/// The media type.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.google.protobuf";
/// The parameter of the media type that names the message, and the only message there is.
pub(crate) const PROTO: (&str, &str) = ("proto", "io.prometheus.client.MetricFamily");
/// The parameter that says how messages follow each other, and the only way there is. Others print them as text.
pub(crate) const ENCODING: (&str, &str) = ("encoding", "delimited");
