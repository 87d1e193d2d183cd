//! The registration of a descriptor with tokio's reactor.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// What the reactor holds: the object, and the descriptor that it was registered with.
#[derive(Debug)]
pub(crate) struct Held<T> {
    pub(crate) object: T,
    raw: RawFd,
}

impl<T> AsRawFd for Held<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.raw
    }
}

/// Registers both directions. Hands the object back when the reactor refuses it.
#[track_caller]
pub(crate) fn register<T: AsFd>(object: T) -> Result<AsyncFd<Held<T>>, (T, io::Error)> {
    let raw = object.as_fd().as_raw_fd();
    let interest = Interest::READABLE | Interest::WRITABLE;
    // SAFETY: the descriptor is borrowed from `object` and so stays open as long as `object` is only borrowed; `Held` moves
    // with it, nobody gets `&mut` of it, and `raw` never changes. AsyncFd deregisters before it gives `object` up.
    unsafe { AsyncFd::register_with_interest(Held { object, raw }, interest) }.map_err(|refused| {
        let (held, error) = refused.into_parts();
        (held.object, error)
    })
}
