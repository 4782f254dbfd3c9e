//! What the fuzz targets share: a source of any kind, fed with bodies cut from the input, and what must hold after every round.

use onescrape::config::SourceConfig;
use onescrape::encode::{Escaping, FamilyView, Format, encode};
use onescrape::merge::{Join, Now};
use onescrape::model::{MetricType, Role};
use onescrape::parse;
use onescrape::scrape::{Body, DirectoryFile, Missed, Owner, Part, Receipt, Scraped};
use onescrape::source::{KINDS, Source};
use onescrape::state::{Parts, Saved};
use std::collections::HashMap;
use std::time::Duration;

/// Stands between the bodies in an input: a byte that no UTF-8 text has.
const BETWEEN_BODIES: u8 = 0xff;
/// How an OpenMetrics body ends; every other body is read as text.
const OPENMETRICS_END: &[u8] = b"# EOF\n";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0";
const PROTOBUF: &str = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
/// Rounds an input may have; what is behind them is part of the last body. Longer lives show nothing new and take longer.
const ROUNDS_MAX: usize = 6;
/// Bytes that come at once: few, so that lines are cut.
const CHUNK_BYTES: usize = 61;
/// Time between rounds.
const INTERVAL: Duration = Duration::from_secs(15);
/// Unix seconds of the first round.
const BEGIN: f64 = 1_790_000_000.0;
/// Formats in which the output must be readable: one that escapes names, one that leaves them as they are, for every syntax.
const FORMATS: [Format; 6] = [
    Format::Text004,
    Format::Text100(Escaping::AllowUtf8),
    Format::OpenMetrics001,
    Format::OpenMetrics100(Escaping::AllowUtf8),
    Format::Protobuf(Escaping::Underscores),
    Format::Protobuf(Escaping::AllowUtf8),
];

/// Whether counters of a kind may fall from round to round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counters {
    /// They never do: the source keeps them right.
    NeverFall,
    /// They are the target's own.
    AsTheyAre,
}

/// Lets a source of this kind live through the rounds of `input`, with a body for each of its targets per round; an empty body is a
/// target that refused. After every round what the source shows must be readable, and counters as promised.
pub fn live(kind: &str, targets: &[&str], counters: Counters, input: &[u8]) {
    let bodies: Vec<&[u8]> = input.splitn(ROUNDS_MAX * targets.len(), |byte| *byte == BETWEEN_BODIES).collect();
    let (mut source, mut plain) = (source(kind, targets), source(kind, targets));
    let mut before = Totals::new();
    for (number, round) in bodies.chunks(targets.len()).enumerate() {
        let mut scraped: Vec<_> = round.iter().map(|body| Some(scraped(body))).collect();
        scraped.resize_with(targets.len(), || None);
        let elapsed = INTERVAL * number as u32;
        let now = Now { elapsed, unix: BEGIN + elapsed.as_secs_f64() };
        let streamed: Vec<_> = scraped.iter().enumerate().map(|(i, s)| s.as_ref().map(|s| stream(source.as_mut(), i, s))).collect();
        source.apply(&streamed, now);
        plain.apply(&scraped, now);
        let families = source.families();
        check_readable(&families);
        let after = totals(&families);
        assert_eq!(after, totals(&plain.families()), "reading as it comes is not reading whole");
        if counters == Counters::NeverFall {
            check_rise(&before, &after);
        }
        before = after;
        if let Some(apart) = source.unmerged() {
            check_readable(&apart.views());
        }
        source.mark_served(now);
        plain.mark_served(now);
    }
}

/// Lets a source of this kind read one body of protobuf, which has no byte that could stand between several. It must take what the
/// parser takes and refuse the rest.
pub fn live_protobuf(kind: &str, target: &str, body: &[u8]) {
    let content_type = Some(PROTOBUF.to_string());
    let result = Ok(Body { content_type, bytes: body.to_vec().into(), streamed: None, date: None });
    let mut source = source(kind, &[target]);
    let outcomes =
        source.apply(&[Some(Scraped { result, duration: Duration::ZERO })], Now { elapsed: Duration::ZERO, unix: BEGIN });
    assert_eq!(matches!(outcomes.first(), Some(Some(Ok(_)))), parse::protobuf(body).is_ok());
    let families = source.families();
    totals(&families);
    check_readable(&families);
}

/// Lets a source of this kind take back what a state file says. It refuses that or goes on, and what it writes then it can read.
pub fn resume(kind: &str, targets: &[&str], saved: Saved<'_>) {
    let mut resumed = source(kind, targets);
    if resumed.load(saved).is_err() {
        return;
    }
    for round in 1..3 {
        let missed = Scraped { result: Err(Missed::Refused), duration: Duration::ZERO };
        let now = Now { elapsed: INTERVAL * round, unix: BEGIN + (INTERVAL * round).as_secs_f64() };
        resumed.apply(&[Some(missed), None], now);
        let _ = resumed.families();
        resumed.mark_served(now);
    }
    let mut bytes = Vec::new();
    let mut parts = Parts::new(&mut bytes);
    resumed.save(&mut parts);
    parts.finish().expect("a list takes all");
    if let Err(error) = source(kind, targets).load(Saved::new(&bytes)) {
        panic!("what {kind} wrote it cannot read: {error}");
    }
}

/// Hands a body to its source in chunks, if that takes it so; the scrape as the source sees it then.
fn stream(source: &mut dyn Source, target: usize, scraped: &Scraped) -> Scraped {
    let Ok(body) = &scraped.result else { return scraped.clone() };
    let mut missed = None;
    let mut receive = |part| match source.receive(target, part) {
        Ok(receipt) => receipt == Receipt::Taken,
        Err(error) => {
            missed = Some(error);
            false
        }
    };
    let streamed = receive(Part::Begin(body.content_type.as_deref()))
        && body.bytes.chunks(CHUNK_BYTES).all(|chunk| receive(Part::Bytes(chunk)))
        && receive(Part::End);
    let result = match missed {
        Some(missed) => Err(missed),
        None if streamed => Ok(Body { bytes: Default::default(), streamed: Some(body.bytes.len()), ..body.clone() }),
        None => Ok(body.clone()),
    };
    Scraped { result, ..scraped.clone() }
}

/// Between the files of an input for [`directory`].
const BETWEEN_FILES: &[u8] = b"\n--\n";
/// Names of files in turn: one of every kind that is added up in another way.
const FILE_NAMES: [&str; 8] = [
    "counter_1.db",
    "histogram_1.db",
    "summary_1.db",
    "gauge_all_1.db",
    "gauge_min_1.db",
    "gauge_livesum_2.db",
    "gauge_mostrecent_2.db",
    "counter_2.db",
];
/// In what of a file's first byte the state of its process stands.
const OWNERS: [Owner; 4] = [Owner::Holds, Owner::Gone, Owner::Stranger, Owner::Unseen];

/// Lets a directory live through rounds: each is [`FILE_NAMES`] with the files of `input` in turn. The first byte of a file says what
/// becomes of it: whether it is there, whose it is, whether it is the same as before. What is shown must be readable, and totals must
/// never fall.
pub fn directory(input: &[u8]) {
    let mut source = source("multiproc", &["/directory"]);
    let mut before = Totals::new();
    let files: Vec<&[u8]> = split(input, BETWEEN_FILES).take(ROUNDS_MAX * FILE_NAMES.len()).collect();
    for (number, round) in files.chunks(FILE_NAMES.len()).enumerate() {
        let _ = source.receive(0, Part::Begin(None));
        for (name, file) in FILE_NAMES.iter().zip(round) {
            let Some((how, bytes)) = file.split_first() else { continue };
            if how & 0x80 != 0 {
                continue;
            }
            let listed = DirectoryFile {
                name: (*name).into(),
                inode: u64::from(how >> 2 & 3),
                born: None,
                length: bytes.len() as u64,
                modified: 0,
                owner: OWNERS[usize::from(how & 3)],
            };
            if source.receive(0, Part::Listed(&listed)) == Ok(Receipt::Wanted) {
                let contents = if how & 0x40 != 0 { Err("unreadable") } else { Ok(bytes) };
                let _ = source.receive(0, Part::Contents(&listed, contents));
            }
        }
        let _ = source.receive(0, Part::End);
        let body = Body { content_type: None, bytes: Default::default(), streamed: Some(0), date: None };
        source.apply(&[Some(Scraped { result: Ok(body), duration: Duration::ZERO })], Now::default());
        let families = source.families();
        check_readable(&families);
        let after = totals(&families);
        check_rise(&before, &after);
        assert!(before.keys().all(|series| after.contains_key(series)), "round {number}: a total has gone");
        before = after;
    }
}

/// The parts of `input` between `mark`s.
fn split<'a>(input: &'a [u8], mark: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = Some(input);
    std::iter::from_fn(move || {
        let input = rest?;
        let at = input.windows(mark.len()).position(|window| window == mark);
        rest = at.map(|at| &input[at + mark.len()..]);
        Some(at.map_or(input, |at| &input[..at]))
    })
}

fn source(kind: &str, targets: &[&str]) -> Box<dyn Source> {
    let kind = KINDS.iter().find(|known| known.name == kind).expect("a kind that there is");
    let target = |text: &&str| (kind.targets)(text, kind.default_path).expect("an address of this kind");
    (kind.build)(&SourceConfig::new(kind.name, kind, targets.iter().flat_map(target).collect()))
}

fn scraped(body: &[u8]) -> Scraped {
    let content_type = body.ends_with(OPENMETRICS_END).then(|| OPENMETRICS.to_string());
    let result = match body {
        [] => Err(Missed::Refused),
        _ => Ok(Body { content_type, bytes: body.to_vec().into(), streamed: None, date: None }),
    };
    Scraped { result, duration: Duration::ZERO }
}

/// What is answered must be an exposition, in every format.
fn check_readable(families: &[FamilyView<'_>]) {
    let mut join = Join::new(vec!["source".into()]);
    let families = [(0, families.to_vec())];
    join.settle(&families);
    let joined = join.join(&families);
    for format in FORMATS {
        let mut body = Vec::new();
        encode(&joined, format, &mut body);
        let read = match format {
            Format::Protobuf(_) => parse::protobuf(&body),
            format if format.is_openmetrics() => parse::openmetrics(&body),
            _ => parse::text(&body),
        };
        if let Err(error) = read {
            panic!("{format:?} is not readable: {error}\n{}", String::from_utf8_lossy(&body));
        }
    }
}

/// Everything that only grows, by type and head: a family that changes its type begins anew.
type Totals = HashMap<(MetricType, String), f64>;

fn totals(families: &[FamilyView<'_>]) -> Totals {
    let grows = |kind, role| match kind {
        MetricType::Counter => role == Role::Value,
        MetricType::Histogram => matches!(role, Role::Bucket(_) | Role::Count),
        MetricType::Summary => role == Role::Count,
        _ => false,
    };
    let mut totals = Totals::new();
    for family in families {
        for sample in family.samples.iter().filter(|sample| grows(family.kind, sample.role)) {
            let known = totals.insert((family.kind, sample.head.to_string()), sample.value);
            assert_eq!(known, None, "{} stands twice", sample.head);
        }
    }
    totals
}

fn check_rise(before: &Totals, after: &Totals) {
    for (series, value) in after {
        if let Some(old) = before.get(series) {
            assert!(value >= old, "{} fell from {old} to {value}", series.1);
        }
    }
}
