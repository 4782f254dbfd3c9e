//! Reading bodies as they come, along the pool's layout, is equal to parsing them whole: the same families, the same counts, whatever
//! the workers send and however it is cut into chunks.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "support/laws.rs"]
mod laws;

use onescrape::config::{AggregateRule, GaugeMode, GaugeRule, Limits, MergeConfig, QuantilePolicy};
use onescrape::merge::{Attempt, FeedError, Now, Pool};
use onescrape::parse::parse;
use onescrape::relabel::{Action, Relabelling, Rule, RuleSpec};
use proptest::prelude::*;
use std::time::Duration;

const TEXT: &str = "text/plain; version=0.0.4";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0";
const UNIX_START: f64 = 1_790_000_000.0;

/// One line, or a few that belong together, of a body; numbers are filled in.
const LINES: [&str; 36] = [
    "# HELP a_total Help of a.\n# TYPE a_total counter\na_total{v=\"1\"} @\na_total{v=\"2\"} @\n",
    "# TYPE a_total counter\na_total{v=\"2\"} @\na_total{v=\"1\"} @\na_total{v=\"3\"} @\n",
    "# TYPE a_created gauge\na_created{v=\"1\"} 1700000000.123\na_created{v=\"2\"} 1700000001\n",
    "# TYPE a_created gauge\na_created{v=\"1\"} 1700000500.5\n",
    "a_total{v=\"1\"} @\n",
    "a_total{v=\"9\"} @ 1700000000000\n",
    "# TYPE h histogram\nh_bucket{le=\"1\",v=\"x\"} 1\nh_bucket{le=\"2.0\",v=\"x\"} 2\nh_bucket{le=\"+Inf\",v=\"x\"} @\nh_count{v=\"x\"} @\nh_sum{v=\"x\"} 2.5\n",
    "# TYPE h histogram\nh_bucket{v=\"x\",le=\"2\"} 2\nh_bucket{v=\"x\",le=\"+Inf\"} 7\nh_sum{v=\"x\"} @\nh_count{v=\"x\"} 7\n",
    "# TYPE h histogram\nh_bucket{v=\"y\",le=\"5\"} 9\nh_bucket{v=\"y\",le=\"+Inf\"} 3\n",
    "# TYPE h histogram\nh_count{v=\"z\"} @\nh_bucket{v=\"z\",le=\"1\"} 0\n",
    "# TYPE h_created gauge\nh_created{v=\"x\"} 1700000100\n",
    "h_count @\n",
    "# TYPE h_count gauge\nh_count @\n",
    "# TYPE g gauge\n# HELP g A gauge.\ng @\ng{w=\"}\"} NaN\ng{w=\"a b\"} -@\n",
    "# HELP g Another text.\n# TYPE g gauge\ng -Inf\n",
    "# TYPE g untyped\ng @\n",
    "g{w=\"}\"} @\n",
    "u @\nu{x=\"1\"} @\n",
    "u_created 17\n",
    "# TYPE u_created gauge\nu_created 18\n",
    "# TYPE s summary\ns{quantile=\"0.5\"} @\ns_sum @\ns_count @\n",
    "# TYPE s summary\ns{quantile=\"x\"} @\ns_count @\n",
    "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1.79e+09\n",
    "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1790000@\n",
    "# just words @\n",
    "\n",
    "  \t\n",
    "  # TYPE i gauge\n",
    "i{a=\"1\" , b=\"2\"} @\n i{a=\"1\"} @\n",
    "up 1\n# TYPE scrape_x gauge\nscrape_x 1\n",
    "long{a=\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"} @\n",
    "a_total{v=\"1\"}@\n",
    "# TYPE py_info gauge\npy_info{version=\"3\"} 1.0\n",
    "# TYPE gh histogram\ngh_bucket{le=\"1\"} 1\ngh_bucket{le=\"+Inf\"} @\n",
    "# TYPE gh_gcount gauge\ngh_gcount @\n# TYPE gh_gsum gauge\ngh_gsum @\n",
    "bad line\n",
];

const OM_LINES: [&str; 17] = [
    "# HELP a Help of a.\n# TYPE a counter\na_total{v=\"1\"} @ # {t=\"x\"} 1.5 1700000000.5\na_created{v=\"1\"} 1700000000.5\na_total{v=\"2\"} @\n",
    "# TYPE a counter\na_total{v=\"2\"} @\na_total{v=\"1\"} @ # {t=\"@\"} 2\n",
    "# TYPE a_total counter\na_total @\n",
    "a_total{v=\"1\"} @\n",
    "# TYPE h histogram\n# UNIT h \nh_bucket{le=\"1.0\"} 1 # {t=\"q\"} 0.5\nh_bucket{le=\"+Inf\"} @\nh_count @\nh_sum 2.5\nh_created 1.7e9\n",
    "# TYPE h histogram\nh_bucket{le=\"0.5\"} 1\nh_bucket{le=\"+Inf\"} 5\nh_count 6\n",
    "# TYPE gh gaugehistogram\ngh_bucket{le=\"1\"} 1\ngh_bucket{le=\"+Inf\"} @\ngh_gcount @\ngh_gsum @\n",
    "# TYPE st stateset\nst{st=\"a\"} 1\nst{st=\"b\"} 0\n",
    "# TYPE py info\npy_info{version=\"3\"} 1\n",
    "# TYPE lat_seconds gauge\n# UNIT lat_seconds seconds\nlat_seconds @ 1700000000.25\n",
    "# TYPE lat_seconds gauge\nlat_seconds 1 1\nlat_seconds 2 2\n",
    "# TYPE s summary\ns_count @\ns_sum @\ns_created 1700000000\ns{quantile=\"0.9\"} 1\n",
    "# TYPE x_created gauge\nx_created @\n",
    "u @\nu{x=\"1\"} @\n",
    "# TYPE k unknown\nk @\n",
    "# TYPE g gauge\ng @\ng NaN\n",
    "# TYPE g gauge\ng  1\n",
];

/// What one worker answers in one round.
#[derive(Debug, Clone)]
struct Answer {
    openmetrics: bool,
    parts: Vec<u8>,
    numbers: Vec<u8>,
    cuts: Vec<u16>,
    cut_short: bool,
}

fn answer() -> impl Strategy<Value = Answer> {
    let numbers = prop::collection::vec(any::<u8>(), 8);
    let cuts = prop::collection::vec(1..400u16, 1..6);
    (prop::bool::weighted(0.4), prop::collection::vec(any::<u8>(), 0..9), numbers, cuts, prop::bool::weighted(0.03))
        .prop_map(|(openmetrics, parts, numbers, cuts, cut_short)| Answer { openmetrics, parts, numbers, cuts, cut_short })
}

/// Workers that answer, round by round, mostly what they answered before.
fn rounds() -> impl Strategy<Value = Vec<[Answer; 2]>> {
    let change = || prop::option::weighted(0.4, answer());
    (answer(), answer(), prop::collection::vec((change(), change(), prop::collection::vec(any::<u8>(), 8)), 1..12)).prop_map(
        |(one, two, changes)| {
            let mut now = [one, two];
            let mut rounds = vec![now.clone()];
            for (a, b, numbers) in changes {
                for (worker, change) in now.iter_mut().zip([a, b]) {
                    worker.numbers.iter_mut().zip(&numbers).for_each(|(n, more)| *n = n.saturating_add(more % 4));
                    if let Some(change) = change {
                        *worker = change;
                    }
                }
                rounds.push(now.clone());
            }
            rounds
        },
    )
}

impl Answer {
    fn body(&self) -> String {
        let mut numbers = self.numbers.iter().cycle();
        let mut body = String::new();
        for part in &self.parts {
            let part = if self.openmetrics {
                OM_LINES[usize::from(*part) % OM_LINES.len()]
            } else {
                LINES[usize::from(*part) % LINES.len()]
            };
            for c in part.chars() {
                if c == '@' { body.push_str(&numbers.next().unwrap().to_string()) } else { body.push(c) }
            }
        }
        if self.openmetrics {
            body.push_str("# EOF\n");
        }
        if self.cut_short {
            body.truncate(body.len() / 2);
        }
        body
    }
}

fn shown(pool: &Pool) -> Vec<String> {
    let mut shown = Vec::new();
    for f in pool.families() {
        shown.push(format!("{} {:?} {:?} {:?}", f.name, f.kind, f.help, f.unit));
        shown.extend(f.samples.iter().map(|s| format!("{} {:?} {:?}", s.head, s.value, s.exemplar)));
    }
    let unmerged = pool.unmerged();
    shown.extend(unmerged.views().iter().flat_map(|f| &f.samples).map(|s| format!("{} {:?}", s.head, s.value)));
    shown.push(format!("{:?}", pool.tally()));
    shown
}

fn check(rounds: &[[Answer; 2]], config: &MergeConfig, limits: Limits, rules: &Relabelling) -> Result<usize, TestCaseError> {
    let ids = || vec!["w1".to_string(), "w2".to_string()];
    let mut whole = Pool::new(ids(), config.clone(), limits);
    let mut streamed = Pool::new(ids(), config.clone(), limits);
    whole.set_relabelling(rules.clone());
    streamed.set_relabelling(rules.clone());
    let mut taken = 0;
    for (i, answers) in rounds.iter().enumerate() {
        let bodies: Vec<String> = answers.iter().map(Answer::body).collect();
        let now = Now { elapsed: Duration::from_secs(5 * i as u64), unix: UNIX_START + 5.0 * i as f64 };
        let media = |a: &Answer| Some(if a.openmetrics { OPENMETRICS } else { TEXT });
        let parsed = |a: &Answer, body| parse(media(a), body);
        let plain = answers
            .iter()
            .zip(&bodies)
            .map(|(a, b)| Some(parsed(a, b.as_bytes()).map_or(Attempt::Missed { refused: false }, Attempt::Good)));
        let plain: Vec<_> = plain.collect();
        let mut attempts = Vec::new();
        for (slot, (a, body)) in answers.iter().zip(&bodies).enumerate() {
            let outcome = read(&mut streamed, slot, media(a), body.as_bytes(), &a.cuts);
            let want = parsed(a, body.as_bytes());
            attempts.push(Some(match outcome {
                Ok(samples) => {
                    taken += 1;
                    let exposition = want.map_err(|e| TestCaseError::fail(format!("accepted, but {e}: {body}")))?;
                    prop_assert_eq!(samples, exposition.families.iter().map(|f| f.samples.len()).sum::<usize>(), "{}", body);
                    Attempt::Streamed
                }
                Err(FeedError::Rejected(error)) => {
                    prop_assert!(want.is_err(), "rejected with {error}: {body}");
                    prop_assert_eq!(error.truncated, want.unwrap_err().truncated, "{}", body);
                    Attempt::Missed { refused: false }
                }
                Err(FeedError::SecondLook) => want.map_or(Attempt::Missed { refused: false }, Attempt::Good),
            }));
        }
        whole.apply(plain, now);
        streamed.apply(attempts, now);
        let (got, want) = (shown(&streamed), shown(&whole));
        for (g, w) in got.iter().zip(&want) {
            prop_assert_eq!(g, w, "round {}: {:#?}", i, bodies);
        }
        prop_assert_eq!(got.len(), want.len());
        whole.mark_served(now);
        streamed.mark_served(now);
    }
    Ok(taken)
}

fn read(pool: &mut Pool, slot: usize, content_type: Option<&str>, body: &[u8], cuts: &[u16]) -> Result<usize, FeedError> {
    if !pool.begin_body(slot, content_type) {
        return Err(FeedError::SecondLook);
    }
    let (mut rest, mut cuts) = (body, cuts.iter().cycle());
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(usize::from(*cuts.next().unwrap()).min(rest.len()));
        pool.feed(slot, chunk)?;
        rest = after;
    }
    pool.end_body(slot)
}

proptest! {
    #![proptest_config(laws::tries(1500))]

    #[test]
    fn streaming_is_equal_to_parsing_whole(rounds in rounds()) {
        check(&rounds, &config(), limits(), &Relabelling::default())?;
    }

    #[test]
    fn streaming_is_equal_to_parsing_whole_with_rules(rounds in rounds(), rules in relabelling(), sums in any::<bool>()) {
        let over_v = AggregateRule { pattern: "*".into(), without: vec!["v".into()] };
        let aggregate = sums.then_some(over_v).into_iter().collect();
        check(&rounds, &MergeConfig { aggregate, ..config() }, limits(), &rules)?;
    }
}

fn config() -> MergeConfig {
    MergeConfig {
        gauges: vec![GaugeRule { pattern: "u".into(), mode: GaugeMode::Counter }],
        quantiles: QuantilePolicy::PerWorker,
        ..MergeConfig::default()
    }
}

fn limits() -> Limits {
    Limits { label_value_bytes_max: 40, ..Limits::default() }
}

/// Source labels (separated by blanks), regex, target label, replacement, action.
const RULES: [(&str, &str, &str, &str, Action); 17] = [
    ("", "v", "", "", Action::LabelDrop),
    ("", "__name__|le|quantile|v", "", "", Action::LabelKeep),
    ("", "le", "", "", Action::LabelDrop),
    ("__name__", "a_total|h_bucket", "", "", Action::Drop),
    ("__name__ le", "h_bucket;(1|2).0", "", "", Action::Drop),
    ("__name__ v", ".*;(x|1|)", "", "", Action::Keep),
    ("__name__", "process_.*|.*_sum", "", "", Action::Drop),
    ("__name__", "(.*)", "__name__", "app_$1", Action::Replace),
    ("__name__", "h(_.*)", "__name__", "a$1", Action::Replace),
    ("__name__", "(g|u|k|s_count)", "__name__", "a_total", Action::Replace),
    ("__name__", "a_total", "__name__", "g", Action::Replace),
    ("__name__ v", "a_total;(.)", "__name__", "b$1_total", Action::Replace),
    ("v", "[12x]", "v", "one", Action::Replace),
    ("le", "2.0", "le", "1", Action::Replace),
    ("__name__", ".*", "extra", "y", Action::Replace),
    ("__name__", "h_count", "part", "z", Action::Replace),
    ("__name__", "py_info|g", "__name__", "up", Action::Replace),
];

fn relabelling() -> impl Strategy<Value = Relabelling> {
    let rule = prop::sample::select(RULES.to_vec()).prop_map(|(source, regex, target, replacement, action)| {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_string());
        let source_labels = given(source).map(|labels| labels.split(' ').map(str::to_string).collect());
        let (target_label, replacement) = (given(target), given(replacement));
        Rule::new(RuleSpec { source_labels, regex: given(regex), target_label, replacement, action, ..RuleSpec::default() })
            .unwrap()
    });
    let labels = prop::sample::select(vec![vec![], vec![("v".to_string(), "static".to_string())]]);
    (prop::collection::vec(rule, 0..4), labels).prop_map(|(rules, labels)| Relabelling { labels, rules })
}

/// The property would hold too if everything were handed back: real captures are not.
#[test]
fn real_bodies_are_read_as_they_come() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut paths: Vec<_> = ["1-before", "2-after", "3-recycled"]
        .iter()
        .flat_map(|d| std::fs::read_dir(dir.join("django-workers").join(d)).unwrap())
        .chain(std::fs::read_dir(dir.join("exporters")).unwrap())
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "prom" || e == "om"))
        .collect();
    paths.sort();
    assert!(paths.len() > 20);
    for path in paths {
        let body = std::fs::read(&path).unwrap();
        let content_type = Some(if path.extension().unwrap() == "om" { OPENMETRICS } else { TEXT });
        let mut pool = Pool::new(vec!["w1".into()], MergeConfig::default(), Limits::default());
        let mut plain = Pool::new(vec!["w1".into()], MergeConfig::default(), Limits::default());
        for round in 0..3u32 {
            let now = Now { elapsed: Duration::from_secs(u64::from(round)), unix: UNIX_START + f64::from(round) };
            read(&mut pool, 0, content_type, &body, &[1000, 7, 65000]).unwrap_or_else(|e| panic!("{}: {e:?}", path.display()));
            pool.apply(vec![Some(Attempt::Streamed)], now);
            plain.apply(vec![Some(Attempt::Good(parse(content_type, &body).unwrap()))], now);
            assert_eq!(shown(&pool), shown(&plain), "{}", path.display());
        }
    }
}
