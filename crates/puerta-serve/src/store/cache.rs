//! What is asked for often, by its path, within a number of bytes that is never exceeded. The time is an argument.
//!
//! Sixteen shards, each behind a lock that is held for a look into a table, never for a system call or for freeing memory. All
//! runtimes share them: a cache for each would hold, check and compress every hot file once a core.
//!
//! What was used least lately goes first, by the CLOCK rule: a hand goes round a shard's entries, passes by those that were used since it
//! came last, and takes the others. It goes [`STEPS`] entries far for one new entry; when that does not make room, the new one is
//! not kept. A flood of files that are asked for once so does not push out those that are hot.

use std::collections::HashMap;
use std::mem::size_of;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// How long an entry is used without a look at the file: a changed file is never served stale for longer.
pub const FRESH: Duration = Duration::from_secs(1);

/// How many entries the hand passes, at the most, to make room for one.
pub const STEPS: usize = 64;

/// What the tables need for an entry besides its path (held once, pointed to twice) and its content, about.
const TABLES: usize = 160;

const SHARDS: usize = 16;

/// A bounded table of `V` by path.
#[derive(Debug)]
pub struct Cache<V> {
    shards: [Mutex<Shard<V>>; SHARDS],
    used: AtomicUsize,
    limit: usize,
}

/// What the cache has.
#[derive(Debug)]
pub enum Hit<V> {
    /// Checked less than [`FRESH`] ago.
    Fresh(Arc<V>),
    /// To be checked before it is used.
    Stale(Arc<V>),
}

#[derive(Debug)]
struct Shard<V> {
    places: HashMap<Arc<[u8]>, usize>,
    slots: Vec<Slot<V>>,
    hand: usize,
}

#[derive(Debug)]
struct Slot<V> {
    path: Arc<[u8]>,
    value: Arc<V>,
    /// When the file was looked at last.
    checked: Instant,
    /// Bytes.
    charge: usize,
    used: bool,
}

impl<V> Cache<V> {
    /// For at most `limit` bytes, tables included. With 0 it keeps nothing.
    pub fn new(limit: usize) -> Self {
        Cache { shards: std::array::from_fn(|_| Mutex::default()), used: AtomicUsize::new(0), limit }
    }

    /// What is kept for a path.
    pub fn get(&self, path: &[u8], now: Instant) -> Option<Hit<V>> {
        let mut shard = self.shard(path);
        let at = *shard.places.get(path)?;
        let slot = shard.slots.get_mut(at)?;
        // Not written where it says so already: the line stays in every core's cache.
        if !slot.used {
            slot.used = true;
        }
        let value = Arc::clone(&slot.value);
        let fresh = now.saturating_duration_since(slot.checked) < FRESH;
        Some(if fresh { Hit::Fresh(value) } else { Hit::Stale(value) })
    }

    /// Says that the file was as `value` has it at `checked`.
    pub fn confirm(&self, path: &[u8], value: &Arc<V>, checked: Instant) {
        self.shard(path).of(path, value).into_iter().for_each(|slot| slot.checked = slot.checked.max(checked));
    }

    /// Keeps what was so at `checked`, of `size` bytes, in place of what there was: whether there is room for it.
    pub fn insert(&self, path: &[u8], value: &Arc<V>, size: usize, checked: Instant) -> bool {
        let charge = size.saturating_add(size_of::<V>() + size_of::<Slot<V>>() + path.len() + TABLES);
        let mut shard = self.shard(path);
        let old = shard.remove(path);
        self.give_back(old.as_ref());
        let (room, evicted) = self.make_room(&mut shard, charge);
        if room {
            let path: Arc<[u8]> = path.into();
            let slot = Slot { path: Arc::clone(&path), value: Arc::clone(value), checked, charge, used: false };
            let at = shard.slots.len();
            shard.slots.push(slot);
            shard.places.insert(path, at);
        }
        drop(shard);
        // Freed without the lock.
        drop((old, evicted));
        room
    }

    /// Counts `more` bytes to an entry, which has grown: whether it is still there and there is room for them.
    pub fn grow(&self, path: &[u8], value: &Arc<V>, more: usize) -> bool {
        let mut shard = self.shard(path);
        // So that it is not what goes.
        let Some(slot) = shard.of(path, value) else { return false };
        slot.used = true;
        let (room, evicted) = self.make_room(&mut shard, more);
        let grown = match shard.of(path, value) {
            Some(slot) if room => {
                slot.charge = slot.charge.saturating_add(more);
                true
            }
            _ => false,
        };
        if room && !grown {
            self.used.fetch_sub(more, Relaxed);
        }
        drop(shard);
        drop(evicted);
        grown
    }

    /// Forgets `value`, unless something newer is in its place.
    pub fn forget(&self, path: &[u8], value: &Arc<V>) {
        let mut shard = self.shard(path);
        let old = shard.of(path, value).is_some().then(|| shard.remove(path)).flatten();
        self.give_back(old.as_ref());
        drop(shard);
        drop(old);
    }

    /// Bytes in use, tables included: never more than the limit.
    pub fn used(&self) -> usize {
        self.used.load(Relaxed)
    }

    fn shard(&self, path: &[u8]) -> MutexGuard<'_, Shard<V>> {
        // Whoever finds paths for one shard wins nothing but its lock: the bytes are counted for all.
        let sum =
            path.iter().rev().take(16).fold(path.len(), |sum, b| sum.wrapping_mul(31).wrapping_add(usize::from(*b)));
        self.shards[sum % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, slot: Option<&Slot<V>>) {
        if let Some(slot) = slot {
            self.used.fetch_sub(slot.charge, Relaxed);
        }
    }

    fn reserve(&self, charge: usize) -> bool {
        let add = |used: usize| used.checked_add(charge).filter(|sum| *sum <= self.limit);
        self.used.fetch_update(Relaxed, Relaxed, add).is_ok()
    }

    /// Counts `charge` bytes, if there is room for them or some can be made: in the shard at hand first, then in those that nobody holds.
    fn make_room(&self, shard: &mut Shard<V>, charge: usize) -> (bool, Vec<Slot<V>>) {
        let mut evicted = Vec::new();
        if charge > self.limit {
            return (false, evicted);
        }
        let mut steps = STEPS;
        if self.evict(shard, charge, &mut steps, &mut evicted) {
            return (true, evicted);
        }
        for other in &self.shards {
            let mut other = match other.try_lock() {
                Ok(other) => other,
                Err(TryLockError::Poisoned(other)) => other.into_inner(),
                Err(TryLockError::WouldBlock) => continue,
            };
            if self.evict(&mut other, charge, &mut steps, &mut evicted) {
                return (true, evicted);
            }
        }
        (false, evicted)
    }

    fn evict(&self, shard: &mut Shard<V>, charge: usize, steps: &mut usize, evicted: &mut Vec<Slot<V>>) -> bool {
        // Twice round is enough to have met each entry unused.
        let mut left = shard.slots.len() * 2;
        loop {
            if self.reserve(charge) {
                return true;
            }
            if left == 0 || *steps == 0 {
                return false;
            }
            left -= 1;
            *steps -= 1;
            if let Some(slot) = shard.advance() {
                self.give_back(Some(&slot));
                evicted.push(slot);
            }
        }
    }
}

impl<V> Shard<V> {
    /// The entry of a path, if it is still this one.
    fn of(&mut self, path: &[u8], value: &Arc<V>) -> Option<&mut Slot<V>> {
        let at = *self.places.get(path)?;
        self.slots.get_mut(at).filter(|slot| Arc::ptr_eq(&slot.value, value))
    }

    fn remove(&mut self, path: &[u8]) -> Option<Slot<V>> {
        let at = self.places.remove(path)?;
        let slot = self.slots.swap_remove(at);
        // The last has moved into its place.
        if let Some(place) = self.slots.get(at).and_then(|moved| self.places.get_mut(&moved.path)) {
            *place = at;
        }
        Some(slot)
    }

    /// One step of the hand: what it takes, if anything.
    fn advance(&mut self) -> Option<Slot<V>> {
        if self.hand >= self.slots.len() {
            self.hand = 0;
        }
        let slot = self.slots.get_mut(self.hand)?;
        if slot.used {
            slot.used = false;
            self.hand += 1;
            return None;
        }
        let path = Arc::clone(&slot.path);
        self.remove(&path)
    }
}

impl<V> Default for Shard<V> {
    fn default() -> Self {
        Shard { places: HashMap::new(), slots: Vec::new(), hand: 0 }
    }
}

#[cfg(test)]
mod tests;
