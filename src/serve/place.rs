//! Places for connections. Where all are taken, the one whose client has kept us waiting longest, for a request or for reading its answer,
//! gives way: who opens connections and leaves them keeps nobody out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// All places.
#[derive(Debug, Default)]
pub(super) struct Places(Arc<Mutex<Table>>);

/// Who has a place.
#[derive(Debug, Default)]
struct Table {
    /// Those that gave way left out, though they may not be gone yet.
    taken: usize,
    next: u64,
    /// Those that wait for their clients, the longest first.
    by_turn: BTreeMap<u64, Arc<Told>>,
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
    table: Arc<Mutex<Table>>,
    /// Its turn to give way, while it waits for its client.
    turn: Mutex<Option<u64>>,
    told: Arc<Told>,
    /// Whether the request that came last has its answer, though it may not be sent yet.
    answered: AtomicBool,
}

impl Places {
    /// Takes one, for a connection that waits for its client as yet, where there are `most`.
    pub(super) fn take(&self, most: usize) -> Taken {
        let mut table = lock(&self.0);
        if table.taken < most {
            table.taken += 1;
            drop(table);
            return Taken::Free(self.place());
        }
        let Some((_, told)) = table.by_turn.pop_first() else { return Taken::No };
        drop(table);
        told.give_up();
        Taken::InTurn(self.place())
    }

    fn place(&self) -> Place {
        let place = Place { table: self.0.clone(), turn: Mutex::default(), told: Arc::default(), answered: AtomicBool::new(false) };
        place.wait();
        place
    }
}

/// Tells a connection to give way.
#[derive(Debug, Default)]
struct Told {
    notify: Notify,
    /// Its place is another's already.
    given_up: AtomicBool,
}

impl Told {
    fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
        self.notify.notify_one();
    }
}

impl Place {
    /// Ends when this connection must give way.
    pub(super) async fn given_up(&self) {
        self.told.notify.notified().await;
    }

    /// Its client is to do something.
    pub(super) fn wait(&self) {
        let mut turn = lock(&self.turn);
        if turn.is_none() && !self.told.given_up.load(Ordering::Relaxed) {
            let mut table = lock(&self.table);
            let next = table.next;
            table.next += 1;
            table.by_turn.insert(next, self.told.clone());
            *turn = Some(next);
        }
    }

    /// Its client has done something.
    pub(super) fn go_on(&self) {
        if let Some(turn) = lock(&self.turn).take() {
            lock(&self.table).by_turn.remove(&turn);
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
        if !self.told.given_up.load(Ordering::Relaxed) {
            lock(&self.table).taken -= 1;
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn free(places: &Places, most: usize) -> Place {
        match places.take(most) {
            Taken::Free(place) => place,
            _ => panic!("no place was free"),
        }
    }

    fn must_go(place: &Place) -> bool {
        place.given_up().now_or_never().is_some()
    }

    #[test]
    fn who_keeps_us_waiting_longest_gives_way() {
        let places = Places::default();
        let [a, b, c] = [(); 3].map(|()| free(&places, 3));
        a.asked();
        b.asked();
        b.sent();
        let Taken::InTurn(d) = places.take(3) else { panic!("c waits") };
        assert_eq!([&a, &b, &c, &d].map(must_go), [false, false, true, false], "a and b are at work");
        d.asked();
        assert!(matches!(places.take(3), Taken::No), "nobody waits for a client");
        drop(c);
        assert!(matches!(places.take(3), Taken::No), "its place was taken long since");
        b.answered();
        b.sent();
        a.answered();
        a.sent();
        a.asked();
        a.answered();
        a.sent();
        let Taken::InTurn(e) = places.take(3) else { panic!("a and b are idle") };
        assert_eq!([&a, &b, &d].map(must_go), [false, true, false], "b for longer");
        drop((a, b, d));
        assert_eq!(lock(&places.0).taken, 1, "only the last one is left");
        drop(e);
        let table = lock(&places.0);
        assert_eq!((table.taken, table.by_turn.len()), (0, 0));
    }

    #[test]
    fn one_that_does_not_read_waits_too_and_fewer_places_count_at_once() {
        let places = Places::default();
        let (place, other) = (free(&places, 2), free(&places, 2));
        other.asked();
        place.asked();
        place.answered();
        assert!(matches!(places.take(1), Taken::No));
        place.wait();
        place.go_on();
        assert!(matches!(places.take(1), Taken::No), "it has read on");
        place.wait();
        assert!(matches!(places.take(1), Taken::InTurn(_)));
        assert!(must_go(&place));
    }
}
