//! The peers of a datagram socket: who asked lately. No I/O; the time is an argument.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Peers by address, with what is kept of each. Bounded in number and in idle time.
#[derive(Debug)]
pub struct Peers<A, T> {
    known: HashMap<A, Peer<T>>,
    last: Option<A>,
    max: usize,
    idle: Duration,
}

#[derive(Debug)]
struct Peer<T> {
    seen: Instant,
    kept: T,
}

impl<A: Clone + Eq + Hash, T> Peers<A, T> {
    /// At most `max` peers, each forgotten after `idle` without a datagram either way.
    pub fn new(max: usize, idle: Duration) -> Self {
        Peers { known: HashMap::new(), last: None, max, idle }
    }

    /// A datagram came from `address`: gives what is kept of that peer, made by `new` for a new one.
    /// `None`: the table is full of peers that are not idle.
    pub fn heard(&mut self, address: &A, now: Instant, new: impl FnOnce() -> T) -> Option<&mut T> {
        if !self.known.contains_key(address) {
            if self.known.len() >= self.max {
                return None;
            }
            self.known.insert(address.clone(), Peer { seen: now, kept: new() });
        }
        self.last = Some(address.clone());
        self.known.get_mut(address).map(|peer| {
            peer.seen = now;
            &mut peer.kept
        })
    }

    /// A datagram went to `address`: it is in use.
    pub fn told(&mut self, address: &A, now: Instant) {
        if let Some(peer) = self.known.get_mut(address) {
            peer.seen = now;
        }
    }

    /// Takes out those that have been idle for too long.
    pub fn expire(&mut self, now: Instant) -> Vec<(A, T)> {
        let idle = self.idle;
        let gone: Vec<(A, T)> = self
            .known
            .extract_if(|_, peer| now.saturating_duration_since(peer.seen) >= idle)
            .map(|(address, peer)| (address, peer.kept))
            .collect();
        if gone.iter().any(|(address, _)| Some(address) == self.last.as_ref()) {
            self.last = None;
        }
        gone
    }

    /// Forgets one.
    pub fn remove(&mut self, address: &A) -> Option<T> {
        if self.last.as_ref() == Some(address) {
            self.last = None;
        }
        self.known.remove(address).map(|peer| peer.kept)
    }

    /// What is kept of the peer that was heard last.
    pub fn last(&self) -> Option<(&A, &T)> {
        let address = self.last.as_ref()?;
        self.known.get(address).map(|peer| (address, &peer.kept))
    }

    /// What is kept of one.
    pub fn get(&self, address: &A) -> Option<&T> {
        self.known.get(address).map(|peer| &peer.kept)
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&A, &T)> {
        self.known.iter().map(|(address, peer)| (address, &peer.kept))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(60);

    #[test]
    fn a_peer_is_known_until_it_was_idle_for_its_time() {
        let (mut peers, start) = (Peers::new(8, IDLE), Instant::now());
        peers.heard(&"ana", start, || 1);
        peers.heard(&"bob", start + IDLE / 2, || 2);
        assert_eq!(peers.expire(start + IDLE), [("ana", 1)]);
        assert_eq!(peers.last(), Some((&"bob", &2)));
        peers.told(&"bob", start + IDLE);
        assert!(peers.expire(start + IDLE + IDLE / 2).is_empty());
        assert_eq!(peers.expire(start + IDLE * 2), [("bob", 2)]);
        assert_eq!((peers.last(), peers.is_empty()), (None, true));
    }

    #[test]
    fn the_table_is_bounded_and_a_known_peer_is_never_refused() {
        let (mut peers, now) = (Peers::new(2, IDLE), Instant::now());
        assert!(peers.heard(&1, now, || ()).is_some());
        assert!(peers.heard(&2, now, || ()).is_some());
        assert!(peers.heard(&3, now, || ()).is_none());
        assert!(peers.heard(&1, now, || ()).is_some());
        assert_eq!(peers.len(), 2);
    }
}
