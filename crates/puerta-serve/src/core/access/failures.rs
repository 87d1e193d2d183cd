//! How often each address may be wrong, or each name where clients cannot be told apart by theirs, so that nobody tries one
//! password after another.

use std::collections::HashMap;
use std::net::IpAddr;

/// Wrong passwords that come from an address at once.
pub const BURST: u64 = 10;
/// Milliseconds after which one more may come.
pub const EVERY: u64 = 6_000;
/// Addresses and names that are remembered.
pub const MOST: usize = 4096;

/// Whose tries count together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Whose {
    /// A client's: [`place`].
    Network(IpAddr),
    /// Those for one of the users, by number, from clients that cannot be told apart: who guesses at one keeps out no other.
    User(usize),
    /// Those for names that nobody has, from such clients: all names together, since there is no end of them.
    Nobody,
}

/// What was wrong of late. Times are milliseconds since whenever.
#[derive(Debug, Default)]
pub struct Failures {
    /// When all that was done wrong is forgotten.
    until: HashMap<Whose, u64>,
}

impl Failures {
    /// Counts a try before it is looked at, so that many at once are counted too.
    ///
    /// # Errors
    /// It is not to be looked at: after so many milliseconds one may be.
    pub fn begin(&mut self, from: Whose, now: u64) -> Result<(), u64> {
        if self.until.len() >= MOST && !self.until.contains_key(&from) {
            self.forget(now);
        }
        let until = self.until.entry(from).or_insert(now);
        let next = (*until).max(now).saturating_add(EVERY);
        let limit = now.saturating_add(BURST * EVERY);
        if next > limit {
            return Err(next - limit);
        }
        *until = next;
        Ok(())
    }

    /// It was right after all: it does not count.
    pub fn right(&mut self, from: Whose, now: u64) {
        if let Some(until) = self.until.get_mut(&from) {
            *until = until.saturating_sub(EVERY);
            if *until <= now {
                self.until.remove(&from);
            }
        }
    }

    /// Makes room: of what is over, else of whoever is forgotten soonest.
    fn forget(&mut self, now: u64) {
        self.until.retain(|_, until| *until > now);
        if self.until.len() < MOST {
            return;
        }
        let soonest = self.until.iter().min_by_key(|(_, until)| **until).map(|(from, _)| *from);
        if let Some(soonest) = soonest {
            self.until.remove(&soonest);
        }
    }
}

/// By what a client is told from others. `None`: by nothing, since it comes from this machine, as all do behind a server before this
/// one, or by a Unix socket.
pub fn place(peer: Option<IpAddr>) -> Option<IpAddr> {
    peer.map(network).filter(|address| !address.is_loopback())
}

/// One host has a whole /64 of IPv6 to itself (RFC 6177), and an IPv4 address is one however it is written.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Whose {
        Whose::Network(IpAddr::from([10, 0, 0, last]))
    }

    #[test]
    fn an_address_that_is_wrong_too_often_waits_and_others_do_not() {
        let mut failures = Failures::default();
        for _ in 0..BURST {
            assert_eq!(failures.begin(address(1), 1000), Ok(()));
        }
        assert_eq!(failures.begin(address(1), 1000), Err(EVERY));
        assert_eq!(failures.begin(address(1), 1000 + EVERY / 2), Err(EVERY / 2));
        assert_eq!(failures.begin(address(2), 1000), Ok(()));
        assert_eq!(failures.begin(Whose::User(0), 1000), Ok(()));
        assert_eq!(failures.begin(address(1), 1000 + EVERY), Ok(()));
        assert_eq!(failures.begin(address(1), 1000 + EVERY), Err(EVERY));
        // In a day it sends no more than it may, however it tries.
        let passed = (0..86_400).filter(|s| failures.begin(address(1), 1000 + s * 1000).is_ok()).count() as u64;
        assert!(passed <= 86_400_000 / EVERY + BURST, "{passed}");
    }

    #[test]
    fn who_is_right_is_never_made_to_wait() {
        let mut failures = Failures::default();
        for now in 0..10_000 {
            assert_eq!(failures.begin(address(1), now), Ok(()));
            failures.right(address(1), now);
        }
        assert!(failures.until.is_empty());
    }

    #[test]
    fn no_more_addresses_are_remembered_than_there_is_room_for() {
        let mut failures = Failures::default();
        let v4 = |n: u32| Whose::Network(IpAddr::from(n.to_be_bytes()));
        for _ in 0..BURST {
            failures.begin(v4(0), 0).unwrap();
        }
        for n in 1..20_000 {
            failures.begin(v4(n), u64::from(n) / 100).unwrap();
            assert!(failures.until.len() <= MOST);
        }
        // Who did most wrong is remembered longest.
        assert!(failures.begin(v4(0), 200).is_err());
    }

    #[test]
    fn a_host_is_one_address() {
        let same = |a: &str, b: &str| network(a.parse().unwrap()) == network(b.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8::ffff:1") && !same("2001:db8::1", "2001:db8:0:1::1"));
        let unknown = [None, Some("127.0.0.1"), Some("127.8.9.1"), Some("::ffff:127.0.0.1")];
        assert!(unknown.iter().all(|text| place(text.map(|text| text.parse().unwrap())).is_none()));
        assert_eq!(place("2001:db8::1".parse().ok()), "2001:db8::".parse().ok());
        assert!(same("::ffff:10.0.0.1", "10.0.0.1") && !same("10.0.0.1", "10.0.0.2"));
    }
}
