//! A status → families under the module's own names.
//!
//! What the module gets wrong is put right: the counters among `nginx_vts_main_connections` and the node count among
//! `nginx_vts_main_shm_usage_bytes` have families of their own; the row that sums all servers is left out, since `sum()` would count
//! everything twice; so are averages, which are worth nothing once scraped (the rate of the seconds over that of the requests is right).

use super::status::Status;
use super::zone::{Buckets, Zone, distinct};
use crate::config::Limits;
use crate::merge::{DropReason, RepairKind, Tally};
use crate::model::{Family, Labels, MetricType, Role, Sample, sort_labels};
use crate::source::lenient::Number;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Label that tells the targets of a source apart.
const TARGET_LABEL: &str = "target";
/// Milliseconds of a second.
const MSECS: f64 = 1000.0;
/// Classes of status, as they stand in `responses` and in the label `code`.
const CODES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// States of the cache, as they stand in `responses` and in the label `status`.
const CACHE_STATES: [&str; 8] = ["miss", "bypass", "expired", "stale", "updating", "revalidated", "hit", "scarce"];

/// A family.
struct Meta {
    name: &'static str,
    kind: MetricType,
    help: &'static str,
}

const fn meta(name: &'static str, kind: MetricType, help: &'static str) -> Meta {
    Meta { name, kind, help }
}

use MetricType::{Counter, Gauge, Histogram};

const INFO: Meta = meta("nginx_vts_info", MetricType::Info, "Nginx info");
const START: Meta = meta("nginx_vts_start_time_seconds", Gauge, "Nginx start time");
const CONNECTIONS: Meta = meta("nginx_vts_main_connections", Gauge, "Nginx connections");
const ACCEPTED: Meta = meta("nginx_vts_main_connections_accepted_total", Counter, "Nginx connections accepted");
const HANDLED: Meta = meta("nginx_vts_main_connections_handled_total", Counter, "Nginx connections handled");
const REQUESTS: Meta = meta("nginx_vts_main_requests_total", Counter, "Nginx requests");
const SHM_BYTES: Meta = meta("nginx_vts_main_shm_usage_bytes", Gauge, "Shared memory info");
const SHM_NODES: Meta = meta("nginx_vts_main_shm_used_nodes", Gauge, "Shared memory nodes in use");
const STATUS_CODES: Meta = meta("nginx_vts_status_code_requests_total", Counter, "The requests counter by status code");
const CACHE_USAGE: Meta = meta("nginx_vts_cache_usage_bytes", Gauge, "The cache zones info");

/// The families that several kinds of zones have, under names of their own.
struct ZoneMetas {
    bytes: Meta,
    requests: Option<Meta>,
    request_seconds: Option<Meta>,
    request_duration: Option<Meta>,
    response_seconds: Option<Meta>,
    response_duration: Option<Meta>,
    cache: Option<Meta>,
}

const SERVER: ZoneMetas = ZoneMetas {
    bytes: meta("nginx_vts_server_bytes_total", Counter, "The request/response bytes"),
    requests: Some(meta("nginx_vts_server_requests_total", Counter, "The requests counter")),
    request_seconds: Some(meta("nginx_vts_server_request_seconds_total", Counter, "The request processing time in seconds")),
    request_duration: Some(meta(
        "nginx_vts_server_request_duration_seconds",
        Histogram,
        "The histogram of request processing time",
    )),
    response_seconds: None,
    response_duration: None,
    cache: Some(meta("nginx_vts_server_cache_total", Counter, "The requests cache counter")),
};

const FILTER: ZoneMetas = ZoneMetas {
    bytes: meta("nginx_vts_filter_bytes_total", Counter, "The request/response bytes"),
    requests: Some(meta("nginx_vts_filter_requests_total", Counter, "The requests counter")),
    request_seconds: Some(meta(
        "nginx_vts_filter_request_seconds_total",
        Counter,
        "The request processing time in seconds counter",
    )),
    request_duration: Some(meta(
        "nginx_vts_filter_request_duration_seconds",
        Histogram,
        "The histogram of request processing time",
    )),
    response_seconds: None,
    response_duration: None,
    cache: Some(meta("nginx_vts_filter_cache_total", Counter, "The requests cache counter")),
};

const UPSTREAM: ZoneMetas = ZoneMetas {
    bytes: meta("nginx_vts_upstream_bytes_total", Counter, "The request/response bytes"),
    requests: Some(meta("nginx_vts_upstream_requests_total", Counter, "The upstream requests counter")),
    request_seconds: Some(meta(
        "nginx_vts_upstream_request_seconds_total",
        Counter,
        "The request Processing time including upstream in seconds",
    )),
    request_duration: Some(meta(
        "nginx_vts_upstream_request_duration_seconds",
        Histogram,
        "The histogram of request processing time including upstream",
    )),
    response_seconds: Some(meta(
        "nginx_vts_upstream_response_seconds_total",
        Counter,
        "The only upstream response processing time in seconds",
    )),
    response_duration: Some(meta(
        "nginx_vts_upstream_response_duration_seconds",
        Histogram,
        "The histogram of only upstream response processing time",
    )),
    cache: None,
};

const CACHE: ZoneMetas = ZoneMetas {
    bytes: meta("nginx_vts_cache_bytes_total", Counter, "The cache zones request/response bytes"),
    requests: None,
    request_seconds: None,
    request_duration: None,
    response_seconds: None,
    response_duration: None,
    cache: Some(meta("nginx_vts_cache_requests_total", Counter, "The cache requests counter")),
};

/// The families of a status. Where not all series may be held, those of filters go first: their values are what clients send.
pub(super) fn families(mut status: Status, mut sheet: Sheet<'_>) -> Vec<Family<'static>> {
    sheet.main(&status);
    for (host, zone) in distinct(status.servers().0) {
        let mut row = Row::new(&[("host", &host)]);
        row.zone(&SERVER, &zone, sheet.tally);
        for (code, number) in &zone.status_codes.0 {
            row.counter(&STATUS_CODES, Some(("code", Cow::Owned(code.clone()))), *number, 1.0, sheet.tally);
        }
        sheet.add(row);
    }
    let peers = status.upstream_zones.0.into_iter().flat_map(|(upstream, peers)| {
        peers.into_iter().map(move |mut peer| ((upstream.clone(), std::mem::take(&mut peer.server)), peer))
    });
    for ((upstream, backend), zone) in distinct(peers.filter(|(_, peer)| peer.is_counted())) {
        let mut row = Row::new(&[("upstream", &upstream), ("backend", &backend)]);
        row.zone(&UPSTREAM, &zone, sheet.tally);
        sheet.add(row);
    }
    for (name, zone) in distinct(status.cache_zones.0) {
        let mut row = Row::new(&[("cache_zone", &name)]);
        row.zone(&CACHE, &zone, sheet.tally);
        row.gauge(&CACHE_USAGE, Some(("cache_size", "max")), zone.max_size);
        row.gauge(&CACHE_USAGE, Some(("cache_size", "used")), zone.used_size);
        sheet.add(row);
    }
    let filters = status
        .filter_zones
        .0
        .into_iter()
        .flat_map(|(filter, zones)| zones.0.into_iter().map(move |(name, zone)| ((filter.clone(), name), zone)));
    for ((filter, name), zone) in distinct(filters) {
        let mut row = Row::new(&[("filter", &filter), ("filter_name", &name)]);
        row.zone(&FILTER, &zone, sheet.tally);
        sheet.add(row);
    }
    sheet.families.into_values().collect()
}

/// The families of one target under construction.
pub(super) struct Sheet<'s> {
    target: Option<&'s str>,
    limits: &'s Limits,
    /// Series that still fit.
    room: usize,
    tally: &'s mut Tally,
    families: BTreeMap<&'static str, Family<'static>>,
}

impl<'s> Sheet<'s> {
    /// An empty one. `target`: value of the target label, if there is to be one.
    pub(super) fn new(target: Option<&'s str>, limits: &'s Limits, max_series: usize, tally: &'s mut Tally) -> Self {
        Self { target, limits, room: max_series, tally, families: BTreeMap::new() }
    }

    /// What is there once per nginx.
    fn main(&mut self, status: &Status) {
        let labels =
            [("hostname", &status.host_name), ("module_version", &status.module_version), ("version", &status.nginx_version)];
        let mut info = Row::new(&labels.map(|(name, value)| (name, value.as_str())));
        info.push(&INFO, None, Role::Value, 1.0);
        self.add(info);

        let mut row = Row::new(&[]);
        if let Some(msecs) = status.load_msec.0 {
            row.push(&START, None, Role::Value, msecs as f64 / MSECS);
        }
        let connections = &status.connections;
        for (state, number) in [
            ("active", connections.active),
            ("reading", connections.reading),
            ("waiting", connections.waiting),
            ("writing", connections.writing),
        ] {
            row.gauge(&CONNECTIONS, Some(("status", state)), number);
        }
        row.counter(&ACCEPTED, None, connections.accepted, 1.0, self.tally);
        row.counter(&HANDLED, None, connections.handled, 1.0, self.tally);
        row.counter(&REQUESTS, None, connections.requests, 1.0, self.tally);
        let shm = &status.shared_zones;
        for (part, number) in [("max_size", shm.max_size), ("used_size", shm.used_size), ("free_size", shm.free_size)] {
            row.gauge(&SHM_BYTES, Some(("shared", part)), number);
        }
        row.gauge(&SHM_NODES, None, shm.used_node);
        self.add(row);
    }

    /// Takes a row, whole or not at all.
    fn add(&mut self, row: Row) {
        let Row { labels, samples } = row;
        if let Some(reason) = DropReason::of_labels(self.limits, labels.iter().map(|(_, value)| value.as_ref())) {
            self.tally.drop(reason, samples.len() as u64);
        } else if samples.len() > self.room {
            self.tally.drop(DropReason::MaxSeries, samples.len() as u64);
        } else {
            self.room -= samples.len();
            for (meta, mut sample) in samples {
                sample.labels.extend(labels.iter().cloned());
                sample.labels.extend(self.target.map(|target| (Cow::Borrowed(TARGET_LABEL), Cow::Owned(target.to_string()))));
                sample.labels.retain(|(_, value)| !value.is_empty());
                sort_labels(&mut sample.labels);
                self.families.entry(meta.name).or_insert_with(|| Family::new(meta.name, meta.kind, meta.help)).samples.push(sample);
            }
        }
    }
}

/// The series of one zone under construction.
struct Row {
    /// Labels that all have.
    labels: Labels<'static>,
    samples: Vec<(&'static Meta, Sample<'static>)>,
}

impl Row {
    fn new(labels: &[(&'static str, &str)]) -> Self {
        let labels = labels.iter().map(|(name, value)| (Cow::Borrowed(*name), Cow::Owned((*value).to_string()))).collect();
        Self { labels, samples: Vec::new() }
    }

    fn push(&mut self, meta: &'static Meta, label: Option<(&'static str, Cow<'static, str>)>, role: Role, value: f64) {
        let labels = label.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect();
        self.samples.push((meta, Sample { role, labels, value, timestamp: None, exemplar: None }));
    }

    fn gauge(&mut self, meta: &'static Meta, label: Option<(&'static str, &'static str)>, number: Number) {
        if let Some(value) = number.0 {
            self.push(meta, label.map(|(name, value)| (name, Cow::Borrowed(value))), Role::Value, value as f64);
        }
    }

    /// A counter in units of `scale`.
    fn counter(
        &mut self,
        meta: &'static Meta,
        label: Option<(&'static str, Cow<'static, str>)>,
        number: Number,
        scale: f64,
        tally: &mut Tally,
    ) {
        match number.0 {
            Some(value) if value >= 0 => self.push(meta, label, Role::Value, value as f64 / scale),
            Some(_) => tally.drop(DropReason::Negative, 1),
            None => {}
        }
    }

    /// What zones have in common.
    fn zone(&mut self, metas: &'static ZoneMetas, zone: &Zone, tally: &mut Tally) {
        let is = |name, value: &'static str| Some((name, Cow::Borrowed(value)));
        self.counter(&metas.bytes, is("direction", "in"), zone.in_bytes, 1.0, tally);
        self.counter(&metas.bytes, is("direction", "out"), zone.out_bytes, 1.0, tally);
        if let Some(meta) = &metas.requests {
            CODES.iter().for_each(|code| self.counter(meta, is("code", code), zone.responses.get(code), 1.0, tally));
        }
        if let Some(meta) = &metas.cache {
            CACHE_STATES.iter().for_each(|state| self.counter(meta, is("status", state), zone.responses.get(state), 1.0, tally));
        }
        for (seconds, duration, msecs, buckets) in [
            (&metas.request_seconds, &metas.request_duration, zone.request_msec_counter, &zone.request_buckets),
            (&metas.response_seconds, &metas.response_duration, zone.response_msec_counter, &zone.response_buckets),
        ] {
            if let Some(meta) = seconds {
                self.counter(meta, None, msecs, MSECS, tally);
            }
            if let Some(meta) = duration {
                self.histogram(meta, buckets, zone.request_counter, msecs, tally);
            }
        }
    }

    /// A histogram of seconds; none if buckets aren't counted. After a reset the module keeps buckets but not the number of requests:
    /// what then isn't cumulative any more is left out, since no clamping could tell old requests from new ones.
    fn histogram(&mut self, meta: &'static Meta, buckets: &Buckets, count: Number, msecs: Number, tally: &mut Tally) {
        let (Some(count), Some(sum)) = (count.0, msecs.0) else { return };
        if buckets.msecs.is_empty() && buckets.counters.is_empty() {
            return;
        }
        let numbers = |list: &[Number]| list.iter().map(|number| number.0).collect::<Option<Vec<i64>>>();
        let finite = numbers(&buckets.msecs).zip(numbers(&buckets.counters)).filter(|(bounds, counters)| {
            bounds.len() == counters.len()
                && bounds.is_sorted_by(|a, b| a < b)
                && counters.is_sorted()
                && counters.first().is_none_or(|first| *first >= 0)
        });
        let Some((bounds, counters)) = finite else { return tally.repair(RepairKind::NotCumulative) };
        if sum < 0 || counters.last().is_some_and(|last| *last > count) {
            return tally.repair(RepairKind::CountMismatch);
        }
        for (bound, counter) in bounds.iter().zip(&counters) {
            self.push(meta, None, Role::Bucket(*bound as f64 / MSECS), *counter as f64);
        }
        self.push(meta, None, Role::Bucket(f64::INFINITY), count as f64);
        self.push(meta, None, Role::Count, count as f64);
        self.push(meta, None, Role::Sum, sum as f64 / MSECS);
    }
}
