//! Passwords against bcrypt hashes. A check is slow on purpose, and this program has one thread for everything: so checks run one at a
//! time on a thread of their own, only so many may wait, and what came out is remembered.

use crate::config::Secret;
use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;

/// How many checks may wait for the one that runs; more are turned away.
const WAITING_MAX: usize = 32;
/// How many right and how many wrong logins are remembered, each. Beyond it that half is forgotten and begun anew: right ones never
/// give way to wrong ones.
const REMEMBERED_MAX: usize = 1024;
/// What the password of an unknown user is compared with, behind the cost of a known one's, so that it takes as long.
const NOBODY: &str = "$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";
/// Where a bcrypt hash has its version and cost: `$2y$10`.
const VERSION_AND_COST: std::ops::Range<usize> = 0..6;

/// What came of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Yes,
    No,
    /// Too many wait already.
    Busy,
}

/// Checks logins.
#[derive(Debug)]
pub(super) struct Logins {
    /// Two keyed hashes of 64 bits stand for user, hash and password: those are never kept. The keys are random in each process.
    keys: [RandomState; 2],
    remembered: Mutex<Remembered>,
    turn: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

type Key = [u64; 2];

#[derive(Debug, Default)]
struct Remembered {
    right: HashSet<Key>,
    wrong: HashSet<Key>,
}

impl Default for Logins {
    fn default() -> Self {
        Self {
            keys: [RandomState::new(), RandomState::new()],
            remembered: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
        }
    }
}

impl Logins {
    /// Whether this is one of `users` with its password. An unknown user takes as long as a wrong password.
    pub(super) async fn check(&self, users: &BTreeMap<String, Secret>, user: String, password: String) -> Verdict {
        let known = users.get(&user).map(|hash| hash.expose().to_string());
        let is_known = known.is_some();
        let hash = known.unwrap_or_else(|| nobody(users));
        let key = self.keys.each_ref().map(|key| key.hash_one((&user, &hash, &password)));
        if let Some(verdict) = self.lock().verdict(key) {
            return verdict;
        }
        let Ok(place) = self.waiting.clone().try_acquire_owned() else { return Verdict::Busy };
        // Never closed, so never an error.
        let Ok(turn) = self.turn.clone().acquire_owned().await else { return Verdict::Busy };
        if let Some(verdict) = self.lock().verdict(key) {
            return verdict;
        }
        let checked = tokio::task::spawn_blocking(move || {
            let right = bcrypt::verify(password, &hash).unwrap_or(false);
            // Kept until here even if the client hangs up meanwhile, else a flood of those would run side by side.
            drop((turn, place));
            right
        });
        let verdict = if checked.await.unwrap_or(false) && is_known { Verdict::Yes } else { Verdict::No };
        self.lock().remember(key, verdict);
        verdict
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remembered {
    fn verdict(&self, key: Key) -> Option<Verdict> {
        let right = self.right.contains(&key).then_some(Verdict::Yes);
        right.or_else(|| self.wrong.contains(&key).then_some(Verdict::No))
    }

    fn remember(&mut self, key: Key, verdict: Verdict) {
        let half = if verdict == Verdict::Yes { &mut self.right } else { &mut self.wrong };
        if half.len() >= REMEMBERED_MAX {
            half.clear();
        }
        half.insert(key);
    }
}

/// A hash that no password is known for, as costly as those of the users; where theirs differ, as the first one's.
fn nobody(users: &BTreeMap<String, Secret>) -> String {
    let cost = users.values().next().and_then(|hash| hash.expose().get(VERSION_AND_COST)).unwrap_or("$2y$10");
    format!("{cost}{NOBODY}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cheapest there is.
    const COST: u32 = 4;

    fn users(password: &str) -> BTreeMap<String, Secret> {
        [("alice".to_string(), Secret::new(bcrypt::hash(password, COST).unwrap()))].into()
    }

    async fn check(logins: &Logins, users: &BTreeMap<String, Secret>, user: &str, password: &str) -> Verdict {
        logins.check(users, user.into(), password.into()).await
    }

    #[tokio::test]
    async fn right_wrong_unknown_and_changed() {
        let (logins, old) = (Logins::default(), users("old"));
        for _ in 0..2 {
            assert_eq!(check(&logins, &old, "alice", "old").await, Verdict::Yes);
            assert_eq!(check(&logins, &old, "alice", "new").await, Verdict::No);
            assert_eq!(check(&logins, &old, "bob", "old").await, Verdict::No);
        }
        let new = users("new");
        assert_eq!(check(&logins, &new, "alice", "new").await, Verdict::Yes, "what was wrong for another hash is forgotten");
        assert_eq!(check(&logins, &new, "alice", "old").await, Verdict::No, "and what was right");
    }

    #[tokio::test]
    async fn unknown_users_cost_as_much_and_never_get_in() {
        let users = users("x");
        let hash = nobody(&users);
        assert_eq!(hash.parse::<bcrypt::HashParts>().unwrap().get_cost(), COST);
        // What the hash above is of, in the exporters: a known password must not let an unknown user in.
        assert_eq!(check(&Logins::default(), &users, "bob", "fakepassword").await, Verdict::No);
    }

    #[tokio::test]
    async fn a_flood_keeps_nobody_out_who_was_in() {
        let (logins, users) = (Logins::default(), users("right"));
        assert_eq!(check(&logins, &users, "alice", "right").await, Verdict::Yes);
        let running = logins.turn.clone().acquire_owned().await.unwrap();
        let flood: Vec<_> =
            (0..2 * WAITING_MAX).map(|i| check(&logins, &users, "alice", Box::leak(i.to_string().into()))).collect();
        let mut flood = Box::pin(futures::future::join_all(flood));
        assert!(futures::poll!(flood.as_mut()).is_pending());
        assert_eq!(logins.waiting.available_permits(), 0, "no more than so many wait");
        assert_eq!(check(&logins, &users, "alice", "right").await, Verdict::Yes, "while none of them is checked");
        assert_eq!(check(&logins, &users, "alice", "new").await, Verdict::Busy);
        drop(running);
        let verdicts = flood.await;
        assert_eq!(verdicts.iter().filter(|verdict| **verdict == Verdict::Busy).count(), WAITING_MAX);
        assert_eq!(verdicts.iter().filter(|verdict| **verdict == Verdict::No).count(), WAITING_MAX);
        assert_eq!(logins.waiting.available_permits(), WAITING_MAX);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut remembered = Remembered::default();
        remembered.remember([0, 0], Verdict::Yes);
        for i in 0..3 * REMEMBERED_MAX as u64 {
            remembered.remember([1, i], Verdict::No);
            assert!(remembered.wrong.len() <= REMEMBERED_MAX);
        }
        assert_eq!(remembered.verdict([0, 0]), Some(Verdict::Yes));
    }
}
