//! Descriptors: as many as connections need, as far as the system lets us have them, and as many connections as those allow.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the server has open for itself, besides its listeners: the standard streams, the folder, the log, signals, its runtime, what
/// is read again.
const OWN: u64 = 24;
/// What each of its threads has, for its runtime.
const THREAD: u64 = 4;
/// Files and folders that can be open at once however many connections there are: where there are few descriptors, a third of them. Most
/// connections are idle or get what is in memory; who finds none is asked to come again.
const FILES: u64 = 1024;

/// The limit of descriptors, and how many connections it has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) descriptors: u64,
    pub(super) connections: usize,
}

/// Raises this process's soft limit of descriptors (`RLIMIT_NOFILE`, getrlimit(2)) to what so many connections need, at most to the hard one.
/// It is never lowered.
pub(super) fn raise(connections: usize, threads: usize, listeners: usize) -> Room {
    let limit = getrlimit(Resource::Nofile);
    let mut descriptors = limit.current.unwrap_or(u64::MAX);
    let own = own(threads, listeners);
    let wanted = needed(connections, own).min(limit.maximum.unwrap_or(u64::MAX));
    let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
    if descriptors < wanted && setrlimit(Resource::Nofile, raised).is_ok() {
        descriptors = wanted;
    }
    Room { descriptors, connections: connections.min(room(descriptors, own)) }
}

fn own(threads: usize, listeners: usize) -> u64 {
    let (threads, listeners) = (threads as u64, listeners as u64);
    threads.saturating_mul(THREAD).saturating_add(listeners).saturating_add(OWN)
}

/// So that each connection can have a file open.
fn needed(connections: usize, own: u64) -> u64 {
    (connections as u64).saturating_mul(2).saturating_add(own)
}

/// Of what is not the server's own, some is kept for files and folders that are open.
fn room(descriptors: u64, own: u64) -> usize {
    let free = descriptors.saturating_sub(own);
    usize::try_from(free - FILES.min(free / 3)).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_what_is_needed_has_room_for_all_and_who_has_less_keeps_some_for_files() {
        for connections in [1, 100, 10_000, u32::MAX as usize] {
            assert!(room(needed(connections, own(2, 1)), own(2, 1)) >= connections);
        }
        assert_eq!((own(2, 1), needed(10_000, 33)), (33, 20_033));
        for (descriptors, connections) in [(0, 1), (33, 1), (128, 64), (1024, 661), (4096, 3039), (16_384, 15_327)] {
            assert_eq!(room(descriptors, 33), connections, "{descriptors}");
        }
        assert_eq!(room(u64::MAX, own(usize::MAX, 1)), 1);
    }
}
