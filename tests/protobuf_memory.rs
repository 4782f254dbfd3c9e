//! What reading a body of protobuf takes is in proportion to its length, however few bytes its messages are made of.
#![cfg(feature = "protobuf")]
#![allow(clippy::print_stdout, reason = "shows how far from the limit each shape of body is")]

use onescrape::parse::{protobuf, text};

/// Bytes of a body.
const BODY_BYTES: usize = 1 << 20;
/// Memory per byte of a body, at most, at any time. The shortest sample of text, `a 1`, takes 79.
const BYTES_PER_BODY_BYTE: u64 = 100;

/// A field with these bytes behind their length.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    push_length(&mut field, bytes.len());
    field.extend(bytes);
    field
}

fn push_length(out: &mut Vec<u8>, mut length: usize) {
    while length > 0x7f {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

/// A body of one histogram family with these fields after its name.
fn body(fields: &[u8]) -> Vec<u8> {
    let family = [&field(1, b"h"), &b"\x18\x04"[..], fields].concat();
    let mut body = Vec::new();
    push_length(&mut body, family.len());
    body.extend(family);
    body
}

fn metric(fields: &[u8]) -> Vec<u8> {
    body(&field(4, fields))
}

fn histogram(fields: &[u8]) -> Vec<u8> {
    metric(&field(7, fields))
}

#[test]
fn the_shortest_messages_take_no_more_than_their_share() {
    let many = |unit: &[u8]| unit.repeat(BODY_BYTES / unit.len());
    let bucket = b"\x1a\x09\x11\0\0\0\0\0\0\xf0\x3f";
    let label = b"\x0a\x05\x0a\x01a\x12\x00";
    println!(
        "text: {:.1} a byte",
        allocation_counter::measure(|| drop(text(&many(b"a 1\n")))).bytes_max as f64 / BODY_BYTES as f64
    );
    for (what, body) in [
        ("families", many(&body(b""))),
        ("metrics", body(&many(b"\x22\x00"))),
        ("metrics with a value", body(&many(b"\x22\x02\x3a\x00"))),
        ("labels", metric(&many(b"\x0a\x00"))),
        ("labels with a name", metric(&many(label))),
        ("empty buckets", histogram(&many(b"\x1a\x00"))),
        ("buckets", histogram(&many(bucket))),
        ("spans", histogram(&many(b"\x62\x00"))),
        ("deltas", histogram(&many(b"\x68\x00"))),
        ("packed deltas", histogram(&field(13, &many(b"\x02")))),
        ("exemplars", histogram(&many(b"\x82\x01\x00"))),
        ("a span without end", histogram(b"\x62\x06\x10\xff\xff\xff\xff\x0f")),
    ] {
        let taken = allocation_counter::measure(|| drop(protobuf(&body))).bytes_max;
        let allowed = BYTES_PER_BODY_BYTE * (body.len() as u64 + 100);
        println!("{what}: {:.1} a byte", taken as f64 / body.len() as f64);
        assert!(taken <= allowed, "{what}: {taken} bytes for a body of {}", body.len());
    }
}
