//! Files that were wholly in the system's memory a moment ago: who sends one of them again need not ask about every part of it.

use crate::core::etag::Identity;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long that is believed: 1 s.
const BELIEVED: Duration = Duration::from_secs(1);

/// Files that are remembered, each in the place that its inode's number gives it: 64.
const PLACES: usize = 64;

/// See the module.
#[derive(Debug)]
pub(super) struct Warm(Mutex<[Option<(Identity, Instant)>; PLACES]>);

impl Default for Warm {
    fn default() -> Self {
        Warm(Mutex::new([None; PLACES]))
    }
}

impl Warm {
    /// Whether all of this file was in memory a moment ago.
    pub(super) fn has(&self, file: &Identity, now: Instant) -> bool {
        let places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = places.get(place(file)).copied().flatten();
        seen.is_some_and(|(known, at)| known == *file && now.saturating_duration_since(at) < BELIEVED)
    }

    /// All of it is.
    pub(super) fn saw(&self, file: &Identity, now: Instant) {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get_mut(place(file)) {
            *place = Some((*file, now));
        }
    }
}

fn place(file: &Identity) -> usize {
    (file.inode ^ file.device) as usize % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(inode: u64) -> Identity {
        Identity { device: 1, inode, size: 9, mtime: 0, ctime: 0 }
    }

    #[test]
    fn a_file_is_taken_to_be_in_memory_for_a_second_and_as_it_was() {
        let (warm, now) = (Warm::default(), Instant::now());
        assert!(!warm.has(&file(7), now));
        warm.saw(&file(7), now);
        assert!(warm.has(&file(7), now + BELIEVED / 2));
        assert!(!warm.has(&Identity { mtime: 1, ..file(7) }, now));
        assert!(!warm.has(&file(7), now + BELIEVED));
        // Another one takes its place.
        warm.saw(&file(7 + PLACES as u64), now);
        assert!(!warm.has(&file(7), now) && warm.has(&file(7 + PLACES as u64), now));
    }
}
