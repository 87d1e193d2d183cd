//! What one source may have of what all share: handshakes that are under way, and those that wait for one.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// From half of the places on, a source has at most one of so many of them.
pub(super) const SHARE: usize = 8;

/// An address of IPv4; of IPv6 its /64, all of which one host can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Source(IpAddr);

impl Source {
    pub(super) fn of(address: SocketAddr) -> Source {
        Source(match address.ip().to_canonical() {
            IpAddr::V6(ip) if !ip.is_loopback() => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
            ip => ip,
        })
    }

    /// Whether one more fits, of so many places, where it has some of those that are taken.
    fn fits(self, places: usize, taken: usize, its: usize) -> bool {
        taken < places && (self.0.is_loopback() || taken < places / 2 || its < places / SHARE)
    }
}

/// How many of so many places each source has.
#[derive(Debug)]
pub(super) struct Shares {
    places: usize,
    taken: usize,
    of: HashMap<Source, usize>,
}

impl Shares {
    pub(super) fn new(places: usize) -> Shares {
        Shares { places, taken: 0, of: HashMap::new() }
    }

    pub(super) fn fits(&self, source: Source) -> bool {
        source.fits(self.places, self.taken, self.of.get(&source).copied().unwrap_or_default())
    }

    pub(super) fn is_full(&self) -> bool {
        self.taken >= self.places
    }

    pub(super) fn take(&mut self, source: Source) {
        self.taken += 1;
        *self.of.entry(source).or_default() += 1;
    }

    pub(super) fn give(&mut self, source: Source) {
        self.taken = self.taken.saturating_sub(1);
        if let Some(its) = self.of.get_mut(&source) {
            *its -= 1;
            if *its == 0 {
                self.of.remove(&source);
            }
        }
    }
}

/// Who waits, the sources in turn.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    places: usize,
    taken: usize,
    of: HashMap<Source, VecDeque<T>>,
    turns: VecDeque<Source>,
}

impl<T> Waiting<T> {
    pub(super) fn new(places: usize) -> Waiting<T> {
        Waiting { places, taken: 0, of: HashMap::new(), turns: VecDeque::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.taken
    }

    /// Gives it back where there is no place for it.
    pub(super) fn push(&mut self, source: Source, one: T) -> Result<(), T> {
        if !source.fits(self.places, self.taken, self.of.get(&source).map_or(0, VecDeque::len)) {
            return Err(one);
        }
        let queue = self.of.entry(source).or_default();
        if queue.is_empty() {
            self.turns.push_back(source);
        }
        queue.push_back(one);
        self.taken += 1;
        Ok(())
    }

    /// The next one whose source may. Those that may not have their share already: they are few.
    pub(super) fn take(&mut self, may: impl Fn(Source) -> bool) -> Option<T> {
        let at = self.turns.iter().position(|source| may(*source))?;
        let source = self.turns.remove(at)?;
        let queue = self.of.get_mut(&source)?;
        let one = queue.pop_front();
        if queue.is_empty() {
            self.of.remove(&source);
        } else {
            self.turns.push_back(source);
        }
        self.taken = self.taken.saturating_sub(1);
        one
    }

    /// All of them; none is left.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = T> + use<T> {
        let (of, _) = (std::mem::take(&mut self.of), std::mem::take(&mut self.turns));
        self.taken = 0;
        of.into_values().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(address: &str) -> Source {
        Source::of(SocketAddr::new(address.parse().unwrap(), 7))
    }

    #[test]
    fn a_source_is_an_ipv4_address_or_a_64_of_ipv6() {
        assert_eq!(source("2001:db8:1:2:3::4"), source("2001:db8:1:2:ffff::1"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("::ffff:192.0.2.1"), source("::ffff:192.0.2.2"));
    }

    #[test]
    fn a_source_alone_has_half_and_beside_others_an_eighth_and_this_machine_all() {
        let mut shares = Shares::new(64);
        let taken = |shares: &mut Shares, who: &str| {
            let before = shares.taken;
            while shares.fits(source(who)) {
                shares.take(source(who));
            }
            shares.taken - before
        };
        assert_eq!(taken(&mut shares, "192.0.2.1"), 32);
        assert_eq!(taken(&mut shares, "2001:db8::1"), 8);
        assert_eq!(taken(&mut shares, "2001:db8::2"), 0);
        shares.give(source("2001:db8::7"));
        assert_eq!((taken(&mut shares, "192.0.2.1"), taken(&mut shares, "2001:db8::2")), (0, 1));
        assert_eq!((taken(&mut shares, "::1"), shares.is_full()), (24, true));
        assert_eq!(taken(&mut shares, "192.0.2.2"), 0);
    }

    #[test]
    fn sources_wait_in_turn_and_who_may_not_come_in_keeps_nobody_else() {
        let mut waiting = Waiting::new(64);
        let (many, one, two) = (source("192.0.2.1"), source("192.0.2.2"), source("192.0.2.3"));
        let kept = (0..100).filter(|n| waiting.push(many, *n).is_ok()).count();
        assert_eq!((kept, waiting.push(many, 7)), (32, Err(7)));
        for (source, n) in [(one, 100), (two, 200), (one, 101)] {
            assert_eq!(waiting.push(source, n), Ok(()));
        }
        assert_eq!(waiting.take(|source| source != many), Some(100));
        let next: Vec<_> = std::iter::from_fn(|| waiting.take(|_| true)).take(5).collect();
        assert_eq!(next, [0, 200, 101, 1, 2]);
        assert_eq!((waiting.len(), waiting.take(|source| source != many)), (29, None));
        assert_eq!((waiting.drain().count(), waiting.len(), waiting.take(|_| true)), (29, 0, None));
    }
}
