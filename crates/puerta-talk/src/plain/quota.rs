//! How many messages a peer may send: a bucket of tokens. No I/O; the time is an argument.

use std::time::{Duration, Instant};

/// A bucket that fills with time: each message takes one token.
#[derive(Debug, Clone)]
pub struct Quota {
    /// Between two tokens.
    each: Duration,
    burst: u32,
    /// When the bucket will be full again.
    full_at: Instant,
}

impl Quota {
    /// A full bucket: `burst` messages at once, and `rate` a second after that (both at least 1).
    pub fn new(rate: u32, burst: u32, now: Instant) -> Self {
        Quota { each: Duration::from_secs(1) / rate.max(1), burst: burst.max(1), full_at: now }
    }

    /// Takes a token; false: there is none.
    pub fn take(&mut self, now: Instant) -> bool {
        let there = self.has(now);
        if there {
            self.full_at = self.full_at.max(now) + self.each;
        }
        there
    }

    /// Whether there is a token.
    pub fn has(&self, now: Instant) -> bool {
        self.next_at().is_none_or(|at| at <= now)
    }

    /// When the bucket is full.
    pub fn full_at(&self) -> Instant {
        self.full_at
    }

    /// When there is a token; `None`: it does not depend on the time.
    pub fn next_at(&self) -> Option<Instant> {
        self.full_at.checked_sub(self.each * (self.burst - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let start = Instant::now() + Duration::from_secs(3600);
        let mut quota = Quota::new(20, 40, start);
        assert_eq!((0..100).filter(|_| quota.take(start)).count(), 40);
        let next = quota.next_at().unwrap();
        assert_eq!(next - start, Duration::from_millis(50));
        assert!(!quota.take(next - Duration::from_millis(1)) && quota.take(next));
        let taken = (1..=10_000).filter(|ms| quota.take(next + Duration::from_millis(*ms))).count();
        assert_eq!(taken, 200);
        let later = start + Duration::from_secs(60);
        assert_eq!((0..100).filter(|_| quota.take(later)).count(), 40, "it never holds more than a burst");
    }
}
