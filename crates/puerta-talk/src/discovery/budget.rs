//! How many answers go out in a second.

use std::time::{Duration, Instant};

/// How many answers a hub gives in a second, to all together; it is silent to those who ask above that, and they ask again.
/// Some 27 kB a second at most, and less than what came in.
pub const ANSWERS_PER_SECOND: u32 = 100;

/// What may still be given in this second.
pub(super) struct Budget {
    since: Instant,
    given: u32,
}

impl Budget {
    pub(super) fn new(now: Instant) -> Self {
        Budget { since: now, given: 0 }
    }

    /// Whether one more may be given now.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= Duration::from_secs(1) {
            *self = Budget::new(now);
        }
        let allowed = self.given < ANSWERS_PER_SECOND;
        self.given += u32::from(allowed);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_its_answers_and_no_more() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        let in_second = |budget: &mut Budget, second: u64| {
            let at = |ms: u64| start + Duration::from_millis(second * 1000 + ms);
            (0..1000).filter(|ms| budget.take(at(*ms))).count()
        };
        assert_eq!(in_second(&mut budget, 0), 100);
        assert_eq!(in_second(&mut budget, 1), 100);
        assert_eq!(in_second(&mut budget, 9), 100);
    }
}
