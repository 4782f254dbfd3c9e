//! The messages, under the names of the fields they are of. Numbers of fields must not change, and none may be used again.

pub(super) use super::super::native::{ContributionPart, TotalPart};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct PoolPart {
    #[prost(uint64, tag = "1")]
    pub round: u64,
    #[prost(uint64, tag = "2")]
    pub serials: u64,
    #[prost(uint64, optional, tag = "3")]
    pub first_served: Option<u64>,
    #[prost(double, repeated, tag = "4")]
    pub outlived: Vec<f64>,
    #[prost(fixed32, tag = "5")]
    pub rules: u32,
}

/// Variants are numbered in the order in which they stand.
#[derive(Clone, PartialEq, Message)]
pub(super) struct VariantPart {
    #[prost(string, tag = "1")]
    pub name: String,
    /// The word of an OpenMetrics TYPE line.
    #[prost(string, tag = "2")]
    pub kind: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct GroupPart {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(uint32, optional, tag = "2")]
    pub established: Option<u32>,
    #[prost(message, repeated, tag = "3")]
    pub holds: Vec<HoldPart>,
    #[prost(message, optional, tag = "4")]
    pub help: Option<TextPart>,
    #[prost(message, optional, tag = "5")]
    pub unit: Option<TextPart>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct HoldPart {
    #[prost(uint32, tag = "1")]
    pub slot: u32,
    #[prost(uint32, tag = "2")]
    pub variant: u32,
    #[prost(uint64, tag = "3")]
    pub serial: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TextPart {
    #[prost(uint32, tag = "1")]
    pub slot: u32,
    #[prost(string, tag = "2")]
    pub text: String,
}

/// Bounds that children share; numbered in the order in which they stand.
#[derive(Clone, PartialEq, Message)]
pub(super) struct BoundsPart {
    #[prost(double, repeated, tag = "1")]
    pub bounds: Vec<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ChildPart {
    #[prost(uint32, tag = "1")]
    pub variant: u32,
    #[prost(string, tag = "2")]
    pub head: String,
    #[prost(bool, tag = "3")]
    pub value: bool,
    #[prost(uint32, optional, tag = "4")]
    pub bounds: Option<u32>,
    #[prost(bool, tag = "5")]
    pub count: bool,
    #[prost(bool, tag = "6")]
    pub sum: bool,
    /// Buckets, by place, that no applied body has had.
    #[prost(uint32, repeated, tag = "7")]
    pub uncounted: Vec<u32>,
    #[prost(uint64, optional, tag = "8")]
    pub served_at: Option<u64>,
    #[prost(uint64, tag = "9")]
    pub seen_round: u64,
    #[prost(bool, tag = "10")]
    pub ragged: bool,
    #[prost(bool, tag = "11")]
    pub no_sum: bool,
    #[prost(bool, tag = "12")]
    pub no_count: bool,
    #[prost(double, optional, tag = "13")]
    pub began: Option<f64>,
    /// Something was folded before it was served; `folded_began`: since when that had counted.
    #[prost(bool, tag = "14")]
    pub folded: bool,
    #[prost(double, optional, tag = "15")]
    pub folded_began: Option<f64>,
    #[prost(message, optional, tag = "16")]
    pub native: Option<TotalPart>,
}

/// Slots are numbered in the order in which they stand.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SlotPart {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(uint32, tag = "2")]
    pub current: u32,
    #[prost(double, repeated, tag = "3")]
    pub folded: Vec<f64>,
    #[prost(uint64, optional, tag = "4")]
    pub last_flip: Option<u64>,
    #[prost(bool, tag = "5")]
    pub refused: bool,
    #[prost(bool, tag = "6")]
    pub taken_whole: bool,
    #[prost(uint64, tag = "7")]
    pub last_good_round: u64,
    #[prost(uint32, tag = "8")]
    pub failed_attempts: u32,
    #[prost(uint64, tag = "9")]
    pub failed_time: u64,
    #[prost(uint64, optional, tag = "10")]
    pub last_attempt: Option<u64>,
    #[prost(bool, tag = "11")]
    pub retired: bool,
}

/// Of the slot last named.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RecordPart {
    #[prost(uint64, tag = "1")]
    pub serial: u64,
    #[prost(double, optional, tag = "2")]
    pub start: Option<f64>,
    #[prost(uint64, tag = "3")]
    pub body_at: u64,
    #[prost(double, tag = "4")]
    pub body_unix: f64,
    #[prost(fixed32, repeated, tag = "5")]
    pub left_out: Vec<u32>,
    #[prost(bool, tag = "6")]
    pub left_out_full: bool,
    #[prost(bool, tag = "7")]
    pub closed: bool,
}

/// An instance of the slot last named that was folded a moment ago.
#[derive(Clone, PartialEq, Message)]
pub(super) struct KeptPart {
    #[prost(message, optional, tag = "1")]
    pub record: Option<RecordPart>,
    #[prost(uint64, tag = "2")]
    pub at: u64,
}

/// A piece of a column.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ValuesPart {
    #[prost(uint32, tag = "1")]
    pub of: u32,
    /// The place of the first value.
    #[prost(uint32, tag = "2")]
    pub at: u32,
    #[prost(double, repeated, tag = "3")]
    pub values: Vec<f64>,
}

/// The native part of a child in the record last named.
#[derive(Clone, PartialEq, Message)]
pub(super) struct NativePart {
    #[prost(uint32, tag = "1")]
    pub child: u32,
    #[prost(message, optional, tag = "2")]
    pub contribution: Option<ContributionPart>,
}
