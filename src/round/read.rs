//! One read of one target as a task: its place among the connections that may be open at once, its time, its outcome.

use super::background::BACKGROUND_SCRAPES_AT_ONCE;
use super::lock;
use super::progress::Key;
use super::state::State;
use crate::scrape::{Missed, Part, Request, Scraped, scrape_into};
use crate::target::Target;
use futures::FutureExt;
use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt, service_fn};

/// A read to make.
pub(super) struct Job {
    pub(super) key: Key,
    pub(super) target: Target,
    pub(super) how: Arc<Request>,
    pub(super) time: Time,
    pub(super) state: Arc<Mutex<State>>,
}

/// How long a read may take.
#[derive(Debug, Clone, Copy)]
pub(super) enum Time {
    /// A round waits for it, until then.
    Until(Instant),
    /// No round does: this long from its own beginning.
    For(Duration),
}

/// A finished read.
pub(super) struct Read {
    pub(super) key: Key,
    pub(super) scraped: Scraped,
}

type Service = BoxCloneSyncService<Job, Read, Infallible>;

/// Makes reads: so many at once that are waited for, and as many behind the rounds as there is room for beside them. The others wait.
pub(super) struct Reader {
    scrapes_max: usize,
    free: Arc<Semaphore>,
    waited_for: Service,
    behind: Service,
}

impl Reader {
    pub(super) fn new(scrapes_max: usize) -> Self {
        let service = |free: &Arc<Semaphore>| {
            let limit = GlobalConcurrencyLimitLayer::with_semaphore(free.clone());
            BoxCloneSyncService::new(ServiceBuilder::new().layer(limit).service(service_fn(read)))
        };
        let free = Arc::new(Semaphore::new(scrapes_max));
        let behind = service(&Arc::new(Semaphore::new(BACKGROUND_SCRAPES_AT_ONCE)));
        Self { scrapes_max, waited_for: service(&free), free, behind }
    }

    /// Goes over to another limit. Reads that are open keep their places under the one before.
    pub(super) fn resize(&mut self, scrapes_max: usize) {
        if scrapes_max != self.scrapes_max {
            *self = Self::new(scrapes_max);
        }
    }

    /// How many more that are waited for can be open at once.
    pub(super) fn free(&self) -> usize {
        self.free.available_permits()
    }

    /// A read to be spawned. Always comes back, whatever happens in it.
    pub(super) fn read(&self, job: Job) -> impl Future<Output = Read> + Send + 'static {
        let key = job.key;
        let service = match job.time {
            Time::Until(_) => self.waited_for.clone(),
            Time::For(_) => self.behind.clone(),
        };
        AssertUnwindSafe(service.oneshot(job)).catch_unwind().map(move |ended| match ended {
            Ok(Ok(read)) => read,
            Ok(Err(never)) => match never {},
            Err(_panic) => Read { key, scraped: Scraped { result: Err(Missed::fault()), duration: Duration::ZERO } },
        })
    }
}

fn read(job: Job) -> Pin<Box<dyn Future<Output = Result<Read, Infallible>> + Send>> {
    Box::pin(async move {
        let deadline = match job.time {
            Time::Until(deadline) => deadline,
            Time::For(budget) => Instant::now() + budget,
        };
        let mut sink = |part: Part<'_>| lock(&job.state).receive(job.key, part);
        let scraped = scrape_into(&job.target, &job.how, deadline, &mut sink).await;
        Ok(Read { key: job.key, scraped })
    })
}
