//! The usual way to size Django's range of metrics ports, where no source is given: METRICS_START_PORT, WEB_CONCURRENCY and perhaps
//! METRICS_PORTS.

use super::draft::SourceDraft;
use super::expand::Env;
use super::problem::{Given, Origin, Problems};
use super::value::count;
use crate::source::Kind;

/// The first port of the range.
pub(crate) const START: &str = "METRICS_START_PORT";
/// How many workers there are.
pub(crate) const WORKERS: &str = "WEB_CONCURRENCY";
/// How many ports there are, where that is another number.
const PORTS: &str = "METRICS_PORTS";
/// Highest port, and so the most ports and workers.
const PORT_MAX: usize = 65_535;

/// The pool these variables speak of; `None` unless both START and WORKERS are set.
pub(crate) fn pool(kind: &'static Kind, env: &Env<'_>, problems: &mut Problems) -> Option<SourceDraft> {
    let given = |name: &str| {
        let text = env(name).map(|text| text.trim().to_string()).filter(|text| !text.is_empty())?;
        Some(Given { text, key: String::new(), origin: Origin::Env(name.into()) })
    };
    let (start, workers, ports) = (given(START)?, given(WORKERS)?, given(PORTS));
    let mut number = |given: &Given| problems.keep(given.parse(|text| count(text, &(1..=PORT_MAX))));
    let (first, expected) = (number(&start), number(&workers));
    let wanted = match &ports {
        Some(ports) => number(ports),
        None => expected,
    };
    let (first, expected, wanted) = (first?, expected?, wanted?);
    let last = first + wanted - 1;
    if last > PORT_MAX {
        problems.0.push(start.problem(format!("{wanted} ports from {first} on go beyond {PORT_MAX}")));
        return None;
    }
    let range = if last == first { first.to_string() } else { format!("{first}-{last}") };
    let mut draft = SourceDraft::new(Given { text: kind.name.into(), ..start.clone() }, kind);
    draft.targets.push(Given { text: format!("127.0.0.1:{range}"), ..start });
    draft.config.expect = u32::try_from(expected).ok();
    draft.expect = Some(workers);
    Some(draft)
}
