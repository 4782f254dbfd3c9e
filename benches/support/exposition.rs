//! Families, label sets and samples of a made-up worker: how their values move on, and how the text is printed.

use super::random::Random;
use bytes::Bytes;
use onescrape::model::{TextSink, push_number};

/// From here on prometheus_client prints numbers as Go does; below, integers carry a `.0`.
const GO_SPELLING_FROM: f64 = 1e6;

/// Type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
    Summary,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }
}

/// A family.
#[derive(Debug)]
pub struct Family {
    pub name: String,
    pub help: &'static str,
    pub kind: Kind,
    pub children: Vec<Child>,
}

/// The samples of one label set; they move together. Those of a histogram: buckets, count, sum; of a summary: count, sum.
#[derive(Debug)]
pub struct Child {
    pub samples: Vec<(String, f64)>,
    /// Whether its values ever move.
    pub moves: bool,
    /// Left out of the present body.
    pub absent: bool,
}

impl Child {
    /// Moves the values on, as a few requests would.
    pub fn advance(&mut self, kind: Kind, random: &mut Random) {
        let by = 1.0 + random.below(3) as f64;
        let seconds = by * random.share();
        match (kind, self.samples.as_mut_slice()) {
            (Kind::Counter, samples) => samples.iter_mut().for_each(|(_, v)| *v += by),
            (Kind::Gauge, samples) => samples.iter_mut().for_each(|(_, v)| *v = random.of_digits(1..=3)),
            (Kind::Summary, [(_, count), (_, sum)]) => (*count, *sum) = (*count + by, *sum + seconds),
            (_, [buckets @ .., (_, count), (_, sum)]) => {
                // The observations fall into the bucket where half of all lie.
                let middle = buckets.partition_point(|(_, v)| *v < *count / 2.0);
                buckets.iter_mut().skip(middle).for_each(|(_, v)| *v += by);
                (*count, *sum) = (*count + by, *sum + seconds);
            }
            _ => {}
        }
    }
}

/// The text that prometheus_client would give.
pub fn render(families: &[Family], size_hint: usize) -> Bytes {
    let mut out: Vec<u8> = Vec::with_capacity(size_hint + size_hint / 16);
    for family in families {
        let Family { name, help, kind, children } = family;
        out.extend_from_slice(format!("# HELP {name} {help}\n# TYPE {name} {}\n", kind.name()).as_bytes());
        for (key, value) in children.iter().filter(|child| !child.absent).flat_map(|child| &child.samples) {
            out.extend_from_slice(key.as_bytes());
            out.push(b' ');
            push_number(&mut out, *value);
            if value.fract() == 0.0 && value.abs() < GO_SPELLING_FROM {
                out.push_text(".0");
            }
            out.push(b'\n');
        }
    }
    out.into()
}
