//! When each connection is to be woken.

use std::collections::BTreeSet;
use std::time::Instant;

/// The times of connections, which are called by small numbers. A time that moves on is left where it is until then: most of them move
/// on with each packet.
#[derive(Debug, Default)]
pub(super) struct Timers {
    first: BTreeSet<(Instant, usize)>,
    /// Where each is, and when it is really due.
    of: Vec<(Option<Instant>, Option<Instant>)>,
}

impl Timers {
    /// The first time at which something may be due.
    pub(super) fn first(&self) -> Option<Instant> {
        Some(self.first.first()?.0)
    }

    /// When this one is due.
    pub(super) fn set(&mut self, which: usize, due: Option<Instant>) {
        if self.of.len() <= which {
            self.of.resize(which + 1, (None, None));
        }
        let Some((at, really)) = self.of.get_mut(which) else { return };
        *really = due;
        let stays = match (*at, due) {
            (Some(at), Some(due)) => at <= due,
            (at, None) => at.is_none(),
            (None, Some(_)) => false,
        };
        if stays {
            return;
        }
        if let Some(at) = std::mem::replace(at, due) {
            self.first.remove(&(at, which));
        }
        if let Some(due) = due {
            self.first.insert((due, which));
        }
    }

    /// One that is due, which then has no time.
    pub(super) fn take(&mut self, now: Instant) -> Option<usize> {
        while let Some(&(first, which)) = self.first.first().filter(|(first, _)| *first <= now) {
            self.first.remove(&(first, which));
            let Some((at, really)) = self.of.get_mut(which) else { continue };
            *at = None;
            let due = *really;
            if due.is_some_and(|due| due <= now) {
                *really = None;
                return Some(which);
            }
            self.set(which, due);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_is_taken_once_when_it_is_due_and_in_order() {
        let (mut timers, now) = (Timers::default(), Instant::now());
        for (which, seconds) in [(3, 2), (0, 1), (7, 3)] {
            timers.set(which, Some(now + SECOND * seconds));
        }
        assert_eq!(timers.first(), Some(now + SECOND));
        assert_eq!(timers.take(now), None);
        assert_eq!((timers.take(now + SECOND * 2), timers.take(now + SECOND * 2)), (Some(0), Some(3)));
        assert_eq!(timers.take(now + SECOND * 2), None);
        assert_eq!(timers.take(now + SECOND * 9), Some(7));
        assert_eq!((timers.take(now + SECOND * 9), timers.first()), (None, None));
    }

    #[test]
    fn one_that_was_moved_is_due_at_its_new_time_alone() {
        let (mut timers, now) = (Timers::default(), Instant::now());
        timers.set(1, Some(now + SECOND));
        timers.set(1, Some(now + SECOND * 3));
        assert_eq!(timers.take(now + SECOND * 2), None);
        assert_eq!(timers.first(), Some(now + SECOND * 3));
        timers.set(1, Some(now + SECOND * 2));
        assert_eq!((timers.take(now + SECOND * 2), timers.take(now + SECOND * 9)), (Some(1), None));
        timers.set(1, Some(now + SECOND));
        timers.set(1, None);
        assert_eq!((timers.take(now + SECOND * 9), timers.first()), (None, None));
    }
}
