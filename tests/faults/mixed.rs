//! All faults at once, beside a few workers that are well.

use crate::answers::bad_answers;
use crate::connections;
use crate::support::expect;
use crate::support::fake_worker::FakeWorker;
use crate::support::port::Port;
use crate::support::proxy::Proxy;
use crate::{Fault, exposition, outcomes, slots, worker};
use std::net::TcpStream;
use std::time::Duration;

/// Workers that are well.
const GOOD: usize = 4;
/// Largest body, bytes: as the bad answers have it.
const BODY_BYTES_MAX: usize = crate::answers::BODY_BYTES_MAX;

#[test]
fn all_faults_at_once_cost_their_own_data_only() {
    let faults: Vec<Fault> = bad_answers()
        .into_iter()
        .map(|(name, answer, outcome)| Fault { name, answer, outcome, state: "down" })
        .chain(connections::faults())
        .collect();
    let good: Vec<FakeWorker> = (0..GOOD).map(|_| worker(3)).collect();
    let odd: Vec<FakeWorker> = faults.iter().map(|_| worker(4)).collect();
    let mut refused = worker(4);
    let full = Port::reserve();
    let ids = good.iter().chain(&odd).chain([&refused]).map(FakeWorker::id).chain([full.address().to_string()]);
    let targets: Vec<String> = ids.map(|id| format!("\"{id}\"")).collect();
    let proxy = Proxy::with_config(&format!(
        "scrape_timeout: 2s\nsources: [{{name: django, kind: workers, targets: [{}]}}]\nlimits: {{body_bytes_max: {BODY_BYTES_MAX}}}\n",
        targets.join(", ")
    ));
    let total = |good: u32, odd: u32| f64::from(good) * GOOD as f64 + f64::from(odd) * faults.len() as f64 + 4.0;
    assert_eq!(proxy.scrape().value("c_total"), Some(total(3, 4)));

    for (worker, fault) in odd.iter().zip(&faults) {
        worker.set(fault.answer.clone());
    }
    refused.down();
    let listener = full.listen_with_backlog(0);
    let mut filling = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&full.address(), Duration::from_millis(200)) {
        filling.push(stream);
    }
    // Each answer on the way there is right, too.
    let mut requests = 3;
    proxy.wait_scrape("all faults to be told", |answer| {
        let shown = answer.value("c_total");
        assert!(shown >= Some(total(requests - 1, 4)) && shown <= Some(total(requests, 4)), "{shown:?}");
        requests += 1;
        good.iter().for_each(|worker| worker.set(exposition(requests)));
        for (worker, fault) in odd.iter().zip(&faults) {
            let Fault { name, outcome, .. } = fault;
            expect(outcomes(answer, worker, outcome) >= 1.0, || format!("{name} isn't counted as {outcome}"))?;
        }
        let stuck = faults.iter().filter(|fault| fault.state == "stuck").count() as f64 + 1.0;
        let down = faults.iter().filter(|fault| fault.state == "down").count() as f64;
        let states = ["up", "stuck", "down", "vacant"].map(|state| slots(answer, state));
        expect(states == [GOOD as f64, stuck, down, 1.0], || format!("up, stuck, down, vacant: {states:?}"))?;
        assert_eq!(answer.select("g").len(), GOOD);
        Ok(())
    });

    odd.iter().for_each(|worker| worker.set(exposition(6)));
    drop((listener, filling));
    refused.up();
    proxy.wait_scrape("the end of all of them", |answer| {
        let up = slots(answer, "up");
        expect(up == (GOOD + odd.len() + 1) as f64, || format!("{up} are up: {}", proxy.log()))?;
        expect(answer.value("c_total") == Some(total(requests, 6)), || format!("{:?}", answer.value("c_total")))
    });
}
