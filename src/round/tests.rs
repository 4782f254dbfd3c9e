use super::*;
use crate::config::SourceConfig;
use crate::encode::Rendered;
use crate::source::Endpoints;
use crate::testing::{self, Fake, Server, pool};

fn start(sources: Vec<SourceConfig>) -> Proxy {
    Proxy::start(&testing::config(sources)).unwrap()
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn near() -> Instant {
    Instant::now() + Duration::from_millis(150)
}

/// Asks as one who arrived at that time.
fn ask(proxy: &Proxy, arrived: Instant, deadline: Instant) -> oneshot::Receiver<()> {
    let (done, told) = oneshot::channel();
    proxy.asks.send(Ask { arrived, deadline, done }).unwrap();
    told
}

/// One who arrives too late for a round that is on.
fn ask_later(proxy: &Proxy, deadline: Instant) -> oneshot::Receiver<()> {
    ask(proxy, Instant::now() + JOIN_WINDOW + Duration::from_secs(1), deadline)
}

fn states(proxy: &Proxy) -> Vec<Option<TargetState>> {
    proxy.report().iter().flat_map(|s| s.targets.iter().map(|t| t.status.state)).collect()
}

fn rounds(proxy: &Proxy) -> f64 {
    lock(&proxy.state).sources[0].source.families()[0].samples[0].value
}

#[tokio::test]
async fn requests_at_the_same_time_share_a_round() {
    let server = Server::start("a 1\n").await;
    let proxy = start(vec![pool("w", vec![server.target()])]);
    let before = Instant::now();
    let both = futures::future::join(proxy.round(far()), proxy.round(far()));
    let release = async {
        server.asked(1).await;
        server.release(1);
    };
    let (both, ()) = tokio::join!(both, release);
    assert_eq!(both, (Ok(()), Ok(())));
    ask(&proxy, before, far()).await.unwrap();
    assert_eq!((server.count(), rounds(&proxy)), (1, 1.0));
}

#[tokio::test]
async fn a_later_request_gets_the_next_round_after_this_one() {
    let server = Server::start("a 1\n").await;
    let proxy = start(vec![pool("w", vec![server.target()])]);
    let first = ask(&proxy, Instant::now(), far());
    server.asked(1).await;
    let mut second = ask_later(&proxy, far());
    let third = ask_later(&proxy, far());
    server.release(1);
    first.await.unwrap();
    assert!(second.try_recv().is_err(), "the first round is not its own");
    server.asked(2).await;
    server.release(1);
    second.await.unwrap();
    third.await.unwrap();
    assert_eq!((server.count(), server.most_at_once(), rounds(&proxy)), (2, 1, 2.0));
}

#[tokio::test]
async fn a_round_goes_on_without_its_requester() {
    let server = Server::start("a 1\n").await;
    let proxy = start(vec![pool("w", vec![server.target()])]);
    let before = Instant::now();
    tokio::select! {
        _ = proxy.round(far()) => unreachable!("nobody answers"),
        () = server.asked(1) => {}
    }
    server.release(1);
    ask(&proxy, before, far()).await.unwrap();
    assert_eq!((server.count(), states(&proxy)), (1, vec![Some(TargetState::Up)]));
}

#[tokio::test]
async fn the_deadline_ends_a_round_and_every_target_has_its_state() {
    let (good, silent, vacant) = (Server::start("a 1\n").await, Server::start("").await, testing::free_port().await);
    good.release(1);
    let proxy = start(vec![pool("w", vec![good.target(), silent.target(), testing::http_target(vacant)])]);
    assert_eq!(proxy.answer(&Query::default(), Format::Text004), Err(Refusal::NotReady));
    proxy.round(near()).await.unwrap();
    assert_eq!(states(&proxy), [Some(TargetState::Up), Some(TargetState::Stuck), Some(TargetState::Vacant)]);
    assert!(proxy.is_ready() && proxy.answer(&Query::default(), Format::Text004).is_ok());
}

#[tokio::test]
async fn a_request_in_a_hurry_takes_what_is_in() {
    let (good, slow) = (Server::start("a 1\n").await, Server::start("a 2\n").await);
    good.release(1);
    let proxy = start(vec![pool("w", vec![good.target(), slow.target()])]);
    let mut patient = ask(&proxy, Instant::now(), far());
    ask(&proxy, Instant::now(), near()).await.unwrap();
    assert_eq!(states(&proxy), [Some(TargetState::Up), None]);
    assert!(patient.try_recv().is_err() && !proxy.is_ready());
    slow.release(1);
    patient.await.unwrap();
    assert_eq!(states(&proxy), [Some(TargetState::Up); 2]);
}

/// Rounds until this target has timed out so often that no round waits for it, while others may answer.
async fn make_slow(proxy: &Proxy, stuck: &Server) {
    for round in 1..=2 {
        ask_later(proxy, near()).await.unwrap();
        // Its server still holds the connection of a reader that has gone.
        stuck.asked(round).await;
        stuck.hang_up().await;
    }
}

/// Waits until the targets stand like this, without making a round.
async fn until_states(proxy: &Proxy, wanted: &[TargetState]) {
    let wanted: Vec<_> = wanted.iter().copied().map(Some).collect();
    let reached = async {
        while states(proxy) != wanted {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout_at(far(), reached).await.unwrap_or_else(|_| panic!("{:?}", states(proxy)));
}

#[tokio::test]
async fn no_round_waits_for_a_stuck_target_and_it_is_never_read_twice_at_once() {
    let (good, stuck) = (Server::start("a 1\n").await, Server::start("a 2\n").await);
    good.release(10);
    let proxy = start(vec![pool("w", vec![good.target(), stuck.target()])]);
    make_slow(&proxy, &stuck).await;
    // A third read goes on behind this round and the next, which so makes none.
    for _ in 0..2 {
        ask_later(&proxy, far()).await.unwrap();
        assert_eq!(states(&proxy), [Some(TargetState::Up), Some(TargetState::Stuck)]);
    }
    stuck.asked(3).await;
    assert_eq!((good.count(), stuck.count(), stuck.most_at_once()), (4, 3, 1));
    stuck.release(1);
    // What it brings in the end counts, although no round is on.
    until_states(&proxy, &[TargetState::Up; 2]).await;
    stuck.release(1000);
    good.release(1000);
    for reads in 4..6 {
        ask_later(&proxy, far()).await.unwrap();
        assert_eq!((stuck.count(), states(&proxy)), (reads, vec![Some(TargetState::Up); 2]), "waited for again");
    }
    assert_eq!(stuck.most_at_once(), 1);
}

#[tokio::test]
async fn where_all_are_stuck_rounds_end_at_once() {
    let (one, two) = (Server::start("a 1\n").await, Server::start("a 2\n").await);
    let proxy = start(vec![pool("w", vec![one.target(), two.target()])]);
    make_slow(&proxy, &one).await;
    for _ in 0..3 {
        ask_later(&proxy, far()).await.unwrap();
        assert_eq!(states(&proxy), [Some(TargetState::Stuck); 2]);
    }
    one.asked(3).await;
    two.asked(3).await;
    assert_eq!((one.count(), two.count(), one.most_at_once(), two.most_at_once()), (3, 3, 1, 1));
}

#[tokio::test]
async fn what_was_hidden_by_a_stuck_target_shows_by_itself() {
    let (good, stuck) = (Server::start("a 1\n").await, Server::start("a 2\n").await);
    good.release(3);
    let proxy = start(vec![pool("w", vec![stuck.target(), good.target()])]);
    make_slow(&proxy, &stuck).await;
    ask_later(&proxy, far()).await.unwrap();
    stuck.asked(3).await;
    // Its process ends, and so does the connection.
    stuck.end();
    until_states(&proxy, &[TargetState::Down, TargetState::Up]).await;
}

/// A pool that is polled as often as it may be.
fn polled(name: &'static str, targets: Vec<crate::target::Target>) -> SourceConfig {
    SourceConfig { poll_interval: Duration::from_millis(100), ..pool(name, targets) }
}

#[tokio::test]
async fn polls_are_of_their_source_alone_and_begin_after_the_first_round() {
    let (often, seldom) = (Server::start("a 1\n").await, Server::start("a 2\n").await);
    let proxy = start(vec![polled("often", vec![often.target()]), pool("seldom", vec![seldom.target()])]);
    assert!(lock(&proxy.state).sources.iter().all(|s| s.status.targets[0].state.is_none()) && !proxy.is_ready());
    often.release(100);
    seldom.release(1);
    proxy.round(far()).await.unwrap();
    often.asked(4).await;
    assert_eq!((seldom.count(), often.most_at_once()), (1, 1));
    assert!(rounds(&proxy) >= 3.0);
}

#[tokio::test]
async fn a_request_follows_a_poll_in_progress_and_does_not_double_it() {
    let (quick, slow) = (Server::start("a 1\n").await, Server::start("a 2\n").await);
    quick.release(100);
    slow.release(1);
    let proxy = start(vec![polled("w", vec![quick.target(), slow.target()])]);
    proxy.round(far()).await.unwrap();
    slow.asked(2).await;
    let mut asked = ask_later(&proxy, far());
    // As many polls as there may be until the request is noticed; its round waits for the read that a poll began.
    let answered_early = tokio::time::timeout_at(near(), &mut asked).await.is_ok();
    assert_eq!((answered_early, slow.count()), (false, 2));
    slow.release(1);
    asked.await.unwrap();
    assert_eq!((slow.count(), slow.most_at_once(), quick.most_at_once()), (2, 1, 1));
    assert_eq!(states(&proxy), [Some(TargetState::Up); 2]);
}

#[tokio::test]
async fn a_target_that_hangs_holds_no_poll_back() {
    let (quick, hanging) = (Server::start("a 1\n").await, Server::start("a 2\n").await);
    quick.release(100);
    hanging.release(1);
    let proxy = start(vec![polled("w", vec![quick.target(), hanging.target()])]);
    proxy.round(far()).await.unwrap();
    quick.asked(6).await;
    assert_eq!((hanging.count(), hanging.most_at_once()), (2, 1));
}

#[tokio::test]
async fn polls_write_no_state() {
    let (server, dir) = (Server::start("a 1\n").await, tempfile::tempdir().unwrap());
    server.release(100);
    let store = Store::open(&dir.path().join("state")).unwrap();
    let proxy = Proxy::resume(&testing::config(vec![polled("w", vec![server.target()])]), store).unwrap();
    proxy.round(far()).await.unwrap();
    server.asked(4).await;
    let saved = || lock(&proxy.state).keeper.as_ref().unwrap().saves.ok;
    assert_eq!(saved(), 0);
    proxy.answer(&Query::default(), Format::Text004).unwrap();
    assert_eq!(saved(), 1);
}

#[tokio::test]
async fn a_fault_of_our_own_costs_one_round() {
    let server = Server::start("panic once in faults").await;
    server.release(2);
    let proxy = start(vec![pool("w", vec![server.target()])]);
    assert_eq!(proxy.round(far()).await, Err(RoundError::Fault));
    assert_eq!((proxy.check_alive(), lock(&proxy.state).ledger.round_faults), (Ok(()), 1));
    ask_later(&proxy, far()).await.unwrap();
    assert_eq!((states(&proxy), server.most_at_once()), (vec![Some(TargetState::Up)], 1));
}

#[tokio::test]
async fn a_fault_in_a_source_costs_only_its_round() {
    let (bad, good) = (Server::start("panic").await, Server::start("a 1\n").await);
    bad.release(1);
    good.release(1);
    let proxy = start(vec![pool("bad", vec![bad.target()]), pool("good", vec![good.target()])]);
    proxy.round(far()).await.unwrap();
    assert_eq!(states(&proxy), [Some(TargetState::Down), Some(TargetState::Up)]);
}

#[tokio::test]
async fn refusals() {
    let good = Server::start("a 1\n").await;
    good.release(1);
    let vacant = testing::http_target(testing::free_port().await);
    let ask_of = |sources: Vec<SourceConfig>, wants: &[&str]| {
        let query = Query { sources: wants.iter().map(|s| s.to_string()).collect(), ..Query::default() };
        async move {
            let proxy = start(sources);
            proxy.round(far()).await.unwrap();
            proxy.answer(&query, Format::Text004).map(drop)
        }
    };
    assert_eq!(ask_of(vec![pool("w", vec![vacant.clone()])], &[]).await, Err(Refusal::NothingYet));
    let mut required = pool("must", vec![vacant]);
    required.required = true;
    let both = vec![pool("w", vec![good.target()]), required];
    assert_eq!(ask_of(both.clone(), &[]).await, Err(Refusal::RequiredDown(vec!["must".into()])));
    good.release(2);
    assert_eq!(ask_of(both.clone(), &["w"]).await, Ok(()));
    let unknown = ask_of(both, &["w", "x"]).await.unwrap_err();
    assert_eq!(unknown.to_string(), "no source is called \"x\"; there are: w, must");
}

#[tokio::test]
async fn only_whole_expositions_count_as_served() {
    let server = Server::start("a 1\n").await;
    server.release(1);
    let proxy = start(vec![pool("w", vec![server.target()]), pool("v", vec![])]);
    proxy.round(far()).await.unwrap();
    let served =
        || lock(&proxy.state).sources.iter().map(|s| s.source.tally().flaps.get(&0).copied().unwrap_or(0)).collect::<Vec<_>>();
    proxy.peek(&Query::default(), Format::Text004).unwrap();
    proxy.answer(&Query { unmerged: true, ..Query::default() }, Format::Text004).unwrap();
    proxy.answer(&Query { names: vec!["x".into()], ..Query::default() }, Format::Text004).unwrap();
    assert_eq!(served(), [0, 0]);
    proxy.answer(&Query { sources: vec!["v".into()], ..Query::default() }, Format::Text004).unwrap();
    assert_eq!(served(), [0, 1]);
    proxy.answer(&Query::default(), Format::Text004).unwrap();
    assert_eq!(served(), [1, 2]);
}

#[tokio::test]
async fn own_metrics_tell_a_vacant_slot_from_a_stuck_one() {
    let (good, silent) = (Server::start("a 1\n").await, Server::start("").await);
    good.release(1);
    let vacant = testing::http_target(testing::free_port().await);
    let mut workers = pool("w", vec![good.target(), silent.target(), vacant.clone()]);
    workers.expect = Some(2);
    let mut exporter = pool("x", vec![vacant.clone()]);
    exporter.kind = testing::kind("x", Endpoints::Targets, |_| Box::<Fake>::default());
    let proxy = start(vec![workers, exporter]);
    proxy.round(near()).await.unwrap();
    let mut state = lock(&proxy.state);
    let now = state.clock.now();
    let left_out = own::LeftOut { clashes: vec![0, 3], escape_collisions: 0 };
    let rendered = Rendered::new(own::of_sources(&state.sources, &[0, 1], &state.ledger, &left_out, now));
    let views = rendered.views();
    let value = |head: &str| views.iter().flat_map(|f| &f.samples).find(|s| s.head == head).map(|s| s.value);
    let (up, stuck, gone) = (&good.target().id, &silent.target().id, &vacant.id);
    assert_eq!(value("onescrape_source_up{source=\"w\"}"), Some(1.0));
    assert_eq!(value("onescrape_source_up{source=\"x\"}"), Some(0.0));
    assert_eq!(value("onescrape_workers_expected{source=\"w\"}"), Some(2.0));
    for (worker, want) in [(up, Some(1.0)), (stuck, Some(0.0)), (gone, None)] {
        assert_eq!(value(&format!("onescrape_worker_up{{source=\"w\",worker=\"{worker}\"}}")), want, "{worker}");
    }
    assert_eq!(value(&format!("onescrape_target_up{{source=\"x\",target=\"{gone}\"}}")), Some(0.0));
    for (name, want) in [("up", 1.0), ("vacant", 1.0), ("stuck", 1.0), ("down", 0.0), ("retired", 0.0)] {
        assert_eq!(value(&format!("onescrape_slots{{source=\"w\",state=\"{name}\"}}")), Some(want), "{name}");
    }
    assert_eq!(value("onescrape_slots{source=\"x\",state=\"up\"}"), None);
    assert_eq!(value(&format!("onescrape_worker_scrapes_total{{outcome=\"timeout\",source=\"w\",worker=\"{stuck}\"}}")), Some(1.0));
    assert_eq!(value(&format!("onescrape_worker_samples{{source=\"w\",worker=\"{up}\"}}")), Some(4.0));
    assert_eq!(value("onescrape_worker_scrape_duration_seconds_count{source=\"w\"}"), Some(3.0));
    assert_eq!(value("onescrape_samples_dropped_total{reason=\"source_clash\",source=\"x\"}"), Some(3.0));
    let mut names: Vec<_> = views.iter().map(|f| f.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), views.len(), "one family of each name");
}
