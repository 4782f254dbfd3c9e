//! Places for connections. Where all are taken, the one whose client has kept us waiting longest, for a request or for reading its answer,
//! gives way: who opens connections and leaves them keeps nobody out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// All places.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    waiting: Arc<Mutex<Waiting>>,
}

/// The connections that wait for their clients, the longest first.
#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    by_turn: BTreeMap<u64, Arc<Notify>>,
}

/// What came of asking for a place.
pub(super) enum Taken {
    /// One was free.
    Free(Place),
    /// Another connection gave way.
    InTurn(Place),
    /// None, and none waits for its client.
    No,
}

/// A connection's place.
#[derive(Debug)]
pub(super) struct Place {
    waiting: Arc<Mutex<Waiting>>,
    /// Its turn to give way, while it waits for its client.
    turn: Mutex<Option<u64>>,
    told: Arc<Notify>,
    /// Whether the request that came last has its answer, though it may not be sent yet.
    answered: AtomicBool,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(count: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(count)), waiting: Arc::default() }
    }

    /// Takes one, for a connection that waits for its client as yet.
    pub(super) async fn take(&self) -> Taken {
        if let Ok(permit) = self.free.clone().try_acquire_owned() {
            return Taken::Free(self.place(permit));
        }
        let Some((_, told)) = lock(&self.waiting).by_turn.pop_first() else { return Taken::No };
        told.notify_one();
        // Who is told ends when its task is next run.
        match self.free.clone().acquire_owned().await {
            Ok(permit) => Taken::InTurn(self.place(permit)),
            Err(_closed) => Taken::No,
        }
    }

    fn place(&self, permit: OwnedSemaphorePermit) -> Place {
        let place = Place {
            waiting: self.waiting.clone(),
            turn: Mutex::default(),
            told: Arc::default(),
            answered: AtomicBool::new(false),
            _permit: permit,
        };
        place.wait();
        place
    }
}

impl Place {
    /// Ends when this connection must give way.
    pub(super) async fn given_up(&self) {
        self.told.notified().await;
    }

    /// Its client is to do something.
    pub(super) fn wait(&self) {
        let mut turn = lock(&self.turn);
        if turn.is_none() {
            let mut waiting = lock(&self.waiting);
            let next = waiting.next;
            waiting.next += 1;
            waiting.by_turn.insert(next, self.told.clone());
            *turn = Some(next);
        }
    }

    /// Its client has done something.
    pub(super) fn go_on(&self) {
        if let Some(turn) = lock(&self.turn).take() {
            lock(&self.waiting).by_turn.remove(&turn);
        }
    }

    /// A request came.
    pub(super) fn asked(&self) {
        self.answered.store(false, Ordering::Relaxed);
        self.go_on();
    }

    /// Its answer is made.
    pub(super) fn answered(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    /// All that was written is sent.
    pub(super) fn sent(&self) {
        if self.answered.load(Ordering::Relaxed) {
            self.wait();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.go_on();
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    async fn free(places: &Places) -> Place {
        match places.take().await {
            Taken::Free(place) => place,
            _ => panic!("no place was free"),
        }
    }

    fn must_go(place: &Place) -> bool {
        place.given_up().now_or_never().is_some()
    }

    #[tokio::test]
    async fn who_keeps_us_waiting_longest_gives_way() {
        let places = Places::new(3);
        let (a, b, c) = (free(&places).await, free(&places).await, free(&places).await);
        a.asked();
        b.asked();
        b.sent();
        {
            let mut taking = Box::pin(places.take());
            assert!(taking.as_mut().now_or_never().is_none());
            assert_eq!([&a, &b, &c].map(must_go), [false, false, true], "a and b are at work");
            drop(c);
            assert!(matches!(taking.await, Taken::InTurn(_)));
        }
        let d = free(&places).await;
        d.asked();
        assert!(matches!(places.take().await, Taken::No), "nobody waits for a client");
        b.answered();
        b.sent();
        a.answered();
        a.sent();
        a.sent();
        a.asked();
        a.answered();
        a.sent();
        drop(Box::pin(places.take()).now_or_never());
        assert_eq!([&a, &b, &d].map(must_go), [false, true, false], "b was answered, and has been idle for longest");
    }

    #[tokio::test]
    async fn one_that_does_not_read_waits_too() {
        let places = Places::new(1);
        let place = free(&places).await;
        place.asked();
        place.answered();
        assert!(matches!(places.take().await, Taken::No));
        place.wait();
        place.go_on();
        assert!(matches!(places.take().await, Taken::No), "it has read on");
        place.wait();
        drop(Box::pin(places.take()).now_or_never());
        assert!(must_go(&place));
        drop(place);
        assert!(lock(&places.waiting).by_turn.is_empty());
    }
}
