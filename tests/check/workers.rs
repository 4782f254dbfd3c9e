//! What workers say, by fake ones.

use crate::case::Case;
use crate::support::fake_worker::{Answer, FakeWorker};
use crate::support::port::Port;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The counter that django_prometheus' middleware counts requests with.
const REQUESTS: &str = "django_http_requests_before_middlewares_total";

/// A worker that began then and has seen so many requests, with further lines.
fn exposition(started: f64, requests: usize, more: &str) -> Answer {
    Answer::text(&format!(
        "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {started}\n# TYPE {REQUESTS} counter\n{REQUESTS} {requests}\n\
         {more}"
    ))
}

/// Two workers whose lines differ, as one source.
fn two(first: &str, second: &str) -> ([FakeWorker; 2], Case) {
    let workers = [(1000.25, first), (1001.25, second)].map(|(started, more)| FakeWorker::answering(exposition(started, 5, more)));
    let targets = format!("{}\", \"{}", workers[0].id(), workers[1].id());
    (workers, Case::new("workers", &targets).with("expect", "2"))
}

#[test]
fn how_many_there_should_be() {
    let worker = FakeWorker::answering(exposition(1000.25, 5, ""));
    let case = Case::new("workers", &worker.id()).finds_and_clears("no_expect");
    assert!(case.findings().is_empty(), "all is well now");
    let (_workers, case) = two("", "");
    case.with("expect", "1").finds_and_clears("too_many");
}

#[test]
fn types_and_buckets() {
    let (workers, case) = two("# TYPE jobs gauge\njobs 1\n", "# TYPE jobs counter\njobs 1\n");
    case.finds("type_conflict");
    drop(workers);
    let buckets =
        |bound: &str| format!("# TYPE h histogram\nh_bucket{{le=\"{bound}\"}} 1\nh_bucket{{le=\"+Inf\"}} 1\nh_sum 1\nh_count 1\n");
    let (_workers, case) = two(&buckets("0.5"), &buckets("1"));
    case.finds_and_clears("buckets_differ");
}

#[test]
fn gauges_and_wide_families() {
    let (workers, case) = two("# TYPE queue gauge\nqueue 1\n# TYPE depth gauge\ndepth 1\n", "");
    case.finds_and_clears("gauges_without_rule");
    drop(workers);
    let wide: String = (0..600).map(|at| format!("pages_total{{page=\"p{at}\"}} 1\n")).collect();
    let (_workers, case) = two(&format!("# TYPE pages_total counter\n{wide}"), "");
    case.finds_and_clears("wide_family");
}

#[test]
fn processes_that_are_no_web_workers() {
    let (workers, case) = two("", "");
    workers[0].set(exposition(1000.25, 0, ""));
    workers[1].set(exposition(1001.25, 5000, ""));
    case.finds("idle_process");
    workers[0].set(Answer::text(&format!("# TYPE {REQUESTS} counter\n{REQUESTS} 3\n")));
    case.finds("no_start_time");
}

#[test]
fn one_port_of_a_range_with_several_processes() {
    let reads = Arc::new(AtomicUsize::new(0));
    let in_turn = move || {
        let at = reads.fetch_add(1, Ordering::Relaxed) % 2;
        let Answer::Bytes(bytes) = exposition(1000.25 + at as f64, 10 + at, "") else { unreachable!("text is bytes") };
        bytes
    };
    let (shared, free) = (FakeWorker::answering(Answer::Made(Arc::new(in_turn))), Port::reserve());
    let targets = format!("{}\", \"{}", shared.id(), free.address());
    let case = Case::new("workers", &targets).with("expect", "2");
    case.finds("shared_port");
}
