//! How long to wait between tries.

use std::time::Duration;

/// The pauses between tries: each twice the one before, up to a limit. As many as there are tries, less one. It does not
/// wait itself.
///
/// ```
/// use puerta::Backoff;
/// let pauses: Vec<u64> = Backoff::default().map(|pause| pause.as_secs()).collect();
/// assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30, 30]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    left: u32,
    pause: Duration,
    limit: Duration,
}

impl Backoff {
    /// Pauses for so many `tries` (0 and 1 have none), the `first` one, and the longest.
    pub const fn new(tries: u32, first: Duration, limit: Duration) -> Self {
        Backoff { left: tries.saturating_sub(1), pause: first, limit }
    }
}

impl Default for Backoff {
    /// 10 tries, 1 s apart, doubling to 30 s.
    fn default() -> Self {
        Backoff::new(10, Duration::from_secs(1), Duration::from_secs(30))
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        let pause = self.pause.min(self.limit);
        self.pause = pause.saturating_mul(2);
        Some(pause)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.left as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Backoff {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_never_pass_the_limit_and_end() {
        let huge = Duration::MAX;
        assert_eq!(Backoff::new(4, huge, huge).collect::<Vec<_>>(), [huge; 3]);
        let second = Duration::from_secs(1);
        assert_eq!(Backoff::new(3, second * 5, second).collect::<Vec<_>>(), [second; 2]);
        assert_eq!(Backoff::new(0, second, second).chain(Backoff::new(1, second, second)).count(), 0);
        assert_eq!(Backoff::default().len(), 9);
    }
}
