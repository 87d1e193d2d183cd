//! When a connection is tried for, where, and for how long. No I/O; the time is an argument.

use std::time::{Duration, Instant};

/// Addresses that are tried at a time, at most.
pub(super) const ADDRESSES: usize = 8;

/// The pause between two attempts: 250 ms at first, and 500 ms when nobody answered for [`PATIENCE`]. The address that is the
/// likeliest has every other one, so that a network that heals finds an attempt within a second, however long it was away.
pub(super) const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_millis(500)];

/// For how long there are as many attempts as at first: 5 minutes.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);

/// An attempt that nobody has answered after 1 s has ended: those that follow do as well.
const SHORT: Duration = Duration::from_secs(1);

/// Of so many attempts one has the time that QUIC gives it: the way may be long. A prime above [`ADDRESSES`], so that each address
/// has its turn with it.
const LONG: usize = 11;

/// Attempts that are under way at a time, at most.
pub(super) const ATTEMPTS: usize = 16;

/// One attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attempt {
    /// Which address, from 0.
    pub(super) at: usize,
    /// How long to wait for a first answer, if not as long as QUIC does.
    pub(super) answer: Option<Duration>,
}

/// The attempts of one hunt.
#[derive(Debug)]
pub(super) struct Schedule {
    begun: Instant,
    due: Instant,
    next: usize,
    addresses: usize,
}

impl Schedule {
    pub(super) fn new(now: Instant, addresses: usize) -> Schedule {
        Schedule { begun: now, due: now, next: 0, addresses: addresses.min(ADDRESSES) }
    }

    /// When the next are due.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// What is to be tried now, while so many attempts are under way: all addresses at once at first, then one after the other.
    pub(super) fn take(&mut self, now: Instant, under_way: usize) -> Vec<Attempt> {
        if now < self.due {
            return Vec::new();
        }
        let [often, seldom] = PAUSES;
        self.due = now + if now < self.begun + PATIENCE { often } else { seldom };
        if under_way >= ATTEMPTS || self.addresses == 0 {
            return Vec::new();
        }
        let turn = self.next;
        self.next += 1;
        if turn == 0 {
            return (0..self.addresses).map(|at| Attempt { at, answer: None }).collect();
        }
        let others = self.addresses - 1;
        let at = if turn % 2 == 1 || others == 0 { 0 } else { 1 + (turn / 2 - 1) % others };
        vec![Attempt { at, answer: (!turn.is_multiple_of(LONG)).then_some(SHORT) }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All attempts of so long a time, each with when it begins.
    fn attempts(addresses: usize, time: Duration) -> Vec<(Duration, Attempt)> {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, addresses);
        let mut attempts = Vec::new();
        while schedule.due() < start + time {
            let now = schedule.due();
            attempts.extend(schedule.take(now, 0).into_iter().map(|attempt| (now - start, attempt)));
        }
        attempts
    }

    #[test]
    fn all_addresses_are_tried_at_once_at_first() {
        let first: Vec<usize> = attempts(3, PAUSES[0]).iter().map(|a| a.1.at).collect();
        assert_eq!(first, [0, 1, 2]);
        assert_eq!(attempts(100, PAUSES[0]).len(), ADDRESSES);
        assert!(attempts(0, PATIENCE).is_empty());
    }

    #[test]
    fn the_likeliest_address_is_tried_at_least_once_a_second_for_ever() {
        for addresses in 1..=ADDRESSES {
            let attempts = attempts(addresses, PATIENCE * 2);
            let likeliest: Vec<Duration> = attempts.iter().filter(|a| a.1.at == 0).map(|a| a.0).collect();
            let longest = likeliest.windows(2).map(|two| two[1] - two[0]).max().unwrap();
            assert!(longest <= Duration::from_secs(1), "{longest:?} with {addresses}");
            assert!(*likeliest.last().unwrap() > PATIENCE * 2 - Duration::from_secs(2));
        }
    }

    #[test]
    fn every_address_has_attempts_of_both_lengths() {
        for addresses in 2..=ADDRESSES {
            let attempts = attempts(addresses, PATIENCE);
            for at in 0..addresses {
                for long in [true, false] {
                    let count =
                        attempts.iter().skip(addresses).filter(|a| a.1.at == at && a.1.answer.is_none() == long);
                    assert!(count.count() > 1, "{at} of {addresses}, long: {long}");
                }
            }
        }
    }

    #[test]
    fn there_are_never_more_than_four_a_second_after_the_first_nor_too_many_at_once() {
        let attempts = attempts(1, PATIENCE * 2);
        let pauses = attempts.windows(2).map(|two| two[1].0 - two[0].0);
        assert!(pauses.min().unwrap() >= PAUSES[0]);
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 1);
        assert!(schedule.take(start, ATTEMPTS).is_empty());
        assert!(schedule.take(start, 0).is_empty(), "it was due, and is due again later");
        assert_eq!(schedule.take(start + PAUSES[0], ATTEMPTS - 1).len(), 1);
    }
}
